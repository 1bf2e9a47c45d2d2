// Package attr names the span attributes that spanwarden writes and reads back.
// The names are public surface: dashboards, SQL and other collectors rely on
// them, so none is renamed without a migration note.
package attr

// Prefix is what every attribute written by spanwarden begins with.
const Prefix = "spanwarden."

// Written by the genai processor: who did what, on whose behalf.
const (
	ActionKind = "spanwarden.action.kind"
	// ActionDuplicate is written, as true, only on a span whose model or tool call
	// another span is the record of.
	ActionDuplicate = "spanwarden.action.duplicate"
	Dialect         = "spanwarden.dialect"
	AgentID         = "spanwarden.agent.id"
	AgentName       = "spanwarden.agent.name"
	AgentVersion    = "spanwarden.agent.version"
	// PromptDigest and ToolsDigest are digests of the system instructions that an
	// agent was given and of the tools that it was offered, as they stand on a span.
	PromptDigest  = "spanwarden.agent.prompt_digest"
	ToolsDigest   = "spanwarden.agent.tools_digest"
	SessionID     = "spanwarden.session.id"
	ProjectID     = "spanwarden.project.id"
	TenantID      = "spanwarden.tenant.id"
	PrincipalID   = "spanwarden.principal.id"
	PrincipalType = "spanwarden.principal.type"
	// PrincipalGrade is one of verified, declared, platform, inferred, missing.
	PrincipalGrade = "spanwarden.principal.grade"
	// Inherited names what an agent span does not state itself: agent, session,
	// principal, with commas.
	Inherited = "spanwarden.inherited"
	// RoutingKey is by what a gateway sends spans to the collector that owns them:
	// the session, or the trace where none is known.
	RoutingKey    = "spanwarden.routing.key"
	ToolName      = "spanwarden.tool.name"
	ToolOperation = "spanwarden.tool.operation"
	ToolResource  = "spanwarden.tool.resource"
)

// Written by the genai processor: tokens. Input includes cache reads and writes,
// output includes reasoning. A count that is not known is absent, never 0.
const (
	InputTokens      = "spanwarden.usage.input_tokens"
	OutputTokens     = "spanwarden.usage.output_tokens"
	CacheReadTokens  = "spanwarden.usage.cache_read_tokens"
	CacheWriteTokens = "spanwarden.usage.cache_write_tokens"
	// CacheWrite1hTokens is the part of CacheWriteTokens that lives one hour.
	CacheWrite1hTokens = "spanwarden.usage.cache_write_1h_tokens"
	ReasoningTokens    = "spanwarden.usage.reasoning_tokens"
	UsageAccounting    = "spanwarden.usage.accounting"
	// UsageEstimated and UsageInvalid are written only where true.
	UsageEstimated = "spanwarden.usage.estimated"
	UsageInvalid   = "spanwarden.usage.invalid"
)

// Written by the cost processor. An amount is absent, never 0, when unknown.
const (
	CostUSD           = "spanwarden.cost.usd"
	CostInputUSD      = "spanwarden.cost.input_usd"
	CostOutputUSD     = "spanwarden.cost.output_usd"
	CostCacheReadUSD  = "spanwarden.cost.cache_read_usd"
	CostCacheWriteUSD = "spanwarden.cost.cache_write_usd"
	CostOtherUSD      = "spanwarden.cost.other_usd"
	CostListUSD       = "spanwarden.cost.list_usd"
	CostReportedUSD   = "spanwarden.cost.reported_usd"
	// CostBoundUSD is what a call without a price can have cost at most.
	CostBoundUSD   = "spanwarden.cost.bound_usd"
	CostStatus     = "spanwarden.cost.status"
	CostReason     = "spanwarden.cost.reason"
	CostPriceID    = "spanwarden.cost.price_id"
	CostPriceFrom  = "spanwarden.cost.price_from"
	CostBook       = "spanwarden.cost.book"
	CostContractID = "spanwarden.cost.contract_id"
	CostMatch      = "spanwarden.cost.match"
	CostConditions = "spanwarden.cost.conditions"
)

// Written by the delegation, boundary, baseline processors and the decision
// receiver.
const (
	// AgentAncestors are the ids of the agents that drove this one, nearest first.
	AgentAncestors   = "spanwarden.agent.ancestors" // string[]
	RunID            = "spanwarden.run.id"
	ChainID          = "spanwarden.chain.id"
	ChainDepth       = "spanwarden.chain.depth"
	DelegationID     = "spanwarden.delegation.id"
	Delegator        = "spanwarden.delegation.delegator"
	DelegationGrade  = "spanwarden.delegation.grade"
	ApprovalID       = "spanwarden.approval.id" // stated by the agent
	BoundaryVerdict  = "spanwarden.boundary.verdict"
	BoundaryRule     = "spanwarden.boundary.rule"
	PolicyVersion    = "spanwarden.policy.version"
	BaselineMaturity = "spanwarden.baseline.maturity"
	DecisionID       = "spanwarden.decision.id"
	DecisionEffect   = "spanwarden.decision.effect"
	DecisionReason   = "spanwarden.decision.reason"
	DecisionRule     = "spanwarden.decision.rule"

	// Of the record of a person's answer to a question that was answered ask.
	// ApprovalDecision is the id of the question's decision, ApprovalBy who answered,
	// ApprovalVia how the answer came in, ApprovalAsked when the question was put
	// (RFC 3339), ApprovalUntil how long a yes holds (RFC 3339).
	ApprovalDecision  = "spanwarden.approval.decision_id"
	ApprovalBy        = "spanwarden.approval.by"
	ApprovalGroups    = "spanwarden.approval.groups" // string[], as the answer claims
	ApprovalVia       = "spanwarden.approval.via"
	ApprovalReason    = "spanwarden.approval.reason"
	ApprovalRequester = "spanwarden.approval.requested_by"
	ApprovalAsked     = "spanwarden.approval.requested_at"
	ApprovalUntil     = "spanwarden.approval.until"

	AttributionEvent  = "spanwarden.attribution"
	AttributionAction = "spanwarden.attribution.action_id" // 32 hex digits
	AttributionTrace  = "spanwarden.attribution.trace_id"
	AttributionSpan   = "spanwarden.attribution.span_id"
)

// Of findings. FindingEvent is the name of the span event and of the log event;
// SettleSpan and Scope are the name and the scope of the synthetic span that
// carries what only time can prove.
const (
	FindingEvent         = "spanwarden.finding"
	SettleSpan           = "spanwarden.settle"
	Scope                = "spanwarden"
	FindingID            = "spanwarden.finding.id"
	FindingType          = "spanwarden.finding.type"
	FindingSeverity      = "spanwarden.finding.severity"
	FindingMessage       = "spanwarden.finding.message"
	FindingControls      = "spanwarden.finding.controls"
	FindingKey           = "spanwarden.finding.key"
	FindingState         = "spanwarden.finding.state"
	FindingTenant        = "spanwarden.finding.tenant"
	FindingAgent         = "spanwarden.finding.agent"
	FindingSession       = "spanwarden.finding.session"
	FindingProject       = "spanwarden.finding.project"
	FindingPrincipal     = "spanwarden.finding.principal"
	FindingRule          = "spanwarden.finding.rule"
	FindingPolicyVersion = "spanwarden.finding.policy_version"
	FindingTraceID       = "spanwarden.finding.evidence.trace_id" // 32 hex digits
	FindingSpanID        = "spanwarden.finding.evidence.span_id"  // 16 hex digits
	FindingObserved      = "spanwarden.finding.observed"
	FindingExpected      = "spanwarden.finding.expected"
	FindingLimit         = "spanwarden.finding.limit"
	FindingProjectedAt   = "spanwarden.finding.projected_at" // RFC 3339
)
