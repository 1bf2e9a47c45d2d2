package drift

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

// frog runs 30 days of usual work and then a ramp a day, to ten times and no
// further, and returns on which day of the ramp it was reported, by which rule,
// and how high the level was. 0 is never.
func frog(p Params, perDay float64) (at int, rule Rule, times float64) {
	r := rand.New(rand.NewPCG(1, 2))
	var h Horizons
	second := int64(20_000 * day)
	for d := range 200 {
		level := min(10, math.Pow(perDay, math.Max(0, float64(d-30))))
		for range 24 {
			for range 5 {
				if v := h.Observe(&p, math.Log(100*level)+.3*r.NormFloat64(), second); v.Fired {
					return d - 30, v.Rule, level
				}
				second += 720
			}
		}
	}
	return 0, "", 0
}

// A frog that is boiled by 5 % a day up to ten times: the anchor reports it on a
// stated day, without the anchor it is missed.
func TestBoilingFrog(t *testing.T) {
	p := Defaults()
	at, rule, times := frog(p, 1.05)
	t.Logf("with the anchor: reported on day %d of the ramp by %s, at %.2f times the old level", at, rule, times)
	assert.Equal(t, Anchor, rule)
	assert.Equal(t, 24, at, "the stated day")
	assert.Less(t, times, 3.5)
	p.NoAnchor = true
	at, _, _ = frog(p, 1.05)
	assert.Zero(t, at, "without the anchor it is missed")
}

func TestQuietAndSudden(t *testing.T) {
	p := Defaults()
	at, _, _ := frog(p, 1)
	assert.Zero(t, at, "nothing drifts")
	at, rule, _ := frog(p, 3)
	assert.LessOrEqual(t, at, 2)
	assert.Equal(t, FastSlow, rule)
}

// A pause of any length is no drift.
func TestPause(t *testing.T) {
	p := Defaults()
	var h Horizons
	second := int64(20_000 * day)
	for range 24 * 40 {
		require.False(t, h.Observe(&p, 5, second).Fired)
		second += 3600
	}
	second += 300 * day
	for range 24 {
		require.False(t, h.Observe(&p, 5, second).Fired)
		second += 3600
	}
}

func TestAccept(t *testing.T) {
	p := Defaults()
	var h Horizons
	second := int64(20_000 * day)
	feed := func(x float64, hours int) (fired bool) {
		for range hours {
			fired = h.Observe(&p, x, second).Fired
			second += 3600
		}
		return fired
	}
	feed(5, 24*40)
	assert.True(t, feed(8, 24*10))
	h.Accept()
	assert.False(t, feed(8, 48))
}

func TestMix(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(4, 2))
	var m Mix
	second := int64(20_000 * day)
	run := func(hours int, tools []uint32) (fired bool) {
		for range hours * 10 {
			second += 360
			if _, f := m.Add(&p, tools[r.IntN(len(tools))], second); f {
				fired = true
			}
		}
		return fired
	}
	assert.False(t, run(24*20, []uint32{1, 2, 3}))
	assert.True(t, run(24*3, []uint32{3, 4}), "half of the calls are of a tool that was never used")
}

func TestSize(t *testing.T) {
	assert.LessOrEqual(t, int(unsafe.Sizeof(Horizons{})), 48)
}

// FuzzHorizons: restored at any moment it goes on bit for bit; without an anchor
// there is no anchor's verdict; the levels stay within what was seen.
func FuzzHorizons(f *testing.F) {
	f.Add([]byte{10, 20, 200, 3, 255}, uint16(4000), true)
	f.Fuzz(func(t *testing.T, raw []byte, step uint16, noAnchor bool) {
		p := Defaults()
		p.NoAnchor = noAnchor
		a, b := &Horizons{}, &Horizons{}
		second := int64(20_000 * day)
		lo, hi := math.Inf(1), math.Inf(-1)
		for i, x := range raw {
			v := float64(x)/16 - 8
			lo, hi = min(lo, v), max(hi, v)
			if i%3 == 2 {
				w := codec.Writer(nil)
				b.Describe(w)
				b = &Horizons{}
				c := codec.Reader(w.Bytes())
				b.Describe(c)
				require.False(t, c.Bad())
			}
			va, vb := a.Observe(&p, v, second), b.Observe(&p, v, second)
			require.Equal(t, va, vb)
			if noAnchor {
				require.NotEqual(t, Anchor, va.Rule)
			}
			if va.Fast != 0 {
				require.True(t, math.Log(va.Fast) >= lo-1e-3 && math.Log(va.Fast) <= hi+1e-3, fmt.Sprint(va, lo, hi))
			}
			second += int64(step) * 4
		}
	})
}

// FuzzMix: the divergence is from 0 to 1 bit, and a restored mix is the same.
func FuzzMix(f *testing.F) {
	f.Add([]byte{1, 2, 3, 1, 1, 200})
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := Defaults()
		p.Young, p.MixCalls = 0, 0
		var m Mix
		second := int64(20_000 * day)
		for _, x := range raw {
			bits, _ := m.Add(&p, uint32(x), second)
			require.True(t, bits >= 0 && bits <= 1, "%v", bits)
			require.LessOrEqual(t, len(m.kinds), MaxKinds)
			second += int64(x) * 100
		}
		w := codec.Writer(nil)
		m.Describe(w)
		var back Mix
		c := codec.Reader(w.Bytes())
		back.Describe(c)
		require.False(t, c.Bad())
		require.Equal(t, m, back)
	})
}
