package audit

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDecimalOf(t *testing.T) {
	for v, want := range map[float64]uint64{
		0: 0, 0.1: 100_000_000_000, 0.0036: 3_600_000_000, 3.75e-8: 37_500, 1e-12: 1,
		5e-13: 0, 1.5e-12: 2, 2.5e-12: 2, 1e-300: 0, 1234567.89: 1_234_567_890_000_000_000,
	} {
		got := decimalOf(v)
		assert.True(t, got.Set, v)
		assert.Equal(t, want, got.Value.Low, v)
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), -1, 1e8, math.MaxFloat64} {
		assert.False(t, decimalOf(v).Set, "%v is unknown, not 0", v)
	}
}
