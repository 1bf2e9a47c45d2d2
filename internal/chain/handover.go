package chain

import (
	"cmp"
	"slices"
)

// pairHandOvers joins hand-overs and agent tools with the runs they start, where
// neither parents nor links do: each with the earliest run of its target that
// starts after it, in time order, within a trace.
func (j *judge) pairHandOvers() {
	j.collectAsks()
	rs := make([]*run, 0, len(j.runs))
	for _, r := range j.runs {
		if !r.explained() {
			rs = append(rs, r)
		}
	}
	slices.SortFunc(rs, func(a, b *run) int {
		return cmp.Or(cmp.Compare(a.rec.Start, b.rec.Start), a.rec.Ref.Compare(b.rec.Ref))
	})
	skew := int64(j.e.opts.Skew)
	for _, r := range rs {
		for k := range j.asks {
			a := &j.asks[k]
			if a.rec.Start > r.rec.Start+skew {
				break
			}
			if a.used || j.delegates[a.rec.Ref] || a.rec.Ref.Trace != r.rec.Ref.Trace || a.rec.Role == Calls ||
				a.by == r || r.isAbove(a.by) || a.rec.Tenant != r.rec.Tenant || !sameName(a.rec.Agent, r.rec) {
				continue
			}
			a.used, a.to = true, r
			j.pair(a, r)
			break
		}
	}
}

// resumptions joins a run with the earlier run of its agent that handed control
// over: what it was handed to has given it back, which most emitters show by
// nothing but the order.
func (j *judge) resumptions() {
	for _, r := range j.runs {
		if len(r.edges) > 0 || r.upMissing || r.rec.Agent == "" {
			continue
		}
		var before, between *run
		for k := range j.asks {
			a := &j.asks[k]
			if a.by == r || a.by.rec.Agent != r.rec.Agent || a.by.rec.Tenant != r.rec.Tenant || a.by.up != r.up || a.to == nil ||
				a.rec.Mode != Transfer || a.by.rec.Ref.Trace != r.rec.Ref.Trace || a.to.rec.Start > r.rec.Start || !earlier(a.by.rec, r.rec) {
				continue
			}
			if before == nil || earlier(before.rec, a.by.rec) {
				before, between = a.by, a.to
			}
		}
		if before != nil {
			r.edges = append(r.edges,
				j.edge(edge{from: before, to: r, kind: Resume, grade: Correlated}),
				j.edge(edge{from: between, to: r, kind: Join, grade: Inferred}))
		}
	}
}

// explained reports whether a link or a span above says who asked for the run.
func (r *run) explained() bool {
	for _, e := range r.edges {
		if e.typed && e.kind != Join || !e.asked.IsZero() {
			return true
		}
	}
	return false
}

func (j *judge) pair(a *ask, r *run) {
	j.delegate(a.rec.Ref)
	kind := a.rec.Mode
	if kind == "" {
		kind = Delegate
	}
	grade := Structural
	if r.rec.Hook || a.rec.Hook {
		grade = Correlated
	}
	for _, e := range r.edges {
		if e.from == a.by && e.kind != Join {
			e.asked, e.kind = a.rec.Ref, kind
			if grade.rank() > e.grade.rank() {
				e.grade = grade
			}
			return
		}
	}
	r.edges = append(r.edges, j.edge(edge{from: a.by, to: r, asked: a.rec.Ref, kind: kind, grade: grade}))
}
