package chain

import (
	"slices"
	"time"
)

// grantEdge finds what an edge allows, and with which grade.
func (j *judge) grantEdge(e *edge) {
	r := e.to
	if e.kind == Join || e.kind == Reauthorise {
		return
	}
	if e.id == "" && !e.typed && r.rec.Run.DelegationID != "" {
		// The id on the span looks a grant up; it declares none.
		if g := j.e.grants[r.rec.Run.DelegationID]; g != nil && j.matches(g, e) {
			e.id = g.ID
		}
	}
	if g := j.e.grants[e.id]; e.id != "" && g != nil {
		e.registered(g)
		if !j.matches(g, e) {
			e.grade, e.foreign = min2(e.grade, Declared), true
			e.codes = append(e.codes, DelegationNotAllowed)
			return
		}
		e.grade, e.authority = Verified, true
	} else if e.id != "" {
		e.declared(j.entryOf(e))
		if e.delegator != "" && e.from != nil && e.delegator != e.from.rec.Agent && !sameName(e.delegator, e.from.rec) {
			e.foreign = true
			e.codes = append(e.codes, DelegationNotAllowed)
			return
		}
		e.authority = true
	} else {
		j.standing(e)
	}
	j.capped(e)
}

func min2(a, b Grade) Grade {
	if a.rank() < b.rank() {
		return a
	}
	return b
}

// matches reports whether a grant is for the agents of an edge.
func (j *judge) matches(g *Grant, e *edge) bool {
	return g.Tenant == e.to.rec.Tenant && g.Delegatee == e.to.rec.Agent && (e.from == nil || g.Delegator == e.from.rec.Agent)
}

func (e *edge) registered(g *Grant) {
	e.delegator = g.Delegator
	e.grant = grantOf{
		source: "registered", scope: g.Scope, scopeKnown: true, constraints: g.Constraints, from: g.NotBefore, until: g.ExpiresAt,
		revoked: g.RevokedAt, depth: g.MaxDepth, by: g.GrantedBy, ok: g.ApprovedBy, why: g.Purpose, credential: g.Credential,
		credentialType: g.CredentialType, digest: g.Digest, parent: g.Parent,
	}
}

// declared fills in what a link leaves out.
func (e *edge) declared(delegator Entry) {
	e.grant.source = "declared"
	if e.grant.from == 0 {
		e.grant.from = e.to.rec.Start
	}
	if !e.grant.scopeKnown && delegator != nil {
		lim := delegator.Delegation()
		e.grant.scope, e.grant.scopeKnown = lim.Scope, !lim.Unknown
	}
}

// entryOf is the delegator's entry in force when the run started.
func (j *judge) entryOf(e *edge) Entry {
	name := e.delegatorName()
	if name == "" {
		return nil
	}
	return j.e.rights.Entry(e.to.rec.Tenant, name, e.to.rec.Start)
}

// standing looks for a right of the delegator to delegate to this agent. An
// agent that goes on itself needs none.
func (j *judge) standing(e *edge) {
	if e.from != nil && e.from.rec.Agent == e.to.rec.Agent {
		e.authority, e.grant.source = true, "own"
		return
	}
	d := j.entryOf(e)
	if d == nil || !d.MayDelegate(e.to.rec.Agent) {
		if e.from != nil {
			e.codes = append(e.codes, InvisibleDelegation)
		}
		return
	}
	e.authority = true
	lim := d.Delegation()
	e.grant = grantOf{source: "standing", scope: lim.Scope, scopeKnown: !lim.Unknown, from: e.to.rec.Start, by: "registry:" + e.delegatorName()}
}

// capped holds the edge to the delegator's limits and to the grade that carries
// authority.
func (j *judge) capped(e *edge) {
	if !e.authority || e.grant.source == "own" {
		return
	}
	need := j.e.opts.MinGrade.rank()
	if d := j.entryOf(e); d != nil {
		lim := d.Delegation()
		if lim.MaxTTL > 0 && e.grant.from != 0 {
			end := addTime(e.grant.from, lim.MaxTTL)
			if e.grant.until == 0 || e.grant.until > end {
				e.grant.until = end
			}
		}
		need = max(need, lim.Require.rank())
	}
	if e.grade.rank() < need {
		e.authority, e.weak = false, true
	}
}

// addTime adds without overflow.
func addTime(t int64, d time.Duration) int64 {
	if s := t + int64(d); s >= t {
		return s
	}
	return 1<<63 - 1
}

// checkEdge judges a grant at birth, under the registry in force when the run
// started.
func (j *judge) checkEdge(e *edge) {
	if !e.unites() || e.kind == Reauthorise {
		return
	}
	if e.to.entry == nil && e.to.rec.Agent != e.delegatorName() {
		e.codes = append(e.codes, UnregisteredAgent)
	}
	if e.grant.source != "registered" && e.grant.source != "declared" || e.foreign {
		return
	}
	if d := j.entryOf(e); d != nil && !d.MayDelegate(e.to.rec.Agent) {
		e.codes = append(e.codes, DelegationNotAllowed)
	} else if d == nil && e.from != nil {
		e.codes = append(e.codes, DelegationNotAllowed)
	}
}

// lonelyGrant handles a run that names a registered grant which is on none of
// its edges: the delegator is outside tracing, or the grant is somebody else's.
func (j *judge) lonelyGrant(r *run) {
	id := r.rec.Run.DelegationID
	g := j.e.grants[id]
	if id == "" || g == nil || slices.ContainsFunc(r.edges, func(e *edge) bool { return e.id == id }) {
		return
	}
	causal := slices.ContainsFunc(r.edges, func(e *edge) bool { return e.unites() })
	if causal || g.Delegatee != r.rec.Agent || g.Tenant != r.rec.Tenant {
		r.misnamed = true
		return
	}
	e := j.edge(edge{to: r, kind: Delegate, grade: Verified, external: true, id: id, authority: true})
	e.registered(g)
	j.capped(e)
	j.checkEdge(e)
	r.edges = append(r.edges, e)
}
