package chain

import (
	"slices"
)

// bits is the set of outcomes that the paths to a run have for one action.
type bits uint8

const (
	hasTrue bits = 1 << iota
	hasFalse
	hasUnknown
)

func bitOf(t Tri) bits {
	switch t {
	case True:
		return hasTrue
	case False:
		return hasFalse
	default:
		return hasUnknown
	}
}

// and narrows every path by one more condition.
func (b bits) and(t Tri) bits {
	switch {
	case t == False:
		return hasFalse
	case t == Unknown && b&hasTrue != 0:
		return b&^hasTrue | hasUnknown
	default:
		return b
	}
}

// authority reads the set as section 7.8 says: all paths, some, or none.
func (b bits) authority() Authority {
	switch {
	case b == hasTrue:
		return AuthorityRespected
	case b&hasTrue != 0:
		return AuthorityAmbiguous
	case b == hasUnknown:
		return AuthorityUnknown
	default:
		return AuthorityRefused
	}
}

// judgeAction decides boundary and authority of one action.
func (j *judge) judgeAction(a *action) {
	t := a.rec.Start
	a.act.For = a.run.principal
	a.decided = j.decisionOf(a.run, &a.act)
	j.boundary(a, t)
	j.stamp++
	path, misnamed := j.pathOf(a)
	b := hasUnknown
	switch {
	case misnamed:
	case a.run.inCycle || a.run.tainted:
	default:
		b = j.above(a.run, path, a, t)
	}
	a.authority = b.authority()
	switch a.authority {
	case AuthorityRespected:
	case AuthorityAmbiguous:
		a.codes = append(j.ownCodes(a), AmbiguousAuthority)
		a.refusedBy, a.note = nil, ""
	case AuthorityUnknown:
		a.codes, a.refusedBy, a.note = j.ownCodes(a), nil, ""
	default:
		a.note = ""
	}
	j.externals(a, t)
	a.codes = sortCodes(a.codes)
}

// ownCodes are the codes that the actor's own entry gave, without what single
// paths above did.
func (j *judge) ownCodes(a *action) []Code {
	return slices.DeleteFunc(a.codes, func(c Code) bool {
		return c != BoundaryViolated && c != SelfApproval && c != ApprovalMismatch && c != ApprovalMissing
	})
}

// pathOf returns the edges that count for an action: the path it names, else the
// run's own.
func (j *judge) pathOf(a *action) (path []*edge, misnamed bool) {
	id := a.act.DelegationID
	if id == "" || len(a.run.edges) == 0 {
		return a.run.path, false
	}
	for _, e := range a.run.edges {
		if e.id == id && (e.unites() || e.cut) {
			return []*edge{e}, false
		}
	}
	return a.run.path, j.e.grants[id] != nil
}

// boundary holds the action against the actor's own entry.
func (j *judge) boundary(a *action, t int64) {
	r := a.run
	a.version = j.e.rights.Version(r.rec.Tenant, t)
	a.tool, a.operation, a.resource = a.act.Tool, a.act.Operation, a.act.Resource
	entry := j.e.rights.Entry(r.rec.Tenant, r.rec.Agent, t)
	if entry == nil {
		a.boundary = BoundaryUnregistered
		return
	}
	ruling := entry.Judge(&a.act, t, j.approvals(a, t))
	a.rule, a.why = ruling.Rule, ruling.Why
	if ruling.Tool != "" {
		a.tool, a.operation, a.resource = ruling.Tool, ruling.Operation, ruling.Resource
	}
	switch ruling.Verdict {
	case True:
		a.boundary = BoundaryRespected
	case Unknown:
		a.boundary = BoundaryNotEvaluated
	default:
		a.boundary, a.finding = BoundaryViolation, ruling.Finding
		a.codes = append(a.codes, refusal(&ruling, BoundaryViolated, BoundaryViolated))
	}
}

// refusal is the code of a ruling that refuses.
func refusal(r *Ruling, constraint, scope Code) Code {
	if r.Asked {
		switch r.Approval {
		case OwnApproval:
			return SelfApproval
		case OtherApproval:
			return ApprovalMismatch
		default:
			return ApprovalMissing
		}
	}
	if r.Constraint {
		return constraint
	}
	return scope
}

// above evaluates every path from a segment's root to a run, pointwise: each
// ancestor and each grant is asked once.
func (j *judge) above(r *run, path []*edge, a *action, t int64) bits {
	if r.stamp == j.stamp && r != a.run {
		return r.allows
	}
	r.stamp = j.stamp
	var b bits
	switch {
	case r.inCycle || r.tainted:
		b = hasUnknown
	case len(path) == 0:
		b = bitOf(j.atRoot(r, a, t))
	default:
		for _, e := range path {
			b |= j.via(e, a, t)
		}
	}
	r.allows = b
	return b
}

// via evaluates the paths that come over one edge.
func (j *judge) via(e *edge, a *action, t int64) bits {
	b := hasTrue
	name := e.delegatorName()
	switch {
	case e.cut || e.from == nil && !e.external:
		b = hasUnknown
	case e.from != nil:
		b = j.above(e.from, e.from.path, a, t)
	}
	if name != "" {
		b = b.and(j.entryAllows(name, e, a, t))
	}
	b = b.and(j.grantAllows(e, a, t))
	if e.remaining < 0 {
		a.refuse(DepthExceeded, e.grantName())
		b = b.and(False)
	}
	return b
}

// entryAllows asks the entry of an ancestor.
func (j *judge) entryAllows(name string, e *edge, a *action, t int64) Tri {
	if e.from == nil && e.external && !j.isAgent(e, name, t) {
		return True // a person or a scheduler: only the grant speaks
	}
	entry := j.e.rights.Entry(e.to.rec.Tenant, name, t)
	if entry == nil {
		return Unknown
	}
	ruling := entry.Judge(&a.act, t, j.approvals(a, t))
	if ruling.Verdict == False {
		a.refuse(refusal(&ruling, ConstraintViolated, ScopeEscalation), "registry:"+name)
		if a.above == "" {
			a.above = ruling.Why
		}
	}
	return ruling.Verdict
}

func (j *judge) isAgent(e *edge, name string, t int64) bool {
	return j.e.rights.Entry(e.to.rec.Tenant, name, t) != nil
}

func (a *action) refuse(c Code, by string) {
	a.codes = append(a.codes, c)
	if !slices.Contains(a.refusedBy, by) {
		a.refusedBy = append(a.refusedBy, by)
	}
}

// grantName is how refused_by names the grant of an edge.
func (e *edge) grantName() string {
	if e.id != "" {
		return "grant:" + e.id
	}
	return "standing:" + e.delegatorName()
}

// grantAllows asks the grant of an edge: its time, then its scope.
func (j *judge) grantAllows(e *edge, a *action, t int64) Tri {
	if !e.authority {
		return Unknown
	}
	g := &e.grant
	if g.source == "own" {
		return True
	}
	out := True
	skew := int64(j.e.opts.Skew)
	fail := func(c Code) {
		a.refuse(c, e.grantName())
		out = False
	}
	// The action's start counts, and the time of the decision if there was one.
	first, last := t, t
	if d := a.decided; d != nil && d.At != 0 {
		first, last = min(t, d.At), max(t, d.At)
	}
	hold := func(end, later int64, c Code) {
		switch {
		case end == 0 || later <= end:
		case uint64(later)-uint64(end) > uint64(skew):
			fail(c)
		default:
			a.note = "within_skew"
		}
	}
	if g.from != 0 {
		hold(max(first, 1), g.from, NotYetValid)
	}
	hold(g.until, last, ExpiredAuthority)
	hold(g.revoked, last, RevokedAuthority)
	covers, constraint := j.scopeCovers(e, a, t)
	if covers == False {
		if constraint {
			fail(ConstraintViolated)
		} else {
			fail(ScopeEscalation)
		}
	}
	return out.And(covers)
}

// scopeCovers holds an action against the scope of a grant. A rule id means that
// rule of the delegator's entry in force at the time of the action.
func (j *judge) scopeCovers(e *edge, a *action, t int64) (covers Tri, constraint bool) {
	if !e.grant.scopeKnown {
		return Unknown, false
	}
	name := e.delegatorName()
	entry := j.e.rights.Entry(e.to.rec.Tenant, name, t)
	if name == "" || entry == nil {
		return Unknown, false
	}
	covers = False
	for _, item := range e.grant.scope {
		s := entry.Scope(item, e.grant.constraints)
		if s == nil {
			continue
		}
		c, fine := s.Covers(&a.act, t)
		covers = covers.Or(c)
		constraint = constraint || c == False && fine
	}
	return covers, constraint && covers == False
}

// atRoot says whether the segment's root may act at all: whether the principal
// may ask it.
func (j *judge) atRoot(r *run, a *action, t int64) Tri {
	if r.broken {
		return Unknown
	}
	entry := j.e.rights.Entry(r.rec.Tenant, r.rec.Agent, t)
	if entry == nil {
		return Unknown
	}
	if !entry.Direct() {
		if !r.reauth {
			return Unknown // no delegation was seen that would let it act
		}
		a.refuse(ScopeEscalation, "registry:"+r.rec.Agent)
		return False
	}
	if r.principal.ID == "" {
		if entry.RequiresPrincipal() {
			return Unknown
		}
		return True
	}
	may := entry.MayAsk(r.principal)
	if may == False {
		code := ScopeEscalation
		if r == a.run {
			code = BoundaryViolated
			if a.finding == "" {
				a.finding = "boundary.principal"
			}
		}
		a.refuse(code, "registry:"+r.rec.Agent)
	}
	return may
}
