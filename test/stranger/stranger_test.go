// Package stranger builds a collector of somebody else's with one of our
// processors in it.
package stranger

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var build = flag.Bool("build", false, "compile the collector too, and let it check a config (a minute)")

// What only our other components need must not reach a stranger.
// (purego is not in the list: the collector itself brings it.)
var ours = []string{"ClickHouse", "go-faster"}

func TestStranger(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	manifest, err := os.ReadFile("manifest.yaml")
	require.NoError(t, err)
	for processor, kind := range map[string]string{"genaiprocessor": "genai", "costprocessor": "cost"} {
		t.Run(processor, func(t *testing.T) {
			out := t.TempDir()
			text := strings.NewReplacer("OUTPUT", out, "PROCESSOR", processor, "ROOT", root).Replace(string(manifest))
			file := filepath.Join(t.TempDir(), "manifest.yaml")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			args := []string{"tool", "-modfile=" + filepath.Join(root, "internal/tools/go.mod"), "builder", "--config", file, "--skip-strict-versioning=false"}
			if !*build {
				args = append(args, "--skip-compilation")
			}
			cmd := exec.Command("go", args...)
			cmd.Dir = root
			log, err := cmd.CombinedOutput()
			require.NoError(t, err, string(log))

			gomod, err := os.ReadFile(filepath.Join(out, "go.mod"))
			require.NoError(t, err)
			for _, library := range ours {
				assert.NotContains(t, strings.ToLower(string(gomod)), strings.ToLower(library))
			}
			if *build {
				config := "yaml:{receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}, processors: {" + kind + ": {}}, exporters: {debug: {}}, " +
					"service: {pipelines: {traces: {receivers: [otlp], processors: [" + kind + "], exporters: [debug]}}}}"
				log, err := exec.Command(filepath.Join(out, "otelcol-stranger"), "validate", "--config", config).CombinedOutput()
				require.NoError(t, err, string(log))
			}
		})
	}
}
