package attr

// DelegationEdgeEvent, DelegationRunEvent and DelegationChainEvent are span
// events, each one revision of a record about delegation. They ride on a settle
// span or on the span whose arrival settled the record. A record is never
// changed: what is learnt later is the same record with a higher revision. The
// time of the event is when the record was made.
const (
	DelegationEdgeEvent  = "spanwarden.delegation.edge"
	DelegationRunEvent   = "spanwarden.delegation.run"
	DelegationChainEvent = "spanwarden.delegation.chain"
)

// Of every record: which revision it is (int, from 1) and, where it takes the
// place of a record with another id, that id. Times are RFC 3339, lists are
// string[]. Beside these a record bears TenantID, ChainID, PrincipalID,
// PrincipalType and PrincipalGrade; what is not known is absent.
const (
	DelegationRevision   = "spanwarden.delegation.revision"
	DelegationSupersedes = "spanwarden.delegation.supersedes"
	DelegationReasons    = "spanwarden.delegation.reasons" // string[], verdict codes
	// DelegationRefusedBy lists, of an action, who above the agent refuses it, from
	// the root down: registry:<agent>, grant:<id>.
	DelegationRefusedBy = "spanwarden.delegation.refused_by" // string[]
)

// Of an edge, beside DelegationID, DelegationGrade and ChainDepth. Delegator
// holds the delegator's agent id.
const (
	DelegationEdgeID       = "spanwarden.delegation.edge_id"
	DelegationKind         = "spanwarden.delegation.kind" // delegate, transfer, spawn, resume, join, reauthorise
	DelegationDelegatorRun = "spanwarden.delegation.delegator_run"
	DelegationDelegateeRun = "spanwarden.delegation.delegatee_run"
	DelegationDelegatee    = "spanwarden.delegation.delegatee" // agent id
	// DelegationSpanTrace and DelegationSpan are the delegating span, which is all
	// that is known of the delegator where the reference was not resolved.
	DelegationSpanTrace         = "spanwarden.delegation.span.trace_id" // 32 hex digits
	DelegationSpan              = "spanwarden.delegation.span.span_id"  // 16 hex digits
	DelegationParent            = "spanwarden.delegation.parent_id"
	DelegationGrantedBy         = "spanwarden.delegation.granted_by"
	DelegationApprovedBy        = "spanwarden.delegation.approved_by"
	DelegationPurpose           = "spanwarden.delegation.purpose"
	DelegationScope             = "spanwarden.delegation.scope"       // string[]
	DelegationConstraints       = "spanwarden.delegation.constraints" // JSON
	DelegationConstraintsDigest = "spanwarden.delegation.constraints.digest"
	DelegationNotBefore         = "spanwarden.delegation.not_before"
	DelegationExpiresAt         = "spanwarden.delegation.expires_at"
	DelegationRevokedAt         = "spanwarden.delegation.revoked_at"
	DelegationMaxDepth          = "spanwarden.delegation.max_depth" // int
	DelegationCredentialType    = "spanwarden.delegation.credential.type"
	DelegationCredentialDigest  = "spanwarden.delegation.credential.digest"
	DelegationAuthority         = "spanwarden.delegation.authority" // respected, refused, ambiguous, not_evaluated
)

// Of a run, beside RunID, AgentID, AgentName, AgentVersion, SessionID,
// ProjectID and ChainDepth.
const (
	RunStart        = "spanwarden.run.start"
	RunEnd          = "spanwarden.run.end"
	RunWorkload     = "spanwarden.run.workload"
	RunDroppedLinks = "spanwarden.run.dropped_links" // int
	// RunOrphan is true where the run acts with no parent, link or grant although
	// it must have one.
	RunOrphan = "spanwarden.run.orphan"
)

// Of a chain. Depth, runs and edges are ints.
const (
	ChainState   = "spanwarden.chain.state" // open, settled, superseded
	ChainVerdict = "spanwarden.chain.verdict"
	ChainGrade   = "spanwarden.chain.grade" // of the weakest edge, joins left out
	ChainRootRun = "spanwarden.chain.root_run"
	ChainRuns    = "spanwarden.chain.runs"
	ChainEdges   = "spanwarden.chain.edges"
	ChainFirst   = "spanwarden.chain.first"
	ChainLast    = "spanwarden.chain.last"
	ChainSettled = "spanwarden.chain.settled_at"
	// ChainSupersededBy is the id of the chain that a new root made of this one.
	ChainSupersededBy = "spanwarden.chain.superseded_by"
)
