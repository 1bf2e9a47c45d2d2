package audit

// newActions returns the columns of table actions. What follows the content (the
// times as clamped, the coordinates) is not part of the batch digest.
func newActions() *block[Row] {
	content := []column[Row]{
		lowCard("tenant_id", func(r *Row) *string { return &r.Tenant }),
		lowCard("project_id", func(r *Row) *string { return &r.Project }),
		lowCard("environment", func(r *Row) *string { return &r.Environment }),
		fixed16("action_id", func(r *Row) [16]byte { return r.ActionID }),
		text("trace_id", func(r *Row) string { return r.TraceID }),
		text("span_id", func(r *Row) string { return r.SpanID }),
		text("parent_span_id", func(r *Row) string { return r.ParentID }),
		text("session_id", func(r *Row) string { return r.Session }),
		text("conversation_id", func(r *Row) string { return r.Conversation }),
		lowCard("kind", func(r *Row) *string { return &r.Kind }),
		lowCard("dialect", func(r *Row) *string { return &r.Dialect }),
		lowCard("operation", func(r *Row) *string { return &r.Operation }),
		lowCard("span_name", func(r *Row) *string { return &r.SpanName }),
		lowCard("service_name", func(r *Row) *string { return &r.Service }),
		lowCard("scope_name", func(r *Row) *string { return &r.ScopeName }),
		lowCard("scope_version", func(r *Row) *string { return &r.ScopeVersion }),
		lowCard("agent_id", func(r *Row) *string { return &r.AgentID }),
		lowCard("agent_name", func(r *Row) *string { return &r.AgentName }),
		lowCard("agent_version", func(r *Row) *string { return &r.AgentVersion }),
		text("principal_id", func(r *Row) string { return r.PrincipalID }),
		lowCard("principal_type", func(r *Row) *string { return &r.PrincipalType }),
		lowCard("principal_grade", func(r *Row) *string { return &r.PrincipalGrade }),
		lowCard("provider", func(r *Row) *string { return &r.Provider }),
		lowCard("gateway", func(r *Row) *string { return &r.Gateway }),
		lowCard("request_model", func(r *Row) *string { return &r.RequestModel }),
		lowCard("response_model", func(r *Row) *string { return &r.ResponseModel }),
		text("response_id", func(r *Row) string { return r.ResponseID }),
		lowCard("finish_reason", func(r *Row) *string { return &r.FinishReason }),
		lowCard("service_tier", func(r *Row) *string { return &r.ServiceTier }),
		lowCard("tool_name", func(r *Row) *string { return &r.ToolName }),
		lowCard("tool_type", func(r *Row) *string { return &r.ToolType }),
		text("tool_call_id", func(r *Row) string { return r.ToolCallID }),
		lowCard("tool_operation", func(r *Row) *string { return &r.ToolOperation }),
		text("tool_resource", func(r *Row) string { return r.ToolResource }),
		lowCard("mcp_server", func(r *Row) *string { return &r.MCPServer }),
		lowCard("outcome", func(r *Row) *string { return &r.Outcome }),
		lowCard("error_type", func(r *Row) *string { return &r.ErrorType }),
		text("status_message", func(r *Row) string { return r.StatusMessage }),
		count("input_tokens", func(r *Row) Count { return r.Input }),
		count("output_tokens", func(r *Row) Count { return r.Output }),
		count("cache_read_tokens", func(r *Row) Count { return r.CacheRead }),
		count("cache_write_tokens", func(r *Row) Count { return r.CacheWrite }),
		count("cache_write_1h_tokens", func(r *Row) Count { return r.CacheWrite1h }),
		count("reasoning_tokens", func(r *Row) Count { return r.Reasoning }),
		lowCard("usage_accounting", func(r *Row) *string { return &r.Accounting }),
		flag("usage_estimated", func(r *Row) bool { return r.Estimated }),
		flag("usage_invalid", func(r *Row) bool { return r.Invalid }),
		decimal("cost_usd", func(r *Row) Decimal { return r.Cost }),
		decimal("cost_input_usd", func(r *Row) Decimal { return r.CostInput }),
		decimal("cost_output_usd", func(r *Row) Decimal { return r.CostOutput }),
		decimal("cost_cache_read_usd", func(r *Row) Decimal { return r.CostCacheRead }),
		decimal("cost_cache_write_usd", func(r *Row) Decimal { return r.CostCacheWrite }),
		decimal("cost_other_usd", func(r *Row) Decimal { return r.CostOther }),
		decimal("cost_list_usd", func(r *Row) Decimal { return r.CostList }),
		decimal("cost_reported_usd", func(r *Row) Decimal { return r.CostReported }),
		lowCard("cost_status", func(r *Row) *string { return &r.CostStatus }),
		lowCard("cost_reason", func(r *Row) *string { return &r.CostReason }),
		lowCard("cost_price_id", func(r *Row) *string { return &r.PriceID }),
		lowCard("cost_price_from", func(r *Row) *string { return &r.PriceFrom }),
		lowCard("cost_book", func(r *Row) *string { return &r.Book }),
		lowCard("cost_contract_id", func(r *Row) *string { return &r.ContractID }),
		lowCard("cost_match", func(r *Row) *string { return &r.Match }),
		lowCard("cost_conditions", func(r *Row) *string { return &r.Conditions }),
		text("run_id", func(r *Row) string { return r.RunID }),
		text("chain_id", func(r *Row) string { return r.ChainID }),
		count("chain_depth", func(r *Row) Count { return r.ChainDepth }),
		text("delegation_id", func(r *Row) string { return r.DelegationID }),
		lowCard("delegation_delegator", func(r *Row) *string { return &r.Delegator }),
		lowCard("delegation_grade", func(r *Row) *string { return &r.DelegationGrade }),
		lowCard("boundary_verdict", func(r *Row) *string { return &r.BoundaryVerdict }),
		lowCard("boundary_rule", func(r *Row) *string { return &r.BoundaryRule }),
		decimal("baseline_maturity", func(r *Row) Decimal { return r.Maturity }),
		lowCard("policy_version", func(r *Row) *string { return &r.PolicyVersion }),
		text("decision_id", func(r *Row) string { return r.DecisionID }),
		lowCard("decision_effect", func(r *Row) *string { return &r.DecisionEffect }),
		text("decision_reason", func(r *Row) string { return r.DecisionReason }),
		lowCard("decision_rule", func(r *Row) *string { return &r.DecisionRule }),
		mapping("attrs", func(r *Row) []Attr { return r.Attrs }),
		mapping("resource", func(r *Row) []Attr { return r.ResourceAttrs }),
		mapping("content_refs", func(r *Row) []Attr { return r.ContentRefs }),
		u32("attrs_truncated", func(r *Row) uint32 { return r.Truncated }),
		texts("link_trace_ids", func(r *Row) []string { return r.LinkTraceIDs }),
		texts("link_span_ids", func(r *Row) []string { return r.LinkSpanIDs }),
		mappings("link_attrs", func(r *Row) [][]Attr { return r.LinkAttrs }),
		lowCards("event_names", func(r *Row) []string { return r.EventNames }),
	}
	written := []column[Row]{
		nanos("ts", func(r *Row) int64 { return r.TS }),
		u64("duration_ns", func(r *Row) uint64 { return r.Duration }),
		lowCard("ts_quality", func(r *Row) *string { return &r.TSQuality }),
		nanos("observed_at", func(r *Row) int64 { return r.Observed }),
	}
	return newBlock("actions", func(r *Row) int64 { return r.TS }, content, written)
}

// AttributionRow corrects who acted, and in which run, in a row that was stored
// before its ancestors were known.
type AttributionRow struct {
	ActionID                                   [16]byte
	TraceID, SpanID                            string
	AgentID, AgentName, AgentVersion           string
	Session                                    string
	PrincipalID, PrincipalType, PrincipalGrade string
	RunID, ChainID, DelegationID               string
	Authority, Verdict, Rule, PolicyVersion    string // what was judged late
	ChainDepth                                 Count
	SettledTS, Observed                        int64 // ns since 1970
}

func newAttributions() *block[AttributionRow] {
	content := []column[AttributionRow]{
		fixed16("action_id", func(r *AttributionRow) [16]byte { return r.ActionID }),
		text("trace_id", func(r *AttributionRow) string { return r.TraceID }),
		text("span_id", func(r *AttributionRow) string { return r.SpanID }),
		lowCard("agent_id", func(r *AttributionRow) *string { return &r.AgentID }),
		lowCard("agent_name", func(r *AttributionRow) *string { return &r.AgentName }),
		lowCard("agent_version", func(r *AttributionRow) *string { return &r.AgentVersion }),
		text("session_id", func(r *AttributionRow) string { return r.Session }),
		text("principal_id", func(r *AttributionRow) string { return r.PrincipalID }),
		lowCard("principal_type", func(r *AttributionRow) *string { return &r.PrincipalType }),
		lowCard("principal_grade", func(r *AttributionRow) *string { return &r.PrincipalGrade }),
		text("run_id", func(r *AttributionRow) string { return r.RunID }),
		text("chain_id", func(r *AttributionRow) string { return r.ChainID }),
		count("chain_depth", func(r *AttributionRow) Count { return r.ChainDepth }),
		text("delegation_id", func(r *AttributionRow) string { return r.DelegationID }),
		lowCard("delegation_authority", func(r *AttributionRow) *string { return &r.Authority }),
		lowCard("boundary_verdict", func(r *AttributionRow) *string { return &r.Verdict }),
		lowCard("boundary_rule", func(r *AttributionRow) *string { return &r.Rule }),
		lowCard("policy_version", func(r *AttributionRow) *string { return &r.PolicyVersion }),
	}
	written := []column[AttributionRow]{
		nanos("settled_ts", func(r *AttributionRow) int64 { return r.SettledTS }),
		nanos("observed_at", func(r *AttributionRow) int64 { return r.Observed }),
	}
	return newBlock("attributions", func(r *AttributionRow) int64 { return r.SettledTS }, content, written)
}
