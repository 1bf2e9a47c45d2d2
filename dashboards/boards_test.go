package dashboards

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const plugin = "grafana-clickhouse-datasource"

type ref struct{ Type, UID string }

type field struct {
	Unit string
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               *ref
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct {
		RefID, EditorType, QueryType, RawSQL string
		Format                               int
		Datasource                           *ref
	}
	FieldConfig struct {
		Defaults  field
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
}

type board struct {
	file          string
	UID, Title    string
	Description   string
	Panels        []panel
	Templating    struct{ List []variable }
	SchemaVersion int
	Time          struct{ From, To string }
}

type variable struct {
	Name, Type, Label string
	Query             string
	Datasource        *ref
	Multi, IncludeAll bool
	AllValue          string
}

func boards(t *testing.T) []board {
	t.Helper()
	files, err := filepath.Glob("*.json")
	require.NoError(t, err)
	out := make([]board, 0, len(files))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		b := board{file: file}
		require.NoError(t, json.Unmarshal(raw, &b), file)
		out = append(out, b)
	}
	names := make([]string, 0, len(out))
	for _, b := range out {
		names = append(names, b.file)
	}
	require.Equal(t, []string{"agent.json", "baselines.json", "boundaries.json", "delegation.json", "evidence.json", "fleet.json", "session.json"}, names)
	return out
}

// numeric are the panels whose values have one unit.
var numeric = []string{"stat", "timeseries", "bargauge"}

func TestBoards(t *testing.T) {
	uids := map[string]bool{}
	for _, b := range boards(t) {
		t.Run(b.file, func(t *testing.T) {
			assert.False(t, uids[b.UID], "uid %s is there twice", b.UID)
			uids[b.UID] = true
			assert.Equal(t, "spanwarden-"+strings.TrimSuffix(b.file, ".json"), b.UID)
			assert.NotEmpty(t, b.Description)
			assert.Positive(t, b.SchemaVersion)
			checkVariables(t, b.Templating.List)
			ids, titles := map[int]bool{}, map[string]bool{}
			for _, p := range b.Panels {
				assert.False(t, ids[p.ID] || p.ID == 0, "%s: id %d is there twice or 0", p.Title, p.ID)
				assert.False(t, titles[p.Type+p.Title], "%s: is there twice", p.Title)
				ids[p.ID], titles[p.Type+p.Title] = true, true
				assert.NotEmpty(t, p.Title, "panel %d", p.ID)
				if p.Type != "row" {
					checkPanel(t, p)
				}
			}
			checkPlaces(t, b.Panels)
		})
	}
}

func checkVariables(t *testing.T, list []variable) {
	t.Helper()
	require.NotEmpty(t, list)
	assert.Equal(t, variable{Name: "datasource", Type: "datasource", Label: "Audit store", Query: plugin}, list[0])
	names := map[string]bool{}
	for _, v := range list[1:] {
		names[v.Name] = true
		assert.Equal(t, "query", v.Type, v.Name)
		assert.NotEmpty(t, v.Label, v.Name)
		assert.Equal(t, &ref{plugin, "${datasource}"}, v.Datasource, v.Name)
		if v.Multi || v.IncludeAll {
			assert.True(t, v.Multi && v.IncludeAll && v.AllValue == "*", "%s: queries take * for All", v.Name)
		}
	}
	assert.True(t, names["tenant"] && names["project"] && names["agent"])
}

func checkPanel(t *testing.T, p panel) {
	t.Helper()
	assert.NotEmpty(t, p.Description, p.Title)
	assert.Equal(t, &ref{plugin, "${datasource}"}, p.Datasource, p.Title)
	require.NotEmpty(t, p.Targets, p.Title)
	refs := map[string]bool{}
	for _, q := range p.Targets {
		assert.False(t, refs[q.RefID], "%s: %s is there twice", p.Title, q.RefID)
		refs[q.RefID] = true
		assert.Equal(t, &ref{plugin, "${datasource}"}, q.Datasource, p.Title)
		assert.Equal(t, "sql", q.EditorType, p.Title)
		want := 1
		if p.Type == "timeseries" {
			want = 0
		}
		assert.Equal(t, want, q.Format, p.Title)
	}
	if slices.Contains(numeric, p.Type) {
		assert.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
	}
	if p.Type == "nodeGraph" {
		assert.Equal(t, map[string]bool{"nodes": true, "edges": true}, refs, p.Title)
	}
}

// checkPlaces: no panel lies on another or over the edge.
func checkPlaces(t *testing.T, panels []panel) {
	t.Helper()
	taken := map[[2]int]string{}
	for _, p := range panels {
		g := p.GridPos
		assert.True(t, g.W > 0 && g.H > 0 && g.X+g.W <= 24, "%s: %+v", p.Title, g)
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], "%s lies on it", p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
