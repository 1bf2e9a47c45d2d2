package vectors

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every vector gives its verdict in fifty arrival orders, with duplicates and
// split into batches.
func TestVectors(t *testing.T) {
	for _, dir := range []string{"vectors", "own"} {
		files, err := filepath.Glob(filepath.Join("..", "testdata", dir, "*.yaml"))
		require.NoError(t, err)
		require.NotEmpty(t, files, dir)
		for _, name := range files {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			f, err := Load(filepath.Base(name), data)
			require.NoError(t, err)
			for _, r := range f.Run(Config{Orders: 50, Seed: 1}) {
				t.Run(r.ID, func(t *testing.T) { assert.Empty(t, r.Diffs, "order %d: %s", r.Order, r.Title) })
			}
		}
	}
}
