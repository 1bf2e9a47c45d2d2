package decisionreceiver

import (
	"crypto/sha256"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/decision"
)

// tellApproval sends a person's answer down the pipeline as a span below the
// question's: a yes, or one that does not count.
func (r *decisionReceiver) tellApproval(req *http.Request, a *decision.Approval) error {
	via := callerOf(req).by("operator")
	return r.evidence.send(req.Context(), &entry{spans: func(td ptrace.Traces) {
		approvalSpan(r.evidence.builder.scope(td, attr.Scope).AppendEmpty(), a, via)
	}})
}

func approvalSpan(s ptrace.Span, a *decision.Approval, via string) {
	p := &a.Pending
	sum := sha256.Sum256([]byte(a.ID))
	s.SetName(decision.ApprovalSpanName)
	s.SetKind(ptrace.SpanKindInternal)
	s.SetTraceID(pcommon.TraceID(p.About.Trace))
	s.SetParentSpanID(pcommon.SpanID(p.About.Span))
	s.SetSpanID(pcommon.SpanID(sum[:8]))
	at := pcommon.NewTimestampFromTime(a.At)
	s.SetStartTimestamp(at)
	s.SetEndTimestamp(at)
	effect, reason, until := decision.Allow, "", a.Until.UTC().Format(time.RFC3339Nano)
	if a.Rejected {
		effect, reason, until = decision.Deny, decision.ReasonMayNot, ""
	}
	m := s.Attributes()
	m.EnsureCapacity(32)
	for _, kv := range [...][2]string{
		{attr.ActionKind, "decision"},
		{attr.DecisionID, a.ID},
		{attr.DecisionEffect, string(effect)},
		{attr.DecisionReason, reason},
		{attr.DecisionRule, p.About.Rule},
		{attr.PolicyVersion, p.About.PolicyVersion},
		{attr.ApprovalID, a.ID},
		{attr.ApprovalDecision, p.Decision.String()},
		{attr.ApprovalBy, a.By},
		{attr.ApprovalVia, via},
		{attr.ApprovalReason, a.Reason},
		{attr.ApprovalRequester, p.Requester},
		{attr.ApprovalAsked, p.At.UTC().Format(time.RFC3339Nano)},
		{attr.ApprovalUntil, until},
		{attr.AgentID, p.Agent},
		{attr.AgentName, p.Agent},
		{attr.AgentVersion, p.About.AgentVersion},
		{attr.TenantID, p.About.Tenant},
		{attr.ProjectID, p.About.Project},
		{attr.SessionID, p.About.Session},
		{attr.PrincipalID, p.About.PrincipalID},
		{attr.PrincipalType, p.About.PrincipalType},
		{attr.PrincipalGrade, p.About.PrincipalGrade},
		{attr.ToolName, p.About.Tool},
		{attr.ToolOperation, p.About.Operation},
		{attr.ToolResource, p.About.Resource},
		{"gen_ai.tool.call.id", p.About.CallID},
	} {
		if kv[1] != "" {
			m.PutStr(kv[0], kv[1])
		}
	}
	if len(a.Groups) > 0 {
		groups := m.PutEmptySlice(attr.ApprovalGroups)
		for _, g := range a.Groups {
			groups.AppendEmpty().SetStr(g)
		}
	}
}
