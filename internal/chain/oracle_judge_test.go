package chain_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// consult judges a world of which some spans have come.
func consult(w *worldT, spans []chain.Record) []string {
	o := &oracle{
		w: w, spans: map[chain.Ref]*chain.Record{}, grants: map[string]*chain.Grant{}, edges: map[chain.Ref][]*oEdge{}, used: map[chain.Ref]bool{},
	}
	for i := range spans {
		o.spans[spans[i].Ref] = &spans[i]
	}
	for i := range w.grants {
		o.grants[w.grants[i].ID] = &w.grants[i]
	}
	runs := o.runs()
	misnamed := map[chain.Ref]bool{}
	for _, r := range runs {
		o.findEdges(r)
		misnamed[r] = o.lonely(r)
	}
	for _, r := range runs {
		for _, e := range o.edges[r] {
			o.checkEdge(e)
		}
	}
	for _, c := range o.chains(runs) {
		o.judgeChain(c, misnamed)
	}
	slices.Sort(o.out)
	return o.out
}

// lonely handles a registered grant that a run names and no edge has.
func (o *oracle) lonely(r chain.Ref) (misnamed bool) {
	s := o.spans[r]
	g := o.grants[o.delegatedBy(s)]
	if g == nil || slices.ContainsFunc(o.edges[r], func(e *oEdge) bool { return e.id == g.ID }) {
		return false
	}
	if len(o.edges[r]) > 0 || g.Delegatee != s.Agent {
		return true
	}
	e := &oEdge{
		to: r, kind: chain.Delegate, grade: chain.Verified, external: true, id: g.ID, authority: true, source: "registered", delegator: g.Delegator,
		scope: g.Scope, nb: g.NotBefore, exp: g.ExpiresAt, rev: g.RevokedAt, hops: g.MaxDepth,
	}
	if d := o.w.agents[g.Delegator]; d != nil && d.ttl > 0 && e.nb != 0 && e.exp > e.nb+d.ttl*sec {
		e.exp = e.nb + d.ttl*sec
	}
	o.edges[r] = append(o.edges[r], e)
	return false
}

func (o *oracle) checkEdge(e *oEdge) {
	s := o.spans[e.to]
	if e.kind == chain.Reauthorise {
		return
	}
	d := o.w.agents[o.giver(e)]
	if o.w.agents[s.Agent] == nil && s.Agent != o.giver(e) {
		e.codes = append(e.codes, chain.UnregisteredAgent)
	}
	if e.source != "registered" && e.source != "declared" || slices.Contains(e.codes, chain.DelegationNotAllowed) {
		return
	}
	if d == nil {
		if !e.from.IsZero() {
			e.codes = append(e.codes, chain.DelegationNotAllowed)
		}
		return
	}
	defer func() {
		if !slices.Contains(d.to, s.Agent) {
			e.codes = append(e.codes, chain.DelegationNotAllowed)
		}
	}()
	for _, tool := range e.scope {
		most, ok := d.tools[tool]
		held := ok
		if ok && !e.from.IsZero() {
			held = o.holds(e.from, tool, most, map[chain.Ref]bool{})
		}
		switch {
		case !held:
			e.codes = append(e.codes, chain.OverGrant)
		case !slices.Contains(d.scope, tool):
			e.codes = append(e.codes, chain.DelegationNotAllowed)
		}
	}
}

// holds says whether everything above a run may use a tool up to an amount.
func (o *oracle) holds(r chain.Ref, tool string, most int, seen map[chain.Ref]bool) bool {
	if seen[r] || o.inCycle(r) {
		return true
	}
	seen[r] = true
	for _, e := range o.path(r) {
		if d := o.w.agents[o.giver(e)]; d != nil {
			if m, ok := d.tools[tool]; !ok || m < most {
				return false
			}
			if e.authority && e.source != "own" && (e.scope != nil || e.source != "declared") && !slices.Contains(e.scope, tool) {
				return false
			}
		}
		if !e.from.IsZero() && !o.holds(e.from, tool, most, seen) {
			return false
		}
	}
	return true
}

// action judges one action along every path to it.
func (o *oracle) action(a, r chain.Ref) (authority, boundary string, codes []chain.Code, refused []string) {
	s := o.spans[a]
	own := o.w.agents[o.agent(r)]
	boundary = "unregistered"
	if own != nil {
		ok, _ := own.may(s.Act.Tool, s.Act.Args)
		boundary = map[chain.Tri]string{chain.True: "respected", chain.False: "violation", chain.Unknown: "not_evaluated"}[ok]
		if ok == chain.False {
			codes = append(codes, chain.BoundaryViolated)
		}
	}
	if !o.walkable(r) {
		return "not_evaluated", boundary, codes, nil
	}
	var yes, no, unknown int
	var above []chain.Code
	for _, p := range o.walk(r) {
		verdict := chain.True
		say := func(t chain.Tri, c chain.Code, by string) {
			verdict = verdict.And(t)
			if t == chain.False {
				above, refused = append(above, c), append(refused, by)
			}
		}
		o.root(p, r, say)
		for _, e := range p.edges {
			o.along(e, s, say)
		}
		switch verdict {
		case chain.True:
			yes++
		case chain.False:
			no++
		default:
			unknown++
		}
	}
	switch {
	case yes > 0 && no+unknown > 0:
		return "ambiguous", boundary, append(codes, chain.AmbiguousAuthority), nil
	case yes > 0:
		return "respected", boundary, codes, nil
	case no == 0:
		return "not_evaluated", boundary, codes, nil
	}
	slices.Sort(refused)
	return "refused", boundary, append(codes, above...), slices.Compact(refused)
}

// root says whether the root of a path may act.
func (o *oracle) root(p oPath, actor chain.Ref, say func(chain.Tri, chain.Code, string)) {
	d := o.w.agents[o.agent(p.root)]
	switch n := len(p.edges); {
	case n > 0 && p.edges[n-1].from.IsZero() && p.ok:
		return
	case !p.ok, d == nil:
		say(chain.Unknown, "", "")
		return
	}
	pr := o.principal(p.root)
	switch {
	case !d.direct && o.reauth(p.root):
		say(chain.False, chain.ScopeEscalation, "registry:"+d.name)
	case !d.direct, pr.ID == "" && d.required:
		say(chain.Unknown, "", "")
	case pr.ID == "eve":
		c := chain.ScopeEscalation
		if p.root == actor {
			c = chain.BoundaryViolated
		}
		say(chain.False, c, "registry:"+d.name)
	}
}

// along holds an action against one edge and the delegator above it.
func (o *oracle) along(e *oEdge, s *chain.Record, say func(chain.Tri, chain.Code, string)) {
	d, name := o.w.agents[o.giver(e)], "grant:"+e.id
	if e.id == "" {
		name = "standing:" + o.giver(e)
	}
	why := func(fine bool) chain.Code {
		if fine {
			return chain.ConstraintViolated
		}
		return chain.ScopeEscalation
	}
	if d != nil {
		ok, fine := d.may(s.Act.Tool, s.Act.Args)
		say(ok, why(fine), "registry:"+d.name)
	} else if !e.from.IsZero() || !e.external && e.delegator != "" {
		say(chain.Unknown, "", "")
	}
	if o.remaining(e) < 0 {
		say(chain.False, chain.DepthExceeded, name)
	}
	if !e.authority {
		say(chain.Unknown, "", "")
		return
	}
	if e.source == "own" {
		return
	}
	t := s.Start
	if e.nb != 0 && t < e.nb-5*sec {
		say(chain.False, chain.NotYetValid, name)
	}
	if e.exp != 0 && t > e.exp+5*sec {
		say(chain.False, chain.ExpiredAuthority, name)
	}
	if e.rev != 0 && t > e.rev+5*sec {
		say(chain.False, chain.RevokedAuthority, name)
	}
	if d == nil || e.scope == nil && e.source == "declared" {
		say(chain.Unknown, "", "")
		return
	}
	best, fine := chain.False, false
	for _, tool := range e.scope {
		if most, ok := d.tools[tool]; ok {
			c, f := (&agentT{tools: map[string]int{tool: most}}).may(s.Act.Tool, s.Act.Args)
			best, fine = best.Or(c), fine || f
		}
	}
	say(best, why(fine), name)
}

func (o *oracle) print(format string, args ...any) {
	o.out = append(o.out, fmt.Sprintf(format, args...))
}

// judgeChain writes down everything about one chain.
func (o *oracle) judgeChain(c []chain.Ref, misnamed map[chain.Ref]bool) {
	var reasons []chain.Code
	lack := false
	root := c[0]
	tops := slices.DeleteFunc(slices.Clone(c), func(r chain.Ref) bool {
		return slices.ContainsFunc(o.edges[r], func(e *oEdge) bool { return !e.from.IsZero() })
	})
	if len(tops) > 0 {
		root = slices.MinFunc(tops, func(a, b chain.Ref) int { return cmp.Or(cmp.Compare(o.spans[a].Start, o.spans[b].Start), a.Compare(b)) })
	}
	grade, depth := chain.Grade(""), -1
	for _, r := range c {
		codes := o.runCodes(r, misnamed[r])
		for _, e := range o.edges[r] {
			codes = append(codes, e.codes...)
			lack = lack || e.weak
			if e.missing {
				codes, lack = append(codes, chain.BrokenLink), true
			}
			if grade == "" || rank[e.grade] < rank[grade] {
				grade = e.grade
			}
			o.print("edge %s>%s %s %s id=%s auth=%v asked=%s [%s]", short(e.from), short(r), e.kind, e.grade, e.id, e.authority, short(e.asked), codeText(e.codes))
		}
		if _, st := o.runAbove(r); st == oMissing {
			lack = true
			if len(o.path(r)) == 0 && !o.reauth(r) && !slices.Contains(codes, chain.BrokenLink) {
				codes = append(codes, chain.BrokenLink)
			}
		}
		lack = lack || droppedOf(o.spans[r]) > 0
		depth = max(depth, o.depth(r))
		reasons = append(reasons, codes...)
		o.print("run %s depth=%d %s [%s]", short(r), o.depth(r), o.principal(r), codeText(codes))
	}
	for a, s := range o.spans {
		if by, st := o.runOf(a); st == oRun && slices.Contains(c, by) {
			switch {
			case s.Role == chain.Asks && by != a && !o.used[a]:
				reasons = append(reasons, chain.SilentDelegation)
				if o.w.agents[o.agent(by)] != nil {
					reasons = append(reasons, chain.DelegationNotAllowed)
				}
			case s.Role == chain.Acts && !o.used[a]:
				auth, bound, codes, refused := o.action(a, by)
				lack = lack || auth == "not_evaluated" || bound == "not_evaluated"
				reasons = append(reasons, codes...)
				o.print("action %s %s %s [%s] %s", short(a), bound, auth, codeText(codes), strings.Join(refused, " "))
			}
		}
	}
	if lack {
		reasons = append(reasons, chain.IncompleteEvidence)
	}
	if !o.resolved(root) {
		depth = -1
	}
	if len(reasons) == 0 && grade != "" && grade != chain.Verified {
		reasons = append(reasons, chain.UnbrokenUnverified)
	}
	o.print("chain %s %s resolved=%v depth=%d %s [%s]", short(root), chain.ChainID(root), o.resolved(root), depth, grade, codeText(reasons))
}

// runCodes are the faults of a run itself.
func (o *oracle) runCodes(r chain.Ref, misnamed bool) (codes []chain.Code) {
	s, d := o.spans[r], o.w.agents[o.agent(r)]
	cyclic := o.inCycle(r)
	if cyclic {
		codes = append(codes, chain.Cycle)
	}
	if misnamed {
		codes = append(codes, chain.DelegationNotAllowed)
	}
	path := o.path(r)
	for _, e := range path {
		if !cyclic && o.remaining(e) < 0 {
			codes = append(codes, chain.DepthExceeded)
		}
		if own := statedOf(s); !cyclic && own.ID != "" && !e.from.IsZero() {
			if p := o.principal(e.from); p.ID != "" && p.ID != own.ID {
				codes = append(codes, chain.PrincipalChanged)
			}
		}
	}
	if o.resolved(r) && len(path) == 0 && d != nil {
		if o.principal(r).ID == "" && d.required {
			codes = append(codes, chain.MissingPrincipal)
		}
		if !d.direct && !o.reauth(r) {
			codes = append(codes, chain.OrphanRun)
		}
	}
	if !cyclic && (d == nil || !d.reentry) {
		for _, p := range o.walk(r) {
			for k, e := range p.edges {
				if k > 0 && o.agent(p.edges[0].from) != s.Agent && !e.from.IsZero() && o.agent(e.from) == s.Agent {
					codes = append(codes, chain.Reentry)
				}
			}
		}
	}
	return codes
}

func short(r chain.Ref) string {
	if r.IsZero() {
		return "?"
	}
	return fmt.Sprintf("%d.%d", r.Trace[15], r.Span[7])
}

func droppedOf(s *chain.Record) uint32 {
	if s.Run == nil {
		return 0
	}
	return s.Run.Dropped
}

func statedOf(s *chain.Record) chain.Principal {
	if s.Run == nil {
		return chain.Principal{}
	}
	return s.Run.Stated
}
