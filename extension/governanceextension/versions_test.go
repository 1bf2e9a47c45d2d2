package governanceextension

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// versionsOf are the findings in the outbox about versions of a kind.
func versionsOf(t *testing.T, e *governor, kind string) (out []finding.Finding) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, raw := range e.outbox {
		fs, err := decodeFindings(raw)
		require.NoError(t, err)
		for _, f := range fs {
			if f.Extra[attr.ConfigKind] == kind {
				out = append(out, f)
			}
		}
	}
	return out
}

// A version is on record once for each time that it comes into force.
func TestVersionsOfComponents(t *testing.T) {
	e := start(t, nil, "")
	t.Cleanup(func() { assert.NoError(t, e.Shutdown(context.Background())) })
	for _, v := range []finding.Version{
		{Kind: "prices", Component: "cost", Version: "1", Rules: []string{"cost.unpriced"}},
		{Kind: "prices", Component: "cost", Version: "1", Rules: []string{"cost.unpriced"}},
		{Kind: "prices", Component: "cost/2", Version: "1"},
		{Kind: "prices", Component: "cost", Version: "x", Previous: "1", Files: []string{"p.yaml"}, Refused: "p.yaml:1: no\nmore"},
		{Kind: "prices", Component: "cost", Version: "2", Previous: "1", Rules: []string{}},
		{Kind: "prices", Component: "cost", Version: "1", Previous: "2"},
	} {
		e.RecordVersion(&v)
	}
	got := versionsOf(t, e, "prices")
	require.Len(t, got, 5)
	assert.Equal(t, []any{"cost.unpriced"}, got[0].Extra[attr.ConfigRules])
	assert.NotContains(t, got[1].Extra, attr.ConfigRules, "not stated")
	assert.Equal(t, finding.Warning, got[2].Severity)
	assert.Equal(t, "prices from p.yaml was refused, 1 stays in force: p.yaml:1: no", got[2].Message)
	assert.Equal(t, []any{}, got[3].Extra[attr.ConfigRules], "none")
	assert.Equal(t, "1", got[4].PolicyVersion)
}

// What the collector runs with is on record without its secrets, and against what
// it ran with before.
func TestConfigOfTheCollector(t *testing.T) {
	told := func(e *governor, retention string) finding.Finding {
		conf := confmap.NewFromStringMap(map[string]any{"exporters": map[string]any{"clickhouse_audit": map[string]any{"retention": retention, "password": "hunter2"}}})
		require.NoError(t, e.NotifyConfigSnapshot(t.Context(), extensioncapabilities.NewConfigSnapshot(conf, conf)))
		got := versionsOf(t, e, "collector")
		require.NotEmpty(t, got)
		return got[len(got)-1]
	}
	d := newDisk()
	e := start(t, d, "")
	assert.Empty(t, e.ConfigDigest())
	first := told(e, "soc2")
	assert.Equal(t, first.PolicyVersion, e.ConfigDigest())
	assert.NotContains(t, first.Extra[attr.ConfigContent], "hunter2")
	assert.NotContains(t, first.Extra, attr.ConfigPrevious)
	require.NoError(t, e.Shutdown(t.Context()))

	e = start(t, d, "")
	t.Cleanup(func() { assert.NoError(t, e.Shutdown(context.Background())) })
	second := told(e, "none")
	assert.Equal(t, first.PolicyVersion, second.Extra[attr.ConfigPrevious])
	assert.Equal(t, []any{"exporters::clickhouse_audit"}, second.Extra[attr.ConfigKeys])
	assert.JSONEq(t, `[{"path":"exporters::clickhouse_audit::retention","before":"\"soc2\"","after":"\"none\""}]`, second.Extra[attr.ConfigDiff].(string))
}
