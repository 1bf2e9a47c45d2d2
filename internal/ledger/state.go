package ledger

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"time"
)

// stateVersion is the first byte of all state; another is refused.
const stateVersion = 1

// ErrState is returned for bytes that are no state of this version.
var ErrState = errors.New("ledger state: damaged, or of another version")

// codec writes or reads: one description serves both, so they cannot differ.
type codec struct {
	b       []byte
	reading bool
	bad     bool
}

func (c *codec) u64(v *uint64) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	n, size := binary.Uvarint(c.b)
	if size <= 0 {
		c.bad, c.b, *v = true, nil, 0
		return
	}
	*v, c.b = n, c.b[size:]
}

func (c *codec) i64(v *int64) {
	u := uint64(*v)
	c.u64(&u)
	*v = int64(u)
}

func (c *codec) f64(v *float64) {
	u := math.Float64bits(*v)
	c.u64(&u)
	*v = math.Float64frombits(u)
}

func (c *codec) bool(v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	c.u64(&u)
	*v = u == 1
}

func (c *codec) str(v *string) {
	n := uint64(len(*v))
	c.u64(&n)
	if !c.reading {
		c.b = append(c.b, *v...)
		return
	}
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return
	}
	*v, c.b = string(c.b[:n]), c.b[n:]
}

func (c *codec) id(v *ID) {
	if !c.reading {
		c.b = append(c.b, v[:]...)
		return
	}
	if len(c.b) < len(v) {
		c.bad, c.b = true, nil
		return
	}
	c.b = c.b[copy(v[:], c.b):]
}

func (c *codec) sum(v *Sum) {
	c.u64(&v.Hi)
	c.u64(&v.Lo)
}

func (c *codec) time(v *time.Time) {
	zero := v.IsZero()
	c.bool(&zero)
	var ns int64
	if !zero {
		ns = v.UnixNano()
		c.i64(&ns)
		*v = time.Unix(0, ns).UTC()
	}
}

// each describes a slice. Reading never makes more elements than there are bytes.
func each[T any](c *codec, s *[]T, one func(*T)) {
	n := uint64(len(*s))
	c.u64(&n)
	if !c.reading {
		for i := range *s {
			one(&(*s)[i])
		}
		return
	}
	*s = nil
	for range n {
		if c.bad || len(c.b) == 0 {
			c.bad = true
			return
		}
		var v T
		one(&v)
		*s = append(*s, v)
	}
}

func (c *codec) key(k *accountKey) {
	u := uint64(k.scope)
	c.u64(&u)
	k.scope = Scope(u)
	c.bad = c.bad || u >= uint64(scopes)
	c.str(&k.tenant)
	c.str(&k.key)
	c.str(&k.run)
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
	c.sum(&a.own)
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
	h.Scope, h.Tenant, h.Key, h.Run = k.scope, k.tenant, k.key, k.run
	c.str(&h.Budget)
	effect, unit := uint64(h.Effect), uint64(h.Unit)
	c.u64(&effect)
	c.u64(&unit)
	h.Effect, h.Unit = Effect(effect), Unit(unit)
	c.time(&h.Since)
	c.time(&h.Until)
	c.id(&h.Action)
	c.str(&h.Rule)
	c.sum(&h.Observed)
	c.sum(&h.Limit)
	c.str(&h.PolicyVersion)
}

func (k accountKey) storageKey() string {
	return "key/" + k.scope.String() + "/" + strconv.Quote(k.tenant) + "/" + strconv.Quote(k.key) + "/" + strconv.Quote(k.run)
}

func encodeAccount(a *account) []byte {
	c := codec{b: []byte{stateVersion}}
	c.account(a)
	return c.b
}

// decodeAccount returns nil for bytes that are no account.
func decodeAccount(b []byte) *account {
	if len(b) == 0 || b[0] != stateVersion {
		return nil
	}
	c := codec{b: b[1:], reading: true}
	a := &account{}
	c.account(a)
	if c.bad || len(c.b) > 0 {
		return nil
	}
	return a
}

// Snapshot returns the whole state in memory. Equal states give equal bytes.
// Evicted keys are not part of it: they are in storage already.
func (l *Ledger) Snapshot() []byte {
	c := codec{b: []byte{stateVersion}}
	accounts := make([]*account, 0, len(l.accounts))
	if l.newest != nil {
		for a := l.newest.prev; ; a = a.prev {
			accounts = append(accounts, a)
			if a == l.newest {
				break
			}
		}
	}
	halts := l.Halts()
	queue := l.actions.queue[l.actions.head:]
	l.state(&c, &accounts, &halts, &queue)
	return c.b
}

func (l *Ledger) state(c *codec, accounts *[]*account, halts *[]Halt, queue *[]stamped) {
	c.i64(&l.now)
	c.i64(&l.clock)
	for _, v := range []*uint64{&l.counters.EvictedKeys, &l.counters.LoadedKeys, &l.counters.EarlyActions, &l.counters.LateUnkept} {
		c.u64(v)
	}
	each(c, accounts, func(p **account) {
		if *p == nil {
			*p = &account{}
		}
		c.account(*p)
	})
	each(c, halts, c.halt)
	each(c, queue, func(s *stamped) {
		c.id(&s.id)
		c.i64(&s.at)
	})
}

// Restore replaces the state by a snapshot's. On error nothing is changed.
// Budgets are not part of it; a halt whose budget is gone stays until it is
// released or until SetBudgets.
func (l *Ledger) Restore(b []byte) error {
	if len(b) == 0 || b[0] != stateVersion {
		return ErrState
	}
	next := New(l.budgets, l.opt)
	c := codec{b: b[1:], reading: true}
	var accounts []*account
	var halts []Halt
	var queue []stamped
	next.state(&c, &accounts, &halts, &queue)
	if c.bad || len(c.b) > 0 {
		return ErrState
	}
	counters := next.counters
	for _, a := range accounts {
		if next.accounts[a.accountKey] != nil {
			return ErrState
		}
		next.insert(a)
	}
	// A smaller MaxKeys evicts already here, and that counts.
	counters.EvictedKeys += next.counters.EvictedKeys - counters.EvictedKeys
	next.counters = counters
	for _, h := range halts {
		next.halts[h.accountKey()] = append(next.halts[h.accountKey()], h)
	}
	next.actions.queue = queue
	for _, s := range queue {
		next.actions.seen[s.id] = struct{}{}
	}
	*l = *next
	return nil
}

func cmpKeys(a accountKey, aBudget string, b accountKey, bBudget string) int {
	return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.key, b.key),
		cmp.Compare(a.run, b.run), cmp.Compare(aBudget, bBudget))
}
