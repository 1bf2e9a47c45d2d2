package chain

import (
	"cmp"
	"slices"
)

// component is a set of runs that edges unite: a chain.
type component struct {
	runs     []*run
	root     *run
	id       string
	resolved bool // the root's own origin is known
	depth    int
	grade    Grade
	segments []Segment
	tenant   string
	reasons  []Code
	missing  []string
	verdict  Code
	first    int64
	last     int64
	edges    int
	actions  []*action
	unknown  int // actions that could not be judged
	noted    map[findingKey]bool
}

// components groups the runs into chains and names them.
func (j *judge) components() {
	parent := slices.Grow(j.links[:0], len(j.runs))[:len(j.runs)]
	j.links = parent
	for i, r := range j.runs {
		parent[i], r.group = i, i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for _, r := range j.runs {
		for _, e := range r.edges {
			if e.from != nil && e.unites() {
				a, b := find(r.group), find(e.from.group)
				parent[max(a, b)] = min(a, b)
			}
		}
	}
	for i, r := range j.runs {
		if k := find(i); k == i { // the smallest run of a chain comes first
			r.comp = &component{depth: -1}
			j.comps = append(j.comps, r.comp)
		} else {
			r.comp = j.runs[k].comp
		}
		r.comp.runs = append(r.comp.runs, r)
	}
	for _, c := range j.comps {
		j.name(c)
	}
}

// name finds the root of a chain: of the runs that nothing is above, the one
// that began first; in a cycle the one with the smallest id.
func (j *judge) name(c *component) {
	for _, r := range c.runs {
		top := !slices.ContainsFunc(r.edges, func(e *edge) bool { return e.from != nil && e.unites() })
		if top && (c.root == nil || cmp.Or(cmp.Compare(r.rec.Start, c.root.rec.Start), r.rec.Ref.Compare(c.root.rec.Ref)) < 0) {
			c.root = r
		}
	}
	if c.root == nil {
		c.root = c.runs[0]
	}
	c.resolved = c.root.resolved
	c.tenant = c.root.rec.Tenant
	if c.id = c.root.rec.Run.ChainID; c.id == "" {
		c.id = ChainID(c.root.rec.Ref)
	}
	c.first, c.last = c.root.rec.Start, c.root.rec.End
	worst := Grade("")
	for k, r := range c.runs {
		r.chain, r.root, r.group = c.id, c.root.rec.Ref, k
		c.first, c.last = min(c.first, r.rec.Start), max(c.last, r.rec.End, r.rec.Start)
		for _, e := range r.edges {
			c.edges++
			if e.kind != Join && e.grade != Inferred && (worst == "" || e.grade.rank() < worst.rank()) {
				worst = e.grade
			}
		}
		if c.resolved {
			c.depth = max(c.depth, r.depth)
		}
		if r.reauth {
			c.segments = append(c.segments, Segment{r.rec.Ref, r.principal})
		}
	}
	c.grade = worst
	if len(c.segments) > 0 {
		c.segments = append([]Segment{{c.root.rec.Ref, c.root.principal}}, c.segments...)
	}
}
