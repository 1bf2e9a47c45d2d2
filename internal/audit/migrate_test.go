package audit_test

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// A table that an earlier version gave a TTL loses it: a TTL deletes without a
// record. Content keeps its own.
func TestTTLOfAnEarlierVersion(t *testing.T) {
	conn, _ := open(t, storetest.Start(t).Database(t))
	var database string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT currentDatabase()").Scan(&database))
	for _, table := range audit.KeptTables() {
		require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE "+table.Name+" MODIFY TTL toDateTime("+table.Time+") + toIntervalDay(400)"))
	}
	expiring := func() []string {
		var names []string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase() AND engine_full LIKE '% TTL %'").Scan(&names))
		return names
	}
	require.Len(t, expiring(), 1+len(audit.KeptTables()))
	opts := audit.Options{Database: database, DryRun: true}
	would, err := audit.Migrate(t.Context(), conn, opts)
	require.NoError(t, err)
	assert.Len(t, would, len(audit.KeptTables()))
	assert.Contains(t, would, "removing the TTL of table actions")
	require.Len(t, expiring(), 1+len(audit.KeptTables()))
	opts.DryRun = false
	done, err := audit.Migrate(t.Context(), conn, opts)
	require.NoError(t, err)
	assert.Equal(t, would, done)
	assert.Equal(t, []string{"content"}, expiring())
	done, err = audit.Migrate(t.Context(), conn, opts)
	require.NoError(t, err)
	assert.Empty(t, done)
}

// A store whose table was laid out by an earlier text is left as it is; one that was
// made by a text which nobody knows is refused.
func TestAnEarlierText(t *testing.T) {
	conn, _ := open(t, storetest.Start(t).Database(t))
	var database string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT currentDatabase()").Scan(&database))
	opts := audit.Options{Database: database}
	made := func(checksum string) {
		require.NoError(t, conn.Exec(t.Context(), "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (5, 'x', ?, now() + 1)", checksum))
	}
	made("f76802adc9d4de2248d8d4af986e465348e12bb06b5c37573a1b201791f8466d")
	done, err := audit.Migrate(t.Context(), conn, opts)
	require.NoError(t, err)
	assert.Empty(t, done)
	require.NoError(t, conn.Exec(t.Context(), "TRUNCATE TABLE schema_migrations"))
	made("of nobody")
	_, err = audit.Migrate(t.Context(), conn, opts)
	require.ErrorIs(t, err, audit.ErrChangedMigration)
}

// Steps that are left out and others that run side by side make the schema that all of
// them make, one after the other.
func TestPlannedStepsMakeTheSameSchema(t *testing.T) {
	store := storetest.Start(t)
	schema := func(dsn string, migrate func(driver.Conn, audit.Options)) map[string]string {
		opts, err := audit.ParseDSN(dsn)
		require.NoError(t, err)
		conn, err := clickhouse.Open(opts)
		require.NoError(t, err)
		defer func() { assert.NoError(t, conn.Close()) }()
		migrate(conn, audit.Options{Database: opts.Auth.Database})
		rows, err := conn.Query(t.Context(), "SELECT name, replaceAll(create_table_query, currentDatabase(), 'db') FROM system.tables WHERE database = currentDatabase()")
		require.NoError(t, err)
		defer func() { assert.NoError(t, rows.Close()) }()
		made := map[string]string{}
		for rows.Next() {
			var name, query string
			require.NoError(t, rows.Scan(&name, &query))
			made[name] = query
		}
		require.NoError(t, rows.Err())
		return made
	}
	planned := schema(store.Database(t), func(conn driver.Conn, o audit.Options) {
		applied, err := audit.Migrate(t.Context(), conn, o)
		require.NoError(t, err)
		assert.NotContains(t, applied, "creating view ev_coverage_days", "another takes its place")
		applied, err = audit.Migrate(t.Context(), conn, o)
		require.NoError(t, err)
		assert.Empty(t, applied, "what was left out is on record")
	})
	assert.Equal(t, schema(store.Database(t), func(conn driver.Conn, o audit.Options) {
		steps, err := audit.Steps(o)
		require.NoError(t, err)
		for i := range steps {
			require.NoError(t, conn.Exec(t.Context(), steps[i].SQL), steps[i].Name)
		}
	}), planned)
}
