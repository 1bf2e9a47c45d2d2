package governanceextension

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

const supportAgent = `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: support}
spec:
  agent: {id: support, match: [{attr: {gen_ai.agent.name: support}}]}
  owner: "user:carol@acme.example"
  mode: enforce
  allow:
    - {id: list, tool: list_customers, operations: [read]}
  budgets:
    - {kind: cost_usd, limit: 5, per: session, on_exceed: halt}
`

func registryDir(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "support.yaml"), []byte(text), 0o600))
	return dir
}

// An agent's own budgets stand in the registry and halt it like any other.
func TestAgentBudget(t *testing.T) {
	dir := registryDir(t, supportAgent)
	e := start(t, newDisk(), "", func(c *Config) { c.Registry = dir })
	defer stop(t, e)
	c := call(1, "s", 0, 6_000_000)
	c.Agent = "support"
	assert.Contains(t, types(charge(t, e, c)), "budget.halt")
	_, ok := e.Halted(&ledger.Scopes{Tenant: "acme", Agent: "support", Session: "s"})
	assert.True(t, ok)
	_, ok = e.Halted(&ledger.Scopes{Tenant: "acme", Agent: "support", Session: "other"})
	assert.False(t, ok, "the budget is one per session")
}

// The version in force when an action began judges it, also after a restart.
func TestRegistryVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := registryDir(t, supportAgent)
		withDir := func(c *Config) { c.Registry = dir }
		d := newDisk()
		e := startAt(t, time.Now, d, "", withDir)
		sink := new(consumertest.TracesSink)
		defer e.Attach(sink)()
		time.Sleep(time.Minute + time.Second)
		first := e.Policies().Current()
		require.NotNil(t, first.Agent("support"))

		require.NoError(t, os.WriteFile(filepath.Join(dir, "broken.yaml"), []byte(strings.Replace(supportAgent, "owner", "ownr", 1)), 0o600))
		time.Sleep(time.Minute + time.Second)
		assert.Same(t, first, e.Policies().Current(), "a broken registry never takes effect")
		require.NoError(t, os.Remove(filepath.Join(dir, "broken.yaml")))

		edited := time.Now()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "support.yaml"), []byte(strings.Replace(supportAgent, "[read]", "[read, write]", 1)), 0o600))
		time.Sleep(time.Minute + time.Second)
		second := e.Policies().Current()
		assert.NotEqual(t, first.Version(), second.Version())
		stop(t, e)

		again := startAt(t, time.Now, d, "", withDir)
		h := again.Policies()
		assert.Equal(t, second.Version(), h.Current().Version())
		old, exact := h.At(edited)
		assert.True(t, exact)
		assert.Equal(t, first.Version(), old.Version())
		stop(t, again)

		var refused, changed []string
		for _, td := range sink.AllTraces() {
			for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
				found, _ := finding.FromSpan(span)
				for _, f := range found {
					if text, ok := f.Extra[attr.ConfigRefused]; ok {
						refused = append(refused, text.(string))
					} else if f.Extra[attr.ConfigKind] == "registry" {
						changed = append(changed, f.Message)
					}
				}
			}
		}
		require.Len(t, refused, 1)
		assert.Contains(t, refused[0], "broken.yaml:")
		assert.Contains(t, refused[0], "ownr")
		require.Len(t, changed, 2)
		assert.Contains(t, changed[1], "support allow[list].operations")
	})
}

// What the register says of an agent rides on the finding, whole however much it is.
func TestRegisterEntries(t *testing.T) {
	many := make([]string, 256)
	for i := range many {
		many[i] = strings.Repeat("t", 200) + ":read"
	}
	at := time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)
	for name, e := range map[string]policy.Entry{
		"bare": {Agent: "a", Owner: "user:x@y", Digest: "sha256:1"},
		"full": {
			Agent: "a", Owner: "user:x@y", Purpose: "helps", RiskTier: "high", Versions: []string{">=2"}, Scopes: []string{"get:read"},
			Change: policy.ChangeRecord{Ticket: "C-1", RequestedBy: "user:r@y", ApprovedBy: "user:z@y", ApprovedAt: at, Version: "2.1"},
			From:   at, Until: at.AddDate(1, 0, 0), Digest: "sha256:2",
		},
		"many": {Agent: "a", Owner: "user:x@y", Scopes: many, Digest: "sha256:3"},
	} {
		t.Run(name, func(t *testing.T) {
			text := entryJSON(&e)
			assert.LessOrEqual(t, len(text), maxEntry)
			assert.NotContains(t, text, "\t")
			var got registerEntry
			require.NoError(t, json.Unmarshal([]byte(text), &got))
			assert.Equal(t, e.Owner, got.Owner)
			assert.Equal(t, e.Digest, got.Digest)
			assert.Equal(t, len(e.Scopes) > len(got.Scopes), got.ScopesCut)
			if name == "full" {
				assert.Equal(t, "2026-10-01T08:00:00Z", got.ApprovedAt)
				assert.Equal(t, "2027-10-01T08:00:00Z", got.ValidTo)
				assert.Equal(t, []string{"C-1", "user:r@y", "user:z@y", "2.1"}, []string{got.Ticket, got.RequestedBy, got.ApprovedBy, got.Version})
			}
		})
	}
	r, err := policy.Load([]policy.File{{Name: "a.yaml", Data: []byte(supportAgent)}})
	require.NoError(t, err)
	declared := declaredBy(r)
	require.Len(t, declared, 2)
	assert.Regexp(t, "^support\tentry\t{\"owner\":\"user:carol@acme.example\".*}$", declared[0])
	assert.Equal(t, "support\ttool\tlist_customers", declared[1])
}
