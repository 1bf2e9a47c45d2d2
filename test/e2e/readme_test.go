package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Every YAML block that a component's README shows is one that the collector
// accepts, laid over the shipped configuration.
func TestReadmeConfigs(t *testing.T) {
	readmes, err := filepath.Glob("../../*/*/README.md")
	require.NoError(t, err)
	seen := 0
	for _, readme := range readmes {
		raw, err := os.ReadFile(readme)
		require.NoError(t, err)
		for _, block := range yamlBlocks(string(raw)) {
			var parsed map[string]map[string]any
			if yaml.Unmarshal([]byte(block), &parsed) != nil || !isConfig(parsed) {
				continue // an OCB manifest or a policy file
			}
			seen++
			file := filepath.Join(t.TempDir(), "config.yaml")
			require.NoError(t, os.WriteFile(file, []byte(block), 0o600))
			out, err := validate(t, config, "file:"+file)
			assert.NoError(t, err, "%s:\n%s\n%s", readme, block, out)
		}
	}
	assert.GreaterOrEqual(t, seen, 4)
}

func isConfig(block map[string]map[string]any) bool {
	for _, section := range []string{"extensions", "receivers", "processors", "connectors", "exporters"} {
		if block[section] != nil {
			return true
		}
	}
	return false
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
