package main

import (
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

func TestPolicySuggest(t *testing.T) {
	for _, test := range []struct{ args, want []string }{
		{nil, []string{"--agent is missing", "agent-inventory"}},
		{[]string{"--agent", "a", "--since", "soon"}, []string{"--since", `"soon"`}},
		{[]string{"--agent", "a", "--mode", "loud"}, []string{"--mode", `"loud"`}},
	} {
		_, _, err := say(t, append([]string{"policy", "suggest"}, test.args...)...)
		require.Error(t, err)
		for _, want := range test.want {
			assert.ErrorContains(t, err, want)
		}
	}
	dsn := storetest.Start(t).Database(t)
	_, _, err := say(t, "store", "migrate", "--dsn", dsn)
	require.NoError(t, err)
	opts, err := audit.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	insert := func(columns, values string) {
		require.NoError(t, conn.Exec(t.Context(), "INSERT INTO actions (ts, observed_at, action_id, trace_id, span_id, agent_id, agent_name, service_name, principal_type, principal_id, "+columns+") VALUES "+values))
	}
	who := func(span string) string {
		return "(now64(9) - 60, now64(9), '" + span + strings.Repeat("-", 16-len(span)) + "', 't1', '" + span + "', "
	}
	const me = "'support', 'support', 'desk', 'user', 'ann@acme.example', "
	insert("kind, tool_name, tool_operation, tool_resource, outcome, boundary_verdict",
		who("s1")+me+"'tool', 'list_customers', 'read', 'crm://customers', 'success', ''),"+
			who("s2")+me+"'tool', 'send_email', 'send', '', 'failure', ''),"+
			who("s3")+me+"'tool', 'delete_customer', 'delete', '', 'success', 'violation'),"+
			who("s4")+me+"'tool', 'wipe', 'delete', '', 'success', 'not_evaluated'),"+
			who("s5")+me+"'handoff', 'transfer_to_billing', 'delegate', '', 'success', ''),"+
			who("s6")+"'other', 'other', 'desk', 'user', 'eve@evil.example', 'tool', 'shell', 'execute', '', 'success', '')")
	insert("kind, provider, request_model, response_model, usage_accounting",
		who("s7")+me+"'inference', 'openai', 'gpt-4o-mini', 'gpt-4o-mini-2024-07-18', 'inclusive')")
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO finding_events (finding_id, type, severity, state, ts, key, message, trace_id, span_id)
		VALUES ('f1', 'boundary.tool', 'high', 'firing', now64(9) - 50, 'k', 'm', 't1', 's4')`))

	out, _, err := say(t, "policy", "suggest", "--agent", "support", "--since", "1d", "--owner", "user:carol@acme.example", "--mode", "enforce", "--dsn", dsn)
	require.NoError(t, err)
	r, err := policy.Load([]policy.File{{Name: "suggested.yaml", Data: []byte(out)}})
	require.NoError(t, err, out)
	entry := r.Agent("support")
	require.NotNil(t, entry, out)
	assert.Equal(t, "user:carol@acme.example", entry.Owner())
	for _, want := range []string{
		`left out, as its present entry refuses it: "delete_customer", 1 times`, `refuses it: "wipe", 1 times`,
		`service.name: "desk"`, `principals: {required: true, allow: ["user:*@acme.example"]}`, `{to: ["billing"]}`, "1 of 1 calls failed",
	} {
		assert.Contains(t, out, want)
	}
	assert.NotContains(t, out, "shell")
	for _, c := range []struct {
		q    policy.Request
		want policy.Verdict
	}{
		{policy.Request{Tool: "list_customers", Operation: "read", Resource: "crm://customers"}, policy.Respected},
		{policy.Request{Tool: "list_customers", Operation: "delete", Resource: "crm://customers"}, policy.Violation},
		{policy.Request{Tool: "list_customers", Operation: "read", Resource: "crm://orders"}, policy.Violation},
		{policy.Request{Tool: "send_email", Operation: "send"}, policy.Respected},
		{policy.Request{Tool: "delete_customer", Operation: "delete"}, policy.Violation},
		{policy.Request{Tool: "wipe", Operation: "delete"}, policy.Violation},
		{policy.Request{Operation: "invoke_model", Model: "openai/gpt-4o-mini"}, policy.Respected},
		{policy.Request{Operation: "invoke_model", Model: "openai/o1-pro"}, policy.Violation},
		{policy.Request{Operation: "delegate", Delegatee: "billing"}, policy.Respected},
	} {
		c.q.Check = policy.PrincipalSkip
		var got policy.Result
		entry.Judge(&c.q, &got)
		assert.Equal(t, c.want, got.Verdict, "%+v", c.q)
	}
	_, _, err = say(t, "policy", "suggest", "--agent", "nobody", "--dsn", dsn)
	assert.ErrorContains(t, err, `no action of agent "nobody"`)
}
