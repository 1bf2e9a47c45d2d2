package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDeclared(t *testing.T) {
	r, err := Load([]File{{Name: "a.yaml", Data: []byte(`
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: b}
spec:
  agent: {id: b, match: [{attr: {gen_ai.agent.name: b}}]}
  owner: "user:x@y"
  models: {allow: ["openai/*"], deny: ["openai/o1*"]}
  deny: [{id: d, tool: "danger*"}]
  ask: [{id: k, tool: "mcp/bank/transfer"}]
  allow: [{id: a, tool: "{get,list}_*"}]
---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: a}
spec:
  agent: {id: a, match: [{attr: {gen_ai.agent.name: a}}]}
  owner: "user:x@y"
  allow: [{id: r, tool: "search", resources: ["file:///**"]}]
`)}})
	require.NoError(t, err)
	assert.ElementsMatch(t, []Declared{
		{"a", "tool", "search"}, {"b", "tool", "mcp/bank/transfer"}, {"b", "tool", "{get,list}_*"}, {"b", "model", "openai/*"},
	}, r.Declared())
}
