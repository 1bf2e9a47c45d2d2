package budget

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

func TestSpendAndEarn(t *testing.T) {
	p := Params{PerDay: 5, P: 1e-3}
	var b Budget
	n := 0
	for b.Admit(&p, 1000, 1e-9) {
		n++
	}
	assert.Equal(t, 5, n, "strong evidence spends it all")
	assert.False(t, b.Admit(&p, 1000, 0))
	assert.True(t, b.Admit(&p, 1000+86_400/5+1, 1e-9), "a fifth of a day earns one")
	b.Earn()
	assert.True(t, b.Admit(&p, 1000+86_400/5+1, 1e-9))

	var weak Budget
	assert.True(t, weak.Admit(&p, 1000, 1e-3))
	assert.False(t, weak.Admit(&p, 1000, 1e-3), "the less is left, the stronger the evidence")
	assert.True(t, weak.Admit(&p, 1000, 7e-4))
	var none Budget
	assert.False(t, none.Admit(&Params{PerDay: 0, P: 1}, 1000, 0))
}

// FuzzBudget: over any stretch no more goes out than a full budget and what the
// time earned, whatever is asked and when.
func FuzzBudget(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 0, 0, 0, 200}, uint8(5))
	f.Fuzz(func(t *testing.T, raw []byte, perDay uint8) {
		p := Params{PerDay: float64(perDay), P: 1e-3}
		var b Budget
		at, out := int64(1000), 0.0
		for _, x := range raw {
			at += int64(x) * 60
			if b.Admit(&p, at, float64(x)*1e-5) {
				out++
			}
			require.LessOrEqual(t, out, p.PerDay+float64(at-1000)*p.PerDay/86_400+1e-6)
			require.True(t, b.Left(&p) >= -1e-9 && b.Left(&p) <= p.PerDay)
		}
		w := codec.Writer(nil)
		b.Describe(w)
		var back Budget
		back.Describe(codec.Reader(w.Bytes()))
		require.Equal(t, b, back)
	})
}
