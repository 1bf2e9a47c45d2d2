// Package house holds the tests that keep the house in order: which versions it
// stands on, and which way its arrows point.
package house

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/spanwarden/spanwarden"

// Every collector module in go.mod is of the one release that everything is
// tested with. `go mod tidy` answers a missing requirement with the newest
// version, which is how one slips in.
func TestCollectorVersions(t *testing.T) {
	f, err := os.Open("../../go.mod")
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	seen := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(strings.TrimPrefix(lines.Text(), "require "))
		if len(fields) < 2 || !strings.HasPrefix(fields[0], "go.opentelemetry.io/collector/") {
			continue
		}
		seen++
		assert.Contains(t, []string{"v1.67.0", "v0.161.0"}, fields[1], fields[0])
	}
	assert.Greater(t, seen, 10, "go.mod names the collector's modules")
}

// No contrib component is a requirement of this module: they stand in
// builder-config.yaml, so that whoever takes one of our processors gets none.
func TestNoContribRequirements(t *testing.T) {
	raw, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "opentelemetry-collector-contrib")
}

func deps(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", pkg).Output()
	require.NoError(t, err, pkg)
	return strings.Fields(string(out))
}

// Arrows point from shells to kernels.
func TestLayers(t *testing.T) {
	components := []string{module + "/processor", module + "/exporter", module + "/receiver", module + "/connector", module + "/extension"}
	for pkg, forbidden := range map[string][]string{
		module + "/internal/pricing":                              append([]string{"go.opentelemetry.io/", "go.uber.org/zap", "time/tzdata"}, components...),
		module + "/internal/ledger":                               append([]string{"go.opentelemetry.io/", "go.uber.org/zap"}, components...),
		module + "/internal/genai":                                append([]string{"go.opentelemetry.io/collector/component", "go.uber.org/zap", "github.com/ClickHouse"}, components...),
		module + "/internal/audit":                                append([]string{"go.opentelemetry.io/collector/component", "go.uber.org/zap"}, components...),
		module + "/internal/policy":                               append([]string{"go.opentelemetry.io/", "go.uber.org/zap"}, components...),
		module + "/internal/chain":                                append([]string{"go.opentelemetry.io/", "go.uber.org/zap", module + "/internal/policy"}, components...),
		module + "/internal/decision":                             append([]string{"go.opentelemetry.io/collector/component", "go.uber.org/zap"}, components...),
		module + "/exporter/alertmanagerexporter/internal/alerts": {"go.opentelemetry.io/", "go.uber.org/zap"},
		// The seam: whoever asks for spend alone does not take the policy engine along.
		module + "/internal/governance": append([]string{module + "/internal/policy", module + "/internal/chain", "cel.dev/"}, components...),
		// A stranger who takes one processor gets no database driver and no engine.
		module + "/processor/genaiprocessor":      {"github.com/ClickHouse", "github.com/ebitengine", module + "/internal/pricing", module + "/processor/costprocessor"},
		module + "/processor/costprocessor":       {"github.com/ClickHouse", "github.com/ebitengine", "cel.dev/", module + "/internal/audit", module + "/processor/genaiprocessor", module + "/extension"},
		module + "/processor/delegationprocessor": {"github.com/ClickHouse", "github.com/ebitengine", module + "/internal/audit", module + "/processor/genaiprocessor", module + "/extension"},
		module + "/connector/findingsconnector":   {"github.com/ClickHouse", "cel.dev/", module + "/processor", module + "/exporter", module + "/extension"},
	} {
		for _, dep := range deps(t, pkg) {
			if strings.HasPrefix(dep, pkg+"/") {
				continue
			}
			for _, prefix := range forbidden {
				assert.False(t, strings.HasPrefix(dep, prefix), "%s must not depend on %s", pkg, dep)
			}
		}
	}
}
