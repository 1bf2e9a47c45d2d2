package ledger

import (
	"math"
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
	start, end int64  // of the open period; 0 without one
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

func (a *account) cell(b *Budget, life *totals) *cell {
	for _, c := range a.cells {
		if c.budget == b.ID {
			if c.period == b.period.String() {
				return c
			}
			*c = cell{budget: b.ID, period: b.period.String()}
			return c
		}
	}
	c := &cell{budget: b.ID, period: b.Period()}
	if b.period.kind == lifetime || b.period.kind == run {
		c.now = *life // a budget that is new finds what was spent before it
	}
	a.cells = append(a.cells, c)
	return c
}

// chargeCell books the entry into its period and says what follows.
func (l *Ledger) chargeCell(a *account, c *cell, b *Budget, e *entry, events []Event) []Event {
	if b.period.calendar() {
		if e.end >= c.end {
			events = l.open(a, c, b, e.end, events)
		} else if e.end < c.start {
			l.bookLate(c, b, e)
			return events
		}
	}
	before := c.now.in(b)
	prior := c.now.last
	c.now.add(e)
	amount := c.now.in(b).Minus(before).Float()
	if b.period.kind == rolling {
		c.roll(b, e)
		amount = amountOf(b, e)
	}
	c.decay(b, prior, e.end, amount)
	c.trace(b)
	c.burn(b, e, amount)
	if c.end != 0 && l.clock >= c.end {
		return events // late for a period that is over
	}
	if b.Unit == USD && e.free {
		return events // a free call never trips a budget
	}
	return l.judge(a, c, b, e.action, c.now.last, events)
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
	*c = cell{budget: c.budget, period: c.period, closed: c.closed, start: start.UnixNano(), end: end.UnixNano(), burns: c.burns}
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
	drop := 0
	for drop < len(c.slots) && c.slots[drop].at <= now-int64(b.period.roll)-int64(b.period.roll)/rollingSlots {
		drop++
	}
	if drop == 0 {
		return
	}
	c.slots = slices.Delete(c.slots, 0, drop)
	last := c.now.last
	c.now = totals{last: last}
	for i := range c.slots {
		s := &c.slots[i]
		e := entry{
			start: s.first, end: s.last, usd: s.usd, bound: s.bound, tokens: s.tokens, calls: s.calls, tools: s.tools,
			unpriced: s.unpricedCalls, unpricedTokens: s.unpricedTokens,
		}
		c.now.add(&e)
	}
}

// decay adds an amount to the fast rate's sum. Every amount counts by its age,
// in whatever order they come.
func (c *cell) decay(b *Budget, prior, end int64, amount float64) {
	h := b.period.halfLife()
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

// project says where the balance is heading as seen at the time now.
func (c *cell) project(b *Budget, now int64) (Projection, bool) {
	p := b.projection
	if p == nil || c.now.first == 0 || now < c.now.first {
		return Projection{}, false
	}
	enough := true
	scale := b.Unit.Scale()
	elapsed := seconds(c.now.last - c.now.first)
	spent := c.now.in(b).Float()
	out := Projection{Horizon: p.horizon, Confidence: 1}
	if c.end != 0 {
		if p.horizon == 0 {
			out.Horizon = time.Duration(max(0, c.end-now))
		}
		out.Confidence = min(1, seconds(now-c.start)/seconds(c.end-c.start))
	}
	if elapsed <= 0 {
		return out, false
	}
	if c.now.calls+c.now.tools < p.calls || elapsed < p.elapsed.Seconds() || spent < p.spend {
		enough = false
	}
	h := b.period.halfLife()
	faded := c.ewma * fade(seconds(now-c.now.last)/h)
	long := spent / elapsed
	// Without the correction a young average would read far below the truth.
	short := faded * math.Ln2 / h / (1 - fade(seconds(now-c.now.first)/h))
	out.RateLong, out.RateShort = long/scale, short/scale
	ahead := out.Horizon.Seconds()
	out.Low, out.High = (spent+min(long, short)*ahead)/scale, (spent+max(long, short)*ahead)/scale
	left := b.Limit.Float() - spent
	out.ExhaustEarliest = exhaustion(now, left, max(long, short))
	out.ExhaustLatest = exhaustion(now, left, min(long, short))
	return out, enough
}

// fade is the share of an amount that is left after so many half-lives.
func fade(halves float64) float64 {
	if halves == 0 {
		return 1 // the usual case, and Exp2 is slow
	}
	return math.Exp2(-halves)
}

// exhaustion is when the rest is used up; zero if not within a century.
func exhaustion(now int64, left, rate float64) time.Time {
	s := left / rate
	if !(s >= 0) || s > 100*365*86400 {
		return time.Time{}
	}
	return time.Unix(0, now).Add(time.Duration(s * 1e9)).UTC()
}
