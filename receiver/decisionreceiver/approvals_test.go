package decisionreceiver

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/operator"
)

// Who said yes to what, and who tried to and may not, is in the store: a span below
// that of the question, in its trace.
func TestAnswersAreRecorded(t *testing.T) {
	sink := new(consumertest.TracesSink)
	base := "http://" + startWith(t, bank, sink, open).address
	client := &operator.Client{Base: base}
	q := question("teller", "mcp/bank/transfer", `{"amount":5000}`)
	a := evaluate(t, base, strings.Replace(q, `"session_id"`, `"tool_call_id":"call-1","session_id"`, 1))
	id := a.Context.EvaluationID
	_, err := client.Approve(t.Context(), id, &operator.Approve{By: "user:alice", Groups: []string{"group:finance"}, Reason: "mine"})
	require.ErrorContains(t, err, "403")
	got, err := client.Approve(t.Context(), id, &operator.Approve{By: "user:bob", Groups: []string{"group:finance"}, Reason: "checked"})
	require.NoError(t, err)

	var asked ptrace.Span
	var answers []ptrace.Span
	for _, s := range spansOf(sink) {
		switch s.Name() {
		case decision.SpanName:
			asked = s
		case decision.ApprovalSpanName:
			answers = append(answers, s)
		}
	}
	require.Len(t, answers, 2)
	for _, s := range answers {
		assert.Equal(t, asked.TraceID(), s.TraceID())
		assert.Equal(t, asked.SpanID(), s.ParentSpanID())
		for name, want := range map[string]string{
			attr.ActionKind: "decision", attr.ApprovalDecision: id, attr.ApprovalRequester: "agent:teller", attr.AgentID: "teller",
			attr.PrincipalID: "alice", attr.SessionID: "s1", attr.ToolName: "mcp/bank/transfer", "gen_ai.tool.call.id": "call-1", attr.DecisionRule: "big-payment",
		} {
			v, _ := s.Attributes().Get(name)
			assert.Equal(t, want, v.AsString(), name)
		}
		v, _ := s.Attributes().Get(attr.ApprovalVia)
		assert.Equal(t, "adapter:operator@127.0.0.1", v.AsString())
		when, _ := s.Attributes().Get(attr.ApprovalAsked)
		assert.NotEmpty(t, when.AsString())
		_, answered := s.Attributes().Get(decision.AttrAnswered)
		assert.False(t, answered, "whoever matches answers with deeds must not take it for one")
	}
	text := func(s ptrace.Span, name string) string {
		v, ok := s.Attributes().Get(name)
		if !ok {
			return ""
		}
		return v.AsString()
	}
	no, yes := answers[0], answers[1]
	assert.Equal(t, "deny", text(no, attr.DecisionEffect))
	assert.Equal(t, decision.ReasonMayNot, text(no, attr.DecisionReason))
	assert.Equal(t, "user:alice", text(no, attr.ApprovalBy))
	assert.Empty(t, text(no, attr.ApprovalUntil))
	assert.Equal(t, "allow", text(yes, attr.DecisionEffect))
	assert.Equal(t, "user:bob", text(yes, attr.ApprovalBy))
	assert.Equal(t, "checked", text(yes, attr.ApprovalReason))
	assert.Equal(t, got.ID, text(yes, attr.ApprovalID))
	assert.JSONEq(t, `["group:finance"]`, text(yes, attr.ApprovalGroups))
	assert.NotEqual(t, no.SpanID(), yes.SpanID())
}

// A yes that cannot be recorded is none.
func TestApprovalNeedsEvidence(t *testing.T) {
	var full atomic.Bool
	next, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error {
		if full.Load() {
			return errors.New("the disk is full")
		}
		return nil
	})
	require.NoError(t, err)
	base := "http://" + startWith(t, bank, next, open).address
	client := &operator.Client{Base: base}
	a := evaluate(t, base, question("teller", "mcp/bank/transfer", `{"amount":5000}`))
	full.Store(true)
	_, err = client.Approve(t.Context(), a.Context.EvaluationID, &operator.Approve{By: "user:bob", Groups: []string{"group:finance"}, Reason: "checked"})
	require.ErrorContains(t, err, "503")
}
