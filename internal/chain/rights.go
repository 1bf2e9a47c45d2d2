package chain

import "time"

// Rights answers what the registry says. Implementations are pure and safe for
// the engine's one owner.
type Rights interface {
	// Entry returns the entry of an agent in the registry in force at a time
	// (Unix nanoseconds), nil if it has none.
	Entry(tenant, agent string, at int64) Entry
	// Version names the registry in force at a time, "" if there is none.
	Version(tenant string, at int64) string
}

// Entry is what the registry says of one agent.
type Entry interface {
	// Judge holds an action against the entry's rules. The principals block is
	// left out: it is asked once, at the root.
	Judge(a *Act, at int64, approved ApprovalFunc) Ruling
	// MayAsk says whether the principal may ask this agent; a missing principal
	// is False where one is required.
	MayAsk(p Principal) Tri
	// RequiresPrincipal and Direct are the keys of the principals block.
	RequiresPrincipal() bool
	Direct() bool
	// MayDelegate says whether delegation.to names the agent.
	MayDelegate(to string) bool
	// Delegation returns the limits of the delegation block.
	Delegation() Limits
	// Scope returns one scope item of this entry: a rule id or "tool:operation",
	// narrowed by constraints (JSON in the form of a rule, may be ""). It is nil
	// if the item names no rule of the entry, so that it allows nothing.
	Scope(item, constraints string) Scope
	// Contains says whether the entry's rules contain all that s allows.
	Contains(s Scope) Tri
}

// Limits are those of an entry's delegation block.
type Limits struct {
	Scope []string
	// MaxDepth is how many hops may follow below, negative where not stated.
	MaxDepth int
	MaxTTL   time.Duration // 0 where not stated
	Reentry  bool
	// Require is the weakest grade that carries authority; "" where a standing
	// right will do.
	Require Grade
	// Unknown means that no registry was read: nothing is known to be in scope
	// and nothing to be outside.
	Unknown bool
}

// Scope is a part of what an entry allows.
type Scope interface {
	// Covers says whether the action is within. constraint is true if tool,
	// operation and resource are and only something finer refuses.
	Covers(a *Act, at int64) (covers Tri, constraint bool)
	// Contains says whether all that o allows is within.
	Contains(o Scope) Tri
}

// AskRule is an ask rule that matched an action.
type AskRule struct {
	ID string
	// Any are the groups or persons who may approve, empty for anybody; Not those
	// who may not: "requester", "principal", or a person or group.
	Any, Not []string
	// TTL is how long an approval holds that does not say so; 0 is without end.
	TTL time.Duration
}

// ApprovalFunc says what is known of approvals for an ask rule that matched;
// tool and resource are as they were resolved.
type ApprovalFunc func(r AskRule, tool, resource string) ApprovalState

// ApprovalState is what is known of approvals.
type ApprovalState uint8

// The states of an approval.
const (
	NoApproval ApprovalState = iota
	Approved
	OtherApproval // for another tool, resource or other arguments
	OwnApproval   // by somebody who may not
)

// Ruling is what an entry makes of an action.
type Ruling struct {
	// Verdict is True if the entry allows it, approvals included.
	Verdict Tri
	// Constraint is true if a rule covers tool, operation and resource and only
	// something finer refuses.
	Constraint bool
	// Approval is the state that decided, where an ask rule did.
	Asked    bool
	Approval ApprovalState
	// Finding is the type of the boundary finding where Verdict is False; Rule
	// the rule that decided.
	Finding, Rule string
	// Why says in words at what the rule failed, never with a value.
	Why string
	// Tool, Operation and Resource are as they were resolved.
	Tool, Operation, Resource string
}
