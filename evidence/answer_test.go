package evidence

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// testCase is one file of testdata/cases: a question to the fixture and to an
// empty store, and the columns and rows of the answers, as a table shows them.
type testCase struct {
	Query   string            `yaml:"query"`
	Params  map[string]string `yaml:"params"`
	Columns []string          `yaml:"columns"` // those that are compared
	Rows    [][]string        `yaml:"rows"`
	Empty   [][]string        `yaml:"empty"` // of a store without rows
}

// runID turns an id back into the fixture's short form.
var longID = regexp.MustCompile(`\b0{8,}([1-9a-f][0-9a-f]*)(?:-0{8,}([1-9a-f][0-9a-f]*))?\b`)

func (c *testCase) check(t *testing.T, a *Answer, want [][]string) {
	t.Helper()
	got := make([][]string, 0, len(a.Rows))
	for _, row := range a.Rows {
		line := make([]string, 0, len(c.Columns))
		for _, name := range c.Columns {
			i := slices.Index(a.Columns, name)
			require.GreaterOrEqual(t, i, 0, "no column %s, only %v", name, a.Columns)
			text := longID.ReplaceAllStringFunc(Text(row[i], "-"), func(s string) string {
				m := longID.FindStringSubmatch(s)
				if m[2] != "" {
					return m[1] + "-" + m[2]
				}
				return m[1]
			})
			text = strings.ReplaceAll(text, "2026-11-20T", "")
			line = append(line, text)
		}
		got = append(got, line)
	}
	if want == nil {
		want = [][]string{}
	}
	if !assert.Equal(t, want, got) {
		var b strings.Builder
		for _, line := range got {
			out, err := json.Marshal(line)
			require.NoError(t, err)
			b.WriteString("  - " + string(out) + "\n")
		}
		t.Log("\n" + b.String())
	}
}

func TestAnswers(t *testing.T) {
	store := storetest.Start(t)
	full, sender := open(t, store.Database(t))
	readFixture(t).load(t.Context(), t, sender)
	none, _ := open(t, store.Database(t))

	queries, err := List()
	require.NoError(t, err)
	asked := map[string]bool{}
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			var c testCase
			dec := yaml.NewDecoder(bytes.NewReader(raw))
			dec.KnownFields(true)
			require.NoError(t, dec.Decode(&c))
			q, err := Get(c.Query)
			require.NoError(t, err)
			asked[q.ID] = true
			params, err := q.Bind(c.Params, epoch.Add(24*time.Hour))
			require.NoError(t, err)
			answer, err := q.Run(t.Context(), full, params, 1000)
			require.NoError(t, err)
			c.check(t, answer, c.Rows)
			answer, err = q.Run(t.Context(), none, params, 1000)
			require.NoError(t, err)
			c.check(t, answer, c.Empty)
		})
	}
	for _, q := range queries {
		assert.True(t, asked[q.ID], "no case asks %s", q.ID)
	}
}
