package chain

import (
	"slices"
	"time"
)

// runView is what is told of a run.
func (j *judge) runView(r *run) RunView {
	v := RunView{
		Run: r.rec.Ref, Agent: r.rec.Agent, Version: r.rec.Run.Version, Instance: r.rec.Run.Instance, Workload: r.rec.Run.Workload,
		Tenant: r.rec.Tenant, Session: r.rec.Session, Start: r.rec.Start, End: r.rec.End,
		Chain: r.chain, Root: r.root, Segment: r.segment.rec.Ref, Depth: r.depth, Principal: r.principal,
		Delegation: r.delegation(), Ancestors: j.agentsAbove(r), Codes: slices.Clone(r.codes),
		DroppedLinks: r.rec.Run.Dropped, PolicyVersion: j.e.rights.Version(r.rec.Tenant, r.rec.Start),
	}
	return v
}

// delegation is the edge that gave a run its authority.
func (r *run) delegation() *DelegationView {
	if r.reauth {
		return nil
	}
	var out *DelegationView
	for _, e := range r.path {
		if !e.authority || e.cut {
			continue
		}
		if out != nil {
			g := out.Grade
			if e.grade.rank() < g.rank() {
				g = e.grade
			}
			return &DelegationView{Grade: g}
		}
		out = &DelegationView{ID: e.id, Delegator: e.delegatorName(), Grade: e.grade}
	}
	return out
}

// agentsAbove lists the agents that drove a run, the nearest first, each once.
func (j *judge) agentsAbove(r *run) []string {
	if len(r.path) == 0 && !r.reauth {
		return nil
	}
	j.stamp++
	r.stamp = j.stamp
	var out []string
	level := []*run{r}
	for len(level) > 0 {
		var next []*run
		for _, q := range level {
			above := q.path
			if q.reauth {
				above = q.edges
			}
			for _, e := range above {
				if e.from == nil || !e.unites() || e.from.stamp == j.stamp {
					continue
				}
				e.from.stamp = j.stamp
				next = append(next, e.from)
				if a := e.from.rec.Agent; a != "" && a != r.rec.Agent && !slices.Contains(out, a) {
					out = append(out, a)
				}
			}
		}
		level = next
	}
	return out
}

func (j *judge) edgeView(e *edge) EdgeView {
	v := EdgeView{
		Chain: e.to.chain, Kind: e.kind, Linked: e.linked, To: e.to.rec.Ref, Delegator: e.delegatorName(), Delegatee: e.to.rec.Agent,
		DelegatingSpan: e.asked, DelegationID: e.id, Grade: e.grade, Authority: e.authority && !e.cut, Source: e.grant.source,
		Scope: slices.Clone(e.grant.scope), Constraints: e.grant.constraints, NotBefore: e.grant.from, ExpiresAt: e.grant.until,
		GrantedBy: e.grant.by, ApprovedBy: e.grant.ok, Purpose: e.grant.why, Credential: e.grant.credential,
		Digest: e.grant.digest, Parent: e.grant.parent, CredentialType: e.grant.credentialType, RevokedAt: e.grant.revoked, MaxDepth: e.grant.depth,
		Depth: e.to.depth, Codes: slices.Clone(e.codes),
	}
	if e.grant.source == "own" {
		v.Source = ""
	}
	v.From = e.abroad
	if e.from != nil && !e.cut {
		v.From = e.from.rec.Ref
	}
	src := v.From
	if src.IsZero() {
		src = e.linked
	}
	v.ID = EdgeID(v.To, src, e.kind, e.id)
	return v
}

func (j *judge) actionView(a *action) ActionView {
	v := ActionView{
		Span: a.rec.Ref, Run: a.run.rec.Ref, Chain: a.run.chain, Agent: a.run.rec.Agent, Tool: a.tool, Operation: a.operation,
		Resource: a.resource, Start: a.rec.Start, Same: slices.Clone(a.same), Boundary: a.boundary, Authority: a.authority,
		Codes: slices.Clone(a.codes), RefusedBy: slices.Clone(a.refusedBy), Note: a.note, Rule: a.rule, DecisionID: a.decision,
		ApprovalID: a.approval, PolicyVersion: a.version, Why: a.reasonText(),
	}
	for r, hops := a.run, 0; r != nil && len(r.path) == 1 && hops < j.e.opts.MaxDepth+1; hops++ {
		if r.path[0].id != "" {
			v.Path = append(v.Path, r.path[0].id)
		}
		r = r.path[0].from
	}
	slices.Reverse(v.Path)
	return v
}

// reasonText says at what the rules failed, the agent's own first.
func (a *action) reasonText() string {
	switch {
	case a.why != "" && a.above != "" && a.why != a.above:
		return a.why + "; above: " + a.above
	case a.why != "":
		return a.why
	default:
		return a.above
	}
}

func (j *judge) chainView(c *component, s *chainState) ChainView {
	v := ChainView{
		ID: c.id, Root: c.root.rec.Ref, RootResolved: c.resolved, Tenant: c.tenant, Segments: slices.Clone(c.segments), Principal: c.root.principal,
		Runs: len(c.runs), Edges: c.edges, Actions: len(c.actions), Depth: c.depth, First: c.first, Last: c.last, State: Open,
		Grade: c.grade, Verdict: c.verdict, Reasons: slices.Clone(c.reasons), Missing: slices.Clone(c.missing),
	}
	if j.g.settled || j.settling {
		v.State = Settled
	}
	if s != nil {
		v.revised(s)
	}
	return v
}

// revised numbers a view as the last revision.
func (v *ChainView) revised(s *chainState) {
	v.Revision = s.first + len(s.revisions) - 1
	v.Supersedes = max(0, v.Revision-1)
}

// view is what Resolve answers from.
func (j *judge) view() *groupView {
	v := &groupView{runs: make([]Answer, 0, len(j.runs))}
	for _, r := range j.runs {
		a := Answer{RunView: j.runView(r), Resolved: r.resolved}
		switch {
		case len(r.path) == 0 || r.reauth:
		case slices.ContainsFunc(r.codes, func(c Code) bool { return c == DepthExceeded || c == DelegationNotAllowed }):
			a.Authority = AuthorityRefused
		case !slices.ContainsFunc(r.path, func(e *edge) bool { return e.authority }):
			a.Authority = AuthorityUnknown
		case len(r.path) > 1:
			a.Authority = AuthorityAmbiguous
		case !r.resolved:
			a.Authority = AuthorityUnknown
		default:
			a.Authority = AuthorityRespected
		}
		v.runs = append(v.runs, a)
	}
	return v
}

// page gathers everything about one chain. Runs stand root first.
func (j *judge) page(c *component) Page {
	state := j.g.state(c.id, c.root.rec.Ref, nil)
	p := Page{Chain: j.chainView(c, state)}
	runs := slices.Clone(c.runs)
	slices.SortStableFunc(runs, func(a, b *run) int {
		if (a == c.root) != (b == c.root) {
			if a == c.root {
				return -1
			}
			return 1
		}
		if earlier(a.rec, b.rec) {
			return -1
		}
		return 1
	})
	for _, r := range runs {
		p.Runs = append(p.Runs, j.runView(r))
		for _, e := range append(slices.Clone(r.edges), r.hints...) {
			p.Edges = append(p.Edges, j.edgeView(e))
		}
	}
	versions := map[string]bool{}
	for _, a := range c.actions {
		p.Actions = append(p.Actions, j.actionView(a))
		if a.version != "" && !versions[a.version] {
			versions[a.version] = true
			p.PolicyVersions = append(p.PolicyVersions, a.version)
		}
	}
	slices.Sort(p.PolicyVersions)
	for i := range j.findings {
		if j.findings[i].Chain == c.id {
			p.Findings = append(p.Findings, j.findings[i])
		}
	}
	if state != nil {
		p.Revisions = slices.Clone(state.revisions)
	}
	return p
}

// state finds what is remembered of a chain: under its id, of several under that
// id the one with the same root. skip are those that are taken.
func (g *group) state(id string, root Ref, skip []*chainState) *chainState {
	var found *chainState
	for _, s := range g.chains {
		if s.id != id || slices.Contains(skip, s) {
			continue
		}
		if s.root == root {
			return s
		}
		if found == nil {
			found = s
		}
	}
	return found
}

// Time turns Unix nanoseconds into a time; 0 is the zero time.
func Time(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
