package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const policyExample = "../../configs/policy/agents"

// runPolicy runs spanwarden policy and returns what it prints.
func runPolicy(args ...string) (string, error) {
	cmd := newRootCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append([]string{"policy"}, args...))
	err := cmd.Execute()
	return out.String(), err
}

func TestPolicyCheck(t *testing.T) {
	for _, name := range []string{"check", "lint"} {
		out, err := runPolicy(name, policyExample, "--at", "2026-11-25T00:00:00Z")
		require.NoError(t, err)
		assert.Regexp(t, `agents, \d+ rules, 0 warnings, version sha256:[0-9a-f]{64}\n$`, out)
	}
	out, err := runPolicy("check", "../../configs/policy", "--at", "2026-11-25T00:00:00Z")
	require.NoError(t, err)
	assert.Contains(t, out, "prices.yaml: skipped, holds nothing of a registry")

	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	bad := write("bad.yaml", "apiVersion: spanwarden/v1alpha1\nkind: AgentPermissions\nmetadata: {name: a}\nspec:\n  allow:\n    - {id: x, tol: y}\n")
	_, err = runPolicy("check", dir)
	require.ErrorContains(t, err, bad+":6:15: spec.allow[0].tol: unknown key")
	require.ErrorContains(t, err, bad+":5:3: spec: owner is missing")

	write("bad.yaml", "apiVersion: spanwarden/v1alpha1\nkind: AgentPermissions\nmetadata: {name: a}\nspec:\n  owner: \"user:x@y\"\n  agent: {match: [{subject: \"agent:a\"}]}\n"+
		"  allow:\n    - {id: x, tool: \"**\"}\n")
	out, err = runPolicy("check", dir)
	require.NoError(t, err)
	assert.Contains(t, out, "bad.yaml:8:7: broad: a/x: takes any tool")
	_, err = runPolicy("check", "--strict", dir)
	require.ErrorIs(t, err, errPolicyWarnings)
	out, err = runPolicy("check", dir, "--at", "soon")
	require.ErrorContains(t, err, `--at: "soon" is no RFC 3339 time`)
	assert.Empty(t, out)

	write("bad.yaml", "apiVersion: spanwarden/v1alpha1\nkind: AgentPermissions\nmetadata: {name: a}\nspec:\n  owner: \"user:x@y\"\n  agent: {match: [{subject: \"agent:a\"}]}\n"+
		"  valid: {until: 2026-01-01T00:00:00Z}\n  allow:\n    - {id: x, tool: y}\n")
	out, err = runPolicy("check", dir, "--at", "2026-11-25T00:00:00Z")
	require.ErrorIs(t, err, errPolicyWarnings, "an expired entry fails without --strict")
	assert.Contains(t, out, "expired")

	_, err = runPolicy("check", write("other.yaml", "a: 1\n"))
	require.ErrorContains(t, err, "neither a registry")
	_, err = runPolicy("check", filepath.Join(dir, "nowhere"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = runPolicy("check", t.TempDir())
	require.ErrorContains(t, err, "no file with apiVersion")
	_, err = runPolicy("check")
	require.Error(t, err)
}

func TestPolicyTest(t *testing.T) {
	out, err := runPolicy("test", policyExample)
	require.NoError(t, err)
	assert.Regexp(t, `^\d+ cases, 0 failed\n$`, out)
	out, err = runPolicy("test", "-v", policyExample)
	require.NoError(t, err)
	assert.Contains(t, out, "ok support list_customers: allow\n")

	dir := t.TempDir()
	file := filepath.Join(dir, "wrong.yaml")
	require.NoError(t, os.WriteFile(file, []byte("cases:\n  - {agent: support, tool: delete_customer, expect: allow}\n"), 0o600))
	out, err = runPolicy("test", policyExample, file)
	require.ErrorIs(t, err, errPolicyTests)
	assert.Contains(t, out, file+":2: support delete_customer: effect is deny, want allow\n")
	assert.Contains(t, out, ", 1 failed\n")
	require.NoError(t, os.WriteFile(file, []byte("cases:\n  - {agent: support, tol: x, expect: maybe}\n"), 0o600))
	_, err = runPolicy("test", policyExample, file)
	require.ErrorContains(t, err, file+":2:22: cases[0].tol: unknown key")
	require.ErrorContains(t, err, `cases[0].expect: "maybe" is none of allow, deny, ask`)
	_, err = runPolicy("test", filepath.Join(policyExample, "support.yaml"))
	require.ErrorContains(t, err, "no tests")
}

func TestPolicyExplain(t *testing.T) {
	out, err := runPolicy("explain", policyExample, "--agent", "support", "--tool", "delete_customer", "--args", `{"id": 7}`, "--at", "2026-11-25T00:00:00Z")
	require.NoError(t, err)
	assert.Contains(t, out, "effect     deny (tool_not_allowed)\nverdict    violation\nfinding    boundary.tool\n")
	out, err = runPolicy("explain", policyExample, "--agent", "support", "--tool", "list_customers", "--span", "--principal", "user:alice")
	require.NoError(t, err)
	assert.Contains(t, out, "rule       list-customers\n")
	assert.Contains(t, out, "allow list-customers           true     all parts hold")
	assert.NotContains(t, out, "7}", "arguments are not repeated")

	file := filepath.Join(t.TempDir(), "action.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"agent": "support", "tool": "send_email", "args": {"to": "ann@example.com"}}`), 0o600))
	out, err = runPolicy("explain", policyExample, "--action", file)
	require.NoError(t, err)
	assert.Contains(t, out, "resource   mailto:ann@example.com\neffect     allow\n")
	out, err = runPolicy("explain", policyExample, "--agent", "stranger", "--tool", "x")
	require.NoError(t, err)
	assert.Contains(t, out, "verdict    unregistered\n")
	for message, args := range map[string][]string{
		"--agent is missing":                 {"--tool", "x"},
		`--principal: "alice" is no type:id`: {"--agent", "support", "--principal", "alice"},
		"is no JSON object":                  {"--agent", "support", "--args", "[1]"},
		`--at: "now" is no RFC 3339 time`:    {"--agent", "support", "--at", "now"},
	} {
		_, err := runPolicy(append([]string{"explain", policyExample}, args...)...)
		require.ErrorContains(t, err, message)
	}
	require.NoError(t, os.WriteFile(file, []byte(`{"tool": 7}`), 0o600))
	_, err = runPolicy("explain", policyExample, "--action", file)
	require.ErrorContains(t, err, "action.json:1:10: tool: is the number 7, want a string")
	require.ErrorContains(t, err, "agent is missing")
}
