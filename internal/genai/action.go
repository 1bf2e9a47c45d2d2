// Package genai reads GenAI telemetry. Every span dialect in use becomes one
// Action: what was done, by which agent, for whom, with which tokens.
//
// Decoding is pure and per span. What one span cannot tell (its acting agent,
// whether another layer already reported the same call) is resolved afterwards,
// within a Batch and with the help of a Memory.
//
// The formats are those of the OpenTelemetry GenAI semantic conventions, all
// versions since v1.26, and of the emitters listed in dialect.go.
package genai

// Kind says what an action is. The values are those of spanwarden.action.kind.
type Kind string

// All kinds. KindOther is everything that is not recognised as GenAI work.
const (
	KindInference Kind = "inference"
	KindEmbedding Kind = "embedding"
	KindTool      Kind = "tool"
	KindAgent     Kind = "agent"
	KindWorkflow  Kind = "workflow"
	KindStep      Kind = "step"
	KindRetrieval Kind = "retrieval"
	KindMemory    Kind = "memory"
	KindGuardrail Kind = "guardrail"
	KindHandoff   Kind = "handoff"
	KindDecision  Kind = "decision"
	KindOther     Kind = "other"
)

// Accounting says how the emitter counted tokens, and so how the canonical
// counts were derived. The values are those of spanwarden.usage.accounting.
type Accounting string

const (
	// AccountingNone means that the span states no usage.
	AccountingNone Accounting = ""
	// AccountingInclusive means that the input count includes cache reads and writes.
	AccountingInclusive Accounting = "inclusive"
	// AccountingExclusive means that cache counts were beside the input and were added.
	AccountingExclusive Accounting = "exclusive"
	// AccountingAssumed means that nothing proves either; read as inclusive.
	AccountingAssumed Accounting = "assumed"
	// AccountingRollup means that the counts repeat those of other spans. They are never
	// charged and never summed.
	AccountingRollup Accounting = "rollup"
)

// Grade says how well a principal is known.
type Grade string

// All grades, best first. A user id on a span is declared, never verified.
const (
	GradeVerified Grade = "verified"
	GradeDeclared Grade = "declared"
	GradePlatform Grade = "platform"
	GradeInferred Grade = "inferred"
	GradeMissing  Grade = "missing"
)

// Outcome says how an action ended.
type Outcome string

// All outcomes. A span with status UNSET and no error is a success.
const (
	OutcomeSuccess Outcome = "success"
	OutcomeFailure Outcome = "failure"
)

// Count is a count that may be unknown. The zero value is unknown, not 0.
type Count struct {
	N     int64
	Known bool
}

// Counted returns a known count.
func Counted(n int64) Count { return Count{N: n, Known: true} }

// Usage holds the tokens of one model call in canonical form: Input includes
// everything read from and written to caches and every modality, Output includes
// reasoning. The others are parts of those two and are never added to them.
type Usage struct {
	Input, Output         Count
	CacheRead, CacheWrite Count
	// CacheWrite1h is the part of CacheWrite with a lifetime of one hour;
	// unknown where the emitter does not split.
	CacheWrite1h                         Count
	Reasoning                            Count
	AudioInput, AudioOutput, AudioCached Count
	ImageInput, ImageOutput              Count
	WebSearches                          Count

	// Estimated means that the emitter guesses its counts: a cost from them is
	// at best partial.
	Estimated bool
	// Invalid means that a count was stated that cannot be one (negative,
	// fractional, unparsable, contradictory). Nothing may be charged from it.
	Invalid bool
}

// Any reports whether any token count is known.
func (u *Usage) Any() bool {
	return u.Input.Known || u.Output.Known || u.CacheRead.Known || u.CacheWrite.Known || u.Reasoning.Known
}

// Agent is the acting agent: the nearest real agent, not a framework, a graph
// node or a run. ID equals Name where the emitter states no stable id.
type Agent struct{ ID, Name, Version string }

// Principal is the person or service on whose behalf an agent acts.
type Principal struct {
	ID    string
	Type  string // user, service, system
	Grade Grade
}

// Tool describes the tool, data source or memory that an action touches.
type Tool struct {
	Name      string // "mcp/<server>/<tool>" or the plain name
	Type      string // function, extension, datastore, as emitted
	Server    string // MCP server, if any
	CallID    string
	Operation string // read, write, delete, execute, send, delegate, invoke_model, admin; "" if unknown
	Resource  string // what it was done to; "" if unknown
	Arguments string // JSON text as emitted; "" if not emitted (opt-in in the conventions)
	Result    string // likewise
}

// Handoff is what a span says about control moving between agents.
type Handoff struct {
	From, To string
	Mode     string // pass_control, return_to_caller; "" if not stated
}

// ReportedCost is the cost the emitter itself states, in its own currency.
type ReportedCost struct {
	Amount   float64
	Currency string // "" means USD
	Known    bool   // false for a reported 0: emitters write 0 for "no price"
}

// Inherited is a set of facts.
type Inherited uint8

// The facts that are inherited.
const (
	InheritedAgent Inherited = 1 << iota
	InheritedSession
	InheritedPrincipal
)

// Action is one governed act of an agent. Strings share memory with the span
// they were read from: an Action must not outlive its ptrace.Traces.
type Action struct {
	Kind      Kind
	SpanKind  Kind // the kind read from the span alone; the action id is made from it
	Dialect   Dialect
	Operation string // gen_ai.operation.name as emitted

	Agent        Agent
	Session      string
	Conversation string
	Project      string
	Tenant       string
	Principal    Principal

	Tool    Tool
	Handoff Handoff

	Provider      string // canonical; see fold.go
	Gateway       string // litellm, openrouter, ...; "" if called directly
	RequestModel  string
	ResponseModel string
	ResponseID    string
	FinishReason  string
	ServiceTier   string // of the response; of the request only where it decides the price
	Speed         string
	Region        string
	ServerAddress string
	Stream        bool

	Usage      Usage
	Accounting Accounting
	// Duplicate means that another span is the record of the same model call.
	// Accounting is then AccountingRollup.
	Duplicate bool
	Reported  ReportedCost

	Outcome   Outcome
	ErrorType string

	// Inherited says, of an agent span, which of agent, session and principal it
	// does not state itself. What an ancestor stated depends on which ancestors have
	// been seen; who rebuilds delegation asks what a run itself says.
	Inherited Inherited

	// Canonical means that the action was read back from spanwarden.* attributes
	// which a genai processor wrote, and is resolved already.
	Canonical bool
}

// IsModelCall reports whether the action is the record of one call, or of several
// that only it accounts for, to a model: what may be priced and counted.
func (a *Action) IsModelCall() bool {
	switch a.Accounting {
	case AccountingRollup:
		return false
	case AccountingNone:
		return a.Kind == KindInference || a.Kind == KindEmbedding
	case AccountingInclusive, AccountingExclusive, AccountingAssumed:
	}
	return true
}
