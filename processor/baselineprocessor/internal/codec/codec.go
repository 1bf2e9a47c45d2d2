// Package codec writes and reads snapshots. One description of a value serves
// both directions, so what is written and what is read cannot differ; numbers
// keep their bits.
package codec

import (
	"encoding/binary"
	"math"
)

// Codec writes to, or reads from, a byte slice. Reading bytes that no Codec
// wrote never panics: it ends with Bad and zero values. Not safe for concurrent
// use.
type Codec struct {
	b       []byte
	reading bool
	bad     bool
}

// Writer returns a Codec that appends to b.
func Writer(b []byte) *Codec { return &Codec{b: b} }

// Reader returns a Codec that reads from b, which it does not change.
func Reader(b []byte) *Codec { return &Codec{b: b, reading: true} }

// Reading reports the direction.
func (c *Codec) Reading() bool { return c.reading }

// Bytes returns what was written, or what is left to read.
func (c *Codec) Bytes() []byte { return c.b }

// Bad reports whether something could not be read.
func (c *Codec) Bad() bool { return c.bad }

// Fail makes the rest of the reading fail: for values out of their range.
func (c *Codec) Fail() { c.bad, c.b = true, nil }

// U64 describes an unsigned integer.
func (c *Codec) U64(v *uint64) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	n, size := binary.Uvarint(c.b)
	if size <= 0 {
		c.Fail()
		*v = 0
		return
	}
	*v, c.b = n, c.b[size:]
}

// unsigned describes a narrower unsigned integer.
func unsigned[T ~uint8 | ~uint16 | ~uint32](c *Codec, v *T, most uint64) {
	u := uint64(*v)
	c.U64(&u)
	if u > most {
		c.Fail()
		u = 0
	}
	*v = T(u)
}

// U32 describes an unsigned integer of 32 bits.
func (c *Codec) U32(v *uint32) { unsigned(c, v, math.MaxUint32) }

// U16 describes an unsigned integer of 16 bits.
func (c *Codec) U16(v *uint16) { unsigned(c, v, math.MaxUint16) }

// U8 describes a byte.
func (c *Codec) U8(v *uint8) { unsigned(c, v, math.MaxUint8) }

// I64 describes a signed integer.
func (c *Codec) I64(v *int64) {
	u := uint64(*v)
	c.U64(&u)
	*v = int64(u)
}

// F64 describes a float, bit for bit. A NaN or an infinity cannot be read: no
// kernel holds one.
func (c *Codec) F64(v *float64) {
	u := math.Float64bits(*v)
	c.U64(&u)
	*v = math.Float64frombits(u)
	if c.reading && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
		c.Fail()
		*v = 0
	}
}

// F32 describes a float of 32 bits, as F64 does.
func (c *Codec) F32(v *float32) {
	u := math.Float32bits(*v)
	c.U32(&u)
	*v = math.Float32frombits(u)
	if f := float64(*v); c.reading && (math.IsNaN(f) || math.IsInf(f, 0)) {
		c.Fail()
		*v = 0
	}
}

// Bool describes a truth value.
func (c *Codec) Bool(v *bool) {
	var u uint8
	if *v {
		u = 1
	}
	c.U8(&u)
	if u > 1 {
		c.Fail()
	}
	*v = u == 1
}

// Str describes a string.
func (c *Codec) Str(v *string) {
	n := uint64(len(*v))
	c.U64(&n)
	if !c.reading {
		c.b = append(c.b, *v...)
		return
	}
	if n > uint64(len(c.b)) {
		c.Fail()
		*v = ""
		return
	}
	*v, c.b = string(c.b[:n]), c.b[n:]
}

// Raw describes a slice of fixed length: the reader's own length.
func (c *Codec) Raw(v []byte) {
	if !c.reading {
		c.b = append(c.b, v...)
		return
	}
	if len(c.b) < len(v) {
		c.Fail()
		clear(v)
		return
	}
	c.b = c.b[copy(v, c.b):]
}

// Each describes a slice of any length up to most, element by element. Reading
// never makes more elements than there are bytes left.
func Each[T any](c *Codec, s *[]T, most int, one func(*T)) {
	n := uint64(len(*s))
	c.U64(&n)
	if !c.reading {
		for i := range *s {
			one(&(*s)[i])
		}
		return
	}
	*s = nil
	if n > uint64(len(c.b)) || n > uint64(most) {
		c.Fail()
		return
	}
	if n > 0 {
		*s = make([]T, n)
	}
	for i := range *s {
		one(&(*s)[i])
		if c.bad {
			*s = nil
			return
		}
	}
}
