package ledger

import "time"

// SetBudgets puts new budgets in force. Spend stays: a budget keeps its balance
// by its id. Halts are released where the limit rose above the balance, or where
// their budget no longer enforces; a limit lowered below the balance is exceeded
// at once. It refuses an edit that CheckEdit refuses and then changes nothing.
//
// Called with the budgets in force, after Restore, it settles what was edited
// while the ledger was down. Keys in storage are settled by their next charge.
func (l *Ledger) SetBudgets(next *Budgets, now time.Time) ([]Event, error) {
	if next == nil {
		next = &Budgets{}
	}
	if err := l.budgets.CheckEdit(next); err != nil {
		return nil, err
	}
	return l.putInForce(next, now), nil
}

func (l *Ledger) putInForce(next *Budgets, now time.Time) []Event {
	l.budgets = next
	var events []Event
	t := nanos(now)
	for _, h := range l.Halts() {
		if h.Budget == "" || l.isAhead(h.accountKey()) {
			continue // an order stands whatever the budgets say
		}
		if why := l.outdated(&h); why != "" {
			events = l.lift(h.accountKey(), ofBudget(h.Budget), "", why, t, events)
		}
	}
	for i := range l.rings {
		l.rings[i].each(func(a *account) {
			if !l.isAhead(a.accountKey) {
				events = l.settle(a, t, events)
				if a.firing() {
					l.watch(a)
				}
			}
		})
	}
	l.stepped()
	return events
}

// outdated says why the budgets in force no longer uphold a halt.
func (l *Ledger) outdated(h *Halt) string {
	b := l.budgets.byID[h.Budget]
	switch {
	case b == nil || b.Scope != h.Scope:
		return "the budget was removed"
	case b.Mode != Enforce:
		return "the budget no longer enforces"
	case b.Unit != h.Unit || (b.Limit.Cmp(h.Limit) > 0 && b.Limit.Cmp(l.observed(h, b)) >= 0):
		return "the limit was raised"
	default:
		return ""
	}
}

// settle judges a key by what is new in the budgets.
func (l *Ledger) settle(a *account, now int64, events []Event) []Event {
	for _, some := range l.budgets.of(a.scope, a.key) {
		for _, b := range some {
			c := a.known(b)
			if c == nil {
				continue
			}
			if c.end != 0 && now >= c.end {
				continue // Tick closes it
			}
			if c.limit != b.Limit || c.unit != b.Unit {
				events = l.relimit(a, c, b, max(now, c.now.last), events)
			} else if c.exceeded {
				// The budget may have begun to enforce.
				events = l.halt(a, c, b, b.OnExceed, "limit", ID{}, max(now, c.now.last), events)
			}
		}
	}
	return events
}

// known returns the state of a budget for the key. A budget that is new gets
// one where it can know what was spent before it; else nil.
func (a *account) known(b *Budget) *cell {
	if b.period.part() != a.part() {
		return nil
	}
	for _, c := range a.cells {
		if c.budget == b.ID && c.period == b.Period() {
			return c
		}
	}
	if b.foreign || b.period.calendar() || b.period.kind == rolling || !b.matches(&Scopes{Tenant: a.tenant}, a.key) {
		return nil
	}
	c := a.cell(b, &a.life)
	c.limit = Sum{Hi: ^b.Limit.Hi} // it has not been judged by any limit yet
	return c
}

func (k *accountKey) part() part {
	switch {
	case k.run == "":
		return partNone
	case k.bySession:
		return partSession
	default:
		return partRun
	}
}

// relimit judges a key by a new limit.
func (l *Ledger) relimit(a *account, c *cell, b *Budget, now int64, events []Event) []Event {
	if c.unit != b.Unit {
		c.ewma, c.path, c.burns = 0, nil, nil // they count something else
	}
	c.limit, c.unit = b.Limit, b.Unit
	if c.now.in(b).Cmp(b.Limit) <= 0 {
		events = l.resolve(a, c, b, now, "the limit was changed", events, false)
	}
	c.pardon = 0
	if c.now.first == 0 || (c.end != 0 && l.clock >= c.end) {
		return events
	}
	return l.judge(a, c, b, ID{}, now, events)
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
