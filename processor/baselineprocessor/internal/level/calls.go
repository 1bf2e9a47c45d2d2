package level

import (
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/stats"
)

// Calls is the small sister of Series: the level of independent values, such as
// the logarithm of the tokens of a call, in about 110 bytes. The zero value has
// seen nothing.
type Calls struct {
	n           uint32
	mean, scale float64
	tail        stats.Tail
}

// Judgement is what one value is worth. Numbers are in the unit of the value.
type Judgement struct {
	P        float64 // how likely a value as high is; 1 at or below High
	Expected float64
	High     float64 // about 19 of 20 values are below it
	N        int
}

// N is how many values were learned.
func (c *Calls) N() int { return int(c.n) }

func (c *Calls) deviation() float64 {
	return toDeviation*c.scale + 1e-9*(math.Abs(c.mean)+1e-6)
}

// Judge judges x without learning it.
func (c *Calls) Judge(p *Params, x float64) Judgement {
	const quantile95 = 1.645 // of the normal distribution
	j := Judgement{P: 1, Expected: c.mean, High: c.mean + quantile95*c.deviation(), N: int(c.n)}
	if c.n > p.Warm && x > j.High && c.scale > 0 {
		j.P = c.tail.P(p.Distances, (x-c.mean)/c.deviation())
	}
	return j
}

// Learn adds x with a weight in (0, 1]. A NaN or an infinity is ignored.
func (c *Calls) Learn(p *Params, x, weight float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) || c.n == math.MaxUint32 {
		return
	}
	if c.n == 0 {
		c.mean = x
	}
	if c.n > 10 && c.scale > 0 {
		c.tail.Add(p.Distances, math.Max(0, x-c.mean)/c.deviation())
	}
	a := weight * max(stats.Forget(p.HalfLife), 1/float64(c.n+1))
	d := x - c.mean
	if c.n > 100 && c.scale > 0 {
		most := p.Clip * toDeviation * c.scale
		d = min(most, max(-most, d))
	}
	c.mean += a * d
	c.scale += a * (math.Abs(d) - c.scale)
	c.n++
}

// Describe is the snapshot.
func (c *Calls) Describe(k *codec.Codec) {
	k.U32(&c.n)
	k.F64(&c.mean)
	k.F64(&c.scale)
	c.tail.Describe(k)
	if c.scale < 0 {
		k.Fail()
	}
}
