package ledger

import (
	"encoding/binary"
	"math"
	"time"
)

// codec writes or reads: one description serves both, so they cannot differ.
type codec struct {
	b       []byte
	reading bool
	bad     bool
}

func (c *codec) u64(v *uint64) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	n, size := binary.Uvarint(c.b)
	if size <= 0 {
		c.bad, c.b, *v = true, nil, 0
		return
	}
	*v, c.b = n, c.b[size:]
}

func (c *codec) i64(v *int64) {
	u := uint64(*v)
	c.u64(&u)
	*v = int64(u)
}

func (c *codec) f64(v *float64) {
	u := math.Float64bits(*v)
	c.u64(&u)
	*v = math.Float64frombits(u)
}

func (c *codec) bool(v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	c.u64(&u)
	*v = u == 1
}

func (c *codec) str(v *string) {
	n := uint64(len(*v))
	c.u64(&n)
	if !c.reading {
		c.b = append(c.b, *v...)
		return
	}
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return
	}
	*v, c.b = string(c.b[:n]), c.b[n:]
}

func (c *codec) id(v *ID) {
	if !c.reading {
		c.b = append(c.b, v[:]...)
		return
	}
	if len(c.b) < len(v) {
		c.bad, c.b = true, nil
		return
	}
	c.b = c.b[copy(v[:], c.b):]
}

func (c *codec) sum(v *Sum) {
	c.u64(&v.Hi)
	c.u64(&v.Lo)
}

func (c *codec) time(v *time.Time) {
	zero := v.IsZero()
	c.bool(&zero)
	if zero {
		if c.reading {
			*v = time.Time{}
		}
		return
	}
	ns := nanos(*v) // what the ledger makes of it
	c.i64(&ns)
	*v = time.Unix(0, ns).UTC()
}

// each describes a slice. Reading never makes more elements than there are bytes.
func each[T any](c *codec, s *[]T, one func(*T)) {
	n := uint64(len(*s))
	c.u64(&n)
	if !c.reading {
		for i := range *s {
			one(&(*s)[i])
		}
		return
	}
	*s = nil
	for range n {
		if c.bad || len(c.b) == 0 {
			c.bad = true
			return
		}
		var v T
		one(&v)
		*s = append(*s, v)
	}
}
