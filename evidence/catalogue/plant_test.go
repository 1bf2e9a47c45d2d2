package catalogue_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/catalogue"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// planted is one file of testdata: a question, and stores in which its right
// answer is known.
type planted struct {
	Query string `yaml:"query"`
	// Always: it has rows whenever something watched, being about that.
	Always bool `yaml:"always"`
	// Rows that every case has, but a bare one: by table, as JSON objects.
	Base  map[string][]map[string]any `yaml:"base"`
	Cases []struct {
		Name string `yaml:"name"`
		// Bare leaves out Base and Covered.
		Bare bool `yaml:"bare"`
		// Covered are collectors that lived: they sealed a leaf a minute.
		Covered []covered                   `yaml:"covered"`
		Plant   map[string][]map[string]any `yaml:"plant"`
		// Do are statements that somebody runs then.
		Do      []string          `yaml:"do"`
		Params  map[string]string `yaml:"params"`
		Columns []string          `yaml:"columns"`
		Rows    [][]string        `yaml:"rows"`
		State   catalogue.State   `yaml:"state"`
	} `yaml:"cases"`
	// Covered holds for every case that says nothing else.
	Covered []covered `yaml:"covered"`
}

type covered struct {
	Writer string    `yaml:"writer"`
	From   time.Time `yaml:"from"`
	To     time.Time `yaml:"to"`
}

// database stands in planted and expected values for the name of the database.
const database = "DATABASE"

const clock = "2006-01-02 15:04:05.000"

// leaves are a genesis and heartbeats, a minute apart.
func (c *covered) leaves() []map[string]any {
	var rows []map[string]any
	for at := c.From; !at.After(c.To); at = at.Add(time.Minute) {
		kind := "heartbeat"
		if len(rows) == 0 {
			kind = "genesis"
		}
		rows = append(rows, map[string]any{
			"writer_id": c.Writer, "writer_epoch": 1, "seq": len(rows), "entry_kind": kind, "sealed_at": at.UTC().Format(clock),
			"leaf_hash": fmt.Sprintf("%s-%d", c.Writer, len(rows)),
		})
	}
	return rows
}

func insert(ctx context.Context, t *testing.T, conn driver.Conn, table string, rows []map[string]any) {
	t.Helper()
	var name string
	require.NoError(t, conn.QueryRow(ctx, "SELECT currentDatabase()").Scan(&name))
	var b bytes.Buffer
	for _, row := range rows {
		line, err := json.Marshal(row)
		require.NoError(t, err)
		b.Write(append(bytes.ReplaceAll(line, []byte(database), []byte(name)), '\n'))
	}
	// Rows of two cases may be alike, and both must be there.
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_deduplicate": 0}))
	require.NoError(t, conn.Exec(ctx, "INSERT INTO "+table+" SETTINGS input_format_skip_unknown_fields = 0 FORMAT JSONEachRow\n"+b.String()), table)
}

// TestPlanted: for each question of the catalogue data whose answer is known. The
// cases share a database, which is emptied in between.
func TestPlanted(t *testing.T) {
	store := storetest.Start(t)
	dsn := store.Database(t)
	opts, err := clickhouse.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	schema := &audit.Options{Database: opts.Auth.Database}
	_, err = audit.Migrate(t.Context(), conn, *schema)
	require.NoError(t, err)

	answered, always := map[string]map[catalogue.State]bool{}, map[string]bool{}
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var p planted
		dec := yaml.NewDecoder(bytes.NewReader(raw))
		dec.KnownFields(true)
		require.NoError(t, dec.Decode(&p), file)
		q, err := catalogue.Get(p.Query)
		require.NoError(t, err, file)
		always[q.ID] = p.Always
		for i := range p.Cases {
			c := &p.Cases[i]
			t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml")+"/"+strings.ReplaceAll(c.Name, " ", "_"), func(t *testing.T) {
				empty(t, conn)
				plant := map[string][]map[string]any{}
				if !c.Bare {
					for table, rows := range p.Base {
						plant[table] = append(plant[table], rows...)
					}
				}
				for table, rows := range c.Plant {
					plant[table] = append(plant[table], rows...)
				}
				lived := c.Covered
				if lived == nil && !c.Bare {
					lived = p.Covered
				}
				for i := range lived {
					plant["ledger_batches"] = append(plant["ledger_batches"], lived[i].leaves()...)
				}
				for _, table := range slices.Sorted(maps.Keys(plant)) {
					insert(t.Context(), t, conn, table, plant[table])
				}
				for _, sql := range c.Do {
					require.NoError(t, conn.Exec(t.Context(), sql), sql)
				}
				answer, err := evidence.Ask(t.Context(), conn, schema, &q, c.Params, time.Now(), 10_000)
				require.NoError(t, err)
				assert.Equal(t, c.State, answer.State)
				equalRows(t, opts.Auth.Database, c.Columns, c.Rows, answer)
				if answered[q.ID] == nil {
					answered[q.ID] = map[catalogue.State]bool{}
				}
				answered[q.ID][answer.State] = true
			})
		}
	}
	queries, err := catalogue.List()
	require.NoError(t, err)
	for _, q := range queries {
		assert.True(t, answered[q.ID][catalogue.Observed] || answered[q.ID][catalogue.ObservedExceptions], "%s: no case plants what it should find", q.ID)
		assert.True(t, always[q.ID] || answered[q.ID][catalogue.ObservedZero] || answered[q.ID][catalogue.ObservedFine], "%s: no case is watched and has nothing to find", q.ID)
		assert.True(t, answered[q.ID][catalogue.NotObserved], "%s: in no case nobody watched", q.ID)
	}
}

// empty leaves the schema and takes every row.
func empty(t *testing.T, conn driver.Conn) {
	t.Helper()
	var tables []string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase()"+
		" AND engine LIKE '%MergeTree' AND total_rows > 0 AND name NOT IN ('schema_migrations', 'control_catalogue') AND name NOT LIKE '.%'").Scan(&tables))
	for _, table := range tables {
		require.NoError(t, conn.Exec(t.Context(), "TRUNCATE TABLE "+table))
	}
}

func equalRows(t *testing.T, name string, columns []string, want [][]string, answer *evidence.Evidence) {
	t.Helper()
	got := make([][]string, 0, len(answer.Rows))
	for _, row := range answer.Rows {
		line := make([]string, 0, len(columns))
		for _, column := range columns {
			i := slices.Index(answer.Columns, column)
			require.GreaterOrEqual(t, i, 0, "no column %s, only %v", column, answer.Columns)
			line = append(line, strings.ReplaceAll(evidence.Text(row[i], "-"), name+".", database+"."))
		}
		got = append(got, line)
	}
	if want == nil {
		want = [][]string{}
	}
	if !assert.Equal(t, want, got) {
		for _, line := range got {
			out, err := json.Marshal(line)
			require.NoError(t, err)
			t.Logf("- %s", out)
		}
	}
}
