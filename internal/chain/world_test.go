package chain_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// A small world for tests: agents that may use tools up to an amount, and spans
// that do or do not keep to that.

const sec = int64(time.Second)

type agentT struct {
	name     string
	tools    map[string]int // up to which amount
	to       []string
	scope    []string
	depth    int
	ttl      int64 // seconds, 0 is none
	direct   bool
	required bool
	reentry  bool
	require  chain.Grade
}

type worldT struct {
	agents map[string]*agentT
	spans  []chain.Record
	grants []chain.Grant
}

func (w *worldT) Entry(_, agent string, _ int64) chain.Entry {
	if a := w.agents[agent]; a != nil {
		return a
	}
	return nil
}

func (w *worldT) Version(string, int64) string { return "v1" }

// may says whether the agent's own entry allows a tool with an amount, and
// whether only the amount is too high.
func (a *agentT) may(tool, amount string) (ok chain.Tri, fine bool) {
	most, known := a.tools[tool]
	if !known {
		return chain.False, false
	}
	n, err := strconv.Atoi(amount)
	if err != nil {
		return chain.Unknown, false
	}
	if n > most {
		return chain.False, true
	}
	return chain.True, false
}

func (a *agentT) Judge(x *chain.Act, _ int64, _ chain.ApprovalFunc) chain.Ruling {
	ok, fine := a.may(x.Tool, x.Args)
	return chain.Ruling{Verdict: ok, Constraint: fine, Finding: "boundary.tool"}
}

func (a *agentT) MayAsk(p chain.Principal) chain.Tri {
	if p.ID == "eve" {
		return chain.False
	}
	return chain.True
}
func (a *agentT) RequiresPrincipal() bool    { return a.required }
func (a *agentT) Direct() bool               { return a.direct }
func (a *agentT) MayDelegate(to string) bool { return slices.Contains(a.to, to) }
func (a *agentT) Contains(s chain.Scope) chain.Tri {
	in := s.(scopeT)
	most, ok := a.tools[in.tool]
	return tri(ok && in.most <= most)
}

func (a *agentT) Delegation() chain.Limits {
	return chain.Limits{Scope: a.scope, MaxDepth: a.depth, MaxTTL: time.Duration(a.ttl * sec), Reentry: a.reentry, Require: a.require}
}

func (a *agentT) Scope(item, _ string) chain.Scope {
	most, ok := a.tools[item]
	if !ok {
		return nil
	}
	return scopeT{item, most}
}

type scopeT struct {
	tool string
	most int
}

func (s scopeT) Covers(x *chain.Act, _ int64) (chain.Tri, bool) {
	return (&agentT{tools: map[string]int{s.tool: s.most}}).may(x.Tool, x.Args)
}

func (s scopeT) Contains(o chain.Scope) chain.Tri {
	in := o.(scopeT)
	return tri(in.tool == s.tool && in.most <= s.most)
}

func tri(ok bool) chain.Tri {
	if ok {
		return chain.True
	}
	return chain.False
}

var (
	toolNames  = []string{"read", "send", "pay"}
	agentNames = []string{"a", "b", "c", "d", "stranger"}
)

func pick[T any](r *rand.Rand, l []T) T { return l[r.IntN(len(l))] }

func some(r *rand.Rand, l []string, p float64) (out []string) {
	for _, s := range l {
		if r.Float64() < p {
			out = append(out, s)
		}
	}
	return out
}

// randomWorld makes a world with forged links, cycles, spans that never come,
// grants of others, expiry, fan-in and deep nesting.
func randomWorld(r *rand.Rand) *worldT {
	w := &worldT{agents: map[string]*agentT{}}
	for _, n := range agentNames[:4] {
		a := &agentT{
			name: n, tools: map[string]int{}, to: some(r, agentNames, 0.8), depth: r.IntN(4) - 1, ttl: int64(r.IntN(2) * 60),
			direct: r.IntN(5) > 0, required: r.IntN(3) == 0, reentry: r.IntN(2) == 0,
		}
		if r.IntN(6) == 0 {
			a.require = pick(r, []chain.Grade{chain.Verified, chain.Declared, chain.Structural})
		}
		for _, t := range some(r, toolNames, 0.9) {
			a.tools[t] = 50 + 50*r.IntN(2)
			if r.IntN(3) > 0 {
				a.scope = append(a.scope, t)
			}
		}
		w.agents[n] = a
	}
	for i := range r.IntN(5) {
		g := chain.Grant{
			ID: "g" + strconv.Itoa(i), Delegator: pick(r, agentNames), Delegatee: pick(r, agentNames), Scope: some(r, toolNames, 0.7),
			NotBefore: int64(r.IntN(30)) * sec, ExpiresAt: int64(40+r.IntN(60)) * sec,
		}
		if r.IntN(4) == 0 {
			g.RevokedAt = int64(r.IntN(90)) * sec
		}
		if r.IntN(4) == 0 {
			g.MaxDepth = chain.Hops{N: r.IntN(3), Known: true}
		}
		w.grants = append(w.grants, g)
	}
	for t := range 1 + r.IntN(4) {
		w.trace(r, byte(t+1))
	}
	for i := range w.spans {
		if w.spans[i].Role == chain.Opens && r.IntN(2) == 0 {
			w.link(r, &w.spans[i])
		}
	}
	return w
}

func refOf(trace, span byte) (r chain.Ref) {
	r.Trace[15], r.Span[7] = trace, span
	return r
}

func (w *worldT) trace(r *rand.Rand, id byte) {
	n := 1 + r.IntN(7)
	first := len(w.spans)
	for s := range n {
		rec := chain.Record{Ref: refOf(id, byte(s+1)), Start: int64(r.IntN(100)) * sec}
		rec.End = rec.Start + sec
		if s > 0 {
			rec.Parent = refOf(id, byte(1+r.IntN(s))).Span
		} else if r.IntN(6) == 0 {
			rec.Parent = refOf(id, 200).Span // never comes
		}
		switch k := r.IntN(10); {
		case s == 0 && k < 8 || k < 4:
			rec.Role, rec.Agent, rec.Run = chain.Opens, pick(r, agentNames), &chain.Opening{}
			if r.IntN(3) == 0 || s == 0 {
				rec.Run.Stated = chain.Principal{Type: "user", ID: pick(r, []string{"alice", "alice", "alice", "bob", "", "eve"}), Grade: chain.Declared}
				if rec.Run.Stated.ID == "" {
					rec.Run.Stated = chain.Principal{}
				}
			}
			rec.Run.Dropped = uint32(max(0, r.IntN(12)-10))
		case k < 5:
			rec.Role, rec.Agent = chain.Asks, "nobody"+strconv.Itoa(int(id)*10+s)
		case k < 9:
			rec.Role = chain.Acts
			rec.Act = &chain.Act{Tool: pick(r, toolNames), Args: pick(r, []string{"10", "70", "500", ""}), CallID: strconv.Itoa(int(id)*100 + s)}
		default:
			rec.Role = chain.Plumbing
		}
		w.spans = append(w.spans, rec)
	}
	if n > 2 && r.IntN(12) == 0 { // parents in a circle
		w.spans[first].Parent = w.spans[first+1].Ref.Span
	}
}

// link gives a run one to three typed links, to anywhere.
func (w *worldT) link(r *rand.Rand, rec *chain.Record) {
	for range 1 + r.IntN(3) {
		to := refOf(byte(1+r.IntN(5)), byte(1+r.IntN(9)))
		if r.IntN(4) > 0 {
			to = w.spans[r.IntN(len(w.spans))].Ref
		}
		target := w.spans[r.IntN(len(w.spans))]
		for range 8 { // often a run, and mostly one that began before
			if target.Role == chain.Opens && target.Ref != rec.Ref && target.Start <= rec.Start {
				break
			}
			target = w.spans[r.IntN(len(w.spans))]
		}
		if r.IntN(3) > 0 {
			to = target.Ref
		}
		l := chain.Link{To: to, Type: pick(r, []chain.Kind{chain.Delegate, chain.Delegate, chain.Delegate, chain.Transfer, chain.Reauthorise})}
		switch r.IntN(6) {
		case 2, 3: // a grant for just these two
			g := chain.Grant{
				ID: "m" + strconv.Itoa(len(w.grants)), Delegator: target.Agent, Delegatee: rec.Agent, Scope: some(r, toolNames, 0.8),
				NotBefore: int64(1+r.IntN(20)) * sec, ExpiresAt: int64(60+r.IntN(60)) * sec,
			}
			if r.IntN(3) == 0 {
				g.RevokedAt = int64(10+r.IntN(60)) * sec
			}
			w.grants = append(w.grants, g)
			l.DelegationID = g.ID
		case 0:
			l.DelegationID = "g" + strconv.Itoa(r.IntN(5))
		case 1:
			l.DelegationID, l.Scope = "own"+strconv.Itoa(r.IntN(3)), some(r, toolNames, 0.7)
			if r.IntN(2) == 0 {
				l.ExpiresAt = int64(r.IntN(120)) * sec
			}
		}
		if r.IntN(3) == 0 {
			l.Delegator = pick(r, agentNames)
		}
		rec.Links = append(rec.Links, l)
		if l.DelegationID != "" && r.IntN(3) == 0 {
			run := *rec.Run
			run.DelegationID = l.DelegationID
			rec.Run = &run
		}
	}
}
