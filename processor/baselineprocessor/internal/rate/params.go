package rate

// Params are the choices about rates.
type Params struct {
	HalfLife    float64 // of mean and variance, in bins
	Warm        uint32  // bins before they are judged by themselves
	Clip        float64 // deviations by which one bin may move the mean
	P           float64 // a tail probability below this fires
	FloorRatio  float64 // and only from so many times the expected
	FloorCount  int     // and from so many events
	Allowance   float64 // deviations a bin that the sum forgives
	ZMost       float64 // most that one bin adds before the allowance
	Limit       float64 // a sum above this fires
	RunRatio    float64 // if the bins that made it up are so many times the expected
	RunP        float64 // and together so improbable, were they independent
	Critical    float64 // times the expected that are critical
	CriticalFor int     // when they last so many bins
	PriorBins   float64 // bins that a parent's rate counts for
	MaxGap      int64   // empty bins learned at once; a longer pause is none of the baseline's
	Stubborn    uint16  // bins in a row that do not teach because they fired
}

// Defaults returns the parameters that everything is measured with.
func Defaults() Params {
	return Params{
		HalfLife: 100, Warm: 60, Clip: 4, P: 2e-5, FloorRatio: 3, FloorCount: 5, Allowance: .75, ZMost: 5, Limit: 12,
		RunRatio: 2, RunP: 1e-3, Critical: 10, CriticalFor: 2, PriorBins: 30, MaxGap: 30, Stubborn: 1000,
	}
}

// Late is how many bins an event may come late and still be counted in its own.
const Late = 2

const open = Late + 1 // bins that may still grow

// Rule names the test that fired.
type Rule string

// The rules.
const (
	Burst     Rule = "negative_binomial"
	Sustained Rule = "cusum"
	Parent    Rule = "parent"
)

// Verdict is what a bin is worth so far. A count only grows, so what fired in an
// open bin stays true.
type Verdict struct {
	Fired, Critical bool
	Rule            Rule
	P               float64 // how likely such a count is; 1 where it was not asked
	Observed        float64 // events in the bin, or a bin of the sustained run
	Expected        float64
	Limit           float64 // the count from which the floor lets fire
	Bins            int     // history
}
