package ledger

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
)

// stateVersion is the first byte of all state; another is refused.
const stateVersion = 2

// ErrState is returned for bytes that are no state of this version.
var ErrState = errors.New("ledger state: damaged, or of another version")

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
	accounts := make([]*account, 0, len(l.accounts))
	for i := range l.rings {
		l.rings[i].each(func(a *account) { accounts = append(accounts, a) })
	}
	all := state{version: l.budgets.version, accounts: accounts, halts: l.Halts(), actions: l.actions.all(), responses: l.responses.all()}
	for k, at := range l.waiting {
		all.waiting = append(all.waiting, waiting{k, at})
	}
	slices.SortFunc(all.waiting, func(a, b waiting) int { return cmpKeys(a.key, "", b.key, "") })
	c := codec{b: append(make([]byte, 0, all.room()), stateVersion)}
	l.state(&c, &all)
	return c.b
}

// state is what a snapshot holds besides numbers.
type state struct {
	version   string // of the budgets
	accounts  []*account
	halts     []Halt
	waiting   []waiting
	actions   []noted[struct{}]
	responses []noted[claim]
}

type waiting struct {
	key accountKey
	at  int64
}

// room is about how long the encoding is, in bytes.
func (s *state) room() int {
	const account, action, response = 192, 16 + 9, 16 + 9 + 10 + 4
	return 4096 + account*(len(s.accounts)+len(s.waiting)) + action*len(s.actions) + response*len(s.responses)
}

func (l *Ledger) state(c *codec, s *state) {
	c.str(&s.version)
	c.u64(&l.seq)
	c.i64(&l.now)
	c.i64(&l.clock)
	n := &l.counters
	for _, v := range []*uint64{
		&n.EvictedKeys, &n.LoadedKeys, &n.EarlyActions, &n.EarlyResponses, &n.DuplicateResponses, &n.DedupeConflicts,
		&n.LateUnkept, &n.RefusedHalts, &n.UnwatchedKeys, &n.LostKeys,
	} {
		c.u64(v)
	}
	each(c, &s.accounts, func(p **account) {
		if *p == nil {
			*p = &account{}
		}
		c.account(*p)
	})
	each(c, &s.halts, c.halt)
	each(c, &s.waiting, func(w *waiting) {
		c.key(&w.key)
		c.i64(&w.at)
	})
	each(c, &s.actions, func(s *noted[struct{}]) {
		c.id(&s.id)
		c.i64(&s.at)
	})
	each(c, &s.responses, func(s *noted[claim]) {
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
	var all state
	next.state(&c, &all)
	if c.bad || len(c.b) > 0 || !next.recall(&all) {
		return ErrState
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

// recall takes what a snapshot holds; false if that cannot have been one.
func (l *Ledger) recall(s *state) bool {
	known := make(map[accountKey]bool, len(s.accounts))
	for _, a := range s.accounts {
		if known[a.accountKey] || !a.sound() {
			return false
		}
		known[a.accountKey] = true
	}
	for _, n := range s.actions {
		if l.actions.get(&n.id) != nil {
			return false
		}
		l.counters.EarlyActions += l.actions.makeRoom(0, 0, l.opt.MaxActions)
		l.actions.put(n.id, n.at, n.v, l.opt.MaxActions)
	}
	for _, n := range s.responses {
		if l.responses.get(&n.id) != nil {
			return false
		}
		l.counters.EarlyResponses += l.responses.makeRoom(0, 0, l.opt.MaxResponses)
		l.responses.put(n.id, n.at, n.v, l.opt.MaxResponses)
	}
	for _, h := range s.halts {
		l.setHalts(h.accountKey(), append(l.halts[h.accountKey()], h))
	}
	for _, w := range s.waiting {
		if l.waiting == nil {
			l.waiting = map[accountKey]int64{}
		}
		l.waiting[w.key] = w.at
	}
	for _, a := range s.accounts { // last: they may evict, and so write
		l.insert(a)
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
