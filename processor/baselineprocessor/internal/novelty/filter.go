package novelty

import "github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"

// filter is a Bloom filter over words and pairs of words: it may claim to hold
// what it does not, never the other way round. A power of two of 64-bit words.
type filter []uint64

const probes = 3

func (f filter) add(h uint64) {
	step := h>>32 | 1
	for range probes {
		i := h & uint64(len(f)*64-1)
		f[i/64] |= 1 << (i % 64)
		h += step
	}
}

func (f filter) has(h uint64) bool {
	step := h>>32 | 1
	for range probes {
		i := h & uint64(len(f)*64-1)
		if f[i/64]&(1<<(i%64)) == 0 {
			return false
		}
		h += step
	}
	return true
}

// addText adds the words of a text and its pairs of neighbours. It reports
// whether all of it was read.
func (f filter) addText(seed uint64, text string) bool {
	before := uint64(0)
	return words(seed, text, func(h uint64) {
		f.add(h)
		if before != 0 {
			f.add(pair(before, h))
		}
		before = h
	})
}

// hasText reports whether the text, read as words, occurred: its one word, or
// every pair of neighbours. Text without a word never did.
func (f filter) hasText(seed uint64, text string) bool {
	before, n, all := uint64(0), 0, true
	words(seed, text, func(h uint64) {
		n++
		if all && n > 1 {
			all = f.has(pair(before, h))
		}
		before = h
	})
	if n == 1 {
		return f.has(before)
	}
	return n > 1 && all
}

// describe is the snapshot; a filter that holds nothing is one byte.
func (f *filter) describe(c *codec.Codec, size int) {
	n := uint64(len(*f))
	c.U64(&n)
	if c.Reading() {
		*f = nil
		if n == 0 {
			return
		}
		if n != uint64(size) {
			c.Fail()
			return
		}
		*f = make(filter, size)
	}
	for i := range *f {
		c.U64(&(*f)[i])
	}
}
