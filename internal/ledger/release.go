package ledger

import (
	"slices"
	"time"
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
	return l.release(func(o *Halt) bool {
		return o.Budget == h.Budget && o.accountKey() == h.accountKey() && (h.Budget != "" || o.Rule == h.Rule)
	}, h.accountKey(), by, reason, now)
}

// ReleaseID is Release by the halt's ID.
func (l *Ledger) ReleaseID(id, by, reason string, now time.Time) (Event, error) {
	for k, hs := range l.halts {
		for i := range hs {
			if hs[i].ID() == id {
				return l.release(func(o *Halt) bool { return o.ID() == id }, k, by, reason, now)
			}
		}
	}
	if by == "" || reason == "" {
		return Event{}, ErrNoReason
	}
	return Event{}, ErrNoHalt
}

// FindHalt returns the halt of an ID.
func (l *Ledger) FindHalt(id string) (Halt, bool) {
	for _, hs := range l.halts {
		for i := range hs {
			if hs[i].ID() == id {
				return hs[i], true
			}
		}
	}
	return Halt{}, false
}

func (l *Ledger) release(is func(*Halt) bool, k accountKey, by, reason string, now time.Time) (Event, error) {
	if by == "" || reason == "" {
		return Event{}, ErrNoReason
	}
	events := l.lift(k, is, by, reason, nanos(now), nil)
	if len(events) == 0 {
		return Event{}, ErrNoHalt
	}
	ev := events[0]
	if ev.Budget == "" {
		return ev, nil
	}
	l.forgive(k, ev.Budget, gravity(ev.Rule))
	return ev, nil
}

// forgive notes a pardon with the key, which may be in storage and stays there:
// a release is no use of it.
func (l *Ledger) forgive(k accountKey, budget string, pardon uint64) {
	a, kept := l.accounts[k], keptHalts{}
	inMemory := a != nil
	if !inMemory {
		a, kept = l.stored(k)
	}
	if a == nil || a.seq > l.seq {
		return
	}
	for _, c := range a.cells {
		// A rolling window may have let go of what was exceeded: then nothing is
		// left to forgive, and the next time is another.
		if c.budget == budget && (c.exceeded || pardon < gravity("limit")) {
			c.pardon = max(c.pardon, pardon)
		}
	}
	if !inMemory && l.opt.Evict != nil && kept.seq <= l.seq {
		l.store(a, keptHalts{l.seq, l.halts[k]})
	}
}

func ofBudget(id string) func(*Halt) bool {
	return func(h *Halt) bool { return h.Budget == id }
}

// lift takes a halt away and records it.
func (l *Ledger) lift(k accountKey, is func(*Halt) bool, by, reason string, now int64, events []Event) []Event {
	held := l.halts[k]
	i := 0
	for i < len(held) && !is(&held[i]) {
		i++
	}
	if i == len(held) {
		return events
	}
	h := held[i]
	l.setHalts(k, slices.Delete(slices.Clone(held), i, i+1))
	l.stepped()
	ev := l.haltEvent(&h, time.Unix(0, now).UTC())
	ev.Resolved, ev.Reason, ev.By = true, reason, by
	return append(events, ev)
}

// haltEvent tells of a halt without the cell that set it.
func (l *Ledger) haltEvent(h *Halt, at time.Time) Event {
	ev := Event{
		Type: BudgetHalt, At: at, Action: h.Action, Budget: h.Budget, Scope: h.Scope, Tenant: h.Tenant, Key: h.Key, Run: h.Run,
		Session: h.Session, Unit: h.Unit, Mode: Enforce, Effect: h.Effect, PeriodEnd: h.Until, Observed: h.Observed, Limit: h.Limit,
		PolicyVersion: l.budgets.version, Rule: h.Rule, Reason: h.Reason, By: h.By, HaltID: h.ID(),
	}
	if b := l.budgets.byID[h.Budget]; b != nil {
		ev.Period, ev.Controls = b.Period(), b.Controls
		if !h.Until.IsZero() && b.period.calendar() {
			start, _ := b.period.bounds(h.Until.Add(-1))
			ev.PeriodStart = start.UTC()
		}
	}
	return ev
}
