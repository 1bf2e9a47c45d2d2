package chain

import (
	"slices"
	"strings"
)

// joinEdges adds the run that asked under a protocol id which this run answers.
func (j *judge) joinEdges(r *run) {
	keys := r.rec.Answers
	at := r.tr.find(r.tr.nodes[r.node].parent)
	for hops := 0; at >= 0 && (r.up == nil || at != r.up.node) && hops < j.e.opts.Limits.Nesting && len(keys) < 64; hops++ {
		if rec := r.tr.recs[at]; rec != nil && rec.Role == Serves {
			keys = append(slices.Clip(keys), rec.Answers...)
		}
		at = r.tr.find(r.tr.nodes[at].parent)
	}
	for _, k := range keys {
		if id, ok := strings.CutPrefix(k, "call:"); ok {
			if j.callEdge(r, id) {
				return
			}
			continue
		}
		if name, ok := strings.CutPrefix(k, "name:"); ok {
			if j.nameEdge(r, name) {
				return
			}
			continue
		}
		jt := j.e.joints[r.rec.Tenant+"\x00"+k]
		if jt == nil {
			continue
		}
		best, by := (*Record)(nil), (*run)(nil)
		for _, ref := range jt.asked {
			rec, from := j.around(ref)
			if from == nil || from == r || r.isAbove(from) {
				continue
			}
			if best == nil || earlier(rec, best) {
				best, by = rec, from
			}
		}
		if best == nil {
			continue
		}
		for _, ref := range jt.asked {
			if rec, from := j.around(ref); from == by && rec != nil {
				j.delegate(ref) // a task is asked for once and then polled
			}
		}
		e := j.edge(edge{from: by, to: r, asked: best.Ref, kind: Delegate, grade: Correlated})
		if best == by.rec {
			e.asked = Ref{} // the lineage names a run, no span that asked
		}
		if best.Mode != "" {
			e.kind = best.Mode
		}
		r.edges = append(r.edges, e)
		return
	}
}

// callEdge adds the run of the tool call that a run names. Call ids are looked
// for within the group only: they are unique to a session at best.
func (j *judge) callEdge(r *run, id string) bool {
	var best *Record
	var by *run
	for _, t := range j.g.traces {
		for i := range t.nodes {
			rec := t.recs[i]
			if rec == nil || rec.Act == nil || rec.Act.CallID != id || rec.Tenant != r.rec.Tenant {
				continue
			}
			if from, _ := t.runAt(int32(i)); from != nil && !r.isAbove(from) && (best == nil || earlier(rec, best)) {
				best, by = rec, from
			}
		}
	}
	if best == nil {
		return false
	}
	j.delegate(best.Ref)
	e := j.edge(edge{from: by, to: r, asked: best.Ref, kind: Delegate, grade: Correlated})
	if best.Mode != "" {
		e.kind = best.Mode
	}
	r.edges = append(r.edges, e)
	return true
}

// nameEdge adds the run of the agent that a run names as its caller: in the same
// trace, the last one to start before it.
func (j *judge) nameEdge(r *run, name string) bool {
	var best *run
	for _, q := range j.runs {
		if q == r || q.rec.Ref.Trace != r.rec.Ref.Trace || q.rec.Start > r.rec.Start || r.isAbove(q) || q.rec.Tenant != r.rec.Tenant || !sameName(name, q.rec) {
			continue
		}
		if best == nil || earlier(best.rec, q.rec) {
			best = q
		}
	}
	if best == nil {
		return false
	}
	r.edges = append(r.edges, j.edge(edge{from: best, to: r, kind: Delegate, grade: Correlated}))
	return true
}

// isAbove reports whether r stands above q by parents: who asked cannot be below
// what was asked for.
func (r *run) isAbove(q *run) bool {
	for hops := 0; q != nil && hops < 1024; q, hops = q.up, hops+1 {
		if q == r {
			return true
		}
	}
	return false
}

// around returns the record of a span of this group, and the run around it.
func (j *judge) around(ref Ref) (*Record, *run) {
	t := j.e.traces[ref.Trace]
	if t == nil || t.group != j.g {
		return nil, nil
	}
	i := t.find(ref.Span)
	if i < 0 {
		return nil, nil
	}
	r, _ := t.runAt(i)
	return t.recs[i], r
}

// glance finds the run around a span of another group, which is not being
// judged: the last span on the way down that opens a run whatever else is known.
func (e *Engine) glance(ref Ref, tenant string) (at Ref, agent string) {
	t := e.traces[ref.Trace]
	if t == nil {
		return Ref{}, ""
	}
	var up []int32
	for i := t.find(ref.Span); i >= 0 && len(up) < e.opts.Limits.Nesting; i = t.find(t.nodes[i].parent) {
		up = append(up, i)
	}
	for _, i := range slices.Backward(up) {
		if t.nodes[i].size == 0 {
			continue
		}
		rec := e.peek(t, i)
		if rec.Role == Opens && rec.Tenant == tenant && (at.IsZero() || rec.Agent != "" && rec.Agent != agent) {
			at, agent = rec.Ref, e.intern(rec.Agent)
		}
	}
	return at, agent
}

// hintEdges adds what may stand above: it unites nothing and carries nothing.
func (j *judge) hintEdges(r *run) {
	for _, h := range r.rec.Hints {
		e := j.edge(edge{to: r, linked: h.To, kind: Delegate, grade: Inferred})
		if e.abroad, e.delegator = j.e.glance(h.To, r.rec.Tenant); !e.abroad.IsZero() && e.abroad != r.rec.Ref {
			r.hints = append(r.hints, e)
		}
	}
}
