package errorrate

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

func TestUsualFailuresAreQuietAndManyAreFound(t *testing.T) {
	p := Defaults()
	r := rand.New(rand.NewPCG(1, 2))
	var e Errors
	for bin := range int64(3000) {
		for range 10 {
			v := e.Add(&p, bin, r.Float64() < .05, nil)
			require.False(t, v.Fired, "bin %d: %+v", bin, v)
		}
	}
	assert.InDelta(t, .05, e.Share(&p, nil), .02)
	var v Verdict
	for range 10 {
		v = e.Add(&p, 3000, true, nil)
	}
	assert.True(t, v.Fired)
	assert.True(t, v.Critical)
	assert.Less(t, v.P, 1e-6)
	e.Add(&p, 3001, false, nil)
	assert.InDelta(t, .05, e.Share(&p, nil), .02, "what fired does not teach")
}

// A young key borrows its parent's share: a tool of an agent whose calls often
// fail may fail often.
func TestParent(t *testing.T) {
	p := Defaults()
	var parent Errors
	for bin := range int64(100) {
		for i := range 10 {
			parent.Add(&p, bin, i%2 == 0, nil)
		}
	}
	five := func(parent *Errors) (v Verdict) {
		var child Errors
		for range 6 {
			v = child.Add(&p, 200, true, parent)
		}
		return v
	}
	assert.False(t, five(&parent).Fired)
	assert.False(t, five(nil).Fired, "too young to judge")
	var calm Errors
	for bin := range int64(100) {
		for range 10 {
			calm.Add(&p, bin, false, nil)
		}
	}
	assert.True(t, five(&calm).Fired)
}

func TestSize(t *testing.T) { assert.LessOrEqual(t, int(unsafe.Sizeof(Errors{})), 64) }

// FuzzErrors: a key restored at any moment goes on bit for bit, and verdicts stay
// sane.
func FuzzErrors(f *testing.F) {
	f.Add([]byte{1, 1, 1, 255, 3, 128, 1, 1, 1, 1, 1}, int64(7))
	f.Fuzz(func(t *testing.T, raw []byte, bin int64) {
		p := Defaults()
		p.Warm = 2
		bin %= 1 << 40
		a, b := &Errors{}, &Errors{}
		for i, c := range raw {
			bin += int64(c>>4) / 5
			if i%5 == 4 {
				w := codec.Writer(nil)
				b.Describe(w)
				b = &Errors{}
				k := codec.Reader(w.Bytes())
				b.Describe(k)
				require.False(t, k.Bad())
			}
			va, vb := a.Add(&p, bin, c&1 == 1, nil), b.Add(&p, bin, c&1 == 1, nil)
			require.Equal(t, va, vb)
			require.True(t, va.P >= 0 && va.P <= 1)
			require.True(t, va.Expected > 0 && va.Expected < 1, "%v", va.Expected)
			require.LessOrEqual(t, va.Errors, va.Calls)
			if va.Fired {
				require.GreaterOrEqual(t, va.Errors, p.Least)
			}
		}
		require.Equal(t, a, b)
	})
}
