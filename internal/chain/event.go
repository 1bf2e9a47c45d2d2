package chain

// EventType says what an Event tells.
type EventType uint8

// The types of events.
const (
	// RunResolved: a run, or what is known of it, is new or changed.
	RunResolved EventType = iota
	// EdgeFound: an edge is new or changed.
	EdgeFound
	// ActionJudged: the verdict about an action is new or changed.
	ActionJudged
	// FindingFired and FindingResolved: a finding begins and ends.
	FindingFired
	FindingResolved
	// ChainSettled: a chain has a new revision.
	ChainSettled
	// ChainSuperseded: the chain is now part of another one, or has another root.
	ChainSuperseded
	// ChainParked: a settled chain leaves memory and may be wanted again.
	ChainParked
	// Wanted: an id was met that belongs to a parked chain; see Engine.Unpark.
	Wanted
)

// Event is a fact that follows from what was added. Only the field of its type
// is set.
type Event struct {
	Type    EventType
	Run     *RunView
	Edge    *EdgeView
	Action  *ActionView
	Finding *Finding
	Chain   *ChainView
	Parked  *Parked
}

// RunView is what is known of one run.
type RunView struct {
	Run                Ref
	Agent, Version     string
	Instance, Workload string
	Tenant, Session    string
	Start, End         int64
	Chain              string
	Root               Ref // of the chain
	Segment            Ref // root of the authority segment
	Depth              int // hops from the segment's root; -1 is unknown
	Principal          Principal
	Delegation         *DelegationView // nil: no edge gave it authority
	// Ancestors are the agents that drove this one, the nearest first, each once.
	Ancestors     []string
	Codes         []Code
	PolicyVersion string
	DroppedLinks  uint32
	// Revision counts what was told of the run, from 1; 0 outside events.
	Revision int
}

// DelegationView is the edge that gave a run its authority. ID is "" for a
// standing right, and with Delegator where several paths do and none is named.
type DelegationView struct {
	ID, Delegator string
	Grade         Grade
}

// EdgeView is one edge.
type EdgeView struct {
	ID, Chain string
	Kind      Kind
	// From is the delegator's run, zero if it is not known; Linked is the span
	// that was linked.
	From, Linked, To     Ref
	Delegator, Delegatee string
	DelegatingSpan       Ref
	DelegationID         string
	Grade                Grade
	Authority            bool
	// Source is registered, declared, standing or "".
	Source                         string
	Scope                          []string
	Constraints                    string
	NotBefore, ExpiresAt           int64
	GrantedBy, ApprovedBy, Purpose string
	Credential                     string
	Depth                          int // of the delegatee; -1 is unknown
	Codes                          []Code
	Digest, Parent, CredentialType string
	RevokedAt                      int64
	MaxDepth                       Hops
	Revision                       int // as of its run
}

// ActionView is the verdict about one tool call.
type ActionView struct {
	Span, Run                 Ref
	Chain                     string
	Agent                     string
	Tool, Operation, Resource string
	Start                     int64
	// Same are spans of the same action in other layers.
	Same      []Ref
	Boundary  Boundary
	Authority Authority
	// Path holds the delegation ids from the root to the actor.
	Path      []string
	Codes     []Code
	RefusedBy []string
	// Note is within_skew where the clock tolerance decided.
	Note                         string
	Rule, DecisionID, ApprovalID string
	// Why says at what a rule failed, never with a value.
	Why           string
	PolicyVersion string
	Revision      int // from 1; 0 outside events
}

// State is that of a chain.
type State string

// The states of a chain.
const (
	Open       State = "open"
	Settled    State = "settled"
	Superseded State = "superseded"
)

// Segment is a part of a chain that one principal answers for.
type Segment struct {
	Root      Ref
	Principal Principal
}

// ChainView is one revision of a chain.
type ChainView struct { //nolint:revive // beside RunView, EdgeView and ActionView
	ID                   string
	Root                 Ref
	RootResolved         bool
	Tenant               string
	Segments             []Segment
	Principal            Principal
	Runs, Edges, Actions int
	Depth                int // -1 is unknown
	First, Last          int64
	State                State
	Grade                Grade // "" without edges
	Verdict              Code
	Reasons              []Code
	// Missing says in words what evidence is lacking.
	Missing      []string
	Revision     int
	Supersedes   int
	SupersededBy string
}

// Finding is a verdict code with the span it accuses.
type Finding struct {
	// Type is "delegation.<code>", or the type of another processor's finding;
	// then Foreign is true and that processor raises it.
	Type     string
	Foreign  bool
	Code     Code
	Severity Severity
	Chain    string
	// Accused is the span pointed at; Run the run concerned.
	Accused, Run Ref
	// Cause, with type, chain and accused span, makes the id of the finding.
	Cause         string
	Message       string
	Agent         string
	Principal     string
	Tenant        string
	Session       string
	Rule          string
	PolicyVersion string
}

// Parts are what makes the id of the finding besides type and tenant.
func (f *Finding) Parts() []string { return []string{f.Chain, f.Accused.String(), f.Cause} }

// key identifies a finding.
type findingKey struct {
	code    Code
	chain   string
	accused Ref
	cause   string
}

func (f *Finding) key() findingKey { return findingKey{f.Code, f.Chain, f.Accused, f.Cause} }

// Parked is a settled chain in a form that survives outside memory.
type Parked struct {
	// Name is what to store it under.
	Name   string
	Chains []string
	// Keys are the delegation ids and tasks that may want it back.
	Keys  []string
	Until int64 // when nothing can want it any more, Unix nanoseconds
	Data  []byte
}

// Answer is what is known of the run of a span.
type Answer struct {
	RunView
	// Resolved is true if every ancestor is known. Otherwise Depth, Principal and
	// Ancestors are what is known so far.
	Resolved bool
	// Authority is what the edge above gives; "" at a root.
	Authority Authority
}
