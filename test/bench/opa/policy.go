package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// rego is the policy as one writes it for OPA: data indexed by agent and tool.
const rego = `package agents

import rego.v1

default allow := false

allow if {
	not denied
	rule := data.registry[input.agent][input.tool]
	input.operation in rule.operations
	startswith(input.resource, rule.resource_prefix)
	input.args.amount <= rule.maximum
	input.args.currency in rule.currencies
	every name, _ in input.args { name in {"amount", "currency"} }
}

denied if glob.match("**/secrets/**", ["/"], input.resource)
`

// write puts the policy of both into a directory.
func write(dir string) error {
	var registry bytes.Buffer
	data := map[string]map[string]any{}
	for a := range agents {
		fmt.Fprintf(&registry, `---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: agent-%[1]d}
spec:
  agent: {id: agent-%[1]d, match: [{subject: "agent:agent-%[1]d"}]}
  owner: "user:carol@acme.example"
  mode: enforce
  deny: [{id: no-secrets, resources: ["**/secrets/**"]}]
  allow:
`, a)
		tools := map[string]any{}
		for r := range rules {
			fmt.Fprintf(&registry, "    - {id: rule-%[1]d, tool: mcp/server-%[2]d/tool-%[1]d, operations: [write], resources: [\"erp://t%[3]d/**\"], "+
				"args: {amount: {type: number, maximum: %[4]d}, currency: {enum: [EUR, USD]}}}\n", r, r%10, a, 100+r)
			tools[fmt.Sprintf("mcp/server-%d/tool-%d", r%10, r)] = map[string]any{
				"operations": []string{"write"}, "resource_prefix": fmt.Sprintf("erp://t%d/", a), "maximum": 100 + r, "currencies": []string{"EUR", "USD"},
			}
		}
		data[fmt.Sprintf("agent-%d", a)] = tools
	}
	raw, err := json.Marshal(map[string]any{"registry": data})
	if err != nil {
		return err
	}
	files := map[string][]byte{"agents.yaml": registry.Bytes(), "data.json": raw, "policy.rego": []byte(rego)}
	for _, evidence := range []string{"best_effort", "required"} {
		files[evidence+".yaml"] = fmt.Appendf(nil, `
extensions: {governance: {registry: %q}}
receivers: {decision: {governance: governance, evidence: %s, http: {endpoint: %q}}}
processors: {genai: }
exporters: {debug: }
service:
  extensions: [governance]
  telemetry: {metrics: {level: none}, logs: {level: error}, traces: {level: none}}
  pipelines: {traces: {receivers: [decision], processors: [genai], exporters: [debug]}}
`, filepath.Join(dir, "agents.yaml"), evidence, decisionAddr)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
