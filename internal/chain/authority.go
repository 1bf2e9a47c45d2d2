package chain

import (
	"cmp"
	"slices"
	"strings"
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

// action is one tool call, in however many layers it shows.
type action struct {
	rec                       *Record
	act                       Act
	run                       *run
	same                      []Ref
	boundary                  Boundary
	authority                 Authority
	codes                     []Code
	refusedBy                 []string
	note                      string
	rule, why, above          string
	tool, operation, resource string // as resolved
	finding                   string
	approval                  string
	decision                  string
	decided                   *Decision
	version                   string
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

// approvals answers what is known of approvals for an action.
func (j *judge) approvals(a *action, t int64) ApprovalFunc {
	return func(rule AskRule, tool, resource string) ApprovalState {
		agent := a.run.rec.Agent
		best := NoApproval
		try := func(p *Approval) {
			if s := j.weigh(p, a, rule, tool, resource, t); rankState(s) > rankState(best) {
				best = s
				if s == Approved {
					a.approval = p.ID
				}
			}
		}
		ids := a.approvalIDs()
		for _, id := range ids {
			if p := j.e.approvals[id]; p != nil && p.Tenant == a.run.rec.Tenant {
				try(p)
			}
		}
		if len(ids) == 0 {
			k := a.run.rec.Tenant + "\x00" + agent
			for _, p := range j.e.byAgent[k] {
				if p.Rule == "" || p.Rule == rule.ID {
					try(p)
				}
			}
			if best != Approved {
				j.e.named("w:"+k, a.run.tr)
			}
		}
		return best
	}
}

func rankState(s ApprovalState) int {
	switch s {
	case Approved:
		return 3
	case OwnApproval:
		return 2
	case OtherApproval:
		return 1
	default:
		return 0
	}
}

// approvalIDs are the approvals that an action names, in links too.
func (a *action) approvalIDs() []string {
	var ids []string
	if a.act.ApprovalID != "" {
		ids = append(ids, a.act.ApprovalID)
	}
	for i := range a.rec.Links {
		if l := &a.rec.Links[i]; l.Type == Approve && l.ApprovalID != "" {
			ids = append(ids, l.ApprovalID)
		}
	}
	return ids
}

// weigh holds one approval against an action.
func (j *judge) weigh(p *Approval, a *action, rule AskRule, tool, resource string, t int64) ApprovalState {
	skew := int64(j.e.opts.Skew)
	if p.ApprovedAt != 0 && t < p.ApprovedAt-skew || p.ValidUntil != 0 && t-skew > p.ValidUntil {
		return NoApproval
	}
	if p.Agent != "" && p.Agent != a.run.rec.Agent || p.Rule != "" && p.Rule != rule.ID ||
		p.Tool != "" && p.Tool != tool && p.Tool != a.act.Tool || p.Resource != "" && p.Resource != resource ||
		p.Args != "" && !sameJSON(p.Args, a.act.Args) {
		return OtherApproval
	}
	for _, no := range rule.Not {
		switch {
		case no == "requester" && (p.Approver == p.Requester || p.Approver == a.run.principal.String()),
			no == "principal" && p.Approver == a.run.principal.String(),
			no == p.Approver, slices.Contains(p.Groups, no):
			return OwnApproval
		}
	}
	if len(rule.Any) > 0 && !slices.ContainsFunc(rule.Any, func(s string) bool { return s == p.Approver || slices.Contains(p.Groups, s) }) {
		return NoApproval
	}
	return Approved
}

// externals adds what halts, decisions and other processors say.
func (j *judge) externals(a *action, t int64) {
	for _, h := range j.e.halts {
		if h.stops(a, t, int64(j.e.opts.Skew)) {
			a.codes = append(a.codes, AfterHaltAction)
			break
		}
	}
	if d := a.decided; d != nil {
		a.decision = d.ID
		switch {
		case d.Answered == "deny" || d.Answered == "halt":
			a.codes = append(a.codes, DeniedButExecuted)
		case d.Answered == "ask" && a.approval == "":
			a.codes = append(a.codes, DeniedButExecuted)
		case d.Answered == "allow" && d.Args != "" && a.act.Args != "" && !sameJSON(d.Args, a.act.Args):
			a.codes = append(a.codes, ArgsDiffer)
		}
	}
	if len(j.e.marks) == 0 {
		return
	}
	for _, ref := range append([]Ref{a.rec.Ref}, a.same...) {
		for _, m := range j.e.marks[ref] {
			a.codes = append(a.codes, m.Code)
		}
	}
}

// decisionOf joins an action to the decision about it: by decision id, then by
// tool call id.
func (j *judge) decisionOf(r *run, a *Act) *Decision {
	if id := a.DecisionID; id != "" {
		if d := j.e.decisions[id]; d != nil && d.Tenant == r.rec.Tenant {
			return d
		}
	}
	if id := a.CallID; id != "" && len(j.e.byCall) > 0 {
		return j.e.byCall[r.rec.Tenant+"\x00"+id]
	}
	return nil
}

// stops reports whether a halt was in force when an action began. A halt of a
// chain holds for all of it, one of a run for that run.
func (h *Halt) stops(a *action, t, skew int64) bool {
	if t <= h.At+skew || h.Until != 0 && t >= h.Until {
		return false
	}
	switch h.Scope {
	case "global":
		return true
	case "tenant":
		return h.Key == a.run.rec.Tenant
	case "agent":
		return h.Key == a.run.rec.Agent
	case "run":
		return h.Key == a.run.rec.Ref.String()
	case "chain":
		return h.Key == a.run.chain
	case "principal":
		return h.Key != "" && (h.Key == a.run.principal.ID || h.Key == a.run.principal.String())
	case "tool":
		return h.Key == a.act.Tool
	default:
		return false
	}
}

// collectActions lists the tool calls of the group, each once.
func (j *judge) collectActions() {
	for _, t := range j.g.traces {
		for i := range t.nodes {
			rec := t.recs[i]
			if rec == nil || rec.Role != Acts || rec.Act == nil || rec.Agent != "" || j.delegates[rec.Ref] || rec.Act.Operation == "delegate" {
				continue
			}
			r, missing := t.runAt(int32(i))
			if r == nil {
				if n := &t.nodes[i]; !n.lost && (!missing || j.settling) {
					n.lost = true
					j.e.Stats.Unattributed++
				}
				continue
			}
			if outer := t.sameCallAbove(int32(i), r); outer != nil {
				continue
			}
			a := j.actPool.get()
			*a = action{rec: rec, act: *rec.Act, run: r, codes: a.codes[:0]}
			j.actions = append(j.actions, a)
			rec.layer = a
		}
	}
	for _, t := range j.g.traces {
		for i := range t.nodes {
			if rec := t.recs[i]; rec != nil && rec.Role == Acts && rec.Act != nil && rec.layer == nil {
				j.addLayer(t, int32(i), rec)
			}
		}
	}
	for _, a := range j.actions {
		slices.SortFunc(a.same, Ref.Compare)
		a.rec.layer = nil
	}
	slices.SortFunc(j.actions, func(a, b *action) int {
		return cmp.Or(cmp.Compare(a.rec.Start, b.rec.Start), a.rec.Ref.Compare(b.rec.Ref))
	})
}

// addLayer joins an inner layer to the action it is part of. The layers together
// tell what was done: the server's name, the arguments.
func (j *judge) addLayer(t *trace, i int32, rec *Record) {
	r, _ := t.runAt(i)
	if r == nil {
		return
	}
	outer := t.sameCallAbove(i, r)
	for hops := 0; outer != nil && outer.layer == nil && hops < 8; hops++ {
		outer = t.sameCallAbove(t.find(outer.Ref.Span), r)
	}
	if outer == nil || outer.layer == nil {
		return
	}
	a := outer.layer
	a.same = append(a.same, rec.Ref)
	if !strings.HasPrefix(a.act.Tool, "mcp/") && strings.HasPrefix(rec.Act.Tool, "mcp/") {
		a.act.Tool = rec.Act.Tool
	}
	fill := func(to *string, v string) {
		if *to == "" {
			*to = v
		}
	}
	fill(&a.act.Operation, rec.Act.Operation)
	fill(&a.act.Resource, rec.Act.Resource)
	fill(&a.act.Args, rec.Act.Args)
	fill(&a.act.CallID, rec.Act.CallID)
	fill(&a.act.DelegationID, rec.Act.DelegationID)
	fill(&a.act.ApprovalID, rec.Act.ApprovalID)
	fill(&a.act.DecisionID, rec.Act.DecisionID)
}

// sameCallAbove returns the tool call above that is the same call in an outer
// layer: through at most four spans of transport, inside the same run, with the
// same call id or, where one of them has none, the same tool.
func (t *trace) sameCallAbove(i int32, r *run) *Record {
	rec := t.recs[i]
	at := i
	for hops := 0; hops < 5; hops++ {
		if at = t.find(t.nodes[at].parent); at < 0 || at == r.node {
			return nil
		}
		o := t.recs[at]
		if o == nil || o.Role == Plumbing {
			if t.nodes[at].works {
				return nil
			}
			continue
		}
		if o.Role != Acts || o.Act == nil || t.nodes[at].open != r.node {
			return nil
		}
		if a, b := o.Act.CallID, rec.Act.CallID; a != "" && b != "" {
			if a == b {
				return o
			}
			return nil
		}
		if baseTool(o.Act.Tool) == baseTool(rec.Act.Tool) && o.Act.Tool != "" {
			return o
		}
		return nil
	}
	return nil
}

// baseTool is a tool's name without its server.
func baseTool(name string) string {
	if rest, ok := strings.CutPrefix(name, "mcp/"); ok {
		if _, tool, ok := strings.Cut(rest, "/"); ok {
			return tool
		}
	}
	return name
}
