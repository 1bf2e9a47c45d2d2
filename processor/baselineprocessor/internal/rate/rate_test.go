package rate

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

func poisson(r *rand.Rand, mean float64) uint32 {
	n := uint32(0)
	for sum := r.ExpFloat64(); sum < mean; sum += r.ExpFloat64() {
		n++
	}
	return n
}

func restored(tb testing.TB, r *Rate) *Rate {
	tb.Helper()
	w := codec.Writer(nil)
	r.Describe(w)
	back := &Rate{}
	c := codec.Reader(w.Bytes())
	back.Describe(c)
	require.False(tb, c.Bad())
	require.Empty(tb, c.Bytes())
	return back
}

// A model keeps all counts: the bins closed are those older than the three newest,
// each event in its bin.
func TestBinsModel(t *testing.T) {
	p := Defaults()
	p.Stubborn = 0
	r := rand.New(rand.NewPCG(1, 2))
	var got Rate
	counts, head := map[int64]uint32{}, int64(1000)
	late := 0
	for range 5000 {
		if r.IntN(4) == 0 {
			head += int64(r.IntN(3))
		}
		bin := head - int64(r.IntN(5))
		_, tooLate := got.Add(&p, bin, 1, nil)
		if tooLate {
			late++
			require.Less(t, bin, head-Late)
			continue
		}
		counts[bin]++
		require.Equal(t, counts[bin], got.counts[slot(bin)])
	}
	assert.Positive(t, late)
}

func TestSteadyIsQuietAndBurstsAreFound(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(3, 4))
	var k Rate
	bin := int64(0)
	for ; bin < 20_000; bin++ {
		v, _ := k.Add(&p, bin, poisson(r, 6), nil)
		require.False(t, v.Fired, "bin %d: %+v", bin, v)
	}
	v, _ := k.Add(&p, bin, 90, nil)
	assert.True(t, v.Fired)
	assert.Equal(t, Burst, v.Rule)
	assert.InDelta(t, 6, v.Expected, 1)
	assert.False(t, v.Critical, "one bin")
	v, _ = k.Add(&p, bin+1, 90, nil)
	assert.True(t, v.Critical, "two bins at ten times the usual")
}

func TestSustained(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(5, 4))
	var k Rate
	bin := int64(0)
	for ; bin < 500; bin++ {
		k.Add(&p, bin, poisson(r, 3), nil)
	}
	rule := Rule("")
	for ; bin < 530 && rule == ""; bin++ {
		v, _ := k.Add(&p, bin, poisson(r, 8), nil)
		rule = v.Rule
	}
	assert.Equal(t, Sustained, rule)
}

// What fired does not teach: a critical burst of a hundred bins leaves the mean
// where it was, and in the end a new level is learned all the same.
func TestWhatFiredDoesNotTeach(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(6, 4))
	var k Rate
	bin := int64(0)
	for ; bin < 500; bin++ {
		k.Add(&p, bin, poisson(r, 5), nil)
	}
	before := k.Mean()
	for ; bin < 600; bin++ {
		k.Add(&p, bin, 100, nil)
	}
	assert.Less(t, k.Mean(), 2*before)
	for ; bin < 5000; bin++ {
		k.Add(&p, bin, 100, nil)
	}
	assert.InDelta(t, 100, k.Mean(), 10, "after Stubborn bins it is the new normal")
}

// A pause is none of the baseline's.
func TestPause(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(7, 4))
	var k Rate
	for bin := range int64(500) {
		k.Add(&p, bin, poisson(r, 5), nil)
	}
	before := k.Mean()
	v, _ := k.Add(&p, 500+8640, 5, nil)
	assert.False(t, v.Fired)
	assert.Greater(t, k.Mean(), .7*before)
}

// An agent that a timer starts makes a few calls at once and then none for hours:
// that is its normal, and ten times as many are not.
func TestCalledByTimer(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(9, 4))
	for name, bins := range map[string]int64{"10s": 1080, "1m": 180, "1h": 3} {
		t.Run(name, func(t *testing.T) {
			var k Rate
			fired, bin := 0, int64(0)
			for run := range 100 {
				v, _ := k.Add(&p, bin, 5+uint32(r.IntN(6)), nil)
				if v.Fired && run >= 20 {
					fired++
				}
				bin += bins
			}
			assert.Zero(t, fired)
			v, _ := k.Add(&p, bin, 100, nil)
			assert.True(t, v.Fired)
		})
	}
}

// A key without history is held against its parent, from ten times on.
func TestParent(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(8, 4))
	var parent, child Rate
	for bin := range int64(200) {
		parent.Add(&p, bin, poisson(r, 5), nil)
	}
	v, _ := child.Add(&p, 200, 20, &parent)
	assert.False(t, v.Fired)
	v, _ = child.Add(&p, 200, 40, &parent)
	assert.True(t, v.Fired)
	assert.Equal(t, Parent, v.Rule)
}

func TestExplained(t *testing.T) {
	p := Defaults()
	var k Rate
	k.variance = 6
	v := Verdict{Fired: true, Rule: Burst, Observed: 40, Expected: 5}
	assert.False(t, k.Explained(&p, v, 1))
	assert.True(t, k.Explained(&p, v, 8))
	assert.False(t, k.Explained(&p, v, 1.5))
}

func TestSize(t *testing.T) { assert.LessOrEqual(t, int(unsafe.Sizeof(Rate{})), 96) }

// FuzzRate: verdicts stay sane and a restored key goes on bit for bit, whatever
// the counts, gaps and delays.
func FuzzRate(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 201, 5, 255, 9}, int64(-3))
	f.Fuzz(func(t *testing.T, raw []byte, bin int64) {
		p := Defaults()
		p.Warm = 2
		bin %= 1 << 40
		a, b := &Rate{}, &Rate{}
		for i, c := range raw {
			switch {
			case c < 100:
				bin += int64(c % 3)
			case c < 120:
				bin -= int64(c % 7)
			case c < 125:
				bin += 10_000
			}
			if i%7 == 3 {
				b = restored(t, b)
			}
			va, la := a.Add(&p, bin, uint32(c), nil)
			vb, lb := b.Add(&p, bin, uint32(c), nil)
			require.Equal(t, va, vb)
			require.Equal(t, la, lb)
			require.True(t, va.P >= 0 && va.P <= 1)
			require.False(t, va.Critical && !va.Fired)
			require.False(t, va.Fired && va.Rule == "")
			require.GreaterOrEqual(t, a.mean, 0.0)
			require.GreaterOrEqual(t, a.variance, 0.0)
			head, _ := a.Head()
			require.Equal(t, bin <= head-open, la)
		}
		require.Equal(t, a, b)
	})
}
