package ledger

import (
	"slices"
	"time"
)

// closePeriod resolves what the period leaves behind.
func (l *Ledger) closePeriod(a *account, c *cell, b *Budget, now int64, events []Event) []Event {
	events = l.resolve(a, c, b, now, "the period ended", events, false)
	return l.lift(a.accountKey, ofBudget(b.ID), "", "the period ended", now, events)
}

// Tick resolves and releases what time alone ends: periods that are over, and
// projections that fell while nothing was charged. Call it every few seconds;
// it looks at the keys about which something fires, in memory and in storage.
func (l *Ledger) Tick(now time.Time) []Event {
	var events []Event
	t := nanos(now)
	if t > l.clock {
		l.clock = t
		l.stepped()
	}
	for _, h := range l.haltsWhere(nil, func(h *Halt) bool { return !h.Until.IsZero() && !h.Until.After(now) }) {
		events = l.lift(h.accountKey(), func(o *Halt) bool { return o.ID() == h.ID() }, "", "the period ended", t, events)
	}
	lifted := len(events)
	for a := range l.watched {
		if l.isAhead(a.accountKey) {
			continue
		}
		events = l.pass(a, t, events)
		if !a.firing() {
			a.watched = false
			delete(l.watched, a)
		}
	}
	// The order of a map is none; sorted by key, equal ledgers say equal things.
	slices.SortStableFunc(events[lifted:], func(a, b Event) int { return cmpKeys(a.accountKey(), "", b.accountKey(), "") })
	return l.wake(t, events)
}

func (e *Event) accountKey() accountKey {
	k := accountKey{scope: e.Scope, tenant: e.Tenant, key: e.Key, run: e.Run}
	if e.Session != "" {
		k.run, k.bySession = e.Session, true
	}
	return k
}

func (a *account) firing() bool { return slices.ContainsFunc(a.cells, (*cell).firing) }

// watch has Tick look at a key in memory about which something fires.
func (l *Ledger) watch(a *account) {
	if !a.watched {
		a.watched = true
		l.watched[a] = struct{}{}
	}
}

// firing reports whether any finding about the budget and the key fires.
func (c *cell) firing() bool { return c.projected || c.mayWarn || c.exceeded || c.warned > 0 }

// pass resolves what the passing of time ends for one key.
func (l *Ledger) pass(a *account, t int64, events []Event) []Event {
	for _, c := range a.cells {
		if !c.firing() {
			continue
		}
		b := l.budgets.byID[c.budget]
		if b == nil || b.Scope != a.scope || b.Period() != c.period {
			continue
		}
		if c.end != 0 && t >= c.end {
			events = l.resolve(a, c, b, t, "the period ended", events, false)
			continue
		}
		if t < c.now.last {
			continue
		}
		spent := c.at(b, t)
		events = l.ease(a, c, b, spent.in(b), t, events)
		if c.exceeded {
			continue
		}
		p := c.pace(b, t)
		burn, _ := c.burning(b, t)
		events = l.calmDown(a, c, b, &p, burn != nil, t, events)
	}
	return events
}

// waits returns when a key that goes to storage needs a look because something
// fires that time will end; 0 if nothing does.
func (l *Ledger) waits(a *account) int64 {
	var at int64
	for _, c := range a.cells {
		b := l.budgets.byID[c.budget]
		if !c.firing() || b == nil || b.Scope != a.scope || b.Period() != c.period {
			continue
		}
		due := c.end
		if b.period.kind == rolling || ((c.projected || c.mayWarn) && b.projection != nil && b.projection.horizon > 0) {
			due = max(l.now, l.clock) + int64(time.Second)
		}
		if due != 0 && (at == 0 || due < at) {
			at = due
		}
	}
	return at
}

// wake looks at the keys in storage whose time has come, and leaves them there.
func (l *Ledger) wake(t int64, events []Event) []Event {
	if len(l.waiting) == 0 {
		return events
	}
	due := make([]accountKey, 0, 8)
	for k, at := range l.waiting {
		if at <= t {
			due = append(due, k)
		}
	}
	slices.SortFunc(due, func(a, b accountKey) int { return cmpKeys(a, "", b, "") })
	for _, k := range due {
		a, kept := l.stored(k)
		if a == nil {
			delete(l.waiting, k)
			continue
		}
		if kept.seq > l.seq {
			continue // a replay has not come there yet
		}
		events = l.pass(a, t, events)
		if at := l.waits(a); at > 0 {
			l.waiting[k] = at
		} else {
			delete(l.waiting, k)
		}
		l.store(a, keptHalts{l.seq, l.halts[k]})
	}
	return events
}
