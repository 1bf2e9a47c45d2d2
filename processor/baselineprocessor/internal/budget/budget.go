// Package budget bounds how many warnings a project gets a day. It spends its
// wealth in the manner of e-LORD (alpha-spending with decay): the less is left,
// the stronger the evidence has to be. A budget and no guarantee: the tests
// depend on each other. Time is a parameter; no clock, no lock.
package budget

import "github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"

// Params are the choices of an operator.
type Params struct {
	PerDay float64 // warnings that are earned back in a day, and the most that is kept
	P      float64 // the weakest evidence that a full budget lets through
}

// Budget is the state of one project. The zero value is full.
type Budget struct {
	spent float64
	last  int64 // second of the last change
}

// Admit tells whether a warning with this probability, already corrected for the
// number of tests behind it, may go out at a time in seconds since 1970, and
// spends one if it may. Time that runs backwards earns nothing.
func (b *Budget) Admit(p *Params, at int64, probability float64) bool {
	if at > b.last {
		b.spent = max(0, b.spent-float64(at-b.last)*p.PerDay/86_400)
		b.last = at
	}
	left := p.PerDay - b.spent
	if left < 1 || probability > p.P*left/p.PerDay {
		return false
	}
	b.spent++
	return true
}

// Left is how many warnings are left at the time of the last change.
func (b *Budget) Left(p *Params) float64 { return p.PerDay - b.spent }

// Earn gives one back: an operator confirmed a finding.
func (b *Budget) Earn() { b.spent = max(0, b.spent-1) }

// Describe is the snapshot.
func (b *Budget) Describe(c *codec.Codec) {
	c.F64(&b.spent)
	c.I64(&b.last)
	if b.spent < 0 {
		c.Fail()
	}
}
