package ledger

import (
	"time"
)

// burnSlots are the slots of a long window; the short one is two of them at least.
const burnSlots = 24

// burnRing holds the spend of one long window.
type burnRing struct {
	newest int64 // number of the newest slot
	amount [burnSlots]float64
	calls  [burnSlots]uint32
}

type burnPair struct {
	long, short time.Duration
	threshold   float64
	page        bool
}

// burnPairs returns the pairs of windows of a period; a pair whose threshold is
// below the even pace says nothing and is left out.
func (p period) burnPairs() []burnPair {
	length := p.length()
	if length < 6*time.Hour {
		return nil
	}
	out := make([]burnPair, 0, 3)
	for _, d := range []struct {
		share    float64
		part     time.Duration
		shortest time.Duration
		page     bool
	}{{0.02, 720, 3 * time.Minute, true}, {0.05, 120, 15 * time.Minute, true}, {0.10, 10, time.Hour, false}} {
		long := max(length/d.part, d.shortest)
		pair := burnPair{long, max(long/12, time.Minute), d.share * float64(length) / float64(long), d.page}
		if pair.threshold >= 1-1e-9 {
			out = append(out, pair)
		}
	}
	return out
}

func (c *cell) burn(b *Budget, e *entry, amount float64) {
	if b.projection == nil || b.Unit == WallClock {
		return
	}
	pairs := b.pairs
	if len(pairs) == 0 {
		return
	}
	if len(c.burns) != len(pairs) {
		c.burns = make([]burnRing, len(pairs))
	}
	for i := range pairs {
		c.burns[i].add(int64(pairs[i].long)/burnSlots, e.end, amount, uint32(e.calls+e.tools))
	}
}

func (r *burnRing) add(width, end int64, amount float64, calls uint32) {
	n := end / width
	if n > r.newest {
		for i := max(0, r.newest+1, n-burnSlots+1); i <= n; i++ {
			r.amount[i%burnSlots], r.calls[i%burnSlots] = 0, 0
		}
		r.newest = n
	}
	if n > r.newest-burnSlots {
		r.amount[n%burnSlots] += amount
		r.calls[n%burnSlots] += calls
	}
}

// sum returns what the newest slots up to the time now hold.
func (r *burnRing) sum(width, now int64, slots int64) (amount float64, calls uint64) {
	n := now / width
	for i := n; i > n-slots; i-- {
		if i <= r.newest && i > r.newest-burnSlots && i >= 0 {
			amount += r.amount[i%burnSlots]
			calls += uint64(r.calls[i%burnSlots])
		}
	}
	return amount, calls
}

// burning returns the first pair, fastest first, that burns above its threshold
// in both windows and above the floors in the long one.
func (c *cell) burning(b *Budget, now int64) (*Burn, bool) {
	if b.projection == nil || len(c.burns) == 0 || len(c.burns) != len(b.pairs) || b.Limit == (Sum{}) {
		return nil, false
	}
	pace := b.Limit.Float() / b.period.length().Seconds()
	for i, p := range b.pairs {
		width := int64(p.long) / burnSlots
		short := max(2, (int64(p.short)+width-1)/width)
		long, calls := c.burns[i].sum(width, now, burnSlots)
		recent, _ := c.burns[i].sum(width, now, short)
		burn := Burn{p.long, time.Duration(short * width), long / p.long.Seconds() / pace, recent / seconds(short*width) / pace, p.threshold}
		if burn.RateLong > p.threshold && burn.RateShort > p.threshold && calls >= b.projection.calls && long >= b.projection.spend {
			return &burn, p.page
		}
	}
	return nil, false
}
