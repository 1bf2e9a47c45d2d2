package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Policy writes the registry of the fleet into dir/agents and its budgets into
// dir/budgets.yaml, and returns the two paths. rules is how many tools each agent
// may call, at least those of the fleet; the others are never called.
func Policy(dir string, services, rules int) (registry, budgets string, err error) {
	registry, budgets = filepath.Join(dir, "agents"), filepath.Join(dir, "budgets.yaml")
	if err := os.MkdirAll(registry, 0o755); err != nil {
		return "", "", err
	}
	const perFile = 200
	for from := 0; from < services; from += perFile {
		var docs strings.Builder
		for n := from; n < min(services, from+perFile); n++ {
			entry(&docs, Agent(n), true, Helper(n), rules)
			entry(&docs, Helper(n), false, "", rules)
		}
		if err := os.WriteFile(filepath.Join(registry, fmt.Sprintf("care-%05d.yaml", from)), []byte(docs.String()), 0o644); err != nil {
			return "", "", err
		}
	}
	if err := os.WriteFile(filepath.Join(registry, "tools.yaml"), []byte(catalog()), 0o644); err != nil {
		return "", "", err
	}
	return registry, budgets, os.WriteFile(budgets, []byte(limits), 0o644)
}

// entry writes what one agent may do.
func entry(to *strings.Builder, agent string, direct bool, helper string, rules int) {
	fmt.Fprintf(to, `---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: %[1]s}
spec:
  agent: {id: %[1]s, match: [{attr: {gen_ai.agent.name: %[1]s}}]}
  owner: "user:carol@acme.example"
  mode: enforce
  principals: {required: true, direct: %[2]t, allow: ["user:*@acme.example", "user-*@acme.example"]}
  models: {allow: ["openai/*", "anthropic/*"]}
  allow:
`, agent, direct)
	ids := make([]string, 0, len(tools))
	for _, t := range tools {
		fmt.Fprintf(to, "    - {id: %s, tool: %s, operations: [%s]}\n", t.name, t.name, t.operation)
		ids = append(ids, t.name)
	}
	for i := len(tools); i < rules; i++ {
		fmt.Fprintf(to, "    - {id: other-%05d, tool: other_%05d, operations: [read]}\n", i, i)
	}
	if helper != "" {
		fmt.Fprintf(to, "  delegation: {to: [%s], scope: [%s], max_depth: 1, max_ttl: 1h}\n", helper, strings.Join(ids, ", "))
	}
}

// limits are far above what the fleet spends: what is measured is counting, not
// what happens where a limit is met.
const limits = `version: 1
budgets:
  - {id: session-cap, scope: session, limit_usd: 100, period: lifetime, warn_at: [0.5, 0.8], on_exceed: halt, mode: enforce,
     projection: {horizon: 15s, action: halt, floors: {calls: 5, elapsed: 5s, spend_usd: 10}}, unpriced: upper_bound}
  - {id: project-month, scope: project, limit_usd: 5000000, period: month, warn_at: [0.8], mode: warn,
     projection: {floors: {calls: 50, spend_usd: 1000000}}}
  - {id: run-tool-calls, scope: agent, limit_tool_calls: 500, period: run, mode: shadow}
`

// catalog says what the tools do: spans do not.
func catalog() string {
	var to strings.Builder
	to.WriteString("apiVersion: spanwarden/v1alpha1\nkind: ToolCatalog\nmetadata: {name: tools}\nspec:\n  tools:\n")
	for _, t := range tools {
		fmt.Fprintf(&to, "    - {tool: %s, operation: %s}\n", t.name, t.operation)
	}
	return to.String()
}
