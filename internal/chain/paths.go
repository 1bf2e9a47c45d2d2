package chain

import (
	"slices"
)

// walk settles what depends on ancestors: cycles, depth, principals, segments.
func (j *judge) ancestry() {
	j.cycles()
	for _, r := range j.runs {
		j.settle(r)
	}
	j.tokens()
	for _, r := range j.runs {
		r.principal = j.principalOf(r)
	}
}

// cycles finds the runs that are their own ancestors: Tarjan's strongly
// connected components over the uniting edges, without recursion.
func (j *judge) cycles() {
	type frame struct {
		r    *run
		next int
	}
	index := 0
	var stack []*run
	var work []frame
	for _, start := range j.runs {
		if start.mark != 0 {
			continue
		}
		work = append(work[:0], frame{r: start})
		for len(work) > 0 {
			f := &work[len(work)-1]
			r := f.r
			if f.next == 0 && r.mark == 0 {
				index++
				r.mark, r.low, r.onStack = index, index, true
				stack = append(stack, r)
			}
			if f.next < len(r.edges) {
				e := r.edges[f.next]
				f.next++
				p := e.from
				if p == nil || !e.unites() {
					continue
				}
				if p == r {
					r.inCycle = true
				}
				if p.mark == 0 {
					work = append(work, frame{r: p})
				} else if p.onStack {
					r.low = min(r.low, p.mark)
				}
				continue
			}
			work = work[:len(work)-1]
			if len(work) > 0 {
				q := work[len(work)-1].r
				q.low = min(q.low, r.low)
			}
			if r.low != r.mark {
				continue
			}
			for alone := true; ; alone = false {
				m := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				m.onStack = false
				if m != r || !alone {
					m.inCycle = true
				}
				if m == r {
					if !alone {
						r.inCycle = true
					}
					break
				}
			}
		}
	}
}

// settle finds depth and segment of a run from those on its path. A path is
// free of cycles unless a run of it is in one, where walking stops.
func (j *judge) settle(r *run) {
	if r.stamp == -1 {
		return
	}
	work := []*run{r}
	for len(work) > 0 {
		r := work[len(work)-1]
		if r.stamp == -1 {
			work = work[:len(work)-1]
			continue
		}
		if !r.inCycle {
			before := len(work)
			for _, e := range r.path {
				if e.from != nil && e.from.stamp != -1 && !e.from.inCycle && !e.cut {
					work = append(work, e.from)
				}
			}
			if len(work) > before {
				continue
			}
		}
		j.settleOne(r)
		r.stamp = -1
		work = work[:len(work)-1]
	}
}

func (j *judge) settleOne(r *run) {
	r.remaining, r.depth, r.segment = j.e.opts.MaxDepth, 0, r
	for _, e := range r.edges {
		if e.missing {
			r.broken = true
		}
	}
	switch {
	case r.inCycle:
		r.tainted = true
	case len(r.path) == 0:
		r.broken = r.broken || r.upMissing
		r.resolved = !r.broken
	default:
		r.resolved = true
		for _, e := range r.path {
			j.descend(r, e)
		}
	}
	if !r.resolved {
		r.depth = -1
	}
}

// descend takes over from the run above on one edge of the path. With several
// the least remaining depth and the greatest depth count.
func (j *judge) descend(r *run, e *edge) {
	e.remaining = j.e.opts.MaxDepth
	p := e.from
	switch {
	case e.external:
	case p == nil || e.cut:
		r.resolved = false
	case p.inCycle || p.tainted:
		r.tainted, r.resolved = true, false
	default:
		r.resolved = r.resolved && p.resolved
		r.depth = max(r.depth, p.depth+1)
		r.segment = p.segment
		e.remaining = p.remaining
		if p.entry != nil {
			if d := j.entryOf(e); d != nil {
				if m := d.Delegation().MaxDepth; m >= 0 {
					e.remaining = min(e.remaining, m)
				}
			}
		}
		e.remaining--
	}
	if g := e.grant.depth; g.Known && e.authority {
		e.remaining = min(e.remaining, g.N)
	}
	r.remaining = min(r.remaining, e.remaining)
}

// tokens joins runs with what the decision receiver knows of their tokens: by the
// decisions about their actions, and by the grant they use. Of several the one
// with the smallest id counts.
func (j *judge) tokens() {
	if len(j.e.decisions) == 0 {
		return
	}
	best := map[*run]*Decision{}
	consider := func(r *run, d *Decision) {
		if d == nil || d.Tenant != r.rec.Tenant {
			return
		}
		if d.Actor != "" && d.Actor != r.rec.Agent && (r.impostor == "" || d.Actor < r.impostor) {
			r.impostor = d.Actor
		}
		if d.Principal.Grade == Verified && (best[r] == nil || d.ID < best[r].ID) {
			best[r], r.checked = d, d.Principal
		}
	}
	for _, t := range j.g.traces {
		for i := range t.nodes {
			rec := t.recs[i]
			if rec == nil || rec.Act == nil {
				continue
			}
			if r, _ := t.runAt(int32(i)); r != nil {
				consider(r, j.decisionOf(r, rec.Act))
			}
		}
	}
	for _, r := range j.runs {
		for _, e := range r.edges {
			for _, d := range j.e.byGrant[r.rec.Tenant+"\x00"+e.id] {
				if e.id != "" && (d.Agent == "" || d.Agent == r.rec.Agent) {
					consider(r, d)
				}
			}
		}
	}
}

// principalOf takes the run's own principal, else that of the nearest ancestor
// that has one of its own, else what is known less well.
func (j *judge) principalOf(r *run) Principal {
	j.stamp++
	level := []*run{r}
	var weak Principal
	for hops := 0; len(level) > 0 && hops <= j.e.opts.Limits.RunsPerChain; hops++ {
		var next []*run
		for _, q := range level {
			if q.stamp == j.stamp {
				continue
			}
			q.stamp = j.stamp
			o := q.rec.Run
			for _, p := range [...]Principal{q.checked, o.Verified, o.Stated} {
				if p.ID != "" {
					return p
				}
			}
			for _, p := range [...]Principal{o.Weak, o.Platform} {
				if p.ID != "" {
					weak = p // the farthest stands for the one who asked first
					break
				}
			}
			if q.reauth {
				continue
			}
			for _, e := range q.path {
				if e.from != nil && !e.cut {
					next = append(next, e.from)
				}
			}
		}
		slices.SortFunc(next, func(a, b *run) int { return a.rec.Ref.Compare(b.rec.Ref) })
		level = next
	}
	if weak.ID != "" {
		return weak
	}
	return Principal{Grade: Missing}
}
