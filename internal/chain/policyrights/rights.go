// Package policyrights lets a chain engine ask the registry of internal/policy.
// A Rights has one owner, as an engine has.
package policyrights

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// Rights answers a chain engine from the versions of a registry.
type Rights struct {
	history policy.History
	entries map[*policy.Agent]*entry
	scopes  map[scopeKey]*scope
	last    prepared
	result  policy.Result
	// approval is ask as a value, made once.
	approval func(*policy.Rule) policy.Approval
}

// maxScopes bounds the compiled scopes that are remembered; the table starts
// over when it is full.
const maxScopes = 10_000

// New returns rights under a history.
func New(h policy.History) *Rights {
	r := &Rights{history: h, entries: map[*policy.Agent]*entry{}, scopes: map[scopeKey]*scope{}}
	r.approval = r.ask
	return r
}

// SetHistory replaces the history: after it, call Engine.RegistryChanged with
// the time from which it differs.
func (r *Rights) SetHistory(h policy.History) {
	r.history = h
	clear(r.entries)
	clear(r.scopes)
	r.last = prepared{}
}

// Entry implements chain.Rights. Tenants share one registry.
func (r *Rights) Entry(_, agent string, at int64) chain.Entry {
	reg, _ := r.history.At(time.Unix(0, at))
	if reg == nil {
		return nil
	}
	a := reg.Agent(agent)
	if a == nil {
		return nil
	}
	e := r.entries[a]
	if e == nil {
		e = &entry{r: r, a: a, version: reg.Version(), limits: limitsOf(a.Delegation())}
		r.entries[a] = e
	}
	return e
}

// Version implements chain.Rights.
func (r *Rights) Version(_ string, at int64) string {
	if reg, _ := r.history.At(time.Unix(0, at)); reg != nil {
		return reg.Version()
	}
	return ""
}

// entry is one agent in one version of the registry.
type entry struct {
	r       *Rights
	a       *policy.Agent
	version string
	limits  chain.Limits
}

func limitsOf(d *policy.Delegation) chain.Limits {
	if d == nil {
		return chain.Limits{MaxDepth: -1}
	}
	return chain.Limits{Scope: d.Scope, MaxDepth: d.MaxDepth, MaxTTL: d.MaxTTL, Reentry: d.Reentry, Require: chain.Grade(d.Require)}
}

// prepared is the action asked about last: an action is held against several
// entries in a row, and it is read and resolved once.
type prepared struct {
	act     chain.Act
	at      int64
	version string
	set     bool

	q        policy.Request
	approved chain.ApprovalFunc
	asked    bool
	state    chain.ApprovalState
}

func (p *prepared) holds(a *chain.Act, at int64, version string) bool {
	b := &p.act
	return p.set && p.at == at && p.version == version && a.Tool == b.Tool && a.Operation == b.Operation && a.Resource == b.Resource &&
		a.Args == b.Args && a.For == b.For && a.Purpose == b.Purpose && slices.Equal(a.Data, b.Data)
}

// request returns the action in the form that rules are matched against. It is
// valid until the next call.
func (r *Rights) request(a *chain.Act, at int64, version string) *policy.Request {
	p := &r.last
	if p.holds(a, at, version) {
		return &p.q
	}
	p.act, p.at, p.version, p.set = *a, at, version, true
	p.q = policy.Request{
		Source: policy.FromSpan, Check: policy.PrincipalSkip, Tool: a.Tool, Operation: a.Operation, Resource: a.Resource,
		Args: policy.ParseArgs([]byte(a.Args)), Data: a.Data, Purpose: a.Purpose, Time: time.Unix(0, at),
		Principal: policy.Principal{Type: a.For.Type, ID: a.For.ID, Grade: string(a.For.Grade)},
		Counter:   unlimited, Approval: r.approval,
	}
	return &p.q
}

// unlimited leaves rates out: how often a rule was used is the boundary
// processor's to count.
func unlimited(*policy.Rule, time.Duration) (int64, bool) { return 0, true }

// ask answers what is known of approvals for a rule that matched.
func (r *Rights) ask(rule *policy.Rule) policy.Approval {
	p := &r.last
	if p.approved == nil {
		return policy.ApprovalUnknown
	}
	tool, _, resource := p.q.Resolved()
	s := p.approved(chain.AskRule{ID: rule.ID(), Any: rule.Approvers().Any, Not: rule.Approvers().Not, TTL: rule.TTL()}, tool, resource)
	p.asked = true
	if s != chain.Approved {
		p.state = s
	}
	return approvals[s]
}

// Judge implements chain.Entry.
func (e *entry) Judge(a *chain.Act, at int64, approved chain.ApprovalFunc) chain.Ruling {
	q := e.r.request(a, at, e.version)
	p := &e.r.last
	p.approved, p.asked, p.state = approved, false, chain.Approved
	res := &e.r.result
	e.a.Judge(q, res)
	p.approved = nil
	out := chain.Ruling{Constraint: res.ConstraintOnly(), Finding: res.Finding}
	out.Tool, out.Operation, out.Resource = q.Resolved()
	if res.Rule != nil {
		out.Rule = res.Rule.ID()
	}
	if res.Verdict != policy.Respected {
		out.Why = strings.TrimSpace(strings.Join([]string{res.Failed.String(), res.Arg, string(res.Reason)}, " "))
	}
	switch res.Verdict {
	case policy.Respected:
		out.Verdict = chain.True
	case policy.Violation, policy.Unregistered:
		out.Verdict = chain.False
	case policy.NotEvaluated:
	}
	if p.asked && out.Verdict == chain.False && res.Denied != policy.True && p.state != chain.Approved {
		out.Asked, out.Approval = true, p.state
	}
	return out
}

var approvals = [...]policy.Approval{
	chain.NoApproval: policy.ApprovalMissing, chain.Approved: policy.ApprovalFits,
	chain.OtherApproval: policy.ApprovalMismatch, chain.OwnApproval: policy.ApprovalSelf,
}

// MayAsk implements chain.Entry.
func (e *entry) MayAsk(p chain.Principal) chain.Tri {
	if p.ID == "" {
		return tri(!e.a.PrincipalRequired())
	}
	return truth(e.a.PrincipalAllowed(p.String()))
}

// RequiresPrincipal implements chain.Entry.
func (e *entry) RequiresPrincipal() bool { return e.a.PrincipalRequired() }

// Direct implements chain.Entry.
func (e *entry) Direct() bool { return e.a.Direct() }

// MayDelegate implements chain.Entry.
func (e *entry) MayDelegate(to string) bool { return e.a.Delegation().To(to) }

// Delegation implements chain.Entry.
func (e *entry) Delegation() chain.Limits { return e.limits }

type scopeKey struct {
	a                 *policy.Agent
	item, constraints string
}

// scope is one item under the entry that gives it its meaning.
type scope struct {
	e       *entry
	s       *policy.Scope
	nothing bool
}

// Scope implements chain.Entry. Constraints that cannot be read allow nothing:
// they were meant to narrow.
func (e *entry) Scope(item, constraints string) chain.Scope {
	k := scopeKey{e.a, item, constraints}
	s := e.r.scopes[k]
	if s == nil {
		s = &scope{e: e, s: policy.ParseScope([]string{item})}
		s.nothing = e.a.Rule(item) == nil && !isPair(item)
		if constraints != "" {
			var n yaml.Node
			err := yaml.Unmarshal([]byte(constraints), &n)
			if err == nil {
				if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
					n = *n.Content[0]
				}
				s.s, err = s.s.ParseConstraints("grant", n)
			}
			s.nothing = s.nothing || err != nil
		}
		if len(e.r.scopes) >= maxScopes {
			clear(e.r.scopes)
		}
		e.r.scopes[k] = s
	}
	if s.nothing {
		return nil
	}
	return s
}

// isPair reports whether an item can be "tool:operation".
func isPair(item string) bool {
	for i := len(item) - 1; i > 0; i-- {
		if item[i] == ':' {
			return slices.Contains(policy.Operations(), item[i+1:])
		}
	}
	return false
}

// Covers implements chain.Scope.
func (s *scope) Covers(a *chain.Act, at int64) (chain.Tri, bool) {
	o := s.s.Covers(s.e.a, s.e.r.request(a, at, s.e.version))
	return truth(o.Truth), o.ConstraintOnly()
}

// Contains implements chain.Scope.
func (s *scope) Contains(o chain.Scope) chain.Tri {
	in, ok := o.(*scope)
	if !ok {
		return chain.Unknown
	}
	return truth(in.s.ContainsIn(0, in.e.a, s.s, s.e.a))
}

// Contains implements chain.Entry.
func (e *entry) Contains(o chain.Scope) chain.Tri {
	in, ok := o.(*scope)
	if !ok {
		return chain.Unknown
	}
	return truth(in.s.Contains(0, in.e.a, e.a))
}

func truth(t policy.Truth) chain.Tri {
	switch t {
	case policy.True:
		return chain.True
	case policy.False:
		return chain.False
	default:
		return chain.Unknown
	}
}

func tri(ok bool) chain.Tri {
	if ok {
		return chain.True
	}
	return chain.False
}
