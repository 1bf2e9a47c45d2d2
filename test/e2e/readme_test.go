package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Every YAML block that a component's README shows is one that the collector
// accepts, with a pipeline around it.
func TestReadmeConfigs(t *testing.T) {
	readmes, err := filepath.Glob("../../*/*/README.md")
	require.NoError(t, err)
	seen := 0
	for _, readme := range readmes {
		raw, err := os.ReadFile(readme)
		require.NoError(t, err)
		for _, block := range yamlBlocks(string(raw)) {
			var config map[string]map[string]any
			if yaml.Unmarshal([]byte(block), &config) != nil || config["processors"] == nil && config["exporters"] == nil && config["connectors"] == nil {
				continue // an OCB manifest or a policy file
			}
			seen++
			file := filepath.Join(t.TempDir(), "config.yaml")
			text, err := yaml.Marshal(pipelineAround(config))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, text, 0o600))
			out, err := validate(t, file)
			assert.NoError(t, err, "%s:\n%s\n%s", readme, text, out)
		}
	}
	assert.GreaterOrEqual(t, seen, 4)
}

func yamlBlocks(text string) []string {
	var blocks []string
	for {
		_, rest, ok := strings.Cut(text, "```yaml\n")
		if !ok {
			return blocks
		}
		block, after, _ := strings.Cut(rest, "```")
		blocks, text = append(blocks, block), after
	}
}

// pipelineAround completes a block to a configuration that runs.
func pipelineAround(config map[string]map[string]any) map[string]map[string]any {
	if config["service"] != nil {
		return config
	}
	names := func(section string) []string { return slices.Sorted(maps.Keys(config[section])) }
	if config["receivers"] == nil {
		config["receivers"] = map[string]any{"otlp": map[string]any{"protocols": map[string]any{"http": nil}}}
	}
	if config["exporters"] == nil {
		config["exporters"] = map[string]any{"debug": nil}
	}
	config["service"] = map[string]any{
		"extensions": names("extensions"),
		"pipelines": map[string]any{"traces": map[string]any{
			"receivers": names("receivers"), "processors": names("processors"), "exporters": names("exporters"),
		}},
	}
	return config
}
