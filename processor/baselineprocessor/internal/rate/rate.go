// Package rate judges how many events fall into a bin of time, against the bins
// before: sharp bursts by the tail of a negative binomial, sustained ones by a
// cumulative sum, both with a floor. Requests are not Poisson: bursts are normal.
// Time is a bin number; no clock, no lock.
package rate

import (
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/stats"
)

// Rate is the state of one key and width of bins. The zero value has seen
// nothing.
type Rate struct {
	n              uint32 // closed bins
	mean, variance float64
	sum            float32 // CUSUM of the closed bins
	runEvents      float32 // events and bins since the sum was last 0
	runBins        uint16
	hot            uint16 // closed bins in a row at Critical times the expected
	fired          uint16 // closed bins in a row that fired
	head           int64  // newest open bin
	counts         [open]uint32
	flags          [open]uint8 // what fired in each open bin
	started        bool
}

const (
	flagFired    = 1
	flagCritical = 2
)

// Bins is how many bins are closed.
func (r *Rate) Bins() int { return int(r.n) }

// Mean is the expected count of a bin.
func (r *Rate) Mean() float64 { return r.mean }

// Head is the newest bin, and whether there is one.
func (r *Rate) Head() (int64, bool) { return r.head, r.started }

func slot(bin int64) int { return int(((bin % open) + open) % open) }

// Add counts n events in a bin and judges that bin. parent may be nil; it is asked
// while this key is young. late means that the bin was closed long ago: nothing
// was counted.
func (r *Rate) Add(p *Params, bin int64, n uint32, parent *Rate) (v Verdict, late bool) {
	if !r.started {
		r.started, r.head = true, bin
	}
	if bin <= r.head-open {
		return Verdict{P: 1}, true
	}
	r.Advance(p, bin)
	k := slot(bin)
	r.counts[k] += min(n, math.MaxUint32-r.counts[k])
	v = r.judge(p, bin, parent)
	if v.Fired {
		r.flags[k] |= flagFired
	}
	if v.Critical {
		r.flags[k] |= flagCritical
	}
	return v, false
}

// Advance makes the bin the newest: time has come so far. Bins too old to grow
// are learned, empty ones too.
func (r *Rate) Advance(p *Params, bin int64) {
	if !r.started || bin <= r.head {
		return
	}
	empty := int64(0)
	for r.head < bin {
		if empty >= p.MaxGap+open {
			r.head = bin // all open bins are empty
			return
		}
		r.head++
		k := slot(r.head) // holds the bin that leaves
		r.close(p, r.counts[k], r.flags[k])
		if r.counts[k] == 0 {
			empty++
		}
		r.counts[k], r.flags[k] = 0, 0
	}
}

// expected returns mean and variance of a bin, drawn to the parent's while young.
func (r *Rate) expected(p *Params, parent *Rate) (mean, variance float64) {
	mean, variance = r.mean, r.variance
	if parent != nil && parent.n >= p.Warm {
		w := float64(r.n) / (float64(r.n) + p.PriorBins)
		mean = w*mean + (1-w)*parent.mean
		variance = w*variance + (1-w)*parent.variance
	}
	return mean, variance
}

func (r *Rate) judge(p *Params, bin int64, parent *Rate) Verdict {
	y := float64(r.counts[slot(bin)])
	v := Verdict{P: 1, Observed: y, Bins: int(r.n)}
	if r.n < p.Warm {
		return r.young(p, v, parent)
	}
	mean, variance := r.expected(p, parent)
	v.Expected, v.Limit = mean, max(p.FloorRatio*mean, float64(p.FloorCount))
	if y >= v.Limit {
		v.P = stats.CountTail(int(y), mean, variance)
		if v.P < p.P {
			v.Fired, v.Rule = true, Burst
		}
	}
	v.Critical = v.Fired && y >= p.Critical*mean && r.hotBins(p, bin, mean) >= p.CriticalFor
	if y > mean && !v.Fired { // a bin below the mean lets the sum fall
		if perBin, tail, over := r.sustained(p, bin, mean, variance); over {
			v.Fired, v.Rule, v.Observed, v.P = true, Sustained, perBin, tail
		}
	}
	return v
}

// young judges a key without history of its own by its parent's.
func (r *Rate) young(p *Params, v Verdict, parent *Rate) Verdict {
	if parent == nil || parent.n < p.Warm {
		v.Expected = r.mean
		return v
	}
	v.Expected, v.Limit = parent.mean, max(p.Critical*parent.mean, float64(p.FloorCount))
	if v.Observed >= v.Limit {
		v.P = stats.CountTail(int(v.Observed), parent.mean, parent.variance)
		v.Fired, v.Rule = v.P < p.P, Parent
	}
	return v
}

// sustained continues the sum over the open bins up to bin. What an open bin has
// so far is the least it can add. It returns the events of a bin of the run, and
// how likely so many are in all of it.
func (r *Rate) sustained(p *Params, bin int64, mean, variance float64) (perBin, tail float64, over bool) {
	sum, deviation := float64(r.sum), deviationOf(mean, variance)
	events, bins := float64(r.runEvents), float64(r.runBins)
	for b := r.head - Late; b <= bin; b++ {
		y := float64(r.counts[slot(b)])
		sum = p.step(sum, y-mean, deviation)
		if sum == 0 {
			events, bins = 0, 0
			continue
		}
		events, bins = events+y, bins+1
	}
	if sum <= p.Limit || bins == 0 || events < max(p.RunRatio*mean*bins, float64(p.FloorCount)) {
		return 0, 1, false
	}
	tail = stats.CountTail(int(events), mean*bins, variance*bins)
	return events / bins, tail, tail < p.RunP
}

// deviationOf counts the Poisson part of the variance twice, on purpose.
func deviationOf(mean, variance float64) float64 {
	if d := math.Sqrt(variance + mean); d > 0 {
		return d
	}
	return 1
}

func (p *Params) step(sum, above, deviation float64) float64 {
	return min(2*p.Limit, max(0, sum+min(above/deviation, p.ZMost)-p.Allowance))
}

// hotBins counts the bins in a row, up to bin, at Critical times the expected.
func (r *Rate) hotBins(p *Params, bin int64, mean float64) int {
	n := int(r.hot)
	for b := r.head - Late; b <= bin; b++ {
		if float64(r.counts[slot(b)]) >= max(p.Critical*mean, float64(p.FloorCount)) {
			n++
		} else {
			n = 0
		}
	}
	return n
}

// close learns a bin that cannot grow any more: not at all if it was critical, by
// half if it fired, unless that has lasted so long that it is the new normal.
func (r *Rate) close(p *Params, count uint32, flags uint8) {
	y := float64(count)
	if r.n == 0 {
		r.mean = y
		r.n = 1
		return
	}
	r.closeSum(p, y)
	weight := 1.0
	switch {
	case flags == 0:
		r.fired = 0
	case r.fired >= p.Stubborn:
		weight = .5
	case flags&flagCritical != 0:
		weight = 0
		r.fired++
	default:
		weight = .5
		r.fired++
	}
	a := weight * max(stats.Forget(p.HalfLife), 1/float64(r.n+1))
	d := y - r.mean
	if r.n > 20 {
		// So few as are never judged teach in full: otherwise an agent that is idle
		// between its runs would never learn that it runs.
		most := max(p.Clip*math.Sqrt(r.variance+r.mean), float64(p.FloorCount))
		d = min(most, max(-most, d))
	}
	r.mean = max(0, r.mean+a*d)
	r.variance = (1 - a) * (r.variance + a*d*d)
	if r.n < math.MaxUint32 {
		r.n++
	}
}

func (r *Rate) closeSum(p *Params, y float64) {
	if r.n < p.Warm {
		return
	}
	if r.sum == 0 && y <= r.mean {
		r.runEvents, r.runBins, r.hot = 0, 0, 0
		return
	}
	r.sum = float32(p.step(float64(r.sum), y-r.mean, deviationOf(r.mean, r.variance)))
	if r.sum == 0 {
		r.runEvents, r.runBins = 0, 0
	} else if r.runBins < math.MaxUint16 {
		r.runEvents, r.runBins = r.runEvents+float32(y), r.runBins+1
	}
	if y >= max(p.Critical*r.mean, float64(p.FloorCount)) {
		r.hot = min(r.hot, math.MaxUint16-1) + 1
	} else {
		r.hot = 0
	}
}

// Explained reports whether a season that makes the hour factor times as busy
// explains what fired: v is the verdict on the bin.
func (r *Rate) Explained(p *Params, v Verdict, factor float64) bool {
	if !(factor > 1) {
		return false
	}
	mean := v.Expected * factor
	if v.Rule == Sustained {
		return v.Observed < p.RunRatio*mean
	}
	return v.Observed < p.FloorRatio*mean || stats.CountTail(int(v.Observed), mean, r.variance*factor*factor) >= p.P
}

// Maturity is how far the key is judged by its own history: 0 to 1.
func (r *Rate) Maturity(p *Params) float64 {
	return float64(r.n) / (float64(r.n) + p.PriorBins)
}

// Describe is the snapshot.
func (r *Rate) Describe(c *codec.Codec) {
	c.U32(&r.n)
	c.F64(&r.mean)
	c.F64(&r.variance)
	c.F32(&r.sum)
	c.F32(&r.runEvents)
	c.U16(&r.runBins)
	c.U16(&r.hot)
	c.U16(&r.fired)
	c.I64(&r.head)
	for i := range r.counts {
		c.U32(&r.counts[i])
		c.U8(&r.flags[i])
	}
	c.Bool(&r.started)
	if r.mean < 0 || r.variance < 0 || r.sum < 0 {
		c.Fail()
	}
}
