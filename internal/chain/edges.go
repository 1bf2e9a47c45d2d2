package chain

// connect finds the edges into every run and what each of them allows.
func (j *judge) connect() {
	for _, r := range j.runs {
		r.entry = j.e.rights.Entry(r.rec.Tenant, r.rec.Agent, r.rec.Start)
	}
	for _, r := range j.runs {
		j.linkEdges(r)
		j.parentEdge(r)
		j.joinEdges(r)
		j.hintEdges(r)
	}
	j.pairHandOvers()
	j.resumptions()
	for _, r := range j.runs {
		for _, e := range r.edges {
			j.grantEdge(e)
		}
		r.edges = merge(r)
		j.cutFanOut(r)
		for _, e := range r.edges {
			j.checkEdge(e)
		}
		j.lonelyGrant(r)
		r.choosePath()
	}
}

// linkEdges adds an edge for each typed link but approvals.
func (j *judge) linkEdges(r *run) {
	for k := range r.rec.Links {
		l := &r.rec.Links[k]
		if l.Type == "" || l.Type == Approve {
			continue
		}
		e := j.edge(edge{to: r, linked: l.To, kind: l.Type, typed: true, id: l.DelegationID, delegator: l.Delegator})
		e.grade = linkGrade(l)
		e.grant = grantOf{
			scope: l.Scope, scopeKnown: l.Scope != nil, constraints: l.Constraints, from: l.NotBefore, until: l.ExpiresAt,
			depth: l.MaxDepth, by: l.GrantedBy, ok: l.ApprovedBy, credential: l.Credential, credentialType: l.CredentialType, digest: l.Digest,
		}
		if e.id == "" && l.Type != Join && l.Type != Reauthorise && r.rec.singleLink() {
			e.id = r.rec.Run.DelegationID // the convention repeats the keys on the span
			if e.id != "" {
				e.grade = Declared
			}
		}
		j.target(e, l)
		r.edges = append(r.edges, e)
	}
}

func linkGrade(l *Link) Grade {
	switch {
	case l.Checked:
		return Verified
	case l.DelegationID != "" || l.Type == Join || l.Type == Reauthorise:
		return Declared
	default:
		return Structural
	}
}

// singleLink reports whether exactly one link can carry authority, so that what
// stands on the span is about that one.
func (rec *Record) singleLink() bool {
	n := 0
	for i := range rec.Links {
		switch rec.Links[i].Type {
		case "", Approve, Join, Reauthorise:
		default:
			n++
		}
	}
	return n == 1
}

// target finds the run of the linked span.
func (j *judge) target(e *edge, l *Link) {
	if l.To.IsZero() {
		e.external = true
		return
	}
	t := j.e.traces[l.To.Trace]
	if t == nil {
		e.missing = true
		return
	}
	i := t.find(l.To.Span)
	if t.group != j.g {
		if l.Type != Join {
			e.missing, e.cut = true, true
		} else if i < 0 {
			e.missing = true
		} else {
			e.abroad, e.delegator = j.e.glance(l.To, e.to.rec.Tenant)
		}
		return
	}
	if i < 0 {
		e.missing, t.awaited = true, true
		return
	}
	var missing bool
	e.from, missing = t.runAt(i)
	rec := t.recs[i]
	if e.from != nil && e.from.rec.Tenant != e.to.rec.Tenant {
		j.e.Stats.TenantsCrossed++
		e.from, e.missing = nil, true
		return
	}
	if e.from == nil {
		e.missing, e.external = missing, !missing
		return
	}
	if rec != nil && rec.delegates() && rec != e.from.rec {
		e.asked = rec.Ref
		j.delegate(rec.Ref)
	}
}

// delegates reports whether a span can be what asked for a run.
func (rec *Record) delegates() bool {
	switch rec.Role {
	case Asks, Calls, HandsOver, Acts:
		return true
	default:
		return false
	}
}

// delegate notes that a span delegates, and that a run answers it.
func (j *judge) delegate(r Ref) { j.delegates[r] = true }

// parentEdge adds containment in a run of another agent.
func (j *judge) parentEdge(r *run) {
	if r.up == nil || r.up.rec.Agent == r.rec.Agent {
		return
	}
	e := j.edge(edge{from: r.up, to: r, kind: Delegate, grade: Structural})
	for at := r.tr.find(r.tr.nodes[r.node].parent); at >= 0 && at != r.up.node; at = r.tr.find(r.tr.nodes[at].parent) {
		rec := r.tr.recs[at]
		if rec == nil || !rec.delegates() {
			continue
		}
		// The nearest span that asks an agent, else the outermost tool call.
		if was := j.record(e.asked); was == nil || was.Role == Acts && rec.Role != Acts || was.Role == Acts && was.Agent == "" {
			e.asked = rec.Ref
			if rec.Mode != "" {
				e.kind = rec.Mode
			}
		}
		j.delegate(rec.Ref)
	}
	r.edges = append(r.edges, e)
}

// edge keeps a new edge.
func (j *judge) edge(v edge) *edge {
	e := j.edgePool.get()
	v.codes = e.codes[:0]
	*e = v
	return e
}
