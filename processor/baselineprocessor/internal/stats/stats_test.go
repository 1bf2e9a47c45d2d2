package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

// The incomplete beta function against values that follow from its definition.
func TestBetaInc(t *testing.T) {
	for _, c := range []struct{ a, b, x, want float64 }{
		{1, 1, .3, .3},                   // uniform
		{2, 1, .3, .09},                  // x squared
		{1, 3, .3, 1 - .7*.7*.7},         // of a minimum
		{2, 2, .5, .5},                   // symmetric
		{.5, .5, .25, 1. / 3},            // arcsine: 2/pi asin(1/2)
		{5, 2, .9, 6*.59049 - 5*.531441}, // 6x^5 - 5x^6
		{200, 200, .5, .5},               // sharp
		{3, 4, 0, 0}, {3, 4, 1, 1},       // ends
	} {
		assert.InDelta(t, c.want, BetaInc(c.a, c.b, c.x), 1e-11, "%+v", c)
	}
}

// Tails against sums of the probabilities, term by term.
func TestTailsAgainstSums(t *testing.T) {
	nb := func(i int, k, s float64) float64 {
		a, _ := math.Lgamma(float64(i) + k)
		b, _ := math.Lgamma(k)
		c, _ := math.Lgamma(float64(i) + 1)
		return math.Exp(a - b - c + k*math.Log(s) + float64(i)*math.Log(1-s))
	}
	for _, c := range []struct{ mean, variance float64 }{{3, 3.5}, {26, 1872}, {.2, .3}, {50, 200}} {
		k := c.mean * c.mean / (c.variance - c.mean)
		below := 0.0
		for y := range 120 {
			assert.InDelta(t, 1-below, CountTail(y, c.mean, c.variance), 1e-9, "y %d of %+v", y, c)
			below += nb(y, k, k/(k+c.mean))
		}
	}
	below := 0.0
	for y := range 40 {
		assert.InDelta(t, 1-below, CountTail(y, 7, 1), 1e-12, "Poisson, y %d", y)
		lg, _ := math.Lgamma(float64(y) + 1)
		below += math.Exp(float64(y)*math.Log(7) - 7 - lg)
	}
	const n = 30
	below = 0
	for k := range n + 1 {
		assert.InDelta(t, 1-below, BetaBinomialTail(k, n, 1.5, 7), 1e-10, "k %d", k)
		lg := func(v float64) float64 { r, _ := math.Lgamma(v); return r }
		below += math.Exp(lg(n+1) - lg(float64(k)+1) - lg(float64(n-k)+1) + LogBeta(float64(k)+1.5, float64(n-k)+7) - LogBeta(1.5, 7))
	}
	assert.Greater(t, CountTail(200, 7, 7), 0.0, "far tails do not vanish too early")
}

// A model of Tail that keeps every value: as long as nothing fades, P is the share
// of values in x's bucket or above, plus one.
func TestTailModel(t *testing.T) {
	s := NewShape(.3, 1.2, 10_000)
	r := rand.New(rand.NewPCG(1, 2))
	var tail Tail
	all := make([]float64, 0, 2000)
	for range 2000 {
		x := math.Abs(r.NormFloat64())
		above := 0
		for _, v := range all {
			if s.bucket(v) >= s.bucket(x) {
				above++
			}
		}
		want := min(1, float64(above+1)/float64(len(all)+1))
		if above >= 4 {
			assert.InDelta(t, want, tail.P(s, x), 1e-12)
		} else {
			assert.LessOrEqual(t, tail.P(s, x), want)
		}
		tail.Add(s, x)
		all = append(all, x)
	}
}

// Calibration: of values of the same kind, about as many have p below a level as
// the level says, and never many more.
func TestTailCalibrated(t *testing.T) {
	s := NewShape(.3, 1.2, 10_000)
	for name, draw := range map[string]func(*rand.Rand) float64{
		"normal": func(r *rand.Rand) float64 { return math.Abs(r.NormFloat64()) },
		"heavy":  func(r *rand.Rand) float64 { return math.Exp(1.2 * r.NormFloat64()) },
	} {
		r := rand.New(rand.NewPCG(7, 8))
		var tail Tail
		below := map[float64]int{}
		const n = 200_000
		for range n {
			x := draw(r)
			p := tail.P(s, x)
			for _, level := range []float64{.05, .01, 1e-3} {
				if p <= level {
					below[level]++
				}
			}
			tail.Add(s, x)
		}
		for level, k := range below {
			assert.Less(t, float64(k)/n, 1.5*level, "%s at %v", name, level)
		}
	}
}

func FuzzTail(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200}, 1.5)
	f.Add([]byte{}, math.Inf(1))
	f.Fuzz(func(t *testing.T, raw []byte, x float64) {
		s := NewShape(.3, 1.2, 50)
		var tail Tail
		for _, b := range raw {
			tail.Add(s, math.Exp(float64(b)/16-4))
		}
		sum := 0
		for _, c := range tail.counts {
			sum += int(c)
		}
		require.Equal(t, sum, tail.N())
		require.Less(t, tail.N(), 50)
		p := tail.P(s, x)
		require.Greater(t, p, 0.0)
		require.LessOrEqual(t, p, 1.0)
		if x > 0 && !math.IsInf(x, 0) {
			require.LessOrEqual(t, tail.P(s, 2*x), p, "the further out, the less likely")
		}
		w := codec.Writer(nil)
		tail.Describe(w)
		var back Tail
		r := codec.Reader(w.Bytes())
		back.Describe(r)
		require.False(t, r.Bad())
		require.Equal(t, tail, back)
	})
}

func FuzzDistributions(f *testing.F) {
	f.Add(3, 10, 2.0, 4.0)
	f.Add(0, 0, 0.0, 0.0)
	f.Fuzz(func(t *testing.T, k, n int, a, b float64) {
		if math.IsNaN(a+b) || a < 0 || b < 0 || a > 1e6 || b > 1e6 || k < 0 || k > 1e4 || n < 0 || n > 1e4 {
			return
		}
		p := CountTail(k, a, b)
		require.True(t, p >= 0 && p <= 1, "%v", p)
		require.LessOrEqual(t, CountTail(k+1, a, b), p+1e-9)
		if a > 1e-3 && b > 1e-3 {
			q := BetaBinomialTail(k, n, a, b)
			require.True(t, q >= 0 && q <= 1, "%v", q)
			require.LessOrEqual(t, BetaBinomialTail(k+1, n, a, b), q+1e-6)
		}
	})
}

func TestForget(t *testing.T) {
	for _, h := range []float64{.5, 1, 5, 7, 100, 1000, 1e6} {
		assert.InEpsilon(t, -math.Expm1(-math.Ln2/h), Forget(h), 1e-5, "%v", h)
	}
}
