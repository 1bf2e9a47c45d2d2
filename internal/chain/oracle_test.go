package chain_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// oracle recomputes everything from all spans that have come, by the letter of
// the reference and without any of the engine's code: paths are listed one by
// one, ancestors searched anew for every question.
type oracle struct {
	w      *worldT
	spans  map[chain.Ref]*chain.Record
	grants map[string]*chain.Grant
	edges  map[chain.Ref][]*oEdge // into a run
	used   map[chain.Ref]bool     // delegating spans that were answered
	out    []string
}

type oEdge struct {
	from, to, linked, asked  chain.Ref
	kind                     chain.Kind
	grade                    chain.Grade
	typed, missing, external bool
	id, delegator, source    string
	authority                bool
	weak                     bool
	scope                    []string
	nb, exp, rev             int64
	hops                     chain.Hops
	codes                    []chain.Code
}

const (
	oNone = iota
	oRun
	oMissing
)

func (o *oracle) agent(r chain.Ref) string { return o.spans[r].Agent }

// ancestors lists a span's parents from the nearest up; missing if one has not
// come, or if they run in a circle.
func (o *oracle) ancestors(r chain.Ref) (up []chain.Ref, missing bool) {
	for at := r; ; {
		s := o.spans[at]
		if s.Parent == (chain.SpanID{}) {
			return up, false
		}
		at = chain.Ref{Trace: at.Trace, Span: s.Parent}
		if o.spans[at] == nil {
			return up, true
		}
		if at == r || slices.Contains(up, at) {
			return o.beforeCircle(r), true
		}
		up = append(up, at)
	}
}

// beforeCircle lists the parents of a span that are not part of a circle; of one
// that stands above a circle's member the member is the last.
func (o *oracle) beforeCircle(r chain.Ref) (up []chain.Ref) {
	inCircle := func(x chain.Ref) bool {
		for at, n := o.up(x), 0; n < len(o.spans)+1; at, n = o.up(at), n+1 {
			if at == x {
				return true
			}
		}
		return false
	}
	for at := r; !inCircle(at); {
		at = o.up(at)
		up = append(up, at)
	}
	return up
}

func (o *oracle) up(r chain.Ref) chain.Ref { return chain.Ref{Trace: r.Trace, Span: o.spans[r].Parent} }

// opens says whether a span opens a run.
func (o *oracle) opens(r chain.Ref) bool {
	s := o.spans[r]
	switch s.Role {
	case chain.Opens:
	case chain.Asks:
		works := false
		for x, t := range o.spans {
			if t.Role == chain.Acts && x.Trace == r.Trace && x != r {
				for at, n := x, 0; n < len(o.spans) && o.spans[at].Parent != (chain.SpanID{}) && o.spans[o.up(at)] != nil; n++ {
					if at = o.up(at); at == r {
						works = true
					}
				}
			}
		}
		if !works {
			return false
		}
	default:
		return false
	}
	p, st := o.runAbove(r)
	return st != oRun || len(s.Links) > 0 || o.agent(p) != s.Agent
}

func (o *oracle) runAbove(r chain.Ref) (chain.Ref, int) {
	up, missing := o.ancestors(r)
	for _, x := range up {
		if o.opens(x) {
			return x, oRun
		}
	}
	if missing {
		return chain.Ref{}, oMissing
	}
	return chain.Ref{}, oNone
}

// runOf is the run around a span.
func (o *oracle) runOf(r chain.Ref) (chain.Ref, int) {
	if o.spans[r] == nil {
		return chain.Ref{}, oMissing
	}
	if o.opens(r) {
		return r, oRun
	}
	return o.runAbove(r)
}

func (o *oracle) runs() (out []chain.Ref) {
	for r := range o.spans {
		if o.opens(r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, chain.Ref.Compare)
	return out
}

func (o *oracle) delegatedBy(s *chain.Record) string {
	if s.Run == nil {
		return ""
	}
	return s.Run.DelegationID
}

var rank = map[chain.Grade]int{chain.Verified: 5, chain.Declared: 4, chain.Structural: 3, chain.Correlated: 2}

// findEdges lists the edges into a run, one for each delegator.
func (o *oracle) findEdges(r chain.Ref) {
	s := o.spans[r]
	carriers := 0
	for _, l := range s.Links {
		if l.Type != chain.Reauthorise {
			carriers++
		}
	}
	var all []*oEdge
	for _, l := range s.Links {
		e := &oEdge{
			to: r, linked: l.To, kind: l.Type, typed: true, id: l.DelegationID, delegator: l.Delegator, grade: chain.Structural,
			scope: l.Scope, exp: l.ExpiresAt,
		}
		if l.DelegationID != "" || l.Type == chain.Reauthorise {
			e.grade = chain.Declared
		}
		if e.id == "" && l.Type != chain.Reauthorise && carriers == 1 && o.delegatedBy(s) != "" {
			e.id, e.grade = o.delegatedBy(s), chain.Declared
		}
		from, st := o.runOf(l.To)
		switch st {
		case oRun:
			e.from = from
			if t := o.spans[l.To]; (t.Role == chain.Asks || t.Role == chain.Acts) && l.To != from {
				e.asked = l.To
				o.used[l.To] = true
			}
		case oMissing:
			e.missing = true
		default:
			e.external = true
		}
		all = append(all, e)
	}
	if p, st := o.runAbove(r); st == oRun && o.agent(p) != s.Agent {
		e := &oEdge{from: p, to: r, kind: chain.Delegate, grade: chain.Structural}
		up, _ := o.ancestors(r)
		for _, x := range up {
			if x == p {
				break
			}
			switch o.spans[x].Role {
			case chain.Asks:
				o.used[x] = true
				if e.asked.IsZero() || o.spans[e.asked].Role == chain.Acts {
					e.asked = x // the nearest that asks an agent
				}
			case chain.Acts:
				o.used[x] = true
				if e.asked.IsZero() || o.spans[e.asked].Role == chain.Acts {
					e.asked = x // else the outermost tool call
				}
			default:
			}
		}
		all = append(all, e)
	}
	for _, e := range all {
		o.grant(e)
	}
	best := map[string]*oEdge{}
	asked := map[string]chain.Ref{}
	for _, e := range all {
		k := fmt.Sprint(e.from)
		if e.from.IsZero() {
			k = fmt.Sprint(e.linked, e.kind, e.id)
		}
		if b := best[k]; b == nil || o.beats(e, b) {
			best[k] = e
		}
		if a := asked[k]; a.IsZero() || !e.asked.IsZero() && e.asked.Compare(a) < 0 {
			asked[k] = e.asked
		}
	}
	for k, e := range best {
		if e.asked.IsZero() {
			e.asked = asked[k]
		}
	}
	o.edges[r] = slices.Collect(maps.Values(best))
}

func (o *oracle) beats(a, b *oEdge) bool {
	named := o.delegatedBy(o.spans[a.to])
	bit := func(v bool) int {
		if v {
			return 0
		}
		return 1
	}
	key := func(e *oEdge) []int {
		return []int{bit(named != "" && e.id == named), bit(e.authority), -rank[e.grade], bit(e.typed)}
	}
	if c := slices.Compare(key(a), key(b)); c != 0 {
		return c < 0
	}
	return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.kind, b.kind), a.linked.Compare(b.linked)) < 0
}

func (o *oracle) giver(e *oEdge) string {
	if !e.from.IsZero() {
		return o.agent(e.from)
	}
	return e.delegator
}

// grant says what an edge carries.
func (o *oracle) grant(e *oEdge) {
	s := o.spans[e.to]
	if e.kind == chain.Reauthorise {
		return
	}
	fits := func(g *chain.Grant) bool {
		return g.Delegatee == s.Agent && (e.from.IsZero() || g.Delegator == o.agent(e.from))
	}
	if g := o.grants[o.delegatedBy(s)]; !e.typed && g != nil && fits(g) {
		e.id = g.ID
	}
	g := o.grants[e.id]
	switch {
	case g != nil:
		e.source, e.delegator, e.scope, e.nb, e.exp, e.rev, e.hops = "registered", g.Delegator, g.Scope, g.NotBefore, g.ExpiresAt, g.RevokedAt, g.MaxDepth
		if !fits(g) {
			if rank[e.grade] > rank[chain.Declared] {
				e.grade = chain.Declared
			}
			e.codes = append(e.codes, chain.DelegationNotAllowed)
			return
		}
		e.grade, e.authority = chain.Verified, true
	case e.id != "":
		e.source, e.nb = "declared", s.Start
		if d := o.w.agents[o.giver(e)]; e.scope == nil && d != nil {
			e.scope = append([]string{}, d.scope...)
		}
		if e.delegator != "" && !e.from.IsZero() && e.delegator != o.agent(e.from) {
			e.codes = append(e.codes, chain.DelegationNotAllowed)
			return
		}
		e.authority = true
	case !e.from.IsZero() && o.agent(e.from) == s.Agent:
		e.source, e.authority = "own", true
		return
	default:
		d := o.w.agents[o.giver(e)]
		if d == nil || !slices.Contains(d.to, s.Agent) {
			if !e.from.IsZero() {
				e.codes = append(e.codes, chain.InvisibleDelegation)
			}
			return
		}
		e.source, e.authority, e.scope, e.nb, e.exp = "standing", true, append([]string{}, d.scope...), s.Start, 0
	}
	d := o.w.agents[o.giver(e)]
	if d == nil {
		return
	}
	if d.ttl > 0 && e.nb != 0 && (e.exp == 0 || e.exp > e.nb+d.ttl*sec) {
		e.exp = e.nb + d.ttl*sec
	}
	if rank[e.grade] < rank[d.require] {
		e.authority, e.weak = false, true
	}
}

// path lists the edges by which authority may come.
func (o *oracle) path(r chain.Ref) (out []*oEdge) {
	es := o.edges[r]
	for _, e := range es {
		if e.kind == chain.Reauthorise {
			return nil
		}
	}
	choose := func(want func(*oEdge) bool) {
		for _, e := range es {
			if len(out) == 0 || want(out[0]) {
				if want(e) {
					out = append(out, e)
				}
			}
		}
	}
	if n := o.delegatedBy(o.spans[r]); n != "" {
		choose(func(e *oEdge) bool { return e.id == n })
	}
	if len(out) == 0 {
		choose(func(e *oEdge) bool { return e.authority })
	}
	if len(out) == 0 {
		out = slices.Clone(es)
	}
	slices.SortFunc(out, func(a, b *oEdge) int {
		return cmp.Or(o.src(a).Compare(o.src(b)), cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
	return out
}

func (o *oracle) src(e *oEdge) chain.Ref {
	if !e.from.IsZero() {
		return e.from
	}
	return e.linked
}

// inCycle searches all ancestors of a run for itself.
func (o *oracle) inCycle(r chain.Ref) bool {
	seen := map[chain.Ref]bool{}
	todo := []chain.Ref{r}
	for len(todo) > 0 {
		x := todo[0]
		todo = todo[1:]
		for _, e := range o.edges[x] {
			if e.from == r {
				return true
			}
			if !e.from.IsZero() && !seen[e.from] {
				seen[e.from] = true
				todo = append(todo, e.from)
			}
		}
	}
	return false
}

func (o *oracle) broken(r chain.Ref) bool {
	for _, e := range o.edges[r] {
		if e.missing {
			return true
		}
	}
	_, st := o.runAbove(r)
	return st == oMissing && len(o.path(r)) == 0
}

// walk lists every path from a run up to a root: each a list of edges, nearest
// first. ok is false where a path ends in the unknown.
type oPath struct {
	edges []*oEdge
	root  chain.Ref
	ok    bool
}

func (o *oracle) walk(r chain.Ref) (out []oPath) {
	if o.inCycle(r) {
		return []oPath{{root: r}}
	}
	es := o.path(r)
	if len(es) == 0 {
		return []oPath{{root: r, ok: !o.broken(r)}}
	}
	for _, e := range es {
		if e.from.IsZero() {
			out = append(out, oPath{edges: []*oEdge{e}, root: r, ok: e.external})
			continue
		}
		for _, p := range o.walk(e.from) {
			out = append(out, oPath{edges: append([]*oEdge{e}, p.edges...), root: p.root, ok: p.ok})
		}
	}
	return out
}

func (o *oracle) resolved(r chain.Ref) bool {
	for _, p := range o.walk(r) {
		if !p.ok {
			return false
		}
	}
	return true
}

func (o *oracle) depth(r chain.Ref) int {
	if !o.resolved(r) {
		return -1
	}
	d := 0
	for _, p := range o.walk(r) {
		n := len(p.edges)
		if n > 0 && p.edges[n-1].from.IsZero() {
			n--
		}
		d = max(d, n)
	}
	return d
}

// remaining is what is left of the depth along one edge.
func (o *oracle) remaining(e *oEdge) int {
	left := 64
	if p := e.from; !p.IsZero() && o.walkable(p) {
		left = 64
		for _, u := range o.path(p) {
			left = min(left, o.remaining(u))
		}
		if d := o.w.agents[o.agent(p)]; d != nil && d.depth >= 0 {
			left = min(left, d.depth)
		}
		left--
	}
	if e.authority && e.hops.Known {
		left = min(left, e.hops.N)
	}
	return left
}

// walkable says that no cycle stands at or above a run.
func (o *oracle) walkable(r chain.Ref) bool {
	for _, p := range o.walk(r) {
		if o.inCycle(p.root) {
			return false
		}
	}
	return true
}

func (o *oracle) principal(r chain.Ref) chain.Principal {
	seen := map[chain.Ref]bool{}
	for level := []chain.Ref{r}; len(level) > 0; {
		slices.SortFunc(level, chain.Ref.Compare)
		var next []chain.Ref
		for _, x := range level {
			if seen[x] {
				continue
			}
			seen[x] = true
			if s := o.spans[x]; s.Run != nil && s.Run.Stated.ID != "" {
				return s.Run.Stated
			}
			for _, e := range o.path(x) {
				if !e.from.IsZero() {
					next = append(next, e.from)
				}
			}
		}
		level = next
	}
	return chain.Principal{Grade: chain.Missing}
}

func (o *oracle) reauth(r chain.Ref) bool {
	return slices.ContainsFunc(o.edges[r], func(e *oEdge) bool { return e.kind == chain.Reauthorise })
}

// chains groups runs.
func (o *oracle) chains(runs []chain.Ref) [][]chain.Ref {
	in := map[chain.Ref]int{}
	for i, r := range runs {
		in[r] = i
	}
	for range runs {
		for r, es := range o.edges {
			for _, e := range es {
				if !e.from.IsZero() {
					m := min(in[r], in[e.from])
					in[r], in[e.from] = m, m
				}
			}
		}
	}
	var out [][]chain.Ref
	for i := range runs {
		var c []chain.Ref
		for _, r := range runs {
			if in[r] == i {
				c = append(c, r)
			}
		}
		if len(c) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func codeText(cs []chain.Code) string {
	order := map[chain.Code]int{}
	for i, c := range chain.Codes() {
		order[c] = i
	}
	cs = slices.Clone(cs)
	slices.SortFunc(cs, func(a, b chain.Code) int { return order[a] - order[b] })
	out := make([]string, 0, len(cs))
	for _, c := range slices.Compact(cs) {
		out = append(out, string(c))
	}
	return strings.Join(out, " ")
}
