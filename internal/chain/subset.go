package chain

import "slices"

// checkScope judges the scope of a grant at birth: whether the delegator holds
// what it gives, and whether it may pass it on. Time and depth are no part of
// this; the path cuts them anyway.
func (j *judge) checkScope(e *edge) {
	if e.grant.source != "registered" && e.grant.source != "declared" || !e.unites() || e.foreign {
		return
	}
	d := j.entryOf(e)
	if d == nil || !e.grant.scopeKnown {
		return
	}
	lim := d.Delegation()
	if lim.Unknown {
		return
	}
	for _, item := range e.grant.scope {
		s := d.Scope(item, e.grant.constraints)
		if s == nil {
			e.codes = append(e.codes, OverGrant)
			continue
		}
		holds := d.Contains(s)
		if e.from != nil {
			j.stamp++
			holds = holds.And(j.heldAbove(e.from, s, e.to.rec.Start))
		}
		switch holds {
		case False:
			e.codes = append(e.codes, OverGrant)
			continue
		case Unknown:
			e.codes = append(e.codes, SubsetUnknown)
			continue
		case True:
		}
		if slices.Contains(lim.Scope, item) {
			continue
		}
		passes := False
		for _, may := range lim.Scope {
			if m := d.Scope(may, ""); m != nil {
				passes = passes.Or(m.Contains(s))
			}
		}
		switch passes {
		case False:
			e.codes = append(e.codes, DelegationNotAllowed)
		case Unknown:
			e.codes = append(e.codes, SubsetUnknown)
		case True:
		}
	}
}

// heldAbove reports whether every entry and every grant above a run contains a
// scope. A missing grant has a finding of its own and is left out here.
func (j *judge) heldAbove(r *run, s Scope, at int64) Tri {
	if r.stamp == j.stamp || r.inCycle {
		return True
	}
	r.stamp = j.stamp
	held := True
	for _, e := range r.path {
		if name := e.delegatorName(); name != "" {
			if entry := j.e.rights.Entry(r.rec.Tenant, name, at); entry != nil {
				held = held.And(entry.Contains(s))
				held = held.And(grantContains(e, entry, s))
			}
		}
		if e.from != nil {
			held = held.And(j.heldAbove(e.from, s, at))
		}
	}
	return held
}

func grantContains(e *edge, entry Entry, s Scope) Tri {
	if !e.authority || !e.grant.scopeKnown || e.grant.source == "own" {
		return True
	}
	in := False
	for _, item := range e.grant.scope {
		if g := entry.Scope(item, e.grant.constraints); g != nil {
			in = in.Or(g.Contains(s))
		}
	}
	return in
}
