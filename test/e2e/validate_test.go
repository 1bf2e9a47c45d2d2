package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// validate asks the built collector about a configuration and returns what it
// says.
func validate(t *testing.T, file string, overrides ...string) (string, error) {
	t.Helper()
	args := make([]string, 0, 3+2*len(overrides))
	args = append(args, "validate", "--config", file)
	for _, o := range overrides {
		if !strings.HasPrefix(o, "file:") {
			o = "yaml:" + o
		}
		args = append(args, "--config", o)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "otelcol-spanwarden"), args...)
	cmd.Env = append(cmd.Environ(), "SPANWARDEN_STATE="+t.TempDir())
	out, err := cmd.CombinedOutput()
	return string(out), err
}
