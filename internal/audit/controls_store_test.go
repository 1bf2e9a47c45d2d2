package audit_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/evidence/catalogue"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// migrated is a database with the schema.
func migrated(t *testing.T, store *storetest.Store) (driver.Conn, audit.Options) {
	t.Helper()
	opts, err := audit.ParseDSN(store.Database(t))
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	schema := audit.Options{Database: opts.Auth.Database}
	_, err = audit.Migrate(t.Context(), conn, schema)
	require.NoError(t, err)
	return conn, schema
}

func TestControlCatalogueFollowsItsData(t *testing.T) {
	conn, schema := migrated(t, storetest.Start(t))
	index := func() (mapping map[string][]string, version uint32) {
		rows, err := conn.Query(t.Context(), "SELECT control_id, queries, mapping_version, title FROM ev_control_index")
		require.NoError(t, err)
		defer func() { assert.NoError(t, rows.Close()) }()
		mapping = map[string][]string{}
		for rows.Next() {
			var id, title string
			var queries []string
			require.NoError(t, rows.Scan(&id, &queries, &version, &title))
			assert.NotEmpty(t, title, id)
			mapping[id] = queries
		}
		require.NoError(t, rows.Err())
		return mapping, version
	}
	want := map[string][]string{}
	frameworks, err := catalogue.Frameworks()
	require.NoError(t, err)
	queries, err := catalogue.List()
	require.NoError(t, err)
	for _, f := range frameworks {
		for _, c := range f.Controls {
			want[c.ID] = []string{}
			for _, q := range queries {
				if slices.Contains(q.Controls, c.ID) {
					want[c.ID] = append(want[c.ID], q.ID)
				}
			}
			slices.Sort(want[c.ID])
		}
	}
	mapping, version := index()
	assert.Equal(t, want, mapping)
	assert.EqualValues(t, 1, version)

	applied, err := audit.Migrate(t.Context(), conn, schema)
	require.NoError(t, err)
	assert.Empty(t, applied)

	// A store that another version of the program filled.
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO control_catalogue (framework, control_id, title, query, mapping_version, mapping_digest) "+
		"VALUES ('soc2', 'CC6.1', 'another', 'ev_other', 2, 'other')"))
	mapping, version = index()
	assert.Equal(t, map[string][]string{"CC6.1": {"ev_other"}}, mapping)
	assert.EqualValues(t, 2, version)
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO schema_migrations (version, name, checksum, applied_at) "+
		"SELECT version, name, 'other', now64(3) + 1 FROM schema_migrations WHERE name = 'filling table control_catalogue'"))
	applied, err = audit.Migrate(t.Context(), conn, schema)
	require.NoError(t, err)
	assert.Equal(t, []string{"filling table control_catalogue"}, applied)
	mapping, version = index()
	assert.Equal(t, want, mapping)
	assert.EqualValues(t, 3, version, "what was mapped before stays under its version")
}

// Days that are summed up are the period.
func TestCoverageDays(t *testing.T) {
	conn, _ := migrated(t, storetest.Start(t))
	leaves := func(writer, from, to string) {
		t.Helper()
		require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO ledger_batches (writer_id, writer_epoch, seq, entry_kind, sealed_at, leaf_hash)
SELECT '%s', toUnixTimestamp('%s', 'UTC'), number, if(number = 0, 'genesis', 'heartbeat'), toDateTime64('%[2]s', 3, 'UTC') + toIntervalMinute(number), toString(number)
FROM numbers(dateDiff('minute', toDateTime('%[2]s', 'UTC'), toDateTime('%[3]s', 'UTC')) + 1)`, writer, from, to)))
	}
	type day struct {
		Day      string
		Expected float64
		Seen     float64
		Pct      *float64
	}
	ask := func() (days []day, pct float64) {
		t.Helper()
		const period = "(period_start = '2026-09-30 12:00:00', period_end = '2026-10-04 00:00:00')"
		rows, err := conn.Query(t.Context(), "SELECT toString(day), minutes_expected, minutes_seen, coverage_pct FROM ev_coverage_days"+period)
		require.NoError(t, err)
		defer func() { assert.NoError(t, rows.Close()) }()
		for rows.Next() {
			var d day
			require.NoError(t, rows.Scan(&d.Day, &d.Expected, &d.Seen, &d.Pct))
			days = append(days, d)
		}
		require.NoError(t, rows.Err())
		var all *float64
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT coverage_pct FROM ev_period_state"+period).Scan(&all))
		if all != nil {
			pct = *all
		}
		return days, pct
	}
	pct := func(f float64) *float64 { return &f }

	days, _ := ask()
	assert.Equal(t, []day{{"2026-09-30", 720, 0, pct(0)}, {"2026-10-01", 1440, 0, pct(0)}, {"2026-10-02", 1440, 0, pct(0)}, {"2026-10-03", 1440, 0, pct(0)}}, days)

	leaves("w1", "2026-09-30 18:00:00", "2026-10-02 06:00:00") // over two midnights, then a gap
	leaves("w1", "2026-10-02 12:00:00", "2026-10-05 00:00:00")
	days, all := ask()
	assert.Equal(t, []day{{"2026-09-30", 720, 360, pct(50)}, {"2026-10-01", 1440, 1440, pct(100)}, {"2026-10-02", 1440, 1080, pct(75)}, {"2026-10-03", 1440, 1440, pct(100)}}, days)
	var seen, expected float64
	for _, d := range days {
		seen, expected = seen+d.Seen, expected+d.Expected
	}
	assert.InDelta(t, all, 100*seen/expected, 0.001)

	leaves("w2", "2026-10-01 12:00:00", "2026-10-05 00:00:00") // one that began later was missing to nobody before, and stands in for nobody
	again, _ := ask()
	assert.Equal(t, days, again)
}
