package dashboards

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

type ask struct {
	title, kind, ref, sql string
	units                 func(column string) string
}

// queries are those of panels and variables.
func (b board) queries() []ask {
	var out []ask
	for _, v := range b.Templating.List {
		if v.Type == "query" {
			out = append(out, ask{title: "variable " + v.Name, kind: "variable", sql: v.Query})
		}
	}
	for _, p := range b.Panels {
		for _, q := range p.Targets {
			out = append(out, ask{title: p.Title, kind: p.Type, ref: q.RefID, sql: q.RawSQL, units: p.unit})
		}
	}
	return out
}

// unit is that of a column: its override or what all of the panel have.
func (p panel) unit(column string) string {
	unit := p.FieldConfig.Defaults.Unit
	for _, o := range p.FieldConfig.Overrides {
		matches := o.Matcher.Options == column
		if o.Matcher.ID == "byRegexp" {
			matches = regexp.MustCompile(strings.Trim(o.Matcher.Options, "/")).MatchString(column)
		}
		for _, property := range o.Properties {
			if text, ok := property.Value.(string); ok && matches && property.ID == "unit" {
				unit = text
			}
		}
	}
	return unit
}

type answer struct {
	columns []string
	kinds   []reflect.Type
	rows    [][]any
}

func (q ask) run(t *testing.T, conn driver.Conn, v viewer, zone string) answer {
	t.Helper()
	sql, err := v.fill(q.sql)
	require.NoError(t, err, q.title)
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"session_timezone": zone}))
	rows, err := conn.Query(ctx, sql)
	require.NoError(t, err, "%s:\n%s", q.title, sql)
	defer func() { require.NoError(t, rows.Close()) }()
	a := answer{columns: rows.Columns()}
	for _, c := range rows.ColumnTypes() {
		a.kinds = append(a.kinds, c.ScanType())
	}
	for rows.Next() {
		into := make([]any, len(a.kinds))
		for i, kind := range a.kinds {
			into[i] = reflect.New(kind).Interface()
		}
		require.NoError(t, rows.Scan(into...))
		for i := range into {
			x := reflect.ValueOf(into[i]).Elem()
			for x.Kind() == reflect.Pointer && !x.IsNil() {
				x = x.Elem()
			}
			into[i] = nil
			if x.Kind() != reflect.Pointer {
				into[i] = x.Interface()
			}
		}
		a.rows = append(a.rows, into)
	}
	require.NoError(t, rows.Err(), "%s:\n%s", q.title, sql)
	return a
}

func fixture(t *testing.T) driver.Conn {
	t.Helper()
	store := storetest.Start(t)
	opts, err := audit.ParseDSN(store.DSN())
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database, Retention: "none"})
	require.NoError(t, err)
	raw, err := os.ReadFile("testdata/fixture.sql")
	require.NoError(t, err)
	for statement := range strings.SplitSeq(string(raw), ";\n") {
		if statement = comment.ReplaceAllString(statement, ""); strings.TrimSpace(statement) != "" {
			require.NoError(t, conn.Exec(t.Context(), statement), statement)
		}
	}
	return conn
}

var comment = regexp.MustCompile(`(?m)^\s*--.*\n`)

func looking(chosen choice) viewer {
	return viewer{
		from: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), to: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
		step: 10 * time.Second, chosen: chosen,
	}
}

// chosen is what a reader chose of all, where the dashboard has the variable.
func (b board) chosen(of choice, one choice) choice {
	out := choice{}
	for _, v := range b.Templating.List {
		out[v.Name] = of[v.Name]
		if !v.Multi {
			out[v.Name] = one[v.Name]
		}
	}
	return out
}

func TestQueries(t *testing.T) {
	conn := fixture(t)
	t.Run("answers", func(t *testing.T) { answers(t, conn) })
	t.Run("graph", func(t *testing.T) { graph(t, conn) })
	t.Run("strange ids", func(t *testing.T) { strangeIDs(t, conn) })
}

// Every query runs in the engine and answers with rows, whatever is chosen, and
// whatever zone the session is in.
func answers(t *testing.T, conn driver.Conn) {
	t.Helper()
	one := choice{"agent": "planner", "session": "s1"}
	everyone := choice{"tenant": all, "project": all, "agent": all, "chain": all}
	some := choice{
		"tenant": []string{"acme"}, "project": []string{"alpha", "beta"}, "chain": []string{"C1", "C2"},
		"agent": []string{"planner", "mailer", "rogue"},
	}
	for _, b := range boards(t) {
		t.Run(b.file, func(t *testing.T) {
			for _, q := range b.queries() {
				got := q.run(t, conn, looking(b.chosen(everyone, one)), "UTC")
				require.NotEmpty(t, got.rows, "%s:\n%s", q.title, q.sql)
				q.check(t, got, true)
				got = q.run(t, conn, looking(b.chosen(some, one)), "America/New_York")
				require.NotEmpty(t, got.rows, "%s, of some, in another zone:\n%s", q.title, q.sql)
				q.check(t, got, false)
			}
		})
	}
}

// check holds an answer against what the kind of panel takes; whole says that
// everything was chosen, of which the fixture has some for every tile.
func (q ask) check(t *testing.T, a answer, whole bool) {
	t.Helper()
	switch q.kind {
	case "variable":
		assert.Len(t, a.columns, 1, "%s: the first of two would be taken for the value", q.title)
	case "stat":
		require.Len(t, a.rows, 1, q.title)
		require.Len(t, a.columns, 1, q.title)
		assert.NotNil(t, a.rows[0][0], q.title)
		assert.False(t, whole && fmt.Sprint(a.rows[0][0]) == "0", "%s: the fixture has some", q.title)
	case "timeseries":
		assert.Equal(t, "time", a.columns[0], q.title)
		assert.True(t, slices.IsSortedFunc(a.rows, func(x, y []any) int { return x[0].(time.Time).Compare(y[0].(time.Time)) }), "%s: in order of time", q.title)
	}
	numbers := 0
	for i, kind := range a.kinds {
		for kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if k := kind.Kind(); k >= reflect.Int && k <= reflect.Float64 {
			numbers++
			if q.units != nil && q.kind != "nodeGraph" {
				assert.NotEmpty(t, q.units(a.columns[i]), "%s: %s has no unit", q.title, a.columns[i])
			}
		}
	}
	if slices.Contains(numeric, q.kind) {
		assert.Positive(t, numbers, "%s: nothing to draw", q.title)
	}
}

// An arrow from or to a circle that is not there breaks Grafana's panel, and so
// does an id that is there twice.
func graph(t *testing.T, conn driver.Conn) {
	t.Helper()
	for _, b := range boards(t) {
		if b.file != "delegation.json" {
			continue
		}
		for name, chosen := range map[string]choice{
			"all": {"tenant": all, "project": all, "agent": all, "chain": all},
			"one": {"tenant": all, "project": all, "agent": all, "chain": []string{"C1"}},
		} {
			frames := map[string]answer{}
			for _, q := range b.queries() {
				if q.kind == "nodeGraph" {
					frames[q.ref] = q.run(t, conn, looking(chosen), "UTC")
				}
			}
			circles := map[any]string{}
			for _, row := range frames["nodes"].rows {
				assert.Empty(t, circles[row[0]], "%s: %s is there twice", name, row[0])
				circles[row[0]] = fmt.Sprint(row[1])
			}
			ids := map[any]bool{}
			require.Equal(t, []string{"id", "source", "target"}, frames["edges"].columns[:3])
			arrows := make([]string, 0, len(frames["edges"].rows))
			for _, row := range frames["edges"].rows {
				assert.False(t, ids[row[0]], "%s: %s is there twice", name, row[0])
				ids[row[0]] = true
				require.NotEmpty(t, circles[row[1]], "%s: from %s", name, row[1])
				require.NotEmpty(t, circles[row[2]], "%s: to %s", name, row[2])
				arrows = append(arrows, circles[row[1]]+" > "+circles[row[2]])
			}
			want := []string{"planner > reader", "reader > mailer", "planner > helper"}
			if name == "all" {
				want = append(want, "(delegator not known) > lost")
			}
			assert.ElementsMatch(t, want, arrows, name)
		}
	}
}

// Ids come from spans. One with quotes, backslashes and commas is found, and ends
// no string.
func strangeIDs(t *testing.T, conn driver.Conn) {
	t.Helper()
	const strange = `o'b\`
	for _, b := range boards(t) {
		chosen := b.chosen(
			choice{"tenant": []string{strange}, "project": []string{strange}, "agent": []string{"planner", strange + ",x"}, "chain": []string{strange}},
			choice{"agent": strange + ",x", "session": `s\'9`})
		counts := map[string]any{}
		for _, q := range b.queries() {
			if q.kind == "stat" {
				counts[q.title] = q.run(t, conn, looking(chosen), "UTC").rows[0][0]
			}
		}
		switch b.file {
		case "agent.json":
			assert.Equal(t, uint64(1), counts["Actions"])
		case "fleet.json":
			assert.Equal(t, uint64(1), counts["Model calls"])
		case "session.json":
			assert.Equal(t, 1.0, counts["Spend"])
		}
	}
}
