package baselineprocessor

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The kernels know nothing of the collector, log nothing and ask no clock; who
// takes this processor gets no database driver with it.
func TestLayers(t *testing.T) {
	const here = "github.com/spanwarden/spanwarden/processor/baselineprocessor"
	deps := func(pkg string) []string {
		out, err := exec.Command("go", "list", "-deps", pkg).Output()
		require.NoError(t, err, pkg)
		return strings.Fields(string(out))
	}
	for pkg, forbidden := range map[string][]string{
		here + "/internal/engine": {"go.opentelemetry.io/", "go.uber.org/zap"},
		here:                      {"github.com/ClickHouse", "github.com/ebitengine", "github.com/spanwarden/spanwarden/internal/audit", "github.com/spanwarden/spanwarden/processor/costprocessor"},
	} {
		for _, dep := range deps(pkg) {
			for _, prefix := range forbidden {
				assert.False(t, strings.HasPrefix(dep, prefix), "%s must not depend on %s", pkg, dep)
			}
		}
	}
}
