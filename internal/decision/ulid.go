package decision

import "time"

// ID is the id of a decision: a ULID, 48 bits of milliseconds and 80 random bits.
type ID [16]byte

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID returns the id of a moment and 10 random bytes. Times before 1970 count
// as its first millisecond.
func NewID(at time.Time, random [10]byte) (id ID) {
	ms := uint64(max(at.UnixMilli(), 0))
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	copy(id[6:], random[:])
	return id
}

// String returns the 26 characters of the id; ids sort as their times do.
func (id ID) String() string {
	var out [26]byte
	// 130 bits for 128: the first character holds the top three.
	for i := range 26 {
		bit := 5*i - 2
		var v uint16
		for b := bit; b < bit+5; b++ {
			v <<= 1
			if b >= 0 {
				v |= uint16(id[b/8]>>(7-b%8)) & 1
			}
		}
		out[i] = crockford[v]
	}
	return string(out[:])
}

// IsZero reports whether the id is none.
func (id ID) IsZero() bool { return id == ID{} }
