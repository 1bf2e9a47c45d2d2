package ledger

import "time"

// closePeriod resolves what the period leaves behind.
func (l *Ledger) closePeriod(a *account, c *cell, b *Budget, now int64, events []Event) []Event {
	events = l.resolve(a, c, b, now, "the period ended", events, false)
	return l.lift(a.accountKey, ofBudget(b.ID), "", "the period ended", now, events)
}

// Tick resolves and releases what time alone ends: periods that are over, and
// projections that fell while nothing was charged. Call it every few seconds;
// it looks at each key in memory.
func (l *Ledger) Tick(now time.Time) []Event {
	var events []Event
	t := nanos(now)
	if t > l.clock {
		l.clock = t
		l.seq++
	}
	for _, h := range l.Halts() {
		if !h.Until.IsZero() && !h.Until.After(now) {
			events = l.lift(h.accountKey(), func(o *Halt) bool { return o.ID() == h.ID() }, "", "the period ended", t, events)
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
		if t < c.now.last {
			return
		}
		spent := c.at(b, t)
		events = l.ease(a, c, b, spent.in(b), t, events)
		if c.exceeded {
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
	for i := range l.rings {
		l.rings[i].each(func(a *account) {
			if l.isAhead(a.accountKey) {
				return
			}
			for _, c := range a.cells {
				if b := l.budgets.byID[c.budget]; b != nil && b.Scope == a.scope && b.Period() == c.period {
					visit(a, c, b)
				}
			}
		})
	}
}
