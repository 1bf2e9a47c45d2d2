package ledger

import "time"

// judge compares the open period with the budget, as seen at the time now.
func (l *Ledger) judge(a *account, c *cell, b *Budget, action ID, now int64, events []Event) []Event {
	observed := c.now.in(b)
	events = l.ease(a, c, b, observed, now, events)
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
	if b.projection == nil && !c.projected && !c.mayWarn {
		return events
	}
	p := c.pace(b, now)
	limit := b.Limit.Float()
	burn, page := (*Burn)(nil), false
	if p.enough {
		burn, page = c.burning(b, now)
	}
	switch {
	case p.enough && p.low > limit:
		if !c.projected {
			c.projected = true
			emit(BudgetProjected, "projection", nil)
		}
		events = l.halt(a, c, b, b.projection.action, "projection", action, now, events)
	case burn != nil && page && !c.projected:
		c.projected = true
		emit(BudgetProjected, "burn_rate", func(ev *Event) { ev.Burn = burn })
	case (burn != nil && !page || p.enough && p.high > limit) && !c.mayWarn && !c.projected:
		c.mayWarn = true
		rule := "projection"
		if burn != nil {
			rule = "burn_rate"
		}
		emit(BudgetWarning, rule, func(ev *Event) { ev.Burn = burn })
	}
	return l.calmDown(a, c, b, &p, burn != nil, now, events)
}

// ease resolves what a rolling window has left behind: there is no end of a
// period that would. Halts stay, as they latch.
func (l *Ledger) ease(a *account, c *cell, b *Budget, observed Sum, now int64, events []Event) []Event {
	if b.period.kind != rolling {
		return events
	}
	over := func(t EventType, rule string) {
		ev := l.event(a, c, b, ID{}, now)
		ev.Type, ev.Rule, ev.Resolved, ev.Reason = t, rule, true, "the window moved on"
		events = append(events, ev)
	}
	if c.exceeded && observed.Cmp(b.Limit) <= 0 {
		c.exceeded, c.pardon = false, 0
		over(BudgetExceeded, "limit")
	}
	if c.warned > 0 && !c.exceeded && len(b.WarnAt) > 0 && observed.Float() < rearmShare*b.WarnAt[0]*b.Limit.Float() {
		c.warned = 0
		over(BudgetWarning, "warn_at")
	}
	return events
}

// calmDown resolves a projection that has been well below the limit for two
// horizons, and arms it again.
func (l *Ledger) calmDown(a *account, c *cell, b *Budget, p *pace, burning bool, now int64, events []Event) []Event {
	if !c.projected && !c.mayWarn {
		return events
	}
	if burning || p.later(c, now) >= rearmShare*b.Limit.Float() {
		c.calm = 0
		return events
	}
	if c.calm == 0 {
		c.calm = now
	}
	if now-c.calm < rearmHorizons*int64(p.ahead) {
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
	switch {
	case c.warned > 0 && !onlyProjection:
		over(BudgetWarning, "warn_at")
	case c.mayWarn && c.warned == 0: // one finding: it goes on while a share of warn_at is passed
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
	spent := c.at(b, now)
	ev := Event{
		At: time.Unix(0, now).UTC(), Action: action, Quiet: b.Mode == Shadow,
		Budget: b.ID, Scope: a.scope, Tenant: a.tenant, Key: a.key, Unit: b.Unit, Mode: b.Mode, Effect: b.OnExceed,
		Period: b.Period(), Observed: spent.in(b), Limit: b.Limit,
		UnpricedCalls: spent.unpricedCalls, UnpricedTokens: spent.unpricedTokens,
		PolicyVersion: l.budgets.version, Controls: b.Controls, Trajectory: make([]Point, 0, len(c.path)),
	}
	if a.bySession {
		ev.Session = a.run
	} else {
		ev.Run = a.run
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
