// Package seal puts a checksum behind a value, so that what is read is what was
// written or is known not to be.
package seal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Mark is the key of a storage whose values all have a checksum. Others had values
// before there was one, and those are taken as they are.
const Mark = "\x00sealed"

// A sealed value ends with the checksum of what is before it, and a magic that
// tells it from one that was stored without.
const (
	magic  = "\xf7SWC"
	length = 4 + len(magic)
)

// ErrDamaged says that a value is not what was written.
var ErrDamaged = errors.New("the stored value is damaged")

var table = crc32.MakeTable(crc32.Castagnoli)

// Seal returns a copy with the checksum.
func Seal(value []byte) []byte {
	out := make([]byte, 0, len(value)+length)
	out = append(out, value...)
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(value, table))
	return append(out, magic...)
}

// Open returns the value, which shares memory with raw. Where all values of the
// storage are sealed, one that is not is damaged; nil, nothing stored, never is.
func Open(raw []byte, all bool) ([]byte, error) {
	if raw == nil {
		return nil, nil
	}
	n := len(raw) - length
	if n < 0 || string(raw[n+4:]) != magic {
		if all {
			return nil, ErrDamaged
		}
		return raw, nil
	}
	if binary.BigEndian.Uint32(raw[n:]) != crc32.Checksum(raw[:n], table) {
		return nil, ErrDamaged
	}
	return raw[:n:n], nil
}
