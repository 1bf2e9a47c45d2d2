package conformance_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/conformance"
)

func TestLoadCorpus(t *testing.T) {
	c, err := conformance.Load("../../testdata/corpus")
	require.NoError(t, err)
	for _, s := range c.Scenarios {
		require.NotNil(t, s.Truth, s.Name)
		assert.NotEmpty(t, s.Requests, s.Name)
		assert.NotContains(t, conformance.Uncompared(s.Truth), "total", s.Name)
	}
}

// TestOtherFolders: folders of other stacks may state less, or state it oddly.
func TestOtherFolders(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	_, err := conformance.Load(dir)
	require.ErrorContains(t, err, "neither truth.json nor any")
	write("alone.jsonl", "{}\n\n{}")
	write("truth.json", `{"scenarios":{"bare":{},"odd":{"totals":"many","llm":{"failed":1}},
		"some":{"totals":{"input_total":5},"by_agent":{"a":{"calls":1,"input_total":5}}}}}`)
	c, err := conformance.Load(dir)
	require.NoError(t, err)
	require.Len(t, c.Scenarios, 4)
	assert.Len(t, c.Scenarios[0].Requests, 2)
	assert.Equal(t, []string{"everything: no truth"}, conformance.Uncompared(c.Scenarios[0].Truth))
	o := &conformance.Observed{
		Total: conformance.Tokens{Calls: 1, InputTotal: 5}, CallsWithUsage: 1,
		ByAgent: map[string]conformance.Tokens{"id": {Calls: 1, InputTotal: 5}}, AgentNames: map[string]string{"id": "a"},
	}
	for _, s := range c.Scenarios {
		assert.Empty(t, conformance.Compare(s.Truth, o), s.Name)
	}
	o.Total.InputTotal = 6
	assert.Equal(t, []conformance.Difference{{Field: "total.input", Want: "5", Got: "6"}},
		conformance.Compare(c.Scenarios[3].Truth, o))
	write("truth.json", "{")
	_, err = conformance.Load(dir)
	require.ErrorContains(t, err, "truth.json")
}

func TestDeviations(t *testing.T) {
	ds, err := conformance.LoadDeviations("../../testdata/deviations.yaml")
	require.NoError(t, err)
	for _, d := range ds {
		assert.NotEmpty(t, d.Proof, d.Scenario)
	}
	ds = conformance.Deviations{{Scenario: "s", Reason: "r", Observed: map[string]string{"a": "1", "b": "2"}}}
	left, stale := ds.Explain("s", []conformance.Difference{{"a", "9", "1"}, {"c", "9", "1"}})
	assert.Equal(t, []conformance.Difference{{"c", "9", "1"}}, left)
	assert.Equal(t, []string{"b"}, stale)

	file := filepath.Join(t.TempDir(), "d.yaml")
	require.NoError(t, os.WriteFile(file, []byte("- scenario: x\n  reasn: y\n"), 0o600))
	_, err = conformance.LoadDeviations(file)
	require.ErrorContains(t, err, "reasn")
	require.NoError(t, os.WriteFile(file, []byte("- scenario: x\n"), 0o600))
	_, err = conformance.LoadDeviations(file)
	require.ErrorContains(t, err, "needs scenario, reason and observed")
}
