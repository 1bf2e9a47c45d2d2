package engine

import (
	"slices"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

// ids remembers the last ids, so that each action counts once: at least half of
// most, and at most most, in two generations of which the older is dropped.
type ids struct {
	now, before idSet
	most        int
}

// idSet is a hash table of ids that are random already; 0 is free.
type idSet struct {
	slots []uint64
	n     int
}

func newIDs(most int) ids { return ids{most: max(2, most)} }

// first remembers the id and reports whether it was new.
func (r *ids) first(id uint64) bool {
	id = max(id, 1)
	if r.now.has(id) || r.before.has(id) {
		return false
	}
	if r.now.n >= r.most/2 {
		r.before, r.now = r.now, idSet{}
	}
	r.now.add(id)
	return true
}

func (s *idSet) slot(id uint64) int {
	id *= prime
	return int((id ^ id>>32) & uint64(len(s.slots)-1))
}

func (s *idSet) has(id uint64) bool {
	if s.n == 0 {
		return false
	}
	for i := s.slot(id); s.slots[i] != 0; i = (i + 1) & (len(s.slots) - 1) {
		if s.slots[i] == id {
			return true
		}
	}
	return false
}

func (s *idSet) add(id uint64) {
	if 2*s.n >= len(s.slots) {
		old := s.slots
		s.slots = make([]uint64, max(64, 2*len(old)))
		for _, v := range old {
			if v != 0 {
				s.put(v)
			}
		}
	}
	s.put(id)
	s.n++
}

func (s *idSet) put(id uint64) {
	i := s.slot(id)
	for s.slots[i] != 0 {
		i = (i + 1) & (len(s.slots) - 1)
	}
	s.slots[i] = id
}

// describe is the snapshot, in the order of the ids.
func (r *ids) describe(c *codec.Codec) {
	for _, s := range []*idSet{&r.before, &r.now} {
		var all []uint64
		for _, v := range s.slots {
			if v != 0 {
				all = append(all, v)
			}
		}
		slices.Sort(all)
		codec.Each(c, &all, most, func(id *uint64) { c.U64(id) })
		if !c.Reading() {
			continue
		}
		*s = idSet{}
		for _, id := range all {
			if id == 0 || s.has(id) {
				c.Fail()
				return
			}
			s.add(id)
		}
	}
}
