// Package rates counts how often rules were used, each action once, within
// bounds. It knows no clock and no lock.
package rates

import (
	"bytes"
	"cmp"
	"container/list"
	"math"
	"slices"
)

// Key names what is counted: the uses of one rule of one agent's entry.
type Key struct{ Tenant, Agent, Rule string }

// ID is the id of an action.
type ID [16]byte

// Limits bound a Counter. A zero field takes its default.
type Limits struct {
	PerKey int // uses remembered of one rule; default 65,536
	Total  int // uses remembered in all; default 500,000
}

// Stats counts what the bounds cost. They only grow.
type Stats struct {
	Dropped int // uses forgotten, the oldest of a rule first
	Evicted int // rules forgotten whole, the longest unused first
}

// Counter remembers when rules were used. Not safe for concurrent use.
type Counter struct {
	Stats Stats

	limits Limits
	series map[Key]*list.Element // of *series
	recent list.List             // the last used first
	total  int
	lost   int64 // the latest use of any rule that was forgotten whole
}

type series struct {
	key  Key
	uses []use // in order
	lost int64 // uses up to this time may have been forgotten
}

type use struct {
	at int64
	id ID
}

// less orders uses: by time, and those of one instant by id, so that of two
// actions exactly one comes before the other.
func (u use) compare(v use) int {
	return cmp.Or(cmp.Compare(u.at, v.at), bytes.Compare(u.id[:], v.id[:]))
}

// New returns an empty counter.
func New(l Limits) *Counter {
	c := &Counter{limits: l, series: map[Key]*list.Element{}, lost: math.MinInt64}
	if l.PerKey <= 0 {
		c.limits.PerKey = 65_536
	}
	if l.Total <= 0 {
		c.limits.Total = 500_000
	}
	return c
}

// Add notes that an action, begun at a time in nanoseconds, used a rule. An
// action that is noted already changes nothing.
func (c *Counter) Add(k Key, id ID, at int64) {
	s := c.of(k)
	u := use{at, id}
	i, known := slices.BinarySearchFunc(s.uses, u, use.compare)
	if known {
		return
	}
	s.uses = slices.Insert(s.uses, i, u)
	c.total++
	if len(s.uses) > c.limits.PerKey {
		s.lost = max(s.lost, s.uses[0].at)
		s.uses = slices.Delete(s.uses, 0, 1)
		c.total--
		c.Stats.Dropped++
	}
	for c.total > c.limits.Total {
		c.evict()
	}
}

// of returns the series of a key as the one used last.
func (c *Counter) of(k Key) *series {
	if e := c.series[k]; e != nil {
		c.recent.MoveToFront(e)
		return e.Value.(*series)
	}
	s := &series{key: k, lost: c.lost}
	c.series[k] = c.recent.PushFront(s)
	return s
}

// evict forgets the rule that was not used for the longest time, or, if there is
// but one, its oldest uses.
func (c *Counter) evict() {
	e := c.recent.Back()
	s := e.Value.(*series)
	if c.recent.Len() == 1 {
		s.lost = max(s.lost, s.uses[0].at)
		s.uses = slices.Delete(s.uses, 0, 1)
		c.total--
		c.Stats.Dropped++
		return
	}
	if n := len(s.uses); n > 0 {
		c.lost = max(c.lost, s.uses[n-1].at)
	}
	c.lost = max(c.lost, s.lost)
	c.total -= len(s.uses)
	c.recent.Remove(e)
	delete(c.series, s.key)
	c.Stats.Evicted++
}

// Count returns how many actions used the rule after from and before the action
// id that began at until; of those that began at the same instant, the ones with
// a lesser id. complete is false where some of that time may have been
// forgotten: the count is then the least that there were.
func (c *Counter) Count(k Key, id ID, from, until int64) (n int64, complete bool) {
	e := c.series[k]
	if e == nil {
		return 0, c.lost <= from
	}
	s := e.Value.(*series)
	first, _ := slices.BinarySearchFunc(s.uses, use{at: from}, func(u, v use) int {
		if u.at <= v.at {
			return -1
		}
		return 1
	})
	end, _ := slices.BinarySearchFunc(s.uses, use{until, id}, use.compare)
	return int64(max(end-first, 0)), s.lost <= from
}

// Len returns how many uses are remembered.
func (c *Counter) Len() int { return c.total }
