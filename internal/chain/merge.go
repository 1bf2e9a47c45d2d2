package chain

import (
	"cmp"
	"slices"
)

// merge leaves one edge for each delegator's run: the one that the run names,
// else the best evidenced.
func merge(r *run) []*edge {
	if len(r.edges) < 2 {
		return r.edges
	}
	var out []*edge
	spare := map[*edge]Ref{} // of what is left out, the first span that asked
	for _, e := range r.edges {
		at := slices.IndexFunc(out, func(o *edge) bool {
			return o.from == e.from && (e.from != nil || o.linked == e.linked && o.kind == e.kind && o.id == e.id)
		})
		if at < 0 {
			out = append(out, e)
			continue
		}
		won, lost := out[at], e
		if better(r, e, won) {
			won, lost = e, won
			out[at] = won
		}
		asked := spare[lost]
		for _, x := range [...]Ref{lost.asked, spare[won]} {
			if asked.IsZero() || !x.IsZero() && x.Compare(asked) < 0 {
				asked = x
			}
		}
		spare[won] = asked
	}
	for _, e := range out {
		if e.asked.IsZero() {
			e.asked = spare[e]
		}
	}
	slices.SortFunc(out, func(a, b *edge) int {
		return cmp.Or(a.source().Compare(b.source()), cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
	return out
}

// source is what an edge comes from, for an order that depends on content only.
func (e *edge) source() Ref {
	if e.from != nil {
		return e.from.rec.Ref
	}
	return e.linked
}

func better(r *run, a, b *edge) bool {
	if x, y := a.kind == Join, b.kind == Join; x != y {
		return y
	}
	if n := r.rec.Run.DelegationID; n != "" && (a.id == n) != (b.id == n) {
		return a.id == n
	}
	if a.authority != b.authority {
		return a.authority
	}
	if c := cmp.Compare(a.grade.rank(), b.grade.rank()); c != 0 {
		return c > 0
	}
	if a.typed != b.typed {
		return a.typed
	}
	if c := cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.kind, b.kind)); c != 0 {
		return c < 0
	}
	return a.linked.Compare(b.linked) < 0
}

// cutFanOut refuses edges of a run that starts too many others. The runs with
// the smallest ids keep theirs.
func (j *judge) cutFanOut(r *run) {
	for _, e := range r.edges {
		if e.from == nil || !e.unites() {
			continue
		}
		if e.from.fanOut++; e.from.fanOut > j.e.opts.Limits.FanOut {
			j.e.Stats.FanOutCut++
			e.cut, e.missing = true, true
		}
	}
}

// choosePath picks the edges that a run's authority can come by.
func (r *run) choosePath() {
	r.named = r.rec.Run.DelegationID
	for _, e := range r.edges {
		if e.kind == Reauthorise && !e.cut {
			r.reauth = true
		}
		if e.external && e.authority {
			r.external = true
		}
	}
	if r.reauth {
		return
	}
	has := func(want func(*edge) bool) bool { return slices.ContainsFunc(r.edges, want) }
	pick := func(want func(*edge) bool) {
		for _, e := range r.edges {
			if want(e) {
				r.path = append(r.path, e)
			}
		}
	}
	causal := func(e *edge) bool { return e.unites() || e.cut }
	authority := func(e *edge) bool { return causal(e) && e.authority }
	named := func(e *edge) bool { return causal(e) && r.named != "" && e.id == r.named }
	switch {
	case has(named):
		pick(named)
	case has(authority):
		pick(authority)
	default:
		pick(causal)
	}
}
