package chain

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

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
		e.missing = true
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
		j.delegate(rec.Ref, true)
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

func (j *judge) delegate(r Ref, answered bool) {
	j.delegates[r] = true
	if answered {
		j.answered[r] = true
	}
}

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
		j.delegate(rec.Ref, true)
	}
	r.edges = append(r.edges, e)
}

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
				j.delegate(ref, true) // a task is asked for once and then polled
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
	j.delegate(best.Ref, true)
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
	for k := len(up) - 1; k >= 0; k-- {
		if t.nodes[up[k]].size == 0 {
			continue
		}
		rec := e.peek(t, up[k])
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

// pairHandOvers joins hand-overs and agent tools with the runs they start, where
// neither parents nor links do: each with the earliest run of its target that
// starts after it, in time order, within a trace.
func (j *judge) pairHandOvers() {
	j.collectAsks()
	rs := make([]*run, 0, len(j.runs))
	for _, r := range j.runs {
		if !r.explained() {
			rs = append(rs, r)
		}
	}
	slices.SortFunc(rs, func(a, b *run) int {
		return cmp.Or(cmp.Compare(a.rec.Start, b.rec.Start), a.rec.Ref.Compare(b.rec.Ref))
	})
	skew := int64(j.e.opts.Skew)
	for _, r := range rs {
		for k := range j.asks {
			a := &j.asks[k]
			if a.rec.Start > r.rec.Start+skew {
				break
			}
			if a.used || j.answered[a.rec.Ref] || a.rec.Ref.Trace != r.rec.Ref.Trace || a.rec.Role == Calls ||
				a.by == r || r.isAbove(a.by) || a.rec.Tenant != r.rec.Tenant || !sameName(a.rec.Agent, r.rec) {
				continue
			}
			a.used, a.to = true, r
			j.pair(a, r)
			break
		}
	}
}

// resumptions joins a run with the earlier run of its agent that handed control
// over: what it was handed to has given it back, which most emitters show by
// nothing but the order.
func (j *judge) resumptions() {
	for _, r := range j.runs {
		if len(r.edges) > 0 || r.upMissing || r.rec.Agent == "" {
			continue
		}
		var before, between *run
		for k := range j.asks {
			a := &j.asks[k]
			if a.by == r || a.by.rec.Agent != r.rec.Agent || a.by.rec.Tenant != r.rec.Tenant || a.by.up != r.up || a.to == nil ||
				a.rec.Mode != Transfer || a.by.rec.Ref.Trace != r.rec.Ref.Trace || a.to.rec.Start > r.rec.Start || !earlier(a.by.rec, r.rec) {
				continue
			}
			if before == nil || earlier(before.rec, a.by.rec) {
				before, between = a.by, a.to
			}
		}
		if before != nil {
			r.edges = append(r.edges,
				j.edge(edge{from: before, to: r, kind: Resume, grade: Correlated}),
				j.edge(edge{from: between, to: r, kind: Join, grade: Inferred}))
		}
	}
}

// explained reports whether a link or a span above says who asked for the run.
func (r *run) explained() bool {
	for _, e := range r.edges {
		if e.typed && e.kind != Join || !e.asked.IsZero() {
			return true
		}
	}
	return false
}

func (j *judge) pair(a *ask, r *run) {
	j.delegate(a.rec.Ref, true)
	kind := a.rec.Mode
	if kind == "" {
		kind = Delegate
	}
	grade := Structural
	if r.rec.Hook || a.rec.Hook {
		grade = Correlated
	}
	for _, e := range r.edges {
		if e.from == a.by && e.kind != Join {
			e.asked, e.kind = a.rec.Ref, kind
			if grade.rank() > e.grade.rank() {
				e.grade = grade
			}
			return
		}
	}
	r.edges = append(r.edges, j.edge(edge{from: a.by, to: r, asked: a.rec.Ref, kind: kind, grade: grade}))
}

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
		e.authority = false
		if e.from != nil {
			e.codes = append(e.codes, InvisibleDelegation)
		}
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

// edge keeps a new edge.
func (j *judge) edge(v edge) *edge {
	e := j.edgePool.get()
	v.codes = e.codes[:0]
	*e = v
	return e
}
