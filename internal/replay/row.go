package replay

import (
	"strconv"
	"time"
)

// Row is one stored action, as ev_actions has it: what a span is rebuilt from.
type Row struct {
	TS       time.Time
	Duration uint64 // ns

	Tenant, Project, Session, Conversation string
	TraceID, SpanID, ParentID, RunID       string // ids in lower-case hex; a run is trace-span
	Kind, Dialect, Operation               string
	Name, Scope, ScopeVersion              string
	AgentID, AgentName, AgentVersion       string
	PrincipalID, PrincipalType, Grade      string
	Provider, RequestModel, ResponseModel  string
	ResponseID, ToolCallID, ToolType       string
	ToolName, ToolOperation, ToolResource  string
	Outcome, ErrorType, Status             string
	ChainID, DelegationID, PolicyVersion   string
	DecisionID, DecisionEffect             string
	DecisionReason, DecisionRule           string

	Attrs, Resource, Refs map[string]string // refs: digests of content by attribute
	LinkTraces, LinkSpans []string
	LinkAttrs             []map[string]string

	// Content holds the bodies of Refs that the store has.
	Content map[string]string
}

// columns are what rowsQuery selects, in the order in which scan takes them.
const columns = `ts, duration_ns, tenant_id, project_id, session_id, conversation_id, trace_id, span_id, parent_span_id, run_id,
    kind, dialect, operation, span_name, scope_name, scope_version, agent_id, agent_name, agent_version,
    principal_id, principal_type, principal_grade, provider, request_model, response_model, response_id, tool_call_id, tool_type,
    tool_name, tool_operation, tool_resource, outcome, error_type, status_message, chain_id, delegation_id, policy_version,
    decision_id, decision_effect, decision_reason, decision_rule, attrs, resource, content_refs, link_trace_ids, link_span_ids, link_attrs`

func (r *Row) scan(from interface{ Scan(dest ...any) error }) error {
	return from.Scan(&r.TS, &r.Duration, &r.Tenant, &r.Project, &r.Session, &r.Conversation, &r.TraceID, &r.SpanID, &r.ParentID, &r.RunID,
		&r.Kind, &r.Dialect, &r.Operation, &r.Name, &r.Scope, &r.ScopeVersion, &r.AgentID, &r.AgentName, &r.AgentVersion,
		&r.PrincipalID, &r.PrincipalType, &r.Grade, &r.Provider, &r.RequestModel, &r.ResponseModel, &r.ResponseID, &r.ToolCallID, &r.ToolType,
		&r.ToolName, &r.ToolOperation, &r.ToolResource, &r.Outcome, &r.ErrorType, &r.Status, &r.ChainID, &r.DelegationID, &r.PolicyVersion,
		&r.DecisionID, &r.DecisionEffect, &r.DecisionReason, &r.DecisionRule, &r.Attrs, &r.Resource, &r.Refs, &r.LinkTraces, &r.LinkSpans, &r.LinkAttrs)
}

// maxDuration keeps a duration that no clock shows from wrapping around.
const maxDuration = uint64(100 * 365 * 24 * time.Hour)

// End is when the action ended: by which a replay is ordered.
func (r *Row) End() time.Time { return r.TS.Add(time.Duration(min(r.Duration, maxDuration))) }

// The exporter keeps the times that it could not believe under these names.
const (
	statedStart = "spanwarden.ts.start_unix_nano"
	statedEnd   = "spanwarden.ts.end_unix_nano"
)

// stated returns the times as the span stated them, believed or not, in ns.
func (r *Row) stated() (start, end uint64) {
	start = uint64(max(0, r.TS.UnixNano()))
	end = start + min(r.Duration, maxDuration)
	if v, err := strconv.ParseUint(r.Attrs[statedStart], 10, 64); err == nil {
		start = v
	}
	if v, err := strconv.ParseUint(r.Attrs[statedEnd], 10, 64); err == nil {
		end = v
	}
	return start, end
}
