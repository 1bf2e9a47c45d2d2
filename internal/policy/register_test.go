package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const registered = `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: b}
spec:
  agent: {id: b, match: [{attr: {gen_ai.agent.name: b}}], versions: [">=2 <3", "4.1"]}
  owner: "user:x@y"
  purpose: answers customers
  risk_tier: high
  change: {ticket: CHG-7, requested_by: "user:x@y", approved_by: "user:z@y", approved_at: 2026-10-01T08:00:00+02:00, version: "2.4"}
  valid: {from: 2026-10-01, until: 2027-01-01}
  deny: [{id: d, tool: "danger*"}]
  ask: [{id: k, tool: "mcp/bank/transfer", operations: [write, delete]}]
  allow: [{id: a, tool: "{get,list}_*"}, {id: a2, tool: "{get,list}_*", resources: ["x://**"]}, {id: r, operations: [read]}]
---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: a}
spec:
  agent: {id: a, match: [{attr: {gen_ai.agent.name: a}}]}
  owner: "user:x@y"
`

func TestRegister(t *testing.T) {
	r, err := Load([]File{{Name: "a.yaml", Data: []byte(registered)}})
	require.NoError(t, err)
	got := r.Register()
	require.Len(t, got, 2)
	assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, got[0].Digest)
	assert.NotEqual(t, got[0].Digest, got[1].Digest)
	got[0].Digest, got[1].Digest = "", ""
	assert.Equal(t, []Entry{
		{Agent: "a", Owner: "user:x@y"},
		{
			Agent: "b", Owner: "user:x@y", Purpose: "answers customers", RiskTier: "high", Versions: []string{">=2 <3", "4.1"},
			Scopes: []string{"mcp/bank/transfer:write", "mcp/bank/transfer:delete", "{get,list}_*:*", "*:read"},
			Change: ChangeRecord{
				Ticket: "CHG-7", RequestedBy: "user:x@y", ApprovedBy: "user:z@y", Version: "2.4", ApprovedAt: time.Date(2026, 10, 1, 6, 0, 0, 0, time.UTC),
			},
			From: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		},
	}, got)
}

// What a register says of an agent decides nothing: only the version tells.
func TestRegisterDecidesNothing(t *testing.T) {
	load := func(more string) *Registry {
		r, err := Load([]File{{Name: "a.yaml", Data: []byte(`
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: a}
spec:
  agent: {id: a, match: [{subject: "agent:a"}]}
  owner: "user:x@y"
  allow: [{id: r, tool: get}]
` + more)}})
		require.NoError(t, err)
		return r
	}
	plain, told := load(""), load("  purpose: p\n  risk_tier: critical\n  change: {ticket: t, approved_by: nobody, approved_at: 2030-01-01, version: \"9\"}\n")
	assert.NotEqual(t, plain.Version(), told.Version())
	for _, tool := range []string{"get", "put"} {
		var a, b Result
		plain.Agents()[0].Judge(&Request{Tool: tool, Operation: "read"}, &a)
		told.Agents()[0].Judge(&Request{Tool: tool, Operation: "read"}, &b)
		assert.Equal(t, a.Effect, b.Effect, tool)
		assert.Equal(t, a.Reason, b.Reason, tool)
	}
}

// A rule more than a register names is said to be left out.
func TestRegisterIsBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString(registered + "  allow:\n")
	for i := range maxRegisterScopes + 1 {
		fmt.Fprintf(&text, "    - {id: r%d, tool: t%d}\n", i, i)
	}
	r, err := Load([]File{{Name: "a.yaml", Data: []byte(text.String())}})
	require.NoError(t, err)
	e := r.Register()[0]
	assert.Len(t, e.Scopes, maxRegisterScopes)
	assert.True(t, e.ScopesCut)
}
