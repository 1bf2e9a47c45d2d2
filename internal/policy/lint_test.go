package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const suspicious = `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: a}
spec:
  owner: "user:x@acme.example"
  valid: {until: 2026-11-20T00:00:00Z}
  deny:
    - {id: no-payments, tool: "mcp/bank/**"}
  ask:
    - {id: anybody, tool: ask-me}
  allow:
    - {id: fine, tool: fine, args: {x: {pattern: "^a+$"}}}
    - {id: paid, tool: mcp/bank/transfer, operations: [write]}
    - {id: again, tool: fine, operations: [read], args: {x: {pattern: "^a+$"}}}
    - {id: loose, tool: loose, args: {x: {pattern: "^a|b$"}}}
    - {id: empty, tool: never, args: {n: {minimum: 5, maximum: 4}}}
    - {id: any-tool, operations: [admin]}
    - {id: any-server, tool: "*/read"}
    - {id: any-thing, tool: t, resources: ["**"]}
    - {id: any-host, tool: t2, resources: ["https://**"]}
    - {id: models, tool: m, operations: [invoke_model]}
  delegation: {to: ["**"], scope: []}
---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: b}
spec:
  owner: "user:x@acme.example"
  agent: {match: [{subject: "agent:b"}]}
  valid: {until: 2026-12-20T00:00:00Z}
`

func TestLint(t *testing.T) {
	r := load(t, suspicious)
	now := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	warnings := r.Lint(now)
	got := make([]string, 0, len(warnings))
	for _, w := range warnings {
		got = append(got, fmt.Sprintf("%d %s %s/%s %v", w.Place.Line, w.Code, w.Agent, w.Rule, w.Serious))
	}
	assert.Equal(t, []string{
		"2 broad a/ false", "2 expired a/ true", "2 no-match a/ true", "11 any-approver a/anybody false",
		"14 denied a/paid true", "15 unreachable a/again true", "16 unanchored a/loose true", "17 unreachable a/empty true",
		"18 broad a/any-tool false", "19 broad a/any-server false", "20 broad a/any-thing false", "21 broad a/any-host false",
		"22 no-effect a/models true", "25 expires-soon b/ false", "25 no-rules b/ false",
	}, got)
}

// TestExample: the registry that is shipped loads without a warning and decides
// as the tests beside it say.
func TestExample(t *testing.T) {
	var registry []File
	var cases []Case
	for _, f := range readDir(t, "../../configs/policy/agents/*.yaml") {
		switch f.Kind() {
		case RegistryFile:
			registry = append(registry, f)
		case CasesFile:
			more, err := ParseCases(f)
			require.NoError(t, err)
			cases = append(cases, more...)
		default:
			t.Errorf("%s is neither", f.Name)
		}
	}
	r, err := Load(registry)
	require.NoError(t, err)
	assert.Empty(t, r.Lint(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)))
	require.NotEmpty(t, cases)
	for i := range cases {
		_, diff := cases[i].Run(r)
		assert.Empty(t, diff, cases[i].Name)
	}
}

func TestAnchored(t *testing.T) {
	for pattern, want := range map[string]bool{
		"^a$": true, "^(a|b)$": true, "^a|b$": false, "^a$|^b$": true, "a": false, "^a": false, `\Aa\z`: true, "^$": true, "(?:^x$)": true, "^a*$": true,
	} {
		assert.Equal(t, want, anchored(pattern), pattern)
	}
}
