package decision

import (
	"errors"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/policy"
)

// Grant is a delegation that was registered.
type Grant struct {
	ID, Chain, Parent     string
	Delegator, Delegatee  string
	Tenant, Purpose       string
	Grade                 string
	Principal             policy.Principal
	Items                 []string
	Constraints           string
	MaxDepth, Depth       int // hops that may follow below, hops from the root
	At, Expires           time.Time
	Revoked               time.Time // zero: not revoked
	RevokedBy, RevokedWhy string
	scope                 *policy.Scope
}

// Asked is what a delegator wants to hand on.
type Asked struct {
	Delegator, Delegatee, Grade, Tenant string
	Principal                           policy.Principal
	Scope                               []string
	// Constraints is a JSON object in the form of a rule, nil for none.
	Constraints []byte
	TTL         time.Duration // 0: as long as may be, at most DefaultGrantTTL
	MaxDepth    *int          // nil: none below
	Purpose     string
	Parent      string
}

// DefaultGrantTTL is how long a grant holds where nobody says.
const DefaultGrantTTL = time.Hour

// Refusals of a grant.
var (
	ErrDelegation = errors.New("delegation_not_allowed")
	ErrOverGrant  = errors.New("over_grant")
	ErrDepth      = errors.New("depth_exceeded")
	ErrGrantHalt  = errors.New("halted")
	ErrNoGrant    = errors.New("no such delegation")
	ErrGrantForm  = errors.New("malformed")
)

// Grants keeps the newest registered delegations. It has one owner.
type Grants struct{ m bounded[string, *Grant] }

// NewGrants returns an empty store of at most limit grants.
func NewGrants(limit int) *Grants { return &Grants{newBounded[string, *Grant](limit)} }

// Register checks a grant against the registry and keeps it. id names the grant
// and, without a parent, its chain. An error is one of the refusals, wrapped.
func (g *Grants) Register(a *Asked, r *policy.Registry, id ID, now time.Time) (*Grant, error) {
	entry := agentOf(r, a.Delegator)
	if entry == nil || !entry.Delegation().To(a.Delegatee) {
		return nil, fmt.Errorf("%w: %s may not hand work to %s", ErrDelegation, a.Delegator, a.Delegatee)
	}
	out := &Grant{
		ID: id.String(), Chain: id.String(), Delegator: a.Delegator, Delegatee: a.Delegatee, Tenant: a.Tenant, Purpose: a.Purpose,
		Grade: a.Grade, Principal: a.Principal, Items: a.Scope, Constraints: string(a.Constraints), At: now, scope: policy.ParseScope(a.Scope),
	}
	if err := out.constrain(a.Constraints); err != nil {
		return nil, err
	}
	for i := range out.scope.Len() {
		if out.scope.Passable(i, entry) != policy.True {
			return nil, fmt.Errorf("%w: scope[%d] %q is not for %s to pass on", ErrOverGrant, i, a.Scope[i], a.Delegator)
		}
	}
	d := entry.Delegation()
	limit := DefaultGrantTTL
	if d.MaxTTL > 0 {
		limit = d.MaxTTL
	}
	if err := out.life(a, d, limit, now); err != nil {
		return nil, err
	}
	if err := g.below(out, a, r, now); err != nil {
		return nil, err
	}
	g.m.put(out.ID, out)
	return out, nil
}

func agentOf(r *policy.Registry, id string) *policy.Agent {
	if r == nil {
		return nil
	}
	return r.Agent(id)
}

func (g *Grant) constrain(raw []byte) error {
	if len(raw) == 0 {
		return nil
	}
	var node yaml.Node
	if err := yaml.Unmarshal(raw, &node); err != nil || len(node.Content) == 0 {
		return fmt.Errorf("%w: constraints: not an object", ErrGrantForm)
	}
	narrowed, err := g.scope.ParseConstraints("constraints", *node.Content[0])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGrantForm, err)
	}
	g.scope = narrowed
	return nil
}

func (g *Grant) life(a *Asked, d *policy.Delegation, limit time.Duration, now time.Time) error {
	ttl := a.TTL
	switch {
	case ttl == 0:
		ttl = limit
	case ttl < 0:
		return fmt.Errorf("%w: ttl: must be positive", ErrGrantForm)
	case d.MaxTTL > 0 && ttl > d.MaxTTL:
		return fmt.Errorf("%w: ttl %s is longer than the %s that %s may give", ErrOverGrant, ttl, d.MaxTTL, a.Delegator)
	}
	g.Expires = now.Add(ttl)
	if a.MaxDepth != nil {
		g.MaxDepth = *a.MaxDepth
	}
	switch {
	case g.MaxDepth < 0:
		return fmt.Errorf("%w: max_depth: must not be negative", ErrGrantForm)
	case d.MaxDepth < 1, g.MaxDepth > d.MaxDepth-1:
		return fmt.Errorf("%w: %d hops below the delegatee, and %s may have %d below itself", ErrDepth, g.MaxDepth, a.Delegator, d.MaxDepth)
	}
	return nil
}

// below holds a grant against the one it hangs from.
func (g *Grants) below(out *Grant, a *Asked, r *policy.Registry, now time.Time) error {
	if a.Parent == "" {
		return nil
	}
	parent, ok := g.m.get(a.Parent)
	switch {
	case !ok:
		return fmt.Errorf("%w: parent_delegation_id: %w", ErrDelegation, ErrNoGrant)
	case parent.Delegatee != a.Delegator:
		return fmt.Errorf("%w: the parent delegation is not to %s", ErrDelegation, a.Delegator)
	case g.over(parent, now):
		return fmt.Errorf("%w: the parent delegation is over", ErrDelegation)
	case parent.MaxDepth < 1 || out.MaxDepth > parent.MaxDepth-1:
		return fmt.Errorf("%w: the parent delegation leaves %d hops", ErrDepth, parent.MaxDepth)
	case out.Expires.After(parent.Expires):
		if a.TTL > 0 {
			return fmt.Errorf("%w: ttl reaches beyond the parent delegation", ErrOverGrant)
		}
		out.Expires = parent.Expires
	}
	entry, outer := agentOf(r, a.Delegator), agentOf(r, parent.Delegator)
	for i := range out.scope.Len() {
		if out.scope.ContainsIn(i, entry, parent.scope, outer) != policy.True {
			return fmt.Errorf("%w: scope[%d] %q is not within the parent delegation", ErrOverGrant, i, a.Scope[i])
		}
	}
	out.Parent, out.Chain, out.Depth = parent.ID, parent.Chain, parent.Depth+1
	if out.Principal.ID == "" {
		out.Principal = parent.Principal
	}
	return nil
}

// Forgotten returns how many grants the bound has pushed out.
func (g *Grants) Forgotten() uint64 { return g.m.dropped }

// Get returns a grant, not to be written.
func (g *Grants) Get(id string) (*Grant, bool) { return g.m.get(id) }

// Chain returns the grants of a chain in memory, in the order they were made.
func (g *Grants) Chain(id string) (out []*Grant) {
	n := len(g.m.order)
	for i := range n {
		if x := g.m.m[g.m.order[(g.m.head+i)%n]]; x.Chain == id {
			out = append(out, x)
		}
	}
	return out
}

// Revoke ends a grant, and so all below it. Of several revocations the first
// counts.
func (g *Grants) Revoke(id, by, why string, now time.Time) (*Grant, error) {
	if by == "" || why == "" {
		return nil, ErrNoWhoAndWhy
	}
	x, ok := g.m.get(id)
	if !ok {
		return nil, ErrNoGrant
	}
	if x.Revoked.IsZero() {
		next := *x // whoever holds the old one may be reading it
		next.Revoked, next.RevokedBy, next.RevokedWhy = now, by, why
		g.m.put(id, &next)
		x = &next
	}
	return x, nil
}

// over reports whether a grant or one above it has ended.
func (g *Grants) over(x *Grant, now time.Time) bool {
	for hops := 0; hops <= policy.MaxDepth; hops++ {
		if !now.Before(x.Expires) || !x.Revoked.IsZero() {
			return true
		}
		if x.Parent == "" {
			return false
		}
		var ok bool
		if x, ok = g.m.get(x.Parent); !ok {
			return true // forgotten: nobody knows whether it still holds
		}
	}
	return true
}

// Authority holds an action of an agent against the grant it names and those
// above: "" where they cover it. It also says what is known of the chain.
func (g *Grants) Authority(id, agent string, q *policy.Request, r *policy.Registry, now time.Time) (policy.Reason, ChainFacts) {
	x, ok := g.m.get(id)
	if !ok || x.Delegatee != agent {
		return policy.ReasonDelegationNotAllowed, ChainFacts{}
	}
	c := ChainFacts{ID: x.Chain, Depth: x.Depth + 1, Grade: x.Grade}
	reason := policy.ReasonNone
	if g.over(x, now) {
		reason = ReasonExpiredAuthority
	}
	for {
		c.Delegations = append(c.Delegations, x.ID)
		if reason == "" {
			switch x.scope.Covers(agentOf(r, x.Delegator), q).Truth {
			case policy.True:
			case policy.Unknown:
				reason = policy.ReasonNotEvaluable
			default:
				reason = ReasonScopeEscalation
			}
		}
		if x.Parent == "" || len(c.Delegations) > policy.MaxDepth {
			return reason, c
		}
		if x, ok = g.m.get(x.Parent); !ok {
			return ReasonExpiredAuthority, c
		}
	}
}
