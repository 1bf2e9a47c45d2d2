package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/agents"
	"github.com/spanwarden/spanwarden/internal/operator"
	"github.com/spanwarden/spanwarden/internal/stack"
)

// scenarioTime is when the scripted agents ran.
var scenarioTime = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func newGoverned(t *testing.T) *stack.Stack {
	t.Helper()
	budgets, err := filepath.Abs("../../configs/policy/demo-budgets.yaml")
	require.NoError(t, err)
	return newStackWith(t, stack.Options{Env: []string{"SPANWARDEN_BUDGETS=" + budgets}})
}

func play(t *testing.T, st *stack.Stack, s *agents.Scenario) {
	t.Helper()
	_, err := agents.Run(t.Context(), st.OTLP(), s, scenarioTime)
	require.NoError(t, err)
}

// eventually waits until the query returns the wanted count.
func eventually(t *testing.T, conn driver.Conn, want uint64, query string, args ...any) {
	t.Helper()
	var got uint64
	require.Eventually(t, func() bool {
		return conn.QueryRow(t.Context(), query, args...).Scan(&got) == nil && got >= want
	}, 2*time.Minute, 100*time.Millisecond, query)
	assert.Equal(t, want, got, query)
}

// The seed's financial scenario through the real collector and the real engine:
// 87 USD after 30 s under 100 USD a session is halted before the limit, and SQL
// shows budget, trajectory, projection and halt. It survives a kill.
func TestReasoningLoopIsHalted(t *testing.T) {
	st := newGoverned(t)
	within(t, st.Start)
	play(t, st, &agents.ReasoningLoop)
	client := &operator.Client{Base: st.Decision()}
	halts, err := client.Halts(t.Context())
	require.NoError(t, err)
	require.Len(t, halts, 1)
	h := halts[0]
	assert.Equal(t, "session", h.Scope)
	assert.Equal(t, agents.SessionLoop, h.Key)
	assert.Equal(t, "projection", h.Rule)
	assert.InDelta(t, 87, *h.Observed, 1e-9)
	assert.InDelta(t, 100, *h.Limit, 0)
	assert.Equal(t, scenarioTime.Add(30*time.Second), h.Since)

	conn := open(t, st)
	const found = "SELECT count() FROM findings WHERE session_id = ? AND type = ?"
	for kind, want := range map[string]uint64{
		"budget.warning": 1, "budget.projected": 1, "budget.halt": 1, "budget.exceeded": 1, "boundary.after_halt": 1,
	} {
		eventually(t, conn, want, found, agents.SessionLoop, kind)
	}

	st.KillCollector()
	within(t, st.StartCollector)
	// The same spans again, by an SDK that lost the answer.
	play(t, st, &agents.ReasoningLoop)
	again, err := client.Halts(t.Context())
	require.NoError(t, err)
	assert.Equal(t, halts, again)
	balances, err := client.Balances(t.Context(), map[string][]string{"session": {agents.SessionLoop}})
	require.NoError(t, err)
	require.Len(t, balances, 1)
	assert.InDelta(t, 6*17.40, balances[0].Spent, 1e-9, "charged once")

	_, err = client.Release(t.Context(), h.ID, "carol", "the loop is understood and fixed")
	require.NoError(t, err)
	eventually(t, conn, 1, "SELECT count() FROM finding_events WHERE type = 'budget.halt' AND state = 'resolved' AND position(message, 'carol') > 0")
}

// With its own state gone the ledger counts again what the audit store knows, to
// the last unit.
func TestLedgerIsRebuiltFromTheStore(t *testing.T) {
	st := newGoverned(t)
	within(t, st.Start)
	play(t, st, &agents.ReasoningLoop)
	conn := open(t, st)
	eventually(t, conn, 7, "SELECT count() FROM ev_actions(period_start = toDateTime64('2026-01-01 00:00:00', 3, 'UTC'), period_end = toDateTime64('2027-01-01 00:00:00', 3, 'UTC'))")
	client := &operator.Client{Base: st.Decision()}
	halts, err := client.Halts(t.Context())
	require.NoError(t, err)
	before, err := client.Balances(t.Context(), map[string][]string{"session": {agents.SessionLoop}})
	require.NoError(t, err)

	require.NoError(t, st.StopCollector())
	require.NoError(t, os.RemoveAll(filepath.Join(st.State(), "queue")))
	within(t, st.StartCollector)
	require.Eventually(t, func() bool {
		after, err := client.Balances(t.Context(), map[string][]string{"session": {agents.SessionLoop}})
		return err == nil && assert.ObjectsAreEqual(before, after)
	}, time.Minute, 100*time.Millisecond)
	again, err := client.Halts(t.Context())
	require.NoError(t, err)
	assert.Equal(t, halts, again)
	eventually(t, conn, 1, "SELECT count() FROM config_versions WHERE kind = 'ledger-state'")
}
