package decisionreceiver

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/decision"
)

// spanBuilder makes spans of decisions. It has one owner.
type spanBuilder struct {
	version, instance string
	chain             *decision.Chain
}

// traces returns the spans of a group, and the records as they stand on them.
func (b *spanBuilder) traces(group []*entry) (ptrace.Traces, []sealedRecord) {
	td := ptrace.NewTraces()
	var sealed []sealedRecord
	var spans ptrace.SpanSlice
	for _, e := range group {
		for _, r := range e.records {
			if sealed == nil {
				spans = b.scope(td, attr.Scope)
			}
			raw := b.chain.Seal(r)
			sealed = append(sealed, sealedRecord{r.ID.String(), raw})
			decisionSpan(spans.AppendEmpty(), r, raw)
		}
	}
	for _, e := range group {
		if e.spans != nil {
			e.spans(td)
		}
	}
	return td, sealed
}

func (b *spanBuilder) scope(td ptrace.Traces, name string) ptrace.SpanSlice {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "spanwarden")
	rs.Resource().Attributes().PutStr("service.instance.id", b.instance)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(name)
	ss.Scope().SetVersion(b.version)
	return ss.Spans()
}

// decisionSpan writes a decision, a child of the span that asked.
func decisionSpan(s ptrace.Span, r *decision.Record, raw []byte) {
	q, o := r.Question, &r.Outcome
	s.SetName(decision.SpanName)
	s.SetKind(ptrace.SpanKindInternal)
	s.SetTraceID(pcommon.TraceID(r.Trace))
	s.SetSpanID(pcommon.SpanID(r.Span))
	s.SetParentSpanID(pcommon.SpanID(q.Span))
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(r.At))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(r.At.Add(r.Latency)))
	tool, operation, resource := q.Request.Resolved()
	if tool == "" {
		tool, operation, resource = q.Request.Tool, q.Request.Operation, q.Request.Resource
	}
	a := s.Attributes()
	a.EnsureCapacity(32)
	a.PutStr(attr.ActionKind, "decision")
	for _, kv := range [...][2]string{
		{attr.DecisionID, r.ID.String()},
		{attr.DecisionEffect, string(o.Effect)},
		{decision.AttrAnswered, string(o.Answered)},
		{attr.DecisionReason, string(o.Reason)},
		{attr.DecisionRule, o.Rule},
		{decision.AttrMode, string(o.Mode)},
		{decision.AttrAdapter, q.Adapter},
		{attr.PolicyVersion, r.PolicyVersion},
		{attr.AgentID, r.Agent},
		{attr.AgentName, firstOf(q.Declared, r.Agent)},
		{attr.AgentVersion, q.Actor.Version},
		{attr.TenantID, q.Scopes.Tenant},
		{attr.ProjectID, q.Scopes.Project},
		{attr.SessionID, q.Request.Session},
		{attr.PrincipalID, q.Request.Principal.ID},
		{attr.PrincipalType, q.Request.Principal.Type},
		{attr.PrincipalGrade, q.Request.Principal.Grade},
		{attr.ToolName, tool},
		{attr.ToolOperation, operation},
		{attr.ToolResource, resource},
		{attr.DelegationID, q.DelegationID},
		{attr.ChainID, r.Chain.ID},
		{"gen_ai.tool.call.id", q.CallID},
		{decision.AttrArgsDigest, r.ArgsDigest},
	} {
		if kv[1] != "" {
			a.PutStr(kv[0], kv[1])
		}
	}
	if classes := q.Request.Classes(); len(classes) > 0 {
		list := a.PutEmptySlice("spanwarden.data.classes")
		for _, class := range classes {
			list.AppendEmpty().SetStr(class)
		}
	}
	if o.Halt != nil {
		a.PutStr(attr.HaltID, o.Halt.ID())
	}
	a.PutStr(decision.AttrRecord, string(raw))
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
