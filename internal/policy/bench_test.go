package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// registryText writes a registry of so many agents with so many rules each; when
// adds a condition to each agent's first rule.
func registryText(agents, rules int, when string) []byte {
	var b strings.Builder
	for a := range agents {
		fmt.Fprintf(&b, `---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: agent-%d}
spec:
  agent: {id: agent-%d, match: [{attr: {gen_ai.agent.name: agent-%d}}]}
  owner: "user:carol@acme.example"
  deny:
    - {id: no-secrets, resources: ["**/secrets/**"]}
  allow:
`, a, a, a)
		for r := range rules {
			fmt.Fprintf(&b, "    - {id: rule-%d, tool: \"mcp/server-%d/tool-%d*\", operations: [read, write], resources: [\"erp://tenant-%d/invoices/**\"], "+
				"args: {amount: {type: number, minimum: 0, maximum: %d}, currency: {enum: [EUR, USD]}}", r, r%50, r, a, 100+r)
			if when != "" && r == 0 {
				fmt.Fprintf(&b, ", when: %q", when)
			}
			b.WriteString("}\n")
		}
	}
	return []byte(b.String())
}

func benchRequest(agent, rule int) Request {
	return Request{
		Source: FromRequest, Tool: fmt.Sprintf("mcp/server-%d/tool-%d-x", max(rule, 0)%50, rule), Operation: "write",
		Resource: fmt.Sprintf("erp://tenant-%d/invoices/2026/7", agent), Args: ParseArgs([]byte(`{"amount": 12.5, "currency": "EUR"}`)),
		Principal: Principal{Type: "user", ID: "alice", Grade: GradeDeclared}, Time: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC),
	}
}

func benchJudge(b *testing.B, text []byte, agent, rule int, want Verdict) {
	b.Helper()
	r, err := Load([]File{{"bench.yaml", text}})
	require.NoError(b, err)
	a := r.Agent(fmt.Sprintf("agent-%d", agent))
	proto := benchRequest(agent, rule)
	var q Request
	var out Result
	b.ReportAllocs()
	for b.Loop() {
		q = proto
		a.Judge(&q, &out)
	}
	require.Equal(b, want, out.Verdict)
}

// BenchmarkJudge: the targets are 2 µs and no allocation at 10,000 rules without
// a condition, 5 µs with one.
func BenchmarkJudge(b *testing.B) {
	b.Run("100x100", func(b *testing.B) { benchJudge(b, registryText(100, 100, ""), 50, 70, Respected) })
	b.Run("1x10000", func(b *testing.B) { benchJudge(b, registryText(1, 10000, ""), 0, 7000, Respected) })
	b.Run("1x10000-no-rule", func(b *testing.B) { benchJudge(b, registryText(1, 10000, ""), 0, -1, Violation) })
	b.Run("condition", func(b *testing.B) {
		benchJudge(b, registryText(100, 100, `args.amount < 1000.0 && context.principal.type == "user"`), 50, 0, Respected)
	})
	b.Run("condition-with-time-zone", func(b *testing.B) {
		benchJudge(b, registryText(100, 100, `context.principal.type == "user" && now.getHours("Europe/Berlin") in [8,9,10,11]`), 50, 0, Respected)
	})
}

// BenchmarkLoad: the target is 2 s for 1,000 agents with 20 rules each.
func BenchmarkLoad(b *testing.B) {
	text := registryText(1000, 20, `args.amount < 1000.0`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_, err := Load([]File{{"bench.yaml", text}})
		require.NoError(b, err)
	}
}

// BenchmarkGlobWorst: a long text made for the pattern.
func BenchmarkGlobWorst(b *testing.B) {
	for pattern, text := range map[string]string{
		"**x*y": strings.Repeat("x", maxMatchSize-1) + "/", "**/*a*b": strings.Repeat("a/", maxMatchSize/2), "**ab*c**d": strings.Repeat("ab", maxMatchSize/2),
	} {
		g, err := compileGlob(pattern)
		require.NoError(b, err)
		b.Run(pattern, func(b *testing.B) {
			for b.Loop() {
				if g.match(text) {
					b.Fatal("matches")
				}
			}
		})
	}
}

func BenchmarkBind(b *testing.B) {
	r, err := Load([]File{{"bench.yaml", registryText(1000, 1, "")}})
	require.NoError(b, err)
	id := &Identity{Attr: func(k string) (string, bool) { return "agent-777", k == "gen_ai.agent.name" }}
	b.ReportAllocs()
	for b.Loop() {
		_, ok := r.Bind(id)
		require.True(b, ok)
	}
}

func BenchmarkParseArgs(b *testing.B) {
	raw := []byte(`{"amount": 12.5, "currency": "EUR", "iban": "DE12345678901234567890"}`)
	b.ReportAllocs()
	for b.Loop() {
		ParseArgs(raw)
	}
}
