package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readDir returns the files of a directory.
func readDir(tb testing.TB, pattern string) []File {
	tb.Helper()
	names, err := filepath.Glob(pattern)
	require.NoError(tb, err)
	require.NotEmpty(tb, names)
	files := make([]File, 0, len(names))
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(tb, err)
		files = append(files, File{filepath.ToSlash(name), data})
	}
	return files
}

// TestCases runs every testdata/cases/<name>.yaml: the documents of a registry,
// and behind a line "# cases" the actions it is asked about.
func TestCases(t *testing.T) {
	for _, f := range readDir(t, "testdata/cases/*.yaml") {
		t.Run(filepath.Base(f.Name), func(t *testing.T) {
			head, tail, ok := strings.Cut(string(f.Data), "\n# cases\n")
			require.True(t, ok)
			r, err := Load([]File{{f.Name, []byte(head)}})
			require.NoError(t, err)
			pad := strings.Repeat("\n", strings.Count(head, "\n")+2)
			cases, err := ParseCases(File{f.Name, []byte(pad + tail)})
			require.NoError(t, err)
			require.NotEmpty(t, cases)
			for i := range cases {
				_, diff := cases[i].Run(r)
				assert.Empty(t, diff, "%s:%d: %s", f.Name, cases[i].Place.Line, cases[i].Name)
			}
		})
	}
}
