package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const small = `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: support}
spec:
  agent:
    id: support
    match: [{attr: {gen_ai.agent.name: support}}]
  owner: "user:carol@acme.example"
  allow:
    - {id: list, tool: list_customers, operations: [read]}
`

func TestLoadSmall(t *testing.T) {
	r, err := Load([]File{{"a.yaml", []byte(small)}})
	require.NoError(t, err)
	assert.Regexp(t, "^sha256:[0-9a-f]{64}$", r.Version())
	b, ok := r.Bind(&Identity{Attr: func(k string) (string, bool) { return "support", k == "gen_ai.agent.name" }})
	require.True(t, ok)
	assert.Equal(t, GradeDeclared, b.Grade)
	var out Result
	b.Agent.Judge(&Request{Tool: "list_customers", Operation: "read"}, &out)
	assert.Equal(t, Respected, out.Verdict)
	b.Agent.Judge(&Request{Tool: "delete_customer", Operation: "delete"}, &out)
	assert.Equal(t, Violation, out.Verdict)
	assert.Equal(t, "boundary.tool", out.Finding)
	assert.Equal(t, ReasonToolNotAllowed, out.Reason)
}
