package audit

import "github.com/ClickHouse/ch-go/proto"

// SchemaVersion is written to every row: what the columns meant when it was made.
const SchemaVersion = 1

// Row is one action as it is stored. Its strings share memory with the span it
// was read from: a Row must not outlive its ptrace.Traces.
type Row struct {
	Tenant, Project, Environment string
	TS, Observed                 int64  // ns since 1970
	Duration                     uint64 // ns
	TSQuality                    string // ok, or what was clamped
	// Start and End are what the span states. The batch digest covers these and
	// not the clamped time, which depends on when the span was observed.
	Start, End uint64

	ActionID                    [16]byte
	TraceID, SpanID, ParentID   string // lower-case hex
	Session, Conversation       string
	Kind, Dialect, Operation    string
	SpanName, Service           string
	ScopeName, ScopeVersion     string
	AgentID, AgentName          string
	AgentVersion                string
	PrincipalID, PrincipalType  string
	PrincipalGrade              string
	Provider, Gateway           string
	RequestModel, ResponseModel string
	ResponseID, FinishReason    string
	ServiceTier                 string
	ToolName, ToolType          string
	ToolCallID, ToolOperation   string
	ToolResource, MCPServer     string
	Outcome, ErrorType          string
	StatusMessage               string

	Input, Output, CacheRead, CacheWrite Count
	CacheWrite1h, Reasoning              Count
	Accounting                           string
	Estimated, Invalid                   bool

	Cost, CostInput, CostOutput       Decimal
	CostCacheRead, CostCacheWrite     Decimal
	CostOther, CostList, CostReported Decimal
	CostStatus, CostReason, PriceID   string
	PriceFrom, Book, ContractID       string
	Match, Conditions                 string
	RunID, ChainID                    string
	ChainDepth                        Count
	DelegationID, Delegator           string
	DelegationGrade                   string
	BoundaryVerdict, BoundaryRule     string
	Maturity                          Decimal
	PolicyVersion                     string
	DecisionID, DecisionEffect        string
	DecisionReason, DecisionRule      string
	Attrs, ResourceAttrs, ContentRefs []Attr // sorted by key, keys distinct
	Truncated                         uint32 // attribute values, links and events cut or left out

	LinkTraceIDs, LinkSpanIDs []string // lower-case hex, one a link
	LinkAttrs                 [][]Attr // each sorted by key; as many as links
	EventNames                []string // in order, corrections of ours aside
}

// Attr is one attribute, stringified.
type Attr = proto.KV[string, string]

// Count is a number that may be unknown, which is stored as NULL.
type Count = proto.Nullable[uint64]

// Decimal is a decimal number of twelve places, unscaled, or unknown (NULL).
type Decimal = proto.Nullable[proto.Decimal128]
