package ledger

import (
	"errors"
	"slices"
	"time"
)

// judge compares the open period with the budget, as seen at the time now.
func (l *Ledger) judge(a *account, c *cell, b *Budget, action ID, now int64, events []Event) []Event {
	observed := c.now.in(b)
	emit := func(t EventType, rule string, change func(*Event)) {
		ev := l.event(a, c, b, action, now)
		ev.Type, ev.Rule = t, rule
		if change != nil {
			change(&ev)
		}
		events = append(events, ev)
	}
	for c.warned < len(b.WarnAt) && observed.Float() >= b.WarnAt[c.warned]*b.Limit.Float() && b.Limit != (Sum{}) {
		share := b.WarnAt[c.warned]
		c.warned++
		emit(BudgetWarning, "warn_at", func(ev *Event) { ev.Threshold = share })
	}
	if observed.Cmp(b.Limit) > 0 && !c.exceeded {
		c.exceeded = true
		emit(BudgetExceeded, "limit", nil)
	}
	if c.exceeded {
		return l.halt(a, c, b, b.OnExceed, "limit", action, now, events)
	}
	p, enough := c.project(b, now)
	limit := b.Limit.In(b.Unit)
	burn, page := (*Burn)(nil), false
	if enough {
		burn, page = c.burning(b, now)
	}
	switch {
	case enough && p.Low > limit:
		if !c.projected {
			c.projected = true
			emit(BudgetProjected, "projection", nil)
		}
		events = l.halt(a, c, b, b.projection.action, "projection", action, now, events)
	case burn != nil && page && !c.projected:
		c.projected = true
		emit(BudgetProjected, "burn_rate", func(ev *Event) { ev.Burn = burn })
	case (burn != nil && !page || enough && p.High > limit) && !c.mayWarn && !c.projected:
		c.mayWarn = true
		rule := "projection"
		if burn != nil {
			rule = "burn_rate"
		}
		emit(BudgetWarning, rule, func(ev *Event) { ev.Burn = burn })
	}
	return l.calmDown(a, c, b, &p, burn != nil, now, events)
}

// calmDown resolves a projection that has been well below the limit for two
// horizons, and arms it again.
func (l *Ledger) calmDown(a *account, c *cell, b *Budget, p *Projection, burning bool, now int64, events []Event) []Event {
	if !c.projected && !c.mayWarn {
		return events
	}
	if burning || p.High >= rearmShare*b.Limit.In(b.Unit) {
		c.calm = 0
		return events
	}
	if c.calm == 0 {
		c.calm = now
	}
	if now-c.calm < rearmHorizons*int64(p.Horizon) {
		return events
	}
	return l.resolve(a, c, b, now, "the projection fell below the limit", events, true)
}

// resolve says of everything that fires that its cause is over.
func (l *Ledger) resolve(a *account, c *cell, b *Budget, now int64, reason string, events []Event, onlyProjection bool) []Event {
	over := func(t EventType, rule string) {
		ev := l.event(a, c, b, ID{}, now)
		ev.Type, ev.Rule, ev.Resolved, ev.Reason = t, rule, true, reason
		events = append(events, ev)
	}
	if c.projected {
		over(BudgetProjected, "projection")
	}
	if c.mayWarn || (c.warned > 0 && !onlyProjection) {
		over(BudgetWarning, "projection")
	}
	c.projected, c.mayWarn, c.calm = false, false, 0
	if onlyProjection {
		return events
	}
	if c.exceeded {
		over(BudgetExceeded, "limit")
	}
	c.exceeded, c.warned, c.pardon = false, 0, 0
	return events
}

// event fills in all facts of the budget and the key.
func (l *Ledger) event(a *account, c *cell, b *Budget, action ID, now int64) Event {
	ev := Event{
		At: time.Unix(0, now).UTC(), Action: action, Quiet: b.Mode == Shadow,
		Budget: b.ID, Scope: a.scope, Tenant: a.tenant, Key: a.key, Run: a.run, Unit: b.Unit, Mode: b.Mode, Effect: b.OnExceed,
		Period: b.Period(), Observed: c.now.in(b), Limit: b.Limit,
		UnpricedCalls: c.now.unpricedCalls, UnpricedTokens: c.now.unpricedTokens,
		PolicyVersion: l.budgets.version, Controls: b.Controls, Trajectory: make([]Point, 0, len(c.path)),
	}
	if c.end != 0 {
		ev.PeriodStart, ev.PeriodEnd = time.Unix(0, c.start).UTC(), time.Unix(0, c.end).UTC()
	}
	for _, p := range c.path {
		ev.Trajectory = append(ev.Trajectory, Point{time.Unix(0, p.at).UTC(), p.spend})
	}
	if p, _ := c.project(b, now); p.Horizon != 0 {
		ev.Projection = &p
	}
	return ev
}

// halt latches a halt or denial, once for each budget and key.
func (l *Ledger) halt(a *account, c *cell, b *Budget, effect Effect, rule string, action ID, now int64, events []Event) []Event {
	if b.Mode != Enforce || effect == EffectWarn {
		return events
	}
	if c.pardon >= gravity(rule) {
		return events
	}
	held := l.halts[a.accountKey]
	i := slices.IndexFunc(held, func(h Halt) bool { return h.Budget == b.ID })
	if i >= 0 && held[i].Effect >= effect {
		return events
	}
	ev := l.event(a, c, b, action, now)
	ev.Type, ev.Rule, ev.Effect = BudgetHalt, rule, effect
	h := Halt{
		Budget: b.ID, Scope: a.scope, Tenant: a.tenant, Key: a.key, Run: a.run, Effect: effect, Since: ev.At, Until: ev.PeriodEnd,
		Action: action, Rule: rule, Observed: ev.Observed, Limit: b.Limit, Unit: b.Unit, PolicyVersion: l.budgets.version,
	}
	if i >= 0 {
		held[i] = h
	} else {
		l.halts[a.accountKey] = append(held, h)
	}
	return append(events, ev)
}

// Halts returns all halts and denials in force, oldest first.
func (l *Ledger) Halts() []Halt {
	var out []Halt
	for _, hs := range l.halts {
		out = append(out, hs...)
	}
	slices.SortFunc(out, func(a, b Halt) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return cmpKeys(a.accountKey(), a.Budget, b.accountKey(), b.Budget)
	})
	return out
}

func (h *Halt) accountKey() accountKey {
	return accountKey{scope: h.Scope, tenant: h.Tenant, key: h.Key, run: h.Run}
}

// Halted returns the strictest halt or denial that covers the scopes, the
// oldest of equals. It allocates nothing and costs next to nothing while
// nothing is halted.
func (l *Ledger) Halted(s *Scopes) (Halt, bool) {
	var found *Halt
	if len(l.halts) == 0 {
		return Halt{}, false
	}
	look := func(scope Scope, key string) {
		for _, r := range [2]string{"", s.Run} {
			hs := l.halts[accountKey{scope: scope, tenant: s.Tenant, key: key, run: r}]
			for i := range hs {
				h := &hs[i]
				if found == nil || h.Effect > found.Effect || (h.Effect == found.Effect && h.Since.Before(found.Since)) {
					found = h
				}
			}
		}
	}
	for scope := range scopes {
		if key := s.key(scope); key != "" || scope == Tenant {
			look(scope, key)
		}
	}
	for _, agent := range s.Ancestors {
		look(Agent, agent)
	}
	if found == nil {
		return Halt{}, false
	}
	return *found, true
}

// Errors of Release.
var (
	ErrNoHalt   = errors.New("no such halt")
	ErrNoReason = errors.New("a release needs a person and a reason")
)

// gravity orders the rules of halts for pardons.
func gravity(rule string) uint64 {
	if rule == "limit" {
		return 2
	}
	return 1
}

// Release lifts one halt for a person, who must say why. The rule that halted
// does not halt this key again before the period or the limit is a new one; the
// limit itself still halts what only a projection had halted.
func (l *Ledger) Release(h Halt, by, reason string, now time.Time) (Event, error) {
	if by == "" || reason == "" {
		return Event{}, ErrNoReason
	}
	events := l.lift(h.accountKey(), h.Budget, by, reason, now.UnixNano(), nil)
	if len(events) == 0 {
		return Event{}, ErrNoHalt
	}
	if a := l.find(h.accountKey()); a != nil {
		for _, c := range a.cells {
			if c.budget == h.Budget {
				c.pardon = max(c.pardon, gravity(events[0].Rule))
			}
		}
	}
	return events[0], nil
}

// lift takes a halt away and records it.
func (l *Ledger) lift(k accountKey, budget, by, reason string, now int64, events []Event) []Event {
	held := l.halts[k]
	i := slices.IndexFunc(held, func(h Halt) bool { return h.Budget == budget })
	if i < 0 {
		return events
	}
	h := held[i]
	if len(held) == 1 {
		delete(l.halts, k)
	} else {
		l.halts[k] = slices.Delete(held, i, i+1)
	}
	ev := Event{
		Type: BudgetHalt, Resolved: true, At: time.Unix(0, now).UTC(), Action: h.Action, Budget: budget, Scope: k.scope, Tenant: k.tenant,
		Key: k.key, Run: k.run, Unit: h.Unit, Mode: Enforce, Effect: h.Effect, PeriodEnd: h.Until, Observed: h.Observed, Limit: h.Limit,
		PolicyVersion: l.budgets.version, Rule: h.Rule, Reason: reason, By: by,
	}
	if b := l.budgets.byID[budget]; b != nil {
		ev.Period, ev.Controls = b.Period(), b.Controls
		if !h.Until.IsZero() {
			start, _ := b.period.bounds(h.Until.Add(-1))
			ev.PeriodStart = start.UTC()
		}
	}
	return append(events, ev)
}

// closePeriod resolves what the period leaves behind.
func (l *Ledger) closePeriod(a *account, c *cell, b *Budget, now int64, events []Event) []Event {
	events = l.resolve(a, c, b, now, "the period ended", events, false)
	return l.lift(a.accountKey, b.ID, "", "the period ended", now, events)
}

// Tick resolves and releases what time alone ends: periods that are over, and
// projections that fell while nothing was charged. Call it every few seconds;
// it looks at each key in memory.
func (l *Ledger) Tick(now time.Time) []Event {
	var events []Event
	t := now.UnixNano()
	l.clock = max(l.clock, t)
	for _, h := range l.Halts() {
		if !h.Until.IsZero() && !h.Until.After(now) {
			events = l.lift(h.accountKey(), h.Budget, "", "the period ended", t, events)
		}
	}
	l.each(func(a *account, c *cell, b *Budget) {
		if !c.projected && !c.mayWarn && !c.exceeded && c.warned == 0 {
			return
		}
		if c.end != 0 && t >= c.end {
			events = l.resolve(a, c, b, t, "the period ended", events, false)
			return
		}
		if c.exceeded || t < c.now.last {
			return
		}
		p, _ := c.project(b, t)
		burn, _ := c.burning(b, t)
		events = l.calmDown(a, c, b, &p, burn != nil, t, events)
	})
	return events
}

// each visits the budgets of all keys in memory, oldest use first.
func (l *Ledger) each(visit func(*account, *cell, *Budget)) {
	if l.newest == nil {
		return
	}
	for a := l.newest.prev; ; a = a.prev {
		for _, c := range a.cells {
			if b := l.budgets.byID[c.budget]; b != nil && b.Scope == a.scope && b.Period() == c.period {
				visit(a, c, b)
			}
		}
		if a == l.newest {
			return
		}
	}
}

// Project returns where a budget of a key is heading as seen at now; false
// where the key or budget has no charge or no projection yet.
func (l *Ledger) Project(budget, tenant, key, run string, now time.Time) (Projection, bool) {
	b := l.budgets.byID[budget]
	if b == nil {
		return Projection{}, false
	}
	a := l.find(accountKey{scope: b.Scope, tenant: tenant, key: key, run: run})
	if a == nil {
		return Projection{}, false
	}
	for _, c := range a.cells {
		if c.budget == budget {
			p, _ := c.project(b, now.UnixNano())
			return p, p.Horizon != 0
		}
	}
	return Projection{}, false
}

// Balance is what a budget counts for a key.
type Balance struct {
	Budget                        *Budget
	Spent, Limit, Remaining       Sum
	UnpricedCalls, UnpricedTokens uint64
	PeriodStart, PeriodEnd        time.Time
}

// Balances returns every budget of the scopes with its balance in the period
// that holds now, 0 included. The tightest is the one with the least Remaining.
func (l *Ledger) Balances(s *Scopes, now time.Time) []Balance {
	var out []Balance
	for _, b := range l.budgets.All() {
		keys := []string{s.key(b.Scope)}
		if b.Scope == Agent {
			keys = append(keys, s.Ancestors...)
		}
		for _, key := range keys {
			if (key == "" && b.Scope != Tenant) || !b.matches(s) {
				continue
			}
			k := accountKey{scope: b.Scope, tenant: s.Tenant, key: key}
			if b.period.kind == run {
				k.run = s.Run
			}
			out = append(out, l.balance(k, b, now))
		}
	}
	return out
}

func (l *Ledger) balance(k accountKey, b *Budget, now time.Time) Balance {
	out := Balance{Budget: b, Limit: b.Limit, Remaining: b.Limit}
	if b.period.calendar() {
		out.PeriodStart, out.PeriodEnd = b.period.bounds(now)
	}
	a := l.find(k)
	if a == nil {
		return out
	}
	for _, c := range a.cells {
		if c.budget != b.ID || c.period != b.Period() {
			continue
		}
		t := &c.now
		if b.period.calendar() && c.start != out.PeriodStart.UnixNano() {
			t = &totals{}
			for i := range c.closed {
				if c.closed[i].start == out.PeriodStart.UnixNano() {
					t = &c.closed[i].totals
				}
			}
		}
		if b.period.kind == rolling {
			c.slide(b, max(now.UnixNano(), c.now.last))
		}
		out.Spent, out.UnpricedCalls, out.UnpricedTokens = t.in(b), t.unpricedCalls, t.unpricedTokens
		out.Remaining = b.Limit.Minus(out.Spent)
	}
	return out
}

// SetBudgets puts new budgets in force. Spend stays: a budget keeps its balance
// by its id. Halts are released where the limit rose above the balance, or where
// their budget no longer enforces; a limit lowered below the balance is exceeded
// at once. It refuses an edit that CheckEdit refuses and then changes nothing.
func (l *Ledger) SetBudgets(next *Budgets, now time.Time) ([]Event, error) {
	if next == nil {
		next = &Budgets{}
	}
	if err := l.budgets.CheckEdit(next); err != nil {
		return nil, err
	}
	old := l.budgets
	l.budgets = next
	var events []Event
	t := now.UnixNano()
	for _, h := range l.Halts() {
		b := next.byID[h.Budget]
		switch {
		case b == nil || b.Scope != h.Scope:
			events = l.lift(h.accountKey(), h.Budget, "", "the budget was removed", t, events)
		case b.Mode != Enforce:
			events = l.lift(h.accountKey(), h.Budget, "", "the budget no longer enforces", t, events)
		case b.Unit != h.Unit || (b.Limit.Cmp(h.Limit) > 0 && b.Limit.Cmp(l.observed(&h, b)) >= 0):
			events = l.lift(h.accountKey(), h.Budget, "", "the limit was raised", t, events)
		}
	}
	l.each(func(a *account, c *cell, b *Budget) {
		if o := old.byID[b.ID]; o == nil || (o.Limit == b.Limit && o.Unit == b.Unit) || (c.end != 0 && t >= c.end) {
			return
		}
		if c.now.in(b).Cmp(b.Limit) <= 0 {
			events = l.resolve(a, c, b, t, "the limit was raised", events, false)
			return
		}
		events = l.judge(a, c, b, ID{}, max(t, c.now.last), events)
	})
	return events, nil
}

// observed is the balance that a halt's budget has now.
func (l *Ledger) observed(h *Halt, b *Budget) Sum {
	if a := l.find(h.accountKey()); a != nil {
		for _, c := range a.cells {
			if c.budget == b.ID {
				return c.now.in(b)
			}
		}
	}
	return h.Observed
}
