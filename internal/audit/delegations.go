package audit

// recordRow is what every record about delegation has: see attr.DelegationRevision.
type recordRow struct {
	Tenant, ChainID            string
	Revision                   uint64
	Supersedes                 string
	Reasons                    []string
	PrincipalID, PrincipalType string
	PrincipalGrade             string
	Extra                      []Attr // sorted by key, keys distinct
	Truncated                  uint32
	Stated                     uint64 // ns since 1970, 0 where nobody says
	TS, Observer               int64
	TSQuality                  string
}

// EdgeRow is one revision of an edge: who let whom do what.
type EdgeRow struct {
	recordRow
	EdgeID, Kind, Grade, Authority   string
	Depth                            Count
	DelegatorRun, Delegator          string
	DelegateeRun, Delegatee          string
	TraceID, SpanID                  string // of the delegating span
	DelegationID, ParentID           string
	GrantedBy, ApprovedBy, Purpose   string
	Scope                            []string
	Constraints, ConstraintsDigest   string
	NotBefore, ExpiresAt, RevokedAt  Time
	MaxDepth                         Count
	CredentialType, CredentialDigest string
}

// RunRow is one revision of an agent's run.
type RunRow struct {
	recordRow
	RunID                            string
	Depth                            Count
	AgentID, AgentName, AgentVersion string
	Session, Project, Workload       string
	TraceID, SpanID                  string // of the opening span
	Start, End                       Time
	DroppedLinks                     Count
	Orphan                           bool
	Authority                        string
}

// ChainRow is one revision of a chain and its verdict.
type ChainRow struct {
	recordRow
	SupersededBy, State, Verdict, Grade string
	Depth, Runs, Edges                  Count
	RootRun, RootAgent                  string
	First, Last, Settled                Time
}

// recordBlock puts the common columns around those of the table.
func recordBlock[R any](table string, of func(*R) *recordRow, own []column[R]) *block[R] {
	content := append([]column[R]{
		lowCard("tenant_id", func(r *R) *string { return &of(r).Tenant }),
		text("chain_id", func(r *R) string { return of(r).ChainID }),
		u64("revision", func(r *R) uint64 { return of(r).Revision }),
		text("supersedes", func(r *R) string { return of(r).Supersedes }),
		lowCards("reasons", func(r *R) []string { return of(r).Reasons }),
		text("principal_id", func(r *R) string { return of(r).PrincipalID }),
		lowCard("principal_type", func(r *R) *string { return &of(r).PrincipalType }),
		lowCard("principal_grade", func(r *R) *string { return &of(r).PrincipalGrade }),
		mapping("extra", func(r *R) []Attr { return of(r).Extra }),
		u32("attrs_truncated", func(r *R) uint32 { return of(r).Truncated }),
	}, own...)
	return newBlock(table, func(r *R) int64 { return of(r).TS }, content, []column[R]{
		nanos("recorded_at", func(r *R) int64 { return of(r).TS }),
		lowCard("ts_quality", func(r *R) *string { return &of(r).TSQuality }),
		nanos("observed_at", func(r *R) int64 { return of(r).Observer }),
	})
}

func newDelegations() *block[EdgeRow] {
	return recordBlock("delegations", func(r *EdgeRow) *recordRow { return &r.recordRow }, []column[EdgeRow]{
		text("edge_id", func(r *EdgeRow) string { return r.EdgeID }),
		lowCard("kind", func(r *EdgeRow) *string { return &r.Kind }),
		lowCard("grade", func(r *EdgeRow) *string { return &r.Grade }),
		lowCard("authority", func(r *EdgeRow) *string { return &r.Authority }),
		count("depth", func(r *EdgeRow) Count { return r.Depth }),
		text("delegator_run_id", func(r *EdgeRow) string { return r.DelegatorRun }),
		lowCard("delegator_id", func(r *EdgeRow) *string { return &r.Delegator }),
		text("delegatee_run_id", func(r *EdgeRow) string { return r.DelegateeRun }),
		lowCard("delegatee_id", func(r *EdgeRow) *string { return &r.Delegatee }),
		text("trace_id", func(r *EdgeRow) string { return r.TraceID }),
		text("span_id", func(r *EdgeRow) string { return r.SpanID }),
		text("delegation_id", func(r *EdgeRow) string { return r.DelegationID }),
		text("parent_delegation_id", func(r *EdgeRow) string { return r.ParentID }),
		text("granted_by", func(r *EdgeRow) string { return r.GrantedBy }),
		text("approved_by", func(r *EdgeRow) string { return r.ApprovedBy }),
		text("purpose", func(r *EdgeRow) string { return r.Purpose }),
		texts("scope", func(r *EdgeRow) []string { return r.Scope }),
		text("constraints", func(r *EdgeRow) string { return r.Constraints }),
		text("constraints_digest", func(r *EdgeRow) string { return r.ConstraintsDigest }),
		instant("not_before", func(r *EdgeRow) Time { return r.NotBefore }),
		instant("expires_at", func(r *EdgeRow) Time { return r.ExpiresAt }),
		instant("revoked_at", func(r *EdgeRow) Time { return r.RevokedAt }),
		count("max_depth", func(r *EdgeRow) Count { return r.MaxDepth }),
		lowCard("credential_type", func(r *EdgeRow) *string { return &r.CredentialType }),
		text("credential_digest", func(r *EdgeRow) string { return r.CredentialDigest }),
	})
}

func newRuns() *block[RunRow] {
	return recordBlock("runs", func(r *RunRow) *recordRow { return &r.recordRow }, []column[RunRow]{
		text("run_id", func(r *RunRow) string { return r.RunID }),
		count("depth", func(r *RunRow) Count { return r.Depth }),
		lowCard("agent_id", func(r *RunRow) *string { return &r.AgentID }),
		lowCard("agent_name", func(r *RunRow) *string { return &r.AgentName }),
		lowCard("agent_version", func(r *RunRow) *string { return &r.AgentVersion }),
		text("session_id", func(r *RunRow) string { return r.Session }),
		lowCard("project_id", func(r *RunRow) *string { return &r.Project }),
		lowCard("workload", func(r *RunRow) *string { return &r.Workload }),
		text("trace_id", func(r *RunRow) string { return r.TraceID }),
		text("span_id", func(r *RunRow) string { return r.SpanID }),
		instant("started_at", func(r *RunRow) Time { return r.Start }),
		instant("ended_at", func(r *RunRow) Time { return r.End }),
		count("dropped_links", func(r *RunRow) Count { return r.DroppedLinks }),
		flag("orphan", func(r *RunRow) bool { return r.Orphan }),
		lowCard("authority", func(r *RunRow) *string { return &r.Authority }),
	})
}

func newChains() *block[ChainRow] {
	return recordBlock("chains", func(r *ChainRow) *recordRow { return &r.recordRow }, []column[ChainRow]{
		text("superseded_by", func(r *ChainRow) string { return r.SupersededBy }),
		lowCard("state", func(r *ChainRow) *string { return &r.State }),
		lowCard("verdict", func(r *ChainRow) *string { return &r.Verdict }),
		lowCard("grade", func(r *ChainRow) *string { return &r.Grade }),
		count("depth", func(r *ChainRow) Count { return r.Depth }),
		text("root_run_id", func(r *ChainRow) string { return r.RootRun }),
		lowCard("root_agent_id", func(r *ChainRow) *string { return &r.RootAgent }),
		count("runs", func(r *ChainRow) Count { return r.Runs }),
		count("edges", func(r *ChainRow) Count { return r.Edges }),
		instant("first_at", func(r *ChainRow) Time { return r.First }),
		instant("last_at", func(r *ChainRow) Time { return r.Last }),
		instant("settled_at", func(r *ChainRow) Time { return r.Settled }),
	})
}
