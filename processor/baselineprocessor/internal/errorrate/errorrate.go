// Package errorrate judges the share of calls that fail in a bin of time: a
// beta-binomial tail whose prior is the key's own history and, while that is
// short, its parent's. Time is a bin number; no clock, no lock.
package errorrate

import (
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/stats"
)

// Params are the choices about error rates.
type Params struct {
	HalfLife  float64 // of the history, in calls
	Strength  float64 // calls that the parent's share counts for
	Warm      float64 // calls, own and parent's, before anything is judged
	P         float64 // a tail probability below this fires
	Least     int     // and from so many errors in the bin
	Most      uint32  // calls of a bin that are judged; more say nothing more
	Critical  float64 // share from which a fired bin is critical
	Allowance float64 // deviations a bin that the sum forgives
	Limit     float64 // a sum above this fires
}

// Defaults returns the parameters that the processor runs with.
func Defaults() Params {
	return Params{
		HalfLife: 2000, Strength: 20, Warm: 20, P: 2e-5, Least: 5, Most: 10_000, Critical: .9, Allowance: .75, Limit: 12,
	}
}

// Errors is the state of one key. The zero value has seen nothing.
type Errors struct {
	failed, calls float64 // fading counts of the closed bins
	sum           float32 // CUSUM of the closed bins
	bin           int64
	k, n          uint32 // of the open bin
	fired         bool   // in the open bin
	started       bool
}

// Verdict is what a bin is worth so far.
type Verdict struct {
	Fired, Critical bool
	Rule            string  // beta_binomial or cusum
	P               float64 // how likely so many errors are
	Errors, Calls   int     // in the bin
	Expected        float64 // share of calls that fail
	History         float64 // calls
}

// Share returns the share of calls that fail, drawn to the parent's.
func (e *Errors) Share(p *Params, parent *Errors) float64 {
	a, b := e.prior(p, parent)
	return a / (a + b)
}

// History is how many calls the history counts for; old ones fade.
func (e *Errors) History() float64 { return e.calls }

// prior is a beta distribution: own counts, and Strength calls of the parent's
// share, which is a half of one error where there is none.
func (e *Errors) prior(p *Params, parent *Errors) (a, b float64) {
	share := .5 / (p.Strength + 1)
	if parent != nil && parent.calls >= p.Strength {
		share = (parent.failed + .5) / (parent.calls + 1)
	}
	return e.failed + share*p.Strength, e.calls - e.failed + (1-share)*p.Strength
}

// Add counts a call in its bin and judges the bin. Calls of an older bin than the
// open one are counted in the open one.
func (e *Errors) Add(p *Params, bin int64, failed bool, parent *Errors) Verdict {
	if !e.started {
		e.started, e.bin = true, bin
	}
	if bin > e.bin {
		e.close(p, parent)
		e.bin = bin
	}
	if e.n < p.Most {
		e.n++
		if failed {
			e.k++
		}
	}
	return e.judge(p, parent, failed)
}

func (e *Errors) judge(p *Params, parent *Errors, failed bool) Verdict {
	v := Verdict{P: 1, Errors: int(e.k), Calls: int(e.n), History: e.calls, Expected: e.Share(p, parent)}
	known := e.calls
	if parent != nil {
		known += parent.calls
	}
	if !failed || int(e.k) < p.Least || known < p.Warm {
		return v
	}
	a, b := e.prior(p, parent)
	v.P = stats.BetaBinomialTail(int(e.k), int(e.n), a, b)
	switch {
	case v.P < p.P:
		v.Fired, v.Rule = true, "beta_binomial"
	case e.step(p, v.Expected) > p.Limit:
		v.Fired, v.Rule = true, "cusum"
	}
	v.Critical = v.Fired && float64(e.k) >= p.Critical*float64(e.n) && int(e.k) >= 2*p.Least
	e.fired = e.fired || v.Fired
	return v
}

// step is the sum with the open bin.
func (e *Errors) step(p *Params, share float64) float64 {
	n := float64(e.n)
	deviation := math.Sqrt(n*share*(1-share)) + 1e-9
	return min(2*p.Limit, max(0, float64(e.sum)+min((float64(e.k)-n*share)/deviation, 5)-p.Allowance))
}

// close learns the open bin: a bin that fired counts as one in which as many
// failed as usual.
func (e *Errors) close(p *Params, parent *Errors) {
	share := e.Share(p, parent)
	e.sum = float32(e.step(p, share))
	k, n := float64(e.k), float64(e.n)
	if e.fired {
		e.sum = 0
		k = n * share
	}
	fade := math.Exp2(-n / p.HalfLife)
	e.failed, e.calls = e.failed*fade+k, e.calls*fade+n
	e.k, e.n, e.fired = 0, 0, false
}

// Maturity is how far the key is judged by its own history: 0 to 1.
func (e *Errors) Maturity(p *Params) float64 { return e.calls / (e.calls + p.Strength) }

// Describe is the snapshot.
func (e *Errors) Describe(c *codec.Codec) {
	c.F64(&e.failed)
	c.F64(&e.calls)
	c.F32(&e.sum)
	c.I64(&e.bin)
	c.U32(&e.k)
	c.U32(&e.n)
	c.Bool(&e.fired)
	c.Bool(&e.started)
	if e.failed < 0 || e.calls < e.failed || e.k > e.n || e.sum < 0 {
		c.Fail()
	}
}
