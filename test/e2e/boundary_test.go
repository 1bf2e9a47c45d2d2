package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/internal/agents"
	"github.com/spanwarden/spanwarden/internal/operator"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/internal/stack"
)

func newBounded(t *testing.T) *stack.Stack {
	t.Helper()
	registry, err := filepath.Abs("../../configs/policy/agents")
	require.NoError(t, err)
	return newBoundedBy(t, registry)
}

// newBoundedBy is a stack under another registry.
func newBoundedBy(t *testing.T, registry string) *stack.Stack {
	t.Helper()
	return newStackWith(t, stack.Options{Env: []string{"SPANWARDEN_REGISTRY=" + registry}})
}

// ask runs one of the shipped evidence queries over the year of the scenarios.
func ask(t *testing.T, conn driver.Conn, id string, params map[string]string) *evidence.Answer {
	t.Helper()
	q, err := evidence.Get(id)
	require.NoError(t, err)
	values := map[string]string{"period_start": "2026-01-01", "period_end": "2027-01-01"}
	maps.Copy(values, params)
	bound, err := q.Bind(values, time.Now())
	require.NoError(t, err)
	answer, err := q.Run(t.Context(), conn, bound, 1000)
	require.NoError(t, err)
	return answer
}

// rows returns some columns of an answer as text.
func rows(a *evidence.Answer, columns ...string) (out [][]string) {
	for _, row := range a.Rows {
		var texts []string
		for _, want := range columns {
			for i, name := range a.Columns {
				if name == want {
					texts = append(texts, evidence.Text(row[i], ""))
				}
			}
		}
		out = append(out, texts)
	}
	return out
}

// The seed's scenario of access: the support agent does what it may, and then
// tries what it may not. The attempt is a violation, a finding and a row among
// the evidence that everything else stayed within the boundary.
func TestSupportDeskBoundary(t *testing.T) {
	st := newBounded(t)
	within(t, st.Start)
	play(t, st, &agents.SupportDesk)
	conn := open(t, st)
	const actions = "SELECT count() FROM ev_actions(period_start = toDateTime64('2026-01-01 00:00:00', 3, 'UTC'), period_end = toDateTime64('2027-01-01 00:00:00', 3, 'UTC')) WHERE session_id = ?"
	eventually(t, conn, 9, actions, agents.SessionSupport)
	eventually(t, conn, 1, "SELECT count() FROM findings WHERE type LIKE 'boundary.%' AND session_id = ?", agents.SessionSupport)

	var kind, severity, agent, message, trace, span, version string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT type, severity, agent_id, message, trace_id, span_id, policy_version FROM findings WHERE session_id = ?",
		agents.SessionSupport).Scan(&kind, &severity, &agent, &message, &trace, &span, &version))
	assert.Equal(t, "boundary.tool", kind)
	assert.Equal(t, "high", severity, "worth an alert")
	assert.Equal(t, "support", agent)
	assert.Contains(t, message, "delete_customer")
	assert.NotContains(t, message, "C-1047", "what an argument holds is no part of a finding")

	attempts := rows(ask(t, conn, "boundary-actions", map[string]string{"agent": "support", "verdict": "violation"}), "tool", "operation", "trace_id", "span_id", "policy_version")
	require.Len(t, attempts, 1)
	assert.Equal(t, "delete_customer", attempts[0][0])
	assert.Equal(t, []string{trace, span, version}, attempts[0][2:])
	respected := rows(ask(t, conn, "boundary-actions", map[string]string{"agent": "support", "verdict": "respected"}), "kind", "tool", "rule")
	assert.Equal(t, [][]string{
		{"agent", "", ""},
		{"inference", "", ""},
		{"tool", "list_customers", "list-customers"},
		{"inference", "", ""},
		{"tool", "send_email", "send-email"},
		{"tool", "send_email", "send-email"},
		{"inference", "", ""},
		{"inference", "", ""},
	}, respected)
	assert.Equal(t, [][]string{{"support", "9", "8", "1", "0", "0"}},
		rows(ask(t, conn, "boundary-summary", nil), "agent_id", "actions", "respected", "violations", "unregistered", "not_evaluated"))
}

// The same while it happens: the attempt is found although the span that says who
// made it comes last.
func TestSupportDeskBoundaryLive(t *testing.T) {
	st := newBounded(t)
	within(t, st.Start)
	for range 2 { // also by an SDK that lost the answer
		play(t, st, &agents.SupportDeskLive)
	}
	conn := open(t, st)
	eventually(t, conn, 1, "SELECT count() FROM findings WHERE type = 'boundary.tool' AND session_id = ? AND position(message, 'delete_customer') > 0", agents.SessionSupportLive)
	eventually(t, conn, 1, "SELECT count() FROM findings WHERE type LIKE 'boundary.%'")
	// What was judged late stands in the rows.
	const verdicts = "SELECT count() FROM ev_actions(period_start = toDateTime64('2026-01-01 00:00:00', 3, 'UTC'), period_end = toDateTime64('2027-01-01 00:00:00', 3, 'UTC')) WHERE session_id = ? AND boundary_verdict = ?"
	eventually(t, conn, 1, verdicts, agents.SessionSupportLive, "violation")
	eventually(t, conn, 8, verdicts, agents.SessionSupportLive, "respected")
}

// An entry may ask that an attempt halts the run. What a person released stays
// released when the same spans come again.
func TestAttemptHaltsTheRun(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "support.yaml"), []byte(`
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: support}
spec:
  agent: {id: support, match: [{attr: {gen_ai.agent.name: support}}]}
  owner: "user:carol@acme.example"
  halt_on: [boundary.tool]
  allow:
    - {id: list-customers, tool: list_customers}
    - {id: send-email, tool: send_email}
`), 0o600))
	st := newBoundedBy(t, dir)
	within(t, st.Start)
	play(t, st, &agents.SupportDesk)
	client := &operator.Client{Base: st.Decision()}
	halts, err := client.Halts(t.Context())
	require.NoError(t, err)
	require.Len(t, halts, 1)
	assert.Equal(t, []string{"agent", "support", "boundary.tool"}, []string{halts[0].Scope, halts[0].Key, halts[0].Rule})
	assert.Contains(t, halts[0].Reason, "delete_customer")
	_, err = client.Release(t.Context(), halts[0].ID, "carol", "it was a test")
	require.NoError(t, err)
	play(t, st, &agents.SupportDesk)
	halts, err = client.Halts(t.Context())
	require.NoError(t, err)
	assert.Empty(t, halts)
}

// An agent that nobody registered is one finding, and every action of it is marked.
func TestUnregisteredAgent(t *testing.T) {
	st := newBounded(t)
	within(t, st.Start)
	stranger := agents.Scenario{Name: "stranger", Service: "stranger", Play: func(s *agents.Stage) {
		s.Agent("stranger", "session-stranger", "alice@acme.example", func() {
			for range 3 {
				s.Tool("list_customers", `{}`, time.Second)
			}
		})
	}}
	play(t, st, &stranger)
	conn := open(t, st)
	eventually(t, conn, 1, "SELECT count() FROM findings WHERE type = 'boundary.unregistered_agent' AND agent_id = 'stranger'")
	assert.Equal(t, [][]string{{"stranger", "unregistered", "4"}}, rows(ask(t, conn, "unregistered-agents", nil), "agent_id", "status", "unregistered_actions"))

	// What it was seen to do makes an entry.
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "spanwarden"), "policy", "suggest", "--agent", "stranger", "--since", "9999d", "--dsn", st.DSN()).Output()
	require.NoError(t, err)
	registry, err := policy.Load([]policy.File{{Name: "suggested.yaml", Data: out}})
	require.NoError(t, err, string(out))
	var r policy.Result
	registry.Agent("stranger").Judge(&policy.Request{Tool: "list_customers", Time: scenarioTime, Check: policy.PrincipalSkip}, &r)
	assert.Equal(t, policy.Respected, r.Verdict, string(out))
}
