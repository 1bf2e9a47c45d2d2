package baselineprocessor

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

// The README's configuration loads, and its table states the defaults that are.
func TestReadme(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	text := string(raw)
	_, block, ok := strings.Cut(text, "```yaml\n")
	require.True(t, ok)
	block, _, _ = strings.Cut(block, "```")
	var example map[string]map[string]map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(block), &example))
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(example["processors"]["baseline"]).Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))

	d := createDefaultConfig().(*Config)
	tuning := d.options().Default
	for key, value := range map[string]any{
		"limits::keys": d.Limits.Keys, "limits::sessions": d.Limits.Sessions, "limits::incidents": d.Limits.Incidents,
		"limits::actions": d.Limits.Actions, "limits::waiting": d.Limits.Waiting, "no_anchor": d.NoAnchor,
		"…::warnings_per_day": tuning.Budget.PerDay, "…::probability": tuning.P, "…::ratio": tuning.Ratio,
	} {
		row := ""
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "| `"+key+"`") {
				row = line
			}
		}
		assert.Contains(t, row, fmt.Sprintf("| `%v` |", value), key)
	}
	assert.Contains(t, text, fmt.Sprintf("shipped threshold %v for all", d.options().Level.Threshold))
}
