package stats

import (
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

// Shape says how a Tail counts. It is configuration, not state.
type Shape struct {
	first, growth float64
	step          float64 // logarithm of growth
	most          uint16
}

// NewShape returns a shape: first is the lower edge of the first bucket that tells
// values apart, growth the ratio of a bucket's edges, above 1, and most how many
// values are added before counts are halved.
func NewShape(first, growth float64, most uint16) Shape {
	return Shape{first: first, growth: growth, step: math.Log(growth), most: most}
}

// Buckets is how many buckets a Tail has.
const Buckets = 40

// Tail is the distribution of a positive statistic: counts over its logarithm,
// old ones fading by half whenever so many were added, and a Pareto tail (Hill's
// estimate) beyond what was seen. The zero value is empty.
type Tail struct {
	counts [Buckets]uint16
	n      uint16
}

func (s Shape) bucket(x float64) int {
	if !(x > s.first) { // NaN is nothing unusual
		return 0
	}
	return int(min(Buckets-1, math.Log(x/s.first)/s.step))
}

// N is how many values the counts stand for.
func (t *Tail) N() int { return int(t.n) }

// Add counts a value.
func (t *Tail) Add(s Shape, x float64) {
	t.counts[s.bucket(x)]++
	t.n++
	if t.n < s.most {
		return
	}
	t.n = 0
	for i := range t.counts {
		// Rounding alternates, so that halving neither keeps nor loses single counts
		// for ever.
		t.counts[i] = (t.counts[i] + uint16(i&1)) / 2
		t.n += t.counts[i]
	}
}

// P returns how likely a value as large as x is, judged by the values before it:
// in (0, 1], and 1 while nothing was seen. Everything in x's own bucket counts
// as at least as large: what hardly exceeds a record is not rarer than it.
func (t *Tail) P(s Shape, x float64) float64 {
	if t.n == 0 {
		return 1
	}
	above, n := 0, float64(t.n)
	for j := s.bucket(x); j < Buckets; j++ {
		above += int(t.counts[j])
	}
	p := min(1, float64(above+1)/(n+1)) // conformal
	if above >= 4 {
		return p
	}
	return min(p, t.pareto(s, x))
}

// pareto continues the last per cent of the values.
func (t *Tail) pareto(s Shape, x float64) float64 {
	n := float64(t.n)
	need := max(4, .01*n)
	mass, from := 0.0, Buckets
	for from > 0 && mass < need {
		from--
		mass += float64(t.counts[from])
	}
	edge, step := s.first*math.Pow(s.growth, float64(from)), s.step
	sum := 0.0
	for j := from; j < Buckets; j++ {
		sum += float64(t.counts[j]) * max(.02, (float64(j-from)+.5)*step)
	}
	if mass == 0 || sum == 0 {
		return 1
	}
	alpha := min(12, max(1.5, mass/sum))
	return max(math.SmallestNonzeroFloat64, min(1, (mass+1)/(n+1))*math.Pow(max(x, edge)/edge, -alpha))
}

// Quantile returns the upper edge of the bucket that holds the q-quantile, and
// whether anything was counted.
func (t *Tail) Quantile(s Shape, q float64) (float64, bool) {
	if t.n == 0 {
		return 0, false
	}
	need, sum := q*float64(t.n), 0.0
	for j := range t.counts {
		if sum += float64(t.counts[j]); sum >= need {
			return s.first * math.Pow(s.growth, float64(j+1)), true
		}
	}
	return s.first * math.Pow(s.growth, Buckets), true
}

// Describe is the snapshot of the counts.
func (t *Tail) Describe(c *codec.Codec) {
	sum := uint32(0)
	for i := range t.counts {
		c.U16(&t.counts[i])
		sum += uint32(t.counts[i])
	}
	if c.Reading() {
		if sum > math.MaxUint16 {
			c.Fail()
			*t = Tail{}
			return
		}
		t.n = uint16(sum)
	}
}

// Forget returns the weight of the newest of values whose weight halves every
// halfLife values: 1 - 2^(-1/halfLife), by its series where that is exact enough.
func Forget(halfLife float64) float64 {
	x := math.Ln2 / halfLife
	if x < .1 {
		return x * (1 - x/2*(1-x/3*(1-x/4)))
	}
	return -math.Expm1(-x)
}
