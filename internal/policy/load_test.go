package policy

import (
	"path/filepath"
	"slices"
	"strings"
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

// TestFaults loads each testdata/bad/*.yaml, which must fail with all of its
// "# want:" lines and nothing besides.
func TestFaults(t *testing.T) {
	for _, f := range readDir(t, "testdata/bad/*.yaml") {
		t.Run(filepath.Base(f.Name), func(t *testing.T) {
			r, err := Load([]File{{filepath.Base(f.Name), f.Data}})
			require.Error(t, err)
			assert.Nil(t, r)
			got := strings.Split(err.Error(), "\n")
			want := 0
			for line := range strings.SplitSeq(string(f.Data), "\n") {
				text, ok := strings.CutPrefix(line, "# want: ")
				if !ok {
					continue
				}
				want++
				assert.True(t, slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, text) }), "no fault has %q", text)
			}
			assert.Len(t, got, want, "%v", err)
			var place *LoadError
			require.ErrorAs(t, err, &place)
			assert.NotZero(t, place.Line)
		})
	}
}
