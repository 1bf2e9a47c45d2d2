package ledger

import (
	"slices"
	"time"
)

// Options bound a ledger. Zero values mean the defaults.
type Options struct {
	// MaxKeys is how many keys live in memory, 200,000 by default.
	MaxKeys int
	// MaxActions and ActionTTL bound the memory of action ids: 1,000,000 ids and
	// 24 h, measured by the ends of spans. The caller clamps ends in the future:
	// such an end would make the ledger forget ids too early.
	MaxActions int
	ActionTTL  time.Duration
	// Evict stores the state of an idle key; Load finds it again, nil if there
	// is none. Without Evict, an evicted key loses its spend.
	Evict func(key string, state []byte)
	Load  func(key string) []byte
}

// Ledger is the spend of all keys. Its methods must not run at once.
type Ledger struct {
	opt      Options
	budgets  *Budgets
	accounts map[accountKey]*account
	newest   *account // ring of accounts by use, newest first
	halts    map[accountKey][]Halt
	recent   [scopes]*account // the last one of each scope: most charges repeat it
	actions  actions
	counters Counters
	now      int64 // the latest end of any span
	clock    int64 // the latest time that Tick was told
}

type accountKey struct {
	scope            Scope
	tenant, key, run string
}

// account is the state of one key.
type account struct {
	accountKey
	prev, next *account
	life       totals
	own        Sum
	cells      []*cell // one for each matching budget that saw a charge
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
	start, end               int64
	usd, bound               Sum
	tokens, calls, tools     uint64
	unpriced, unpricedTokens uint64
	free                     bool // a model call known to cost nothing
}

func entryOf(c *Charge) entry {
	e := entry{action: c.Action, start: c.Start.UnixNano(), end: c.End.UnixNano(), tokens: c.Tokens}
	if e.start > e.end {
		e.start = e.end
	}
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

// minKeys lets the keys of one charge live side by side.
const minKeys = 16

// New returns an empty ledger under the given budgets; nil means none.
func New(b *Budgets, opt Options) *Ledger {
	if opt.MaxKeys <= 0 {
		opt.MaxKeys = 200_000
	}
	opt.MaxKeys = max(opt.MaxKeys, minKeys)
	if opt.MaxActions <= 0 {
		opt.MaxActions = 1_000_000
	}
	if opt.ActionTTL <= 0 {
		opt.ActionTTL = 24 * time.Hour
	}
	if b == nil {
		b = &Budgets{}
	}
	l := &Ledger{opt: opt, budgets: b}
	l.clear()
	return l
}

func (l *Ledger) clear() {
	l.accounts, l.halts, l.newest = map[accountKey]*account{}, map[accountKey][]Halt{}, nil
	l.actions = actions{seen: map[ID]struct{}{}}
	l.counters, l.now, l.clock = Counters{}, 0, 0
}

// Charge charges one action to each of its keys once. A second charge of the
// same action changes nothing, except that ancestors and a root which the first
// did not know are charged now.
func (l *Ledger) Charge(c *Charge) Result {
	var r Result
	l.charge(c, &r)
	return r
}

// Apply is Charge for callers that need no balances: it appends to events.
func (l *Ledger) Apply(c *Charge, events []Event) (_ []Event, duplicate bool) {
	r := Result{Events: events, Keys: noKeys}
	l.charge(c, &r)
	return r.Events, r.Duplicate
}

// noKeys marks a result that wants no balances.
var noKeys = make([]KeySpend, 0)

func (l *Ledger) charge(c *Charge, r *Result) {
	e := entryOf(c)
	l.now = max(l.now, e.end)
	r.Duplicate = !l.firstTime(c.Action)
	if !r.Duplicate {
		l.post(Tenant, c.Tenant, c, &e, r)
		l.post(Project, c.Project, c, &e, r)
		l.post(Agent, c.Agent, c, &e, r)
		l.post(Session, c.Session, c, &e, r)
		l.post(Principal, c.Principal, c, &e, r)
	}
	for _, a := range c.Ancestors {
		if a != "" && a != c.Agent && l.firstTime(derived(c.Action, 'a', a)) {
			l.post(Agent, a, c, &e, r)
		}
	}
	if c.Root != "" && l.firstTime(derived(c.Action, 'r', "")) {
		l.post(DelegationRoot, c.Root, c, &e, r)
	}
}

// post charges one key.
func (l *Ledger) post(scope Scope, key string, c *Charge, e *entry, r *Result) {
	if key == "" && scope != Tenant {
		return
	}
	a := l.account(accountKey{scope: scope, tenant: c.Tenant, key: key})
	before := a.life
	a.life.add(e)
	if scope == Agent && key == c.Agent {
		a.own = a.own.Plus(e.usd)
	}
	var runBefore *totals
	for _, b := range l.budgets.byScope[scope] {
		if !b.matches(&c.Scopes) {
			continue
		}
		into, start := a, before
		if b.period.kind == run {
			if c.Run == "" {
				continue
			}
			into = l.account(accountKey{scope: scope, tenant: c.Tenant, key: key, run: c.Run})
			if runBefore == nil { // the first run budget of this charge books it
				was := into.life
				runBefore = &was
				into.life.add(e)
			}
			start = *runBefore
		}
		r.Events = l.chargeCell(into, into.cell(b, &start), b, e, r.Events)
	}
	if cap(r.Keys) > 0 || r.Keys == nil {
		r.Keys = append(r.Keys, KeySpend{Scope: scope, Key: key, Spend: a.spend()})
	}
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

// Spend returns the lifetime balance of a key and whether it was ever charged.
func (l *Ledger) Spend(scope Scope, tenant, key string) (Spend, bool) {
	a := l.find(accountKey{scope: scope, tenant: tenant, key: key})
	if a == nil {
		return Spend{}, false
	}
	return a.spend(), true
}

// Counters returns what the ledger's bounds have cost so far.
func (l *Ledger) Counters() Counters { return l.counters }

// Keys returns how many keys live in memory.
func (l *Ledger) Keys() int { return len(l.accounts) }

// Budgets returns the budgets in force.
func (l *Ledger) Budgets() *Budgets { return l.budgets }

// find returns the account of a key, from storage if need be, or nil.
func (l *Ledger) find(k accountKey) *account {
	if a := l.recent[k.scope]; a != nil && a.accountKey == k {
		l.touch(a)
		return a
	}
	if a := l.accounts[k]; a != nil {
		l.recent[k.scope] = a
		l.touch(a)
		return a
	}
	if l.opt.Load == nil {
		return nil
	}
	state := l.opt.Load(k.storageKey())
	if state == nil {
		return nil
	}
	a := decodeAccount(state)
	if a == nil || a.accountKey != k {
		return nil
	}
	l.counters.LoadedKeys++
	l.insert(a)
	return a
}

// account returns the account of a key, new if need be.
func (l *Ledger) account(k accountKey) *account {
	if a := l.find(k); a != nil {
		return a
	}
	a := &account{accountKey: k}
	l.insert(a)
	return a
}

func (l *Ledger) insert(a *account) {
	for len(l.accounts) >= l.opt.MaxKeys {
		old := l.newest.prev
		if l.opt.Evict != nil {
			l.opt.Evict(old.storageKey(), encodeAccount(old))
		}
		l.unlink(old)
		delete(l.accounts, old.accountKey)
		if l.recent[old.scope] == old {
			l.recent[old.scope] = nil
		}
		l.counters.EvictedKeys++
	}
	l.accounts[a.accountKey] = a
	l.link(a)
}

func (l *Ledger) touch(a *account) {
	if l.newest != a {
		l.unlink(a)
		l.link(a)
	}
}

func (l *Ledger) link(a *account) {
	if l.newest == nil {
		a.prev, a.next = a, a
	} else {
		a.prev, a.next = l.newest.prev, l.newest
		a.prev.next, a.next.prev = a, a
	}
	l.newest = a
}

func (l *Ledger) unlink(a *account) {
	if a.next == a {
		l.newest = nil
		return
	}
	a.prev.next, a.next.prev = a.next, a.prev
	if l.newest == a {
		l.newest = a.next
	}
}

// actions remembers action ids in the order they came.
type actions struct {
	seen  map[ID]struct{}
	queue []stamped
	head  int
}

type stamped struct {
	id ID
	at int64 // the ledger's latest end of a span when the id came
}

// firstTime remembers the id and reports whether it was new.
func (l *Ledger) firstTime(id ID) bool {
	q := &l.actions
	if _, known := q.seen[id]; known {
		return false
	}
	oldest := l.now - int64(l.opt.ActionTTL)
	for len(q.seen) > 0 && (q.queue[q.head].at < oldest || len(q.seen) >= l.opt.MaxActions) {
		if q.queue[q.head].at >= oldest {
			l.counters.EarlyActions++
		}
		delete(q.seen, q.queue[q.head].id)
		q.head++
	}
	if q.head > 0 && q.head*2 >= len(q.queue) {
		q.queue = slices.Delete(q.queue, 0, q.head)
		q.head = 0
	}
	q.seen[id] = struct{}{}
	q.queue = append(q.queue, stamped{id, l.now})
	return true
}

// derived returns the id under which an action is charged to one more key.
func derived(id ID, kind byte, key string) ID {
	const prime = 1099511628211
	h1, h2 := uint64(14695981039346656037)^uint64(kind), uint64(kind)
	for i := range len(key) {
		h1 = (h1 ^ uint64(key[i])) * prime
		h2 = h2*31 + uint64(key[i]) + h1>>32
	}
	for i := range 8 {
		id[i] ^= byte(h1 >> (8 * i))
		id[i+8] ^= byte(h2 >> (8 * i))
	}
	id[0]++ // never the action's own id
	return id
}
