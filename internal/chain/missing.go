package chain

import (
	"slices"
)

// evidence notes what is missing around a run.
func (j *judge) evidence(c *component, r *run) {
	brokenFound := false
	for _, e := range r.edges {
		if !e.missing || e.cut {
			continue
		}
		j.broken(c, r, "link:"+e.linked.String())
		brokenFound = true
	}
	switch {
	case !r.upMissing || brokenFound:
	case len(r.path) == 0 && !r.reauth:
		j.broken(c, r, "parent")
	default:
		c.lack("a span above " + r.rec.Ref.String() + " did not come")
	}
	if slices.ContainsFunc(r.edges, func(e *edge) bool { return e.cut }) {
		c.lack("a limit cut the links of " + r.rec.Ref.String())
	}
	if slices.ContainsFunc(r.edges, func(e *edge) bool { return e.weak }) {
		c.lack("what delegated to " + r.rec.Ref.String() + " is not evidenced well enough to carry authority")
	}
	if r.rec.Run.Dropped > 0 {
		c.lack("links of " + r.rec.Ref.String() + " were dropped")
	}
	if r.rec.Run.Sampled {
		c.lack("traces like that of " + r.rec.Ref.String() + " are sampled")
	}
	if r.tr.cut {
		c.lack("trace " + r.rec.Ref.String()[:32] + " is incomplete or contradicts itself")
	}
}

func (j *judge) broken(c *component, r *run, cause string) {
	r.codes = append(r.codes, BrokenLink)
	before := len(j.findings)
	j.note(c, r, BrokenLink, r.rec.Ref, cause, cause)
	if r.rec.Run.Sampled && len(j.findings) > before {
		j.findings[before].Severity = Warning
	}
	c.lack("what " + r.rec.Ref.String() + " refers to did not come")
}

func (c *component) lack(what string) {
	if len(c.missing) < 32 && !slices.Contains(c.missing, what) {
		c.missing = append(c.missing, what)
	}
}

// silent notes delegating spans that no run answers. They are judged by
// delegation.to alone.
func (j *judge) silent() {
	for k := range j.asks {
		a := &j.asks[k]
		if a.used || j.delegates[a.rec.Ref] || a.rec.Role == HandsOver && j.givesBack(a) {
			continue
		}
		c := a.by.comp
		before := len(j.findings)
		j.note(c, a.by, SilentDelegation, a.rec.Ref, "silent", "to "+a.rec.Agent)
		if a.rec.Mode == Transfer && len(j.findings) > before {
			j.findings[before].Severity = Warning
		}
		if d := j.e.rights.Entry(a.by.rec.Tenant, a.by.rec.Agent, a.rec.Start); d != nil && a.rec.Agent != "" && j.settling && !d.MayDelegate(a.rec.Agent) {
			j.note(c, a.by, DelegationNotAllowed, a.rec.Ref, "to:"+a.rec.Agent, "to "+a.rec.Agent)
		}
	}
}

// givesBack reports whether a hand-over returns control to an agent above: that
// delegates nothing.
func (j *judge) givesBack(a *ask) bool {
	j.stamp++
	todo := []*run{a.by}
	for len(todo) > 0 {
		q := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if q.stamp == j.stamp {
			continue
		}
		q.stamp = j.stamp
		if q != a.by && sameName(a.rec.Agent, q.rec) {
			return true
		}
		for _, e := range q.path {
			if e.from != nil {
				todo = append(todo, e.from)
			}
		}
	}
	return false
}

// unused notes grants that were registered for a chain and that no run presents.
func (j *judge) unused(c *component) {
	for _, id := range j.e.granted[c.id] {
		shown := slices.ContainsFunc(c.runs, func(r *run) bool {
			return slices.ContainsFunc(r.edges, func(e *edge) bool { return e.id == id })
		})
		if !shown {
			j.note(c, c.root, SilentDelegation, c.root.rec.Ref, "grant:"+id, "grant "+id)
		}
	}
}

// ghosts notes agents that asked for decisions within a trace of the group and
// of which no run came.
func (j *judge) ghosts() {
	for _, t := range j.g.traces {
		for _, d := range t.decisions {
			if d.Agent == "" || slices.ContainsFunc(j.runs, func(r *run) bool { return r.rec.Agent == d.Agent && r.rec.Tenant == d.Tenant }) {
				continue
			}
			c, by := j.chainOf(t, d)
			if c == nil {
				continue
			}
			j.note(c, by, GhostDelegatee, d.Span, "decision:"+d.Agent, d.Agent+" asked for "+d.ID)
		}
	}
}

// chainOf finds the chain that a decision belongs to: of the run around its
// span, else of the first run of its trace.
func (j *judge) chainOf(t *trace, d *Decision) (*component, *run) {
	if i := t.find(d.Span.Span); i >= 0 {
		if r, _ := t.runAt(i); r != nil {
			return r.comp, r
		}
	}
	for _, r := range j.runs {
		if r.tr == t {
			return r.comp, r
		}
	}
	if len(j.runs) > 0 {
		return j.runs[0].comp, j.runs[0]
	}
	return nil, nil
}
