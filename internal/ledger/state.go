package ledger

import (
	"cmp"
	"errors"
	"math"
	"strconv"
)

// stateVersion is the first byte of all state; another is refused.
const stateVersion = 2

// ErrState is returned for bytes that are no state of this version.
var ErrState = errors.New("ledger state: damaged, or of another version")

func (c *codec) key(k *accountKey) {
	u := uint64(k.scope)
	c.u64(&u)
	k.scope = Scope(u)
	c.bad = c.bad || u >= uint64(scopes)
	c.str(&k.tenant)
	c.str(&k.key)
	c.str(&k.run)
	c.bool(&k.bySession)
}

func (c *codec) totals(t *totals) {
	c.sum(&t.usd)
	c.sum(&t.bound)
	for _, v := range []*uint64{&t.tokens, &t.calls, &t.tools, &t.unpricedCalls, &t.unpricedTokens} {
		c.u64(v)
	}
	c.i64(&t.first)
	c.i64(&t.last)
}

func (c *codec) account(a *account) {
	c.key(&a.accountKey)
	c.totals(&a.life)
	c.bool(&a.used)
	c.sum(&a.own)
	c.u64(&a.seq)
	each(c, &a.cells, func(p **cell) {
		if *p == nil {
			*p = &cell{}
		}
		c.cell(*p)
	})
}

func (c *codec) cell(v *cell) {
	c.str(&v.budget)
	c.str(&v.period)
	c.sum(&v.limit)
	unit := uint64(v.unit)
	c.u64(&unit)
	v.unit = Unit(unit)
	c.i64(&v.start)
	c.i64(&v.end)
	c.totals(&v.now)
	each(c, &v.closed, func(p *closed) {
		c.i64(&p.start)
		c.i64(&p.end)
		c.totals(&p.totals)
	})
	c.f64(&v.ewma)
	each(c, &v.path, func(p *point) {
		c.i64(&p.at)
		c.u64(&p.spend)
	})
	each(c, &v.slots, func(s *slot) {
		c.i64(&s.at)
		c.totals(&s.totals)
	})
	each(c, &v.burns, func(r *burnRing) {
		c.i64(&r.newest)
		for i := range r.amount {
			n := uint64(r.calls[i])
			c.f64(&r.amount[i])
			c.u64(&n)
			r.calls[i] = uint32(n)
		}
	})
	warned := uint64(v.warned)
	c.u64(&warned)
	v.warned = int(min(warned, math.MaxInt32))
	c.bool(&v.exceeded)
	c.bool(&v.projected)
	c.bool(&v.mayWarn)
	c.i64(&v.calm)
	c.u64(&v.pardon)
}

func (c *codec) halt(h *Halt) {
	k := h.accountKey()
	c.key(&k)
	h.Scope, h.Tenant, h.Key, h.Run, h.Session = k.scope, k.tenant, k.key, k.run, ""
	if k.bySession {
		h.Run, h.Session = "", k.run
	}
	c.str(&h.Budget)
	effect, unit := uint64(h.Effect), uint64(h.Unit)
	c.u64(&effect)
	c.u64(&unit)
	h.Effect, h.Unit = Effect(effect), Unit(unit)
	c.time(&h.Since)
	c.time(&h.Until)
	c.id(&h.Action)
	c.str(&h.Rule)
	c.str(&h.By)
	c.str(&h.Reason)
	c.sum(&h.Observed)
	c.sum(&h.Limit)
	c.str(&h.PolicyVersion)
}

func (k accountKey) storageKey() string {
	part := "/"
	if k.bySession {
		part = "/session/"
	}
	return "key/" + k.scope.String() + "/" + strconv.Quote(k.tenant) + "/" + strconv.Quote(k.key) + part + strconv.Quote(k.run)
}

// encodeAccount writes a key for storage, with its halts: a replay that meets a
// state later than itself takes them from there.
func encodeAccount(a *account, kept keptHalts) []byte {
	c := codec{b: []byte{stateVersion}}
	c.account(a)
	c.u64(&kept.seq)
	each(&c, &kept.halts, c.halt)
	return c.b
}

// decodeAccount returns nil for bytes that are no account.
func decodeAccount(b []byte) (*account, keptHalts) {
	var kept keptHalts
	if len(b) == 0 || b[0] != stateVersion {
		return nil, kept
	}
	c := codec{b: b[1:], reading: true}
	a := &account{}
	c.account(a)
	c.u64(&kept.seq)
	each(&c, &kept.halts, c.halt)
	if c.bad || len(c.b) > 0 || !a.sound() {
		return nil, kept
	}
	return a, kept
}

// Snapshot returns the whole state in memory. Equal states give equal bytes.
// Evicted keys are not part of it: they are in storage already.
func (l *Ledger) Snapshot() []byte {
	c := codec{b: []byte{stateVersion}}
	accounts := make([]*account, 0, len(l.accounts))
	for i := range l.rings {
		l.rings[i].each(func(a *account) { accounts = append(accounts, a) })
	}
	halts, actions, responses := l.Halts(), l.actions.all(), l.responses.all()
	version := l.budgets.version
	l.state(&c, &version, &accounts, &halts, &actions, &responses)
	return c.b
}

func (l *Ledger) state(c *codec, version *string, accounts *[]*account, halts *[]Halt, actions *[]noted[struct{}], responses *[]noted[claim]) {
	c.str(version)
	c.u64(&l.seq)
	c.i64(&l.now)
	c.i64(&l.clock)
	n := &l.counters
	for _, v := range []*uint64{
		&n.EvictedKeys, &n.LoadedKeys, &n.EarlyActions, &n.EarlyResponses, &n.DuplicateResponses, &n.DedupeConflicts,
		&n.LateUnkept, &n.RefusedHalts, &n.LostKeys,
	} {
		c.u64(v)
	}
	each(c, accounts, func(p **account) {
		if *p == nil {
			*p = &account{}
		}
		c.account(*p)
	})
	each(c, halts, c.halt)
	each(c, actions, func(s *noted[struct{}]) {
		c.id(&s.id)
		c.i64(&s.at)
	})
	each(c, responses, func(s *noted[claim]) {
		c.id(&s.id)
		c.i64(&s.at)
		c.u64(&s.v.trace)
		c.u64(&s.v.tokens)
	})
}

// Restore replaces the state by a snapshot's. On error nothing is changed.
// Budgets are not part of it: call SetBudgets with those in force afterwards, to
// settle what was edited meanwhile. Smaller bounds than those it was made under
// evict and forget already here, and that counts.
func (l *Ledger) Restore(b []byte) error {
	if len(b) == 0 || b[0] != stateVersion {
		return ErrState
	}
	next := New(l.budgets, l.opt)
	c := codec{b: b[1:], reading: true}
	var accounts []*account
	var halts []Halt
	var actions []noted[struct{}]
	var responses []noted[claim]
	var version string
	next.state(&c, &version, &accounts, &halts, &actions, &responses)
	if c.bad || len(c.b) > 0 {
		return ErrState
	}
	known := make(map[accountKey]bool, len(accounts))
	for _, a := range accounts {
		if known[a.accountKey] || !a.sound() {
			return ErrState
		}
		known[a.accountKey] = true
	}
	if !next.recall(actions, responses) {
		return ErrState
	}
	for _, h := range halts {
		next.setHalts(h.accountKey(), append(next.halts[h.accountKey()], h))
	}
	for _, a := range accounts { // last: they may evict, and so write
		next.insert(a)
	}
	*l = *next
	return nil
}

// SnapshotBudgets returns the version of the budgets that were in force when a
// snapshot was made: a replay of what came after it starts with them.
func SnapshotBudgets(b []byte) (version string, err error) {
	if len(b) == 0 || b[0] != stateVersion {
		return "", ErrState
	}
	c := codec{b: b[1:], reading: true}
	if c.str(&version); c.bad {
		return "", ErrState
	}
	return version, nil
}

// recall takes ids from a snapshot; false if one is there twice.
func (l *Ledger) recall(actions []noted[struct{}], responses []noted[claim]) bool {
	for _, s := range actions {
		if l.actions.get(&s.id) != nil {
			return false
		}
		l.counters.EarlyActions += l.actions.makeRoom(0, 0, l.opt.MaxActions)
		l.actions.put(s.id, s.at, s.v, l.opt.MaxActions)
	}
	for _, s := range responses {
		if l.responses.get(&s.id) != nil {
			return false
		}
		l.counters.EarlyResponses += l.responses.makeRoom(0, 0, l.opt.MaxResponses)
		l.responses.put(s.id, s.at, s.v, l.opt.MaxResponses)
	}
	return true
}

// sound reports whether decoded state can have come from a ledger.
func (a *account) sound() bool {
	for _, c := range a.cells {
		if len(c.path) > keptPoints || len(c.closed) > keptPeriods || c.now.first > c.now.last {
			return false
		}
	}
	return a.life.first <= a.life.last
}

func cmpKeys(a accountKey, aBudget string, b accountKey, bBudget string) int {
	session := func(k accountKey) int {
		if k.bySession {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.key, b.key),
		cmp.Compare(session(a), session(b)), cmp.Compare(a.run, b.run), cmp.Compare(aBudget, bBudget))
}
