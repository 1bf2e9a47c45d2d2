package replay

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// complete adds what the store keeps in columns alone. The exporter leaves an
// attribute out of attrs where a column says the same, but a column may also have
// its value from another attribute, in another dialect: so the span is read
// without, and what it then does not say is added.
func (b *builder) complete(td ptrace.Traces, rows []*Row) {
	b.batch.Decode(td, &genai.Options{IgnoreCanonical: true})
	byID := make(map[[24]byte]*Row, len(rows))
	for _, r := range rows {
		byID[idOf(r)] = r
	}
	for i := range b.batch.Items {
		it := &b.batch.Items[i]
		var id [24]byte
		trace, span := it.Span.TraceID(), it.Span.SpanID()
		copy(id[:16], trace[:])
		copy(id[16:], span[:])
		r := byID[id]
		switch {
		case r == nil:
		case r.isDecision():
			giveDecision(it.Span, r)
		default:
			give(it, r)
		}
	}
}

func idOf(r *Row) (id [24]byte) {
	decode(id[:16], r.TraceID)
	decode(id[16:], r.SpanID)
	return id
}

// give adds the attributes that have a column and that the span's others do not
// imply.
func give(it *genai.Item, r *Row) {
	a, m := &it.Action, it.Span.Attributes()
	for _, v := range [...]struct{ key, stored, read string }{
		{"gen_ai.operation.name", r.Operation, a.Operation},
		{"gen_ai.provider.name", r.Provider, a.Provider},
		{"gen_ai.request.model", r.RequestModel, a.RequestModel},
		{"gen_ai.response.model", r.ResponseModel, a.ResponseModel},
		{"gen_ai.response.id", r.ResponseID, a.ResponseID},
		{"gen_ai.conversation.id", r.Conversation, a.Conversation},
		{"gen_ai.tool.call.id", r.ToolCallID, a.Tool.CallID},
		{"gen_ai.tool.type", r.ToolType, a.Tool.Type},
		{"error.type", r.ErrorType, a.ErrorType},
		{attr.ProjectID, r.Project, a.Project},
	} {
		if v.stored != "" && v.stored != v.read {
			m.PutStr(v.key, v.stored)
		}
	}
	if r.DecisionID != "" { // the agent says that it asked
		m.PutStr(attr.DecisionID, r.DecisionID)
	}
	if r.Outcome == string(genai.OutcomeSuccess) && a.Outcome != genai.OutcomeSuccess {
		it.Span.Status().SetCode(ptrace.StatusCodeOk)
	}
	own := func(what string) bool { return r.states(what) }
	if r.Session != "" && a.Session == "" && own("session") {
		m.PutStr(attr.SessionID, r.Session)
	}
	if declared := r.Grade == string(genai.GradeDeclared); declared && r.PrincipalID != a.Principal.ID && own("principal") {
		m.PutStr(attr.PrincipalID, r.PrincipalID)
		m.PutStr(attr.PrincipalType, r.PrincipalType)
	}
	if r.DelegationID != "" && r.Kind == string(genai.KindAgent) && it.Span.Kind() != ptrace.SpanKindClient {
		m.PutStr(attr.DelegationID, r.DelegationID)
	}
	if r.namesChain() {
		m.PutStr(attr.ChainID, r.ChainID)
	}
}

// namesChain reports whether the row opens the root run of a chain under an id
// that does not follow from the run: an agent stated it. Of a run that was asked
// nobody can tell: its chain is another's.
func (r *Row) namesChain() bool {
	if r.ChainID == "" || r.ParentID != "" || len(r.LinkTraces) > 0 || r.RunID != r.TraceID+"-"+r.SpanID {
		return false
	}
	run, ok := chain.ParseRef(r.RunID)
	return ok && r.ChainID != chain.ChainID(run)
}

// states reports whether what the row knows of its session or principal is what
// the span itself said, as far as the row tells: a span with no parent, an agent's
// that did not inherit it, or one that no agent stands above.
func (r *Row) states(what string) bool {
	switch {
	case r.ParentID == "":
		return true
	case r.Kind == string(genai.KindAgent):
		return !strings.Contains(r.Attrs[attr.Inherited], what)
	default:
		return r.AgentID == ""
	}
}

// giveDecision gives a decision back as the decision receiver wrote it.
func giveDecision(s ptrace.Span, r *Row) {
	m := s.Attributes()
	for _, key := range []string{attr.RunID, attr.ChainDepth, attr.Dialect} {
		m.Remove(key)
	}
	for _, v := range [...][2]string{
		{attr.ActionKind, r.Kind},
		{attr.DecisionID, r.DecisionID},
		{attr.DecisionEffect, r.DecisionEffect},
		{attr.DecisionReason, r.DecisionReason},
		{attr.DecisionRule, r.DecisionRule},
		{attr.PolicyVersion, r.PolicyVersion},
		{attr.AgentID, r.AgentID},
		{attr.AgentName, r.AgentName},
		{attr.AgentVersion, r.AgentVersion},
		{attr.TenantID, r.Tenant},
		{attr.ProjectID, r.Project},
		{attr.SessionID, r.Session},
		{attr.PrincipalID, r.PrincipalID},
		{attr.PrincipalType, r.PrincipalType},
		{attr.PrincipalGrade, r.Grade},
		{attr.ToolName, r.ToolName},
		{attr.ToolOperation, r.ToolOperation},
		{attr.ToolResource, r.ToolResource},
		{attr.DelegationID, r.DelegationID},
		{attr.ChainID, r.ChainID},
		{"gen_ai.tool.call.id", r.ToolCallID},
	} {
		if v[1] != "" {
			m.PutStr(v[0], v[1])
		}
	}
	s.SetName(decision.SpanName)
}
