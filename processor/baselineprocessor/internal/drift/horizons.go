// Package drift compares what is usual now with what was usual: three horizons
// of a level, of which the last is frozen, and the mix of tools. Time is given in
// seconds; no clock, no lock.
package drift

import (
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

// Params are the choices about drift. Ratios are of values, not of logarithms.
type Params struct {
	Fast, Slow  float64 // time constants, in seconds
	FastRatio   float64 // of the fast to the slow level, either way
	AnchorRatio float64 // of the fast level to the anchor, either way
	Young       float64 // seconds of history before anything is judged
	AnchorAge   float64 // seconds of history after which the slow level is frozen as the anchor
	RisePerDay  float64 // most that the slow level rises in a day, as a ratio
	NoAnchor    bool    // never freeze one
	MixBits     float64 // Jensen-Shannon divergence of the mix of tools, in bits
	MixCalls    float64 // fast calls before it is judged
}

const day = 86_400

// Defaults returns the parameters that the processor runs with.
func Defaults() Params {
	return Params{
		Fast: day, Slow: 14 * day, FastRatio: 2, AnchorRatio: 3, Young: 3 * day, AnchorAge: 14 * day, RisePerDay: 1.5,
		MixBits: .2, MixCalls: 50,
	}
}

// Horizons is the state of one level, in logarithms. The zero value has seen
// nothing.
type Horizons struct {
	fast, slow, anchor float32
	sum                float32 // of the open hour
	count              uint32
	hour               int64 // the open hour since 1970
	age                float32
	flags              uint8
}

const (
	started  = 1
	levelled = 2
	anchored = 4
)

// Rule names the comparison that fired.
type Rule string

// The rules.
const (
	FastSlow Rule = "fast_slow"
	Anchor   Rule = "anchor"
)

// Verdict is what a closed hour is worth. Levels are values, not logarithms.
type Verdict struct {
	Fired              bool
	Rule               Rule
	Fast, Slow, Anchor float64
	// Judged tells that an hour was closed and old enough to judge.
	Judged bool
}

// Observe adds a value with the logarithm x at a time in seconds since 1970. When
// it is the first of a new hour, the hour before is learned and judged.
func (h *Horizons) Observe(p *Params, x float64, at int64) (v Verdict) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return v
	}
	hour := at / 3600
	switch {
	case h.flags&started == 0:
		h.flags |= started
		h.hour = hour
	case hour > h.hour:
		v = h.close(p, hour)
	}
	h.sum += float32(x)
	h.count++
	return v
}

func (h *Horizons) close(p *Params, next int64) Verdict {
	mean := float64(h.sum) / float64(max(h.count, 1))
	// A pause is not part of a baseline: of a longer gap one day counts.
	dt := min(float64(next-h.hour)*3600, day)
	h.hour, h.sum, h.count = next, 0, 0
	if h.flags&levelled == 0 {
		h.flags |= levelled
		h.fast, h.slow = float32(mean), float32(mean)
	}
	h.age += float32(dt)
	// While young both are the mean of everything.
	f := max(1-math.Exp(-dt/p.Fast), min(1, dt/float64(h.age)))
	s := max(1-math.Exp(-dt/p.Slow), min(1, dt/float64(h.age)))
	h.fast += float32(f * (mean - float64(h.fast)))
	h.slow += float32(min(s*(mean-float64(h.slow)), math.Log(p.RisePerDay)*dt/day))
	if h.flags&anchored == 0 && !p.NoAnchor && float64(h.age) >= p.AnchorAge {
		h.flags |= anchored
		h.anchor = h.slow
	}
	return h.judge(p)
}

func (h *Horizons) judge(p *Params) Verdict {
	v := Verdict{Fast: math.Exp(float64(h.fast)), Slow: math.Exp(float64(h.slow))}
	if float64(h.age) < p.Young {
		return v
	}
	v.Judged = true
	if math.Abs(float64(h.fast-h.slow)) > math.Log(p.FastRatio) {
		v.Fired, v.Rule = true, FastSlow
	}
	if h.flags&anchored == 0 || p.NoAnchor {
		return v
	}
	v.Anchor = math.Exp(float64(h.anchor))
	if math.Abs(float64(h.fast-h.anchor)) > math.Log(p.AnchorRatio) {
		v.Fired, v.Rule = true, Anchor
	}
	return v
}

// State is what the horizons hold, for people to read.
type State struct {
	Fast, Slow, Anchor float64 // values, not logarithms
	Known, Anchored    bool    // whether there are levels, and an anchor
	Age                float64 // seconds of history; of a longer pause one day counts
}

// State returns the levels of the closed hours.
func (h *Horizons) State() State {
	s := State{Known: h.flags&levelled != 0, Anchored: h.flags&anchored != 0, Age: float64(h.age)}
	if s.Known {
		s.Fast, s.Slow = math.Exp(float64(h.fast)), math.Exp(float64(h.slow))
	}
	if s.Anchored {
		s.Anchor = math.Exp(float64(h.anchor))
	}
	return s
}

// Accept makes the level of now the anchor: an operator says that it is right.
func (h *Horizons) Accept() {
	if h.flags&levelled != 0 {
		h.flags |= anchored
		h.anchor, h.slow = h.fast, h.fast
	}
}

// Describe is the snapshot.
func (h *Horizons) Describe(c *codec.Codec) {
	for _, v := range []*float32{&h.fast, &h.slow, &h.anchor, &h.sum, &h.age} {
		c.F32(v)
	}
	c.U32(&h.count)
	c.I64(&h.hour)
	c.U8(&h.flags)
	if h.flags > started|levelled|anchored || h.age < 0 {
		c.Fail()
	}
}
