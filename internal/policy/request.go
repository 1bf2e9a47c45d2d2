package policy

import "time"

// Source says where the facts of a request come from, and so what an absent one
// means.
type Source uint8

const (
	// FromSpan means: telemetry, where an absent attribute is unknown.
	FromSpan Source = iota
	// FromRequest means: a question asked before acting, where an absent member is
	// known to be absent.
	FromRequest
)

// Fields is a set of facts.
type Fields uint32

// The facts an action is judged by.
const (
	FieldPrincipal Fields = 1 << iota
	FieldTool
	FieldOperation
	FieldResource
	FieldArgs
	FieldData
	FieldModel
	FieldDelegatee
	FieldVersion
	FieldTime
	FieldRate
	FieldApproval
	FieldWhen
	FieldContext
	FieldSubject
	FieldAction
	FieldPurpose
)

var fieldNames = []string{
	"principal", "tool", "operation", "resource", "args", "data", "model", "delegatee", "agent.version", "time",
	"rate", "approval", "when", "context", "subject.properties", "action.properties", "purpose",
}

// Paths returns the names of the facts, in a fixed order.
func (f Fields) Paths() []string {
	var out []string
	for i, n := range fieldNames {
		if f&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// Principal is on whose behalf an agent acts. An empty ID is absent; the grade
// "missing" says that it is known to be absent.
type Principal struct{ Type, ID, Grade string }

// String returns "type:id", as a principal is written in a registry.
func (p Principal) String() string {
	if p.ID == "" {
		return ""
	}
	return p.Type + ":" + p.ID
}

// Actor is the acting agent as the caller bound it.
type Actor struct{ ID, Version, Grade string }

// PrincipalCheck says how the principals block of an entry is held.
type PrincipalCheck uint8

const (
	// PrincipalFull means: the agent is asked by the principal itself.
	PrincipalFull PrincipalCheck = iota
	// PrincipalIfKnown means: the agent was delegated to; a principal that is known
	// must be allowed, one that is not known is the root's matter.
	PrincipalIfKnown
	// PrincipalSkip means: the block is judged elsewhere.
	PrincipalSkip
)

// Approval is what the caller knows of an approval for an ask rule.
type Approval uint8

const (
	// ApprovalMissing means: none is valid at the time of the action.
	ApprovalMissing Approval = iota
	// ApprovalFits means: one is, for this agent, tool, resource and arguments.
	ApprovalFits
	// ApprovalMismatch means: there is one, for another tool, resource or arguments.
	ApprovalMismatch
	// ApprovalSelf means: the approver may not approve this: requester or principal.
	ApprovalSelf
	// ApprovalUnknown means: what holds the approvals could not be asked.
	ApprovalUnknown
)

// Request is one action: done, as a span tells, or asked for. An empty field is
// an absent fact; what absence means is Source's matter. The fields must not
// change once the request has been judged; Reset makes it new.
type Request struct {
	Source Source
	// Lost are facts that were there and cannot be read: truncated, erased or
	// unparsable. They are unknown whatever the source.
	Lost Fields
	// Absent are facts that are known not to be there although the source is a
	// span: a retrieval has no tool. It is about facts that are empty. An absent
	// version says that the entry's versions are not asked for.
	Absent Fields

	Principal Principal
	Check     PrincipalCheck
	Actor     Actor

	// Tool is "mcp/<server>/<tool>" or the plain name, Operation a word of the
	// vocabulary or what OperationOf folds into it, Resource a URI, a path or
	// "type/id". More resources of the same action stand in Resources.
	Tool, Operation, Resource string
	Resources                 []string
	Args                      Args
	// Data are the classes of the data; nil is absent.
	Data []string
	// Model is "provider/model", Delegatee the agent that work is handed to.
	Model, Delegatee string
	Purpose          string
	Session          string
	// Time is the start of the action.
	Time time.Time

	// Counter returns how many actions the rule has allowed in the window
	// before Time; nil, or known false, leaves rates unknown.
	Counter func(r *Rule, window time.Duration) (n int64, known bool)
	// Approval returns what is known of approvals for an ask rule; nil means
	// that there are none.
	Approval func(r *Rule) Approval

	// What CEL sees besides. SubjectType and SubjectID default to the
	// principal's, ActionName to the operation, ResourceType and ResourceID to
	// nothing. Nil properties are unknown from a span, empty from a request.
	SubjectType, SubjectID   string
	SubjectProperties        map[string]any
	ActionName               string
	ActionProperties         map[string]any
	ResourceType, ResourceID string
	ResourceProperties       map[string]any
	// Context is the context of CEL; principal and actor are put in where they
	// are not set.
	Context map[string]any

	res resolution
}

// resolution is the request in the one form that rules are matched against.
type resolution struct {
	done       bool
	unknown    Fields
	tool       string
	operation  string
	op         opSet
	resource   string
	more       []string
	ambiguous  bool // a resource that may mean another one: never allowed
	data       []string
	dataKnown  bool
	delegatee  string
	principal  string // its id
	evaluation *celVars
	needsArgs  bool // the resource is unknown because the arguments are
}

// Reset makes r usable for another action; its fields are the caller's to set.
func (r *Request) Reset() { *r = Request{} }

// Resolved returns tool, operation and resource as they are matched, after
// canonicalisation and the catalog. All are empty before the first judgement.
func (r *Request) Resolved() (tool, operation, resource string) {
	return r.res.tool, r.res.operation, r.res.resource
}

// Classes returns the classes of the data that were judged by, those of the tool in
// the catalog where the request states none; nil where they are not known.
func (r *Request) Classes() []string {
	if r.res.unknown&FieldData != 0 {
		return nil
	}
	return r.res.data
}
