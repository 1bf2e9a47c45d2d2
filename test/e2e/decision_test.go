package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	client "github.com/spanwarden/spanwarden/client/spanwarden"
	"github.com/spanwarden/spanwarden/internal/agents"
	"github.com/spanwarden/spanwarden/internal/stack"
)

func newDeciding(t *testing.T) *stack.Stack {
	t.Helper()
	budgets, err := filepath.Abs("../../configs/policy/demo-budgets.yaml")
	require.NoError(t, err)
	registry, err := filepath.Abs("../../configs/policy/agents")
	require.NoError(t, err)
	return newStackWith(t, stack.Options{Env: []string{
		"SPANWARDEN_BUDGETS=" + budgets, "SPANWARDEN_REGISTRY=" + registry, "SPANWARDEN_DIGEST_KEY=a key for the test",
	}})
}

// The seed's two scenarios of enforcement: an agent that asks is refused once its
// session is halted, from the very answer to the spans that crossed the budget; and
// delete_customer is denied before it happens.
func TestDecisionsEnforce(t *testing.T) {
	st := newDeciding(t)
	within(t, st.Start)
	ask := func(agent, tool, session string, args map[string]any) client.Decision {
		d, err := (&client.Client{Base: st.Decision(), Agent: agent}).May(t.Context(), client.Action{
			Tool: tool, Session: session, Arguments: args, PrincipalType: "user", PrincipalID: "alice@acme.example",
		})
		require.NoError(t, err)
		return d
	}
	assert.NotEqual(t, "halt", ask("researcher", "search", agents.SessionLoop, nil).Effect)
	play(t, st, &agents.ReasoningLoop)
	refused := ask("researcher", "search", agents.SessionLoop, nil)
	assert.False(t, refused.Allowed)
	assert.Equal(t, "halt", refused.Effect)
	assert.NotEqual(t, "halt", ask("researcher", "search", "another session", nil).Effect)

	const session = "session-support-asks"
	assert.True(t, ask("support", "list_customers", session, map[string]any{}).Allowed)
	denied := ask("support", "delete_customer", session, map[string]any{"customer_id": "42"})
	assert.False(t, denied.Allowed)
	assert.Equal(t, "deny", denied.Effect)

	// Both are evidence, and of what was denied nothing was done.
	conn := open(t, st)
	const all = "ev_actions(period_start = toDateTime64('2026-01-01 00:00:00', 3, 'UTC'), period_end = now64(3) + INTERVAL 1 DAY)"
	eventually(t, conn, 1, "SELECT count() FROM "+all+" WHERE kind = 'decision' AND decision_id = ? AND decision_effect = 'deny'", denied.ID)
	eventually(t, conn, 1, "SELECT count() FROM "+all+" WHERE kind = 'decision' AND decision_id = ? AND decision_effect = 'halt'", refused.ID)
	eventually(t, conn, 0, "SELECT count() FROM "+all+" WHERE kind = 'tool' AND session_id = ?", session)
}

// An agent that is denied and does it all the same is found.
func TestDeniedButExecuted(t *testing.T) {
	st := newDeciding(t)
	within(t, st.Start)
	trace := ""
	began := time.Now()
	deaf := agents.Scenario{Name: "deaf", Service: "support", Play: func(s *agents.Stage) {
		s.Agent("support", "session-deaf", "alice@acme.example", func() {
			trace = s.Traceparent()
			d, err := (&client.Client{Base: st.Decision(), Agent: "support"}).May(t.Context(), client.Action{
				Tool: "delete_customer", Session: "session-deaf", Arguments: map[string]any{"customer_id": "42"},
				PrincipalType: "user", PrincipalID: "alice@acme.example", Traceparent: trace,
			})
			require.NoError(t, err)
			require.False(t, d.Allowed)
			s.Wait(time.Since(began)) // the clock of the decision
			s.Tool("delete_customer", `{"customer_id":"42"}`, time.Second)
		})
	}}
	_, err := agents.Run(t.Context(), st.OTLP(), &deaf, began)
	require.NoError(t, err)
	conn := open(t, st)
	eventually(t, conn, 1, "SELECT count() FROM findings WHERE type = 'boundary.denied_but_executed' AND severity = 'critical' AND session_id = 'session-deaf'")
}
