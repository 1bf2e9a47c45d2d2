package codec

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

type sample struct {
	a uint64
	b uint32
	c uint16
	d uint8
	e int64
	f float64
	g float32
	h bool
	i string
	j [3]byte
	k []uint16
}

func (s *sample) describe(c *Codec) {
	c.U64(&s.a)
	c.U32(&s.b)
	c.U16(&s.c)
	c.U8(&s.d)
	c.I64(&s.e)
	c.F64(&s.f)
	c.F32(&s.g)
	c.Bool(&s.h)
	c.Str(&s.i)
	c.Raw(s.j[:])
	Each(c, &s.k, 100, func(v *uint16) { c.U16(v) })
}

func TestRoundTrip(t *testing.T) {
	in := sample{math.MaxUint64, math.MaxUint32, math.MaxUint16, 255, -5, math.Copysign(0, -1), 1e-38, true, "é", [3]byte{1, 2, 3}, []uint16{7, 8}}
	w := Writer(nil)
	in.describe(w)
	var out sample
	r := Reader(w.Bytes())
	out.describe(r)
	assert.False(t, r.Bad())
	assert.Empty(t, r.Bytes())
	assert.Equal(t, in, out)
	assert.True(t, math.Signbit(out.f), "bits are kept")
}

func TestTooMany(t *testing.T) {
	w := Writer(nil)
	long := make([]uint16, 101)
	Each(w, &long, 200, func(v *uint16) { w.U16(v) })
	r := Reader(w.Bytes())
	Each(r, &long, 100, func(v *uint16) { r.U16(v) })
	assert.True(t, r.Bad())
	assert.Empty(t, long)
}

// FuzzRead: whatever is read either fails or is a value that writes and reads
// back to itself.
func FuzzRead(f *testing.F) {
	w := Writer(nil)
	(&sample{a: 300, i: "x", k: []uint16{1}}).describe(w)
	f.Add(w.Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s, again sample
		r := Reader(raw)
		s.describe(r)
		if r.Bad() {
			assert.Empty(t, r.Bytes(), "nothing is read after a failure")
			return
		}
		w := Writer(nil)
		s.describe(w)
		r = Reader(w.Bytes())
		again.describe(r)
		assert.False(t, r.Bad())
		assert.Equal(t, s, again)
	})
}
