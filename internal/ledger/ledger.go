package ledger

import (
	"time"
)

// Options bound a ledger. Zero values mean the defaults.
type Options struct {
	// MaxKeys is how many keys live in memory, 200,000 by default. A quarter of
	// them at most are tenants, projects and agents, which sessions cannot push out.
	MaxKeys int
	// MaxActions and ActionTTL bound the memory of action ids: 1,000,000 ids and
	// 24 h, measured by the ends of spans. The caller clamps ends in the future:
	// such an end would make the ledger forget ids too early. An action takes one
	// id more for each ancestor and for a delegation root.
	MaxActions int
	ActionTTL  time.Duration
	// MaxResponses and ResponseTTL bound the memory of response ids likewise.
	MaxResponses int
	ResponseTTL  time.Duration
	// MaxHalts is how many halts may be in force at once, 100,000 by default. One
	// more is not latched but counted: no halt is ever dropped to make room. As
	// many keys in storage are watched for what time resolves.
	MaxHalts int
	// Evict stores the state of an idle key; Load finds it again, nil if there
	// is none. Without Evict, an evicted key loses its spend. What Evict stores must
	// not become durable before the journal's records up to then.
	Evict func(key string, state []byte)
	Load  func(key string) []byte
}

// minKeys lets the keys of one charge live side by side.
const minKeys = 16

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		v   *int
		def int
	}{{&o.MaxKeys, 200_000}, {&o.MaxActions, 1_000_000}, {&o.MaxResponses, 1_000_000}, {&o.MaxHalts, 100_000}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	for _, ttl := range []*time.Duration{&o.ActionTTL, &o.ResponseTTL} {
		if *ttl <= 0 {
			*ttl = 24 * time.Hour
		}
	}
	o.MaxKeys = max(o.MaxKeys, minKeys)
	o.MaxActions, o.MaxResponses = min(o.MaxActions, maxIDs), min(o.MaxResponses, maxIDs)
	return o
}

// Ledger is the spend of all keys. Its methods must not run at once.
type Ledger struct {
	opt       Options
	budgets   *Budgets
	accounts  map[accountKey]*account
	rings     [2]ring // accounts in memory: of many keys, and of few
	halts     map[accountKey][]Halt
	haltCount int
	ahead     map[accountKey]keptHalts // keys whose state is later than a replay has come
	watched   map[*account]struct{}    // keys in memory about which something fires
	waiting   map[accountKey]int64     // keys in storage that need a look, and when
	recent    [scopes]*account         // the last one of each scope: most charges repeat it
	actions   memory[struct{}]
	responses memory[claim]
	counters  Counters
	seq       uint64
	now       int64 // the latest end of any span
	clock     int64 // the latest time that Tick was told
}

// New returns an empty ledger under the given budgets; nil means none.
func New(b *Budgets, opt Options) *Ledger {
	if b == nil {
		b = &Budgets{}
	}
	return &Ledger{
		opt: opt.withDefaults(), budgets: b,
		accounts: map[accountKey]*account{}, watched: map[*account]struct{}{}, halts: map[accountKey][]Halt{},
	}
}

// Charge charges one action to each of its keys once. A second charge of the
// same action changes nothing, except that ancestors and a root which the first
// did not know are charged now. A second span of the same response is not
// charged at all.
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

// Book is Apply that also tells why nothing was charged.
func (l *Ledger) Book(c *Charge, events []Event) ([]Event, Repeat) {
	r := Result{Events: events, Keys: noKeys}
	l.charge(c, &r)
	return r.Events, r.Repeat
}

// Post is Book that also tells whether any key was charged: a repeat may tell of
// ancestors that the first did not know.
func (l *Ledger) Post(c *Charge, events []Event) (_ []Event, _ Repeat, changed bool) {
	r := Result{Events: events, Keys: noKeys}
	changed = l.charge(c, &r)
	return r.Events, r.Repeat, changed
}

// noKeys marks a result that wants no balances.
var noKeys = make([]KeySpend, 0)

// charge reports whether any key was charged.
func (l *Ledger) charge(c *Charge, r *Result) (changed bool) {
	e := entryOf(c)
	l.now = max(l.now, e.end)
	l.repeats(c, r)
	r.Duplicate = r.Repeat != FirstSeen
	if r.Repeat == SameResponse {
		return false
	}
	changed = !r.Duplicate
	if changed {
		for scope := range DelegationRoot {
			key := c.key(scope)
			l.post(scope, key, c, &e, r)
			l.postPart(scope, key, partRun, c.Run, c, &e, r)
			l.postPart(scope, key, partSession, c.Session, c, &e, r)
		}
	}
	for i, a := range c.Ancestors {
		changed = l.postAncestor(a, c.ancestorRun(i), c, &e, r) || changed
	}
	if c.Root != "" && l.firstTime(derived(c.Action, 'r', "")) {
		l.post(DelegationRoot, c.Root, c, &e, r)
		l.postPart(DelegationRoot, c.Root, partRun, c.Run, c, &e, r)
		l.postPart(DelegationRoot, c.Root, partSession, c.Session, c, &e, r)
		changed = true
	}
	if changed {
		l.charged()
	}
	return changed
}

// postAncestor charges one agent that drove the acting one. The same agent may
// stand above itself in another run: that run is charged, the agent once.
func (l *Ledger) postAncestor(agent, run string, c *Charge, e *entry, r *Result) (changed bool) {
	if agent == "" {
		return false
	}
	if agent != c.Agent && l.firstTime(derived(c.Action, 'a', agent)) {
		l.post(Agent, agent, c, e, r)
		l.postPart(Agent, agent, partSession, c.Session, c, e, r)
		changed = true
	}
	if (agent == c.Agent && run == c.Run) || !l.budgets.hasPart(Agent, agent, partRun, run, c) {
		return changed
	}
	if l.firstTime(derived(c.Action, 'u', agent+"\x00"+run)) {
		l.postPart(Agent, agent, partRun, run, c, e, r)
		if !changed {
			l.tell(Agent, agent, c, r)
		}
		changed = true
	}
	return changed
}

// carriedElsewhere derives the id that says: another span of this action's
// response carries the money.
const carriedElsewhere = 'd'

// elsewhere reports whether another span carries the action's money.
func (l *Ledger) elsewhere(c *Charge) bool {
	id := derived(c.Action, carriedElsewhere, "")
	return l.actions.get(&id) != nil
}

// repeats finds out what is known of the action and its response, and
// remembers both.
func (l *Ledger) repeats(c *Charge, r *Result) {
	if l.actions.get(&c.Action) != nil {
		r.Repeat = SameAction
		if l.elsewhere(c) {
			r.Repeat = SameResponse
		}
		return
	}
	l.note(c.Action)
	var same bool
	if same, r.Conflict = l.sameResponse(c); same {
		l.note(derived(c.Action, carriedElsewhere, ""))
		l.charged()
		r.Repeat = SameResponse
	}
}

// post charges one key: its lifetime, and every budget of the whole key.
func (l *Ledger) post(scope Scope, key string, c *Charge, e *entry, r *Result) {
	if key == "" && scope != Tenant {
		return
	}
	a := l.account(accountKey{scope: scope, tenant: c.Tenant, key: key})
	if a.seq > l.seq {
		return // a replay: its state was stored after this charge
	}
	a.seq = l.nextCharge()
	before := a.life
	a.life.add(e)
	if scope == Agent && key == c.Agent {
		a.own = a.own.Plus(e.usd)
	}
	for _, some := range l.budgets.of(scope, key) {
		for _, b := range some {
			if b.period.part() == partNone && b.matches(&c.Scopes, key) {
				r.Events = l.chargeCell(a, a.cell(b, &before), b, e, r.Events)
			}
		}
	}
	if cap(r.Keys) > 0 || r.Keys == nil {
		r.Keys = append(r.Keys, KeySpend{Scope: scope, Key: key, Spend: a.spend()})
	}
}

// tell adds a key's balance to the result although only a part of it changed.
func (l *Ledger) tell(scope Scope, key string, c *Charge, r *Result) {
	if a := l.find(accountKey{scope: scope, tenant: c.Tenant, key: key}); a != nil && (cap(r.Keys) > 0 || r.Keys == nil) {
		r.Keys = append(r.Keys, KeySpend{Scope: scope, Key: key, Spend: a.spend()})
	}
}

// postPart charges the part of a key, a run or a session, that budgets of this
// kind of part are kept for.
func (l *Ledger) postPart(scope Scope, key string, p part, id string, c *Charge, e *entry, r *Result) {
	if !l.budgets.hasPart(scope, key, p, id, c) {
		return
	}
	a := l.account(accountKey{scope: scope, bySession: p == partSession, tenant: c.Tenant, key: key, run: id})
	if a.seq > l.seq {
		return
	}
	a.seq = l.nextCharge()
	before := a.life
	a.life.add(e)
	for _, some := range l.budgets.of(scope, key) {
		for _, b := range some {
			if b.period.part() == p && b.matches(&c.Scopes, key) {
				r.Events = l.chargeCell(a, a.cell(b, &before), b, e, r.Events)
			}
		}
	}
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
