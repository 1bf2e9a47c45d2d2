package e2e

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/agents"
	"github.com/spanwarden/spanwarden/internal/operator"
	"github.com/spanwarden/spanwarden/internal/stack"
)

// The seed's scenario of accountability: the assistant delegates reading to the
// reader and mail to the mailer, with constraints; the mailer breaks them. Every
// agent is a trace of its own, joined by links.
func TestDelegatedMail(t *testing.T) {
	registry, err := filepath.Abs("../../configs/policy/agents")
	require.NoError(t, err)
	st := newStackWith(t, stack.Options{
		Env: []string{"SPANWARDEN_REGISTRY=" + registry},
		Overrides: []string{
			"extensions::governance::chains::settle: 1s", // the clock of arrival: nothing else comes
			"processors::delegation::settle_interval: 200ms",
		},
	})
	within(t, st.Start)
	play(t, st, &agents.DelegatedMail)
	conn := open(t, st)
	eventually(t, conn, 1, "SELECT count() FROM findings WHERE type = 'delegation.constraint_violated'")
	var agent, session, message string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT agent_id, session_id, message FROM findings WHERE type = 'delegation.constraint_violated'").Scan(&agent, &session, &message))
	assert.Equal(t, "mailer", agent)
	assert.Equal(t, agents.SessionMail, session)
	assert.NotContains(t, message, "mallory", "what an argument holds is no part of a finding")

	// One chain of three agents under one person, and its verdict.
	eventually(t, conn, 1, "SELECT count() FROM (SELECT chain_id, argMax(verdict, revision) AS v, argMax(runs, revision) AS r FROM chains GROUP BY chain_id) WHERE v = 'constraint_violated' AND r = 3")
	eventually(t, conn, 2, "SELECT uniqExact(edge_id) FROM delegations WHERE delegator_id = 'assistant' AND delegation_id IN ('dlg-read', 'dlg-mail') AND grade = 'declared'")
	eventually(t, conn, 1, "SELECT uniqExact(constraints) FROM delegations WHERE delegatee_id = 'mailer' AND constraints != ''")
	eventually(t, conn, 3, "SELECT uniqExact(agent_id) FROM runs WHERE principal_id = 'alice@acme.example'")

	// What the reader and the mailer spent, whose spans came before it was known who
	// had asked them, is the assistant's too.
	var all float64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT toFloat64(sum(cost_usd)) FROM actions").Scan(&all))
	require.Positive(t, all)
	client := &operator.Client{Base: st.Decision()}
	require.Eventually(t, func() bool {
		got, err := client.Balances(t.Context(), map[string][]string{"agent": {"assistant"}, "session": {agents.SessionMail}})
		return err == nil && len(got) == 1 && math.Abs(got[0].Spent-all) < 1e-12
	}, time.Minute, 100*time.Millisecond)
}
