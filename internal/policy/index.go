package policy

import "slices"

// toolIndex finds the rules that may match a tool by its name: the exact names
// in one map, the patterns by the text their matches begin with.
type toolIndex struct {
	exact    map[string][]int32
	prefixes map[string][]int32
	lengths  []int // of prefixes, ascending, each once
}

func (x *toolIndex) add(g *glob, id int32) {
	if x.exact == nil {
		x.exact, x.prefixes = map[string][]int32{}, map[string][]int32{}
	}
	put := func(m map[string][]int32, key string) {
		if ids := m[key]; len(ids) == 0 || ids[len(ids)-1] != id {
			m[key] = append(ids, id)
		}
	}
	if g == nil {
		put(x.prefixes, "")
		x.lengths = appendLength(x.lengths, 0)
		return
	}
	for _, alt := range g.alts {
		if s, ok := literal(alt); ok {
			put(x.exact, s)
			continue
		}
		p := prefix(alt)
		put(x.prefixes, p)
		x.lengths = appendLength(x.lengths, len(p))
	}
}

func appendLength(lengths []int, n int) []int {
	i, found := slices.BinarySearch(lengths, n)
	if found {
		return lengths
	}
	return slices.Insert(lengths, i, n)
}

// bucket returns the i-th list of candidates for a tool of this name; more is
// false past the last.
func (x *toolIndex) bucket(name string, i int) (ids []int32, more bool) {
	if i == 0 {
		return x.exact[name], true
	}
	if i > len(x.lengths) || x.lengths[i-1] > len(name) {
		return nil, false
	}
	return x.prefixes[name[:x.lengths[i-1]]], true
}
