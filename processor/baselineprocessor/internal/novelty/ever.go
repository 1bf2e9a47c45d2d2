package novelty

import "github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"

// Ever remembers, roughly and in constant memory, which values an agent ever
// used under any argument: two filters, of which the older is dropped when the
// newer is half full. It may claim a value that never was, about one in eight when
// both are full, and forgets values not used for as long as that takes. The zero
// value is empty.
type Ever struct {
	now, before filter
	added       uint32 // new values in now
}

func (e *Ever) has(hash uint32) bool {
	h := mix(uint64(hash))
	return e.now != nil && e.now.has(h) || e.before != nil && e.before.has(h)
}

// Learn adds the values of a session.
func (e *Ever) Learn(p Params, uses []Use) {
	for i := range uses {
		h := mix(uint64(uses[i].Hash))
		if e.now == nil {
			e.now = make(filter, p.EverWords)
		}
		if e.now.has(h) {
			continue
		}
		e.now.add(h)
		// Half the bits are set after 64 ln 2 / probes values a word.
		if e.added++; int(e.added) >= p.EverWords*14 {
			e.before, e.now, e.added = e.now, nil, 0
		}
	}
}

// Describe is the snapshot.
func (e *Ever) Describe(c *codec.Codec, p Params) {
	e.now.describe(c, p.EverWords)
	e.before.describe(c, p.EverWords)
	c.U32(&e.added)
}
