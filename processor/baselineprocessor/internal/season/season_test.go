package season

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

// Office hours of three weeks: the first hour of the morning is many times busier
// than the hour before, the second is not.
func TestOfficeHours(t *testing.T) {
	var w Week
	for h := range int64(7 * 24 * 3) {
		events := uint32(0)
		if h%24 >= 9 && h%24 < 17 {
			events = 100
		}
		w.Observe(h, events)
		if h < 7*24*2 {
			assert.Equal(t, 1.0, w.Factor(h), "nothing is explained before two weeks")
		}
	}
	monday := int64(7 * 24 * 3)
	w.Observe(monday, 0)
	assert.Greater(t, w.Factor(monday+9), 10.0)
	assert.Equal(t, 1.0, w.Factor(monday+10))
	assert.Equal(t, 1.0, w.Factor(monday+3))
}

func TestSize(t *testing.T) { assert.LessOrEqual(t, int(unsafe.Sizeof(Week{})), 400) }

// FuzzWeek: a factor never makes an alarm, and a restored week is the same.
func FuzzWeek(f *testing.F) {
	f.Add([]byte{0, 0, 9, 200, 255, 1}, int64(-5), uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, hour int64, step uint8) {
		hour %= 1 << 40
		var w Week
		for _, x := range raw {
			w.Observe(hour, uint32(x)*uint32(x))
			require.GreaterOrEqual(t, w.Factor(hour), 1.0)
			hour += int64(x) % (int64(step) + 1)
		}
		k := codec.Writer(nil)
		w.Describe(k)
		var back Week
		c := codec.Reader(k.Bytes())
		back.Describe(c)
		require.False(t, c.Bad())
		require.Equal(t, w, back)
	})
}
