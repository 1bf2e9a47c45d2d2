package ledger

import (
	"slices"
	"time"
)

const (
	keptPeriods   = 3  // closed periods whose balance is still kept
	keptPoints    = 32 // points of a trajectory, thinned by half when full
	rollingSlots  = 60
	rearmShare    = 0.95
	rearmHorizons = 2
)

// cell is the state of one budget for one key.
type cell struct {
	budget     string
	period     string // of the budget; a cell of another period is not carried on
	limit      Sum    // and unit: what it was last judged by
	unit       Unit
	start, end int64 // of the open period; 0 without one
	now        totals
	closed     []closed // latest first
	ewma       float64  // decayed sum of amounts, as of now.last
	path       []point
	slots      []slot // rolling windows only
	burns      []burnRing
	warned     int    // thresholds passed
	exceeded   bool   // reported
	pardon     uint64 // what a person released: 0 nothing, 1 the projection, 2 the limit
	projected  bool
	mayWarn    bool  // the warning of the projection fires
	calm       int64 // since when the projection is below the limit, 0 if it is not
}

type closed struct {
	start, end int64
	totals
}

type point struct {
	at    int64
	spend uint64
}

type slot struct {
	at int64
	totals
}

// cell returns the state of a budget for the key, new if need be. life is the
// key's balance before the charge at hand.
func (a *account) cell(b *Budget, life *totals) *cell {
	for _, c := range a.cells {
		if c.budget != b.ID {
			continue
		}
		if c.period != b.Period() {
			*c = newCell(b, life)
		}
		return c
	}
	c := newCell(b, life)
	a.cells = append(a.cells, &c)
	return &c
}

// newCell starts a budget's balance. A budget that came later finds what the
// key spent before it, where the ledger knows: over the key's lifetime, and if
// the budget asks for no other key.
func newCell(b *Budget, life *totals) cell {
	c := cell{budget: b.ID, period: b.Period(), limit: b.Limit, unit: b.Unit}
	if !b.period.calendar() && b.period.kind != rolling && !b.foreign {
		c.now = *life
	}
	return c
}

// chargeCell books the entry into its period and says what follows.
func (l *Ledger) chargeCell(a *account, c *cell, b *Budget, e *entry, events []Event) []Event {
	if c.limit != b.Limit || c.unit != b.Unit {
		// Edited while the key was in storage, or since the snapshot.
		events = l.relimit(a, c, b, max(c.now.last, l.clock), events)
		if c.firing() {
			l.watch(a)
		}
	}
	if b.period.calendar() {
		if e.end >= c.end {
			events = l.open(a, c, b, e.end, events)
		} else if e.end < c.start {
			l.bookLate(c, b, e)
			return events
		}
		if e.start < c.start { // what came before belongs to the period before
			late := *e
			late.start = c.start
			e = &late
		}
	}
	c.book(b, e)
	if c.end != 0 && l.clock >= c.end {
		return events // late for a period that is over
	}
	if b.Unit == USD && e.free {
		return events // a free call never trips a budget
	}
	events = l.judge(a, c, b, e.action, c.now.last, events)
	if c.firing() {
		l.watch(a)
	}
	return events
}

// book adds the entry to the open period and to all that is derived from it.
func (c *cell) book(b *Budget, e *entry) {
	before, prior := c.now.in(b), c.now.last
	c.now.add(e)
	amount := c.now.in(b).Minus(before).Float()
	if b.period.kind == rolling {
		c.roll(b, e)
		amount = amountOf(b, e)
	}
	c.decay(b, prior, e.end, amount)
	c.trace(b)
	c.burn(b, e, amount)
}

func amountOf(b *Budget, e *entry) float64 {
	var t totals
	t.add(e)
	return t.in(b).Float()
}

// open closes the open period and starts the one that holds t.
func (l *Ledger) open(a *account, c *cell, b *Budget, t int64, events []Event) []Event {
	start, end := b.period.bounds(time.Unix(0, t))
	if c.end != 0 {
		events = l.closePeriod(a, c, b, t, events)
		c.closed = slices.Insert(c.closed, 0, closed{c.start, c.end, c.now})
		c.closed = c.closed[:min(len(c.closed), keptPeriods)]
	}
	*c = cell{
		budget: c.budget, period: c.period, limit: c.limit, unit: c.unit,
		closed: c.closed, start: start.UnixNano(), end: end.UnixNano(), burns: c.burns,
	}
	return events
}

// bookLate books into a closed period, which alerts nobody.
func (l *Ledger) bookLate(c *cell, b *Budget, e *entry) {
	start, end := b.period.bounds(time.Unix(0, e.end))
	s := start.UnixNano()
	i := 0
	for i < len(c.closed) && c.closed[i].start > s {
		i++
	}
	if i == len(c.closed) || c.closed[i].start != s {
		if i >= keptPeriods {
			l.counters.LateUnkept++
			return
		}
		c.closed = slices.Insert(c.closed, i, closed{start: s, end: end.UnixNano()})
		c.closed = c.closed[:min(len(c.closed), keptPeriods)]
	}
	c.closed[i].add(e)
}

// roll keeps the balance of a rolling window in slots of 1/60 of it: what
// leaves the window leaves with its slot.
func (c *cell) roll(b *Budget, e *entry) {
	width := int64(b.period.roll) / rollingSlots
	at := e.end - e.end%width
	i, found := slices.BinarySearchFunc(c.slots, at, func(s slot, at int64) int { return int(min(1, max(-1, s.at-at))) })
	if !found {
		c.slots = slices.Insert(c.slots, i, slot{at: at})
	}
	c.slots[i].add(e)
	c.slide(b, c.now.last)
}

func (c *cell) slide(b *Budget, now int64) {
	drop := c.outside(b, now)
	if drop == 0 {
		return
	}
	c.slots = slices.Delete(c.slots, 0, drop)
	c.now = c.window(b, now)
}

// outside returns how many slots have left the window that ends now.
func (c *cell) outside(b *Budget, now int64) int {
	roll := int64(b.period.roll)
	n := 0
	for n < len(c.slots) && c.slots[n].at <= now-roll-roll/rollingSlots {
		n++
	}
	return n
}

// at returns the balance of the open period as seen at now.
func (c *cell) at(b *Budget, now int64) totals {
	if b.period.kind != rolling || now <= c.now.last {
		return c.now
	}
	return c.window(b, now)
}

// window returns the balance of the rolling window that ends now, which must
// not lie before the last charge.
func (c *cell) window(b *Budget, now int64) totals {
	t := totals{last: c.now.last}
	for _, s := range c.slots[c.outside(b, now):] {
		e := entry{
			start: s.first, end: s.last, usd: s.usd, bound: s.bound, tokens: s.tokens, calls: s.calls, tools: s.tools,
			unpriced: s.unpricedCalls, unpricedTokens: s.unpricedTokens,
		}
		t.add(&e)
	}
	return t
}

// decay adds an amount to the fast rate's sum. Every amount counts by its age,
// in whatever order they come.
func (c *cell) decay(b *Budget, prior, end int64, amount float64) {
	h := b.halfLife
	if prior == 0 {
		prior = c.now.last
	}
	c.ewma *= fade(seconds(c.now.last-prior) / h)
	c.ewma += amount * fade(seconds(c.now.last-end)/h)
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// trace adds a point to the trajectory, or moves its last one.
func (c *cell) trace(b *Budget) {
	p := point{c.now.last, c.now.in(b).capped()}
	if n := len(c.path); n > 0 && c.path[n-1].at >= p.at {
		c.path[n-1].spend = p.spend
		return
	}
	if len(c.path) >= keptPoints {
		kept := c.path[:0]
		for i := 0; i < len(c.path); i += 2 {
			kept = append(kept, c.path[i])
		}
		c.path = kept
	}
	c.path = append(c.path, p)
}
