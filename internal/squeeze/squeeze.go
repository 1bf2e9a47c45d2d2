// Package squeeze compresses what is written to a storage once and read back only
// after a crash: fast, and without leaving large buffers to the garbage collector.
package squeeze

import (
	"sync"

	"github.com/klauspost/compress/s2"
)

// scratch holds blocks whose length is known only once they are compressed.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// Pack returns head followed by raw as an S2 block. The result shares nothing with
// either and is no longer than it has to be. It may be called concurrently.
func Pack(head, raw []byte) []byte {
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	if n := s2.MaxEncodedLen(len(raw)); cap(*buf) < n {
		*buf = make([]byte, n)
	}
	block := s2.Encode((*buf)[:cap(*buf)], raw)
	out := make([]byte, 0, len(head)+len(block))
	return append(append(out, head...), block...)
}

// Unpack returns what Pack was given as raw, or an error where block is none of its.
func Unpack(block []byte) ([]byte, error) { return s2.Decode(nil, block) }
