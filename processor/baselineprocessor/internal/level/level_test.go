package level

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

func restored(tb testing.TB, s *Series) *Series {
	tb.Helper()
	w := codec.Writer(nil)
	s.Describe(w)
	back := &Series{}
	r := codec.Reader(w.Bytes())
	back.Describe(r)
	require.False(tb, r.Bad())
	require.Empty(tb, r.Bytes())
	return back
}

// Restored at any moment, a series goes on bit for bit.
func TestRestoreIsReplay(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(1, 2))
	a, b := &Series{}, &Series{}
	for i := range 5000 {
		x := 10 + r.NormFloat64() + 3*math.Sin(float64(i)/45)
		if i%977 == 0 {
			x *= 3
		}
		if i%501 == 7 {
			b = restored(t, b)
		}
		require.Equal(t, a.Observe(&p, x, int64(i/12)), b.Observe(&p, x, int64(i/12)))
	}
	require.Equal(t, a, b)
}

// What is found, and that usual noise is not: one series each, fixed seeds.
func TestFinds(t *testing.T) {
	p := Defaults()
	noise := func(r *rand.Rand, _ int) float64 { return 10 + r.NormFloat64() }
	for name, c := range map[string]struct {
		change func(r *rand.Rand, i int) float64
		found  bool
	}{
		"nothing": {noise, false},
		"spike":   {func(*rand.Rand, int) float64 { return 40 }, true},
		"drop":    {func(*rand.Rand, int) float64 { return -20 }, true},
		"shift":   {func(r *rand.Rand, _ int) float64 { return 14 + r.NormFloat64() }, true},
		"spread":  {func(r *rand.Rand, _ int) float64 { return 10 + 6*r.NormFloat64() }, true},
	} {
		r := rand.New(rand.NewPCG(5, 6))
		var s Series
		for i := range 2000 {
			s.Observe(&p, noise(r, i), Unknown)
		}
		best := 0.0
		for i := range 60 {
			best = max(best, s.Observe(&p, c.change(r, i), Unknown).Score)
		}
		assert.Equal(t, c.found, best >= p.Threshold, "%s: %v", name, best)
	}
}

// An hour that spikes every day is explained by itself after some days; the same
// spike at another hour is not.
func TestSeasonExplains(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(9, 9))
	var s Series
	hour := int64(400_000 * 24)
	day := func(spike int) (found bool) {
		for h := range 24 {
			for k := range 12 {
				x := 10 + r.NormFloat64()
				if h == spike && k == 3 {
					x = 25 + r.NormFloat64()
				}
				if s.Observe(&p, x, hour).Score >= p.Threshold {
					found = true
				}
			}
			hour++
		}
		return found
	}
	for range 10 {
		day(9)
	}
	late := 0
	for range 10 {
		if day(9) {
			late++
		}
	}
	assert.LessOrEqual(t, late, 2, "days on which a daily spike is still reported")
}

// One value can move the level by no more than the clip allows, whatever it is.
func TestPoisonIsClipped(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(1, 1))
	var s Series
	for range 2000 {
		s.Observe(&p, 10+r.NormFloat64(), Unknown)
	}
	before := s.Mean()
	s.Observe(&p, 1e12, Unknown)
	assert.Less(t, math.Abs(s.Mean()-before), p.Clip*2*(1-math.Exp2(-1/p.HalfLife))*2)
}

func TestCalls(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(1, 3))
	var c Calls
	assert.Equal(t, 1.0, c.Judge(&p, 100).P, "too young to judge")
	for range 1000 {
		c.Learn(&p, 7+.3*r.NormFloat64(), 1)
	}
	assert.Less(t, c.Judge(&p, 10).P, 1e-4)
	assert.Equal(t, 1.0, c.Judge(&p, 6).P, "low is not high")
	assert.InDelta(t, 7+1.645*.3, c.Judge(&p, 7).High, .1)
	before := c
	c.Judge(&p, 1e9)
	assert.Equal(t, before, c, "judging teaches nothing")
	w := codec.Writer(nil)
	c.Describe(w)
	var back Calls
	back.Describe(codec.Reader(w.Bytes()))
	assert.Equal(t, c, back)
}

func TestSize(t *testing.T) {
	assert.LessOrEqual(t, int(unsafe.Sizeof(Series{})), 600, "bytes a series")
	assert.LessOrEqual(t, int(unsafe.Sizeof(Calls{})), 128)
}

// FuzzSeries: scores and probabilities stay in their ranges and a snapshot is the
// state, whatever the values.
func FuzzSeries(f *testing.F) {
	f.Add([]byte{1, 2, 3, 255, 0, 0, 0}, int64(5), 3.0)
	f.Add([]byte{}, int64(-1), math.NaN())
	f.Fuzz(func(t *testing.T, raw []byte, hour int64, scale float64) {
		p := Defaults()
		p.Warm = 3
		hour %= 1 << 30
		s := &Series{}
		for i, b := range raw {
			x := (float64(b) - 100) * scale
			if math.Abs(x) > 1e30 {
				return
			}
			got := s.Observe(&p, x, hour+int64(i/4))
			require.True(t, got.Score >= 0 && got.Score <= 1, "%v", got.Score)
			require.True(t, got.Score == 0 || got.Score == got.Bare)
			require.True(t, got.P > 0 && got.P <= 1, "%v", got.P)
		}
		require.Equal(t, s, restored(t, s))
	})
}
