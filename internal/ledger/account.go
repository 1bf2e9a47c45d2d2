package ledger

import "time"

type accountKey struct {
	scope            Scope
	bySession        bool // run holds a session id: a part for budgets per session
	tenant, key, run string
}

// standing reports whether there are few such keys: tenants, projects, agents.
func (k *accountKey) standing() int {
	if k.scope <= Agent && k.run == "" {
		return 1
	}
	return 0
}

// account is the state of one key.
type account struct {
	accountKey
	prev, next *account
	used       bool // since the ring's hand came by
	watched    bool // by Tick
	life       totals
	own        Sum
	seq        uint64  // number of the last charge: a replay does not repeat it
	cells      []*cell // one for each matching budget that saw a charge
}

func (a *account) spend() Spend {
	t := &a.life
	s := Spend{
		USD: t.usd, Bound: t.bound, Own: a.own, Tokens: t.tokens, Calls: t.calls, ToolCalls: t.tools,
		UnpricedCalls: t.unpricedCalls, UnpricedTokens: t.unpricedTokens,
	}
	if t.first != 0 {
		s.FirstStart, s.LastEnd = time.Unix(0, t.first).UTC(), time.Unix(0, t.last).UTC()
	}
	return s
}

// totals are balances of some stretch of time.
type totals struct {
	usd, bound                    Sum
	tokens, calls, tools          uint64
	unpricedCalls, unpricedTokens uint64
	first, last                   int64 // nanoseconds; first is 0 before the first charge
}

func (t *totals) add(c *entry) {
	t.usd, t.bound = t.usd.Plus(c.usd), t.bound.Plus(c.bound)
	t.tokens += c.tokens
	t.calls += c.calls
	t.tools += c.tools
	t.unpricedCalls += c.unpriced
	t.unpricedTokens += c.unpricedTokens
	if t.first == 0 || c.start < t.first {
		t.first = c.start
	}
	t.last = max(t.last, c.end)
}

// in returns the balance that a budget compares with its limit.
func (t *totals) in(b *Budget) Sum {
	switch b.Unit {
	case USD:
		if b.UpperBound {
			return t.usd.Plus(t.bound)
		}
		return t.usd
	case Tokens:
		return SumOf(t.tokens)
	case Calls:
		return SumOf(t.calls)
	case ToolCalls:
		return SumOf(t.tools)
	default:
		return SumOf(uint64(max(0, t.last-t.first)))
	}
}

// entry is a charge as numbers.
type entry struct {
	action                   ID
	start, end               int64 // 1 or more
	usd, bound               Sum
	tokens, calls, tools     uint64
	unpriced, unpricedTokens uint64
	free                     bool // a model call known to cost nothing
}

func entryOf(c *Charge) entry {
	e := entry{action: c.Action, start: nanos(c.Start), end: nanos(c.End), tokens: c.Tokens}
	e.start = min(e.start, e.end)
	switch c.Kind {
	case ModelCall:
		e.calls = 1
	case ToolCall:
		e.tools = 1
	case Other: // counts as nothing
	}
	p, known := c.Cost.Pico()
	e.usd = SumOf(uint64(p))
	e.free = known && p == 0
	if !known && c.Kind == ModelCall {
		e.unpriced, e.unpricedTokens = 1, c.Tokens
		if p, ok := c.Bound.Pico(); ok {
			e.bound = SumOf(uint64(p))
		}
	}
	return e
}

// nanos returns t as the ledger counts time; 0 is kept for "never".
func nanos(t time.Time) int64 {
	const year2200 = 7258118400 // room for sums of two times
	s := t.Unix()
	if s < 0 {
		return 1
	}
	return max(1, min(s, year2200)*1e9+int64(t.Nanosecond()))
}

// keptHalts are the halts of a key as they were when it went to storage.
type keptHalts struct {
	seq   uint64 // the last change by then
	halts []Halt
}

// isAhead reports whether a replay has not come to the state of the key yet:
// what is replayed is in it already.
func (l *Ledger) isAhead(k accountKey) bool { return len(l.ahead) > 0 && l.ahead[k].seq > l.seq }

// account returns the account of a key that is charged: it is used now, comes
// from storage if need be, and is new if it is nowhere.
func (l *Ledger) account(k accountKey) *account {
	if a := l.recent[k.scope]; a != nil && a.accountKey == k {
		a.used = true
		return a
	}
	a := l.accounts[k]
	if a != nil {
		a.used = true
	} else {
		a = l.load(k)
		l.insert(a)
	}
	l.recent[k.scope] = a
	return a
}

// load returns the account of a key from storage, or a new one.
func (l *Ledger) load(k accountKey) *account {
	a, kept := l.stored(k)
	if a == nil {
		return &account{accountKey: k}
	}
	l.counters.LoadedKeys++
	if kept.seq > l.seq {
		// A replay that the state is ahead of: what it says of the halts holds, as
		// the charges that latched them will be passed over.
		l.setHalts(k, kept.halts)
		if l.ahead == nil {
			l.ahead = map[accountKey]keptHalts{}
		}
		l.ahead[k] = kept
	}
	return a
}

// stored reads the account of a key from storage; nil if it is not there.
func (l *Ledger) stored(k accountKey) (*account, keptHalts) {
	if l.opt.Load == nil {
		return nil, keptHalts{}
	}
	state := l.opt.Load(k.storageKey())
	if state == nil {
		return nil, keptHalts{}
	}
	a, kept := decodeAccount(state)
	if a == nil || a.accountKey != k {
		l.counters.LostKeys++
		return nil, keptHalts{}
	}
	return a, kept
}

// find returns the account of a key to look at, or nil. Looking is no use of a
// key: it pushes no other one out. An account that is not in memory is a copy.
func (l *Ledger) find(k accountKey) *account {
	if a := l.accounts[k]; a != nil {
		return a
	}
	a, _ := l.stored(k)
	return a
}

func (l *Ledger) insert(a *account) {
	for len(l.accounts) >= l.opt.MaxKeys {
		from := &l.rings[0]
		if from.n == 0 || l.rings[1].n > l.opt.MaxKeys/4 {
			from = &l.rings[1]
		}
		l.evict(from, from.idlest())
	}
	delete(l.waiting, a.accountKey)
	if a.firing() {
		l.watch(a)
	}
	l.accounts[a.accountKey] = a
	l.rings[a.standing()].link(a)
}

func (l *Ledger) store(a *account, kept keptHalts) {
	l.opt.Evict(a.storageKey(), encodeAccount(a, kept))
}

// await has a key in storage looked at when time ends what fires about it.
func (l *Ledger) await(a *account) {
	at := l.waits(a)
	if at == 0 || l.opt.Load == nil {
		return
	}
	if len(l.waiting) >= l.opt.MaxHalts {
		l.counters.UnwatchedKeys++
		return
	}
	if l.waiting == nil {
		l.waiting = map[accountKey]int64{}
	}
	l.waiting[a.accountKey] = at
}

func (l *Ledger) evict(from *ring, old *account) {
	if l.opt.Evict != nil {
		kept := l.ahead[old.accountKey]
		if kept.seq <= l.seq {
			kept = keptHalts{max(l.seq, old.seq), l.halts[old.accountKey]}
		}
		l.store(old, kept)
		l.await(old)
	}
	delete(l.ahead, old.accountKey)
	delete(l.watched, old)
	from.unlink(old)
	delete(l.accounts, old.accountKey)
	if l.recent[old.scope] == old {
		l.recent[old.scope] = nil
	}
	l.counters.EvictedKeys++
}
