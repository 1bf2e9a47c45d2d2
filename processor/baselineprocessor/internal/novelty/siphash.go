package novelty

import (
	"encoding/binary"
	"math/bits"
)

// Key is the secret under which content is hashed. It is kept apart from the
// snapshot: without it the hashes in a snapshot say nothing.
type Key struct{ K0, K1 uint64 }

// KeyFrom reads a key from 16 bytes.
func KeyFrom(b [16]byte) Key {
	return Key{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

type sip struct{ v0, v1, v2, v3 uint64 }

func (s *sip) round() {
	s.v0 += s.v1
	s.v2 += s.v3
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 = bits.RotateLeft64(s.v0, 32)
	s.v2 += s.v1
	s.v0 += s.v3
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 = bits.RotateLeft64(s.v2, 32)
}

// Sum is SipHash-2-4 (Aumasson and Bernstein, 2012) of the text.
func (k Key) Sum(text string) uint64 {
	s := sip{k.K0 ^ 0x736f6d6570736575, k.K1 ^ 0x646f72616e646f6d, k.K0 ^ 0x6c7967656e657261, k.K1 ^ 0x7465646279746573}
	rest := text
	for len(rest) >= 8 {
		m := word(rest, 8)
		s.v3 ^= m
		s.round()
		s.round()
		s.v0 ^= m
		rest = rest[8:]
	}
	last := word(rest, len(rest)) | uint64(len(text))<<56
	s.v3 ^= last
	s.round()
	s.round()
	s.v0 ^= last
	s.v2 ^= 0xff
	for range 4 {
		s.round()
	}
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3
}

// word reads the first n bytes, at most 8, in little-endian order.
func word(s string, n int) uint64 {
	w := uint64(0)
	for i := n - 1; i >= 0; i-- {
		w = w<<8 | uint64(s[i])
	}
	return w
}
