package chain

// Role says what a span is to a chain.
type Role uint8

// The roles.
const (
	// Plumbing matters only as a parent of other spans.
	Plumbing Role = iota
	// Work is a model call or other work of an agent that is not judged here.
	Work
	// Opens is an agent span that is neither CLIENT nor PRODUCER: it opens a run
	// unless it continues one of the same agent.
	Opens
	// Asks is an agent span of kind CLIENT or PRODUCER: it delegates to the agent
	// it names, unless work stands below it and no run answers; then it is the run.
	Asks
	// Calls is an A2A client span. It delegates and is never a run.
	Calls
	// Serves is an A2A or MCP server span: it stands for what was asked.
	Serves
	// HandsOver is a hand-over span or tool.
	HandsOver
	// Acts is a tool call. With a target it is an agent tool, and delegates.
	Acts
	// Steps is a step of a workflow that bears a name (Run.Name). It opens a run
	// if it bears the name of the agent that it says it belongs to, or that a step
	// below it does: some frameworks write no agent spans.
	Steps
)

// Record is what is kept of one span. The engine keeps records that it is given;
// they must not change afterwards.
type Record struct {
	Ref    Ref
	Parent SpanID // zero for a root
	Role   Role
	// Partial marks one of several records that describe the span together, as
	// the events before and after a hooked tool call do.
	Partial bool
	// Hook marks what is known from hook events and not from spans.
	Hook bool
	// Mode is the kind of hand-over that the span states, if any.
	Mode       Kind
	Start, End int64 // Unix nanoseconds; an End of 0 is unknown
	Tenant     string
	// Agent is who a run belongs to (Opens), or whom the span asks (Asks, Calls,
	// HandsOver, an agent tool). An unnamed agent span continues the run above.
	Agent   string
	Session string

	Run   *Opening // of Opens and Asks; nil is nothing known
	Act   *Act     // of Acts
	Links []Link
	// Asked are the protocol ids this span can be answered by (a task, a tool
	// call); Answers are those that it answers, the best first. Both are joined
	// within a tenant and give an edge of grade correlated.
	Asked, Answers []string
	// Hints name what may be above by order or name only: grade inferred.
	Hints []Hint

	// Only while the record's group is judged.
	run      *run
	layer    *action
	promoted bool // a step that stands for an agent
}

// Opening is what an agent span says of the run it opens.
type Opening struct {
	Name, Version, Instance, Workload string
	// Stated is spanwarden.principal.* on the span; Verified a principal whose
	// token was checked; Weak a user id found elsewhere; Platform what a gateway
	// or an adapter's configuration knows.
	Verified, Stated, Weak, Platform Principal
	ChainID                          string
	// DelegationID is spanwarden.delegation.id on the span or in baggage: it names
	// the path and looks grants up; it is never a grant itself.
	DelegationID string
	// Dropped counts links and link attributes that the sender lost or that were
	// not read; Sampled says that a sampler drops part of such traces.
	Dropped uint32
	Sampled bool
	// Credential is the digest of the credential used; Token the agent that a
	// checked token names as actor.
	Credential, Token string
}

// Link is a span link, or what stands for one.
type Link struct {
	// To is the linked span; zero for a delegator outside tracing.
	To Ref
	// Type is "" for an untyped link, which makes no edge.
	Type                       Kind
	DelegationID, Delegator    string
	Scope                      []string // nil is not stated
	Constraints, Digest        string
	NotBefore, ExpiresAt       int64 // 0 is not stated
	MaxDepth                   Hops
	GrantedBy, ApprovedBy      string
	ApprovalID                 string
	CredentialType, Credential string
	// Checked means that a verifier accepted the credential for these two agents.
	Checked bool
}

// Hops is how many hops may follow, where that is stated.
type Hops struct {
	N     int
	Known bool
}

// Hint is a run that may stand above by order or by name.
type Hint struct{ To Ref }

// Act is what a tool call did. Empty strings are unknown.
type Act struct {
	Tool, Operation, Resource string
	// Args is the JSON text of the arguments, "" if they are not known.
	Args   string
	CallID string
	Data   []string
	// Purpose is why it was done, if that is stated.
	Purpose string
	// DelegationID names the path; ApprovalID an approval.
	DelegationID, ApprovalID, DecisionID string
	// For is on whose behalf; the engine fills it in.
	For Principal
}

// Grant is a delegation that was registered.
type Grant struct {
	ID, Delegator, Delegatee, Tenant string
	GrantedBy, ApprovedBy            string
	// Scope holds rule ids of the delegator's entry, or "tool:operation".
	Scope []string
	// Constraints is JSON in the form of a rule; it narrows every item.
	Constraints, Digest string
	NotBefore           int64
	ExpiresAt           int64 // 0: only the delegator's max_ttl ends it
	// MaxDepth is how many hops may follow below.
	MaxDepth        Hops
	Parent, ChainID string
	Purpose         string
	CredentialType  string
	Credential      string
	RecordedAt      int64
	RevokedAt       int64 // 0 is not revoked
	RevokedBy       string
}

// Revocation ends a grant.
type Revocation struct {
	ID string
	At int64
	By string
}

// Approval is a person's answer to an ask rule.
type Approval struct {
	ID, Rule, Agent, Tool, Resource, Tenant string
	// Args is the JSON text of what was approved.
	Args                   string
	Requester, Approver    string // "type:id"
	Groups                 []string
	ApprovedAt, ValidUntil int64
}

// Decision is an answer of the decision receiver.
type Decision struct {
	ID, Agent, Tenant string
	// Span is the asker's span or the decision's own; it is accused where no run
	// of the agent ever comes. Its trace alone is enough to find the chain again;
	// without one, a decision that comes after the action is not joined to it.
	Span Ref
	// DelegationID and CallID join it to runs and actions.
	DelegationID, CallID string
	Tool                 string
	// Answered is what the asker was told: allow, deny, ask or halt.
	Answered string
	// Args is the JSON text that was asked about, "" if it is not known.
	Args string
	// Principal has grade verified if its token was checked; Actor likewise names
	// the agent that the token names.
	Principal Principal
	Actor     string
	At        int64
}

// Halt stops what it names from At until Until (0: until further notice).
type Halt struct {
	ID string
	// Scope is global, tenant, agent, run, chain, principal or tool.
	Scope, Key string
	At, Until  int64
}

// Mark is what another processor found about an action: decision and effect, a
// budget, a halt. The finding is its own; here it is a reason of the chain.
type Mark struct {
	Span Ref
	Code Code
	Note string
}
