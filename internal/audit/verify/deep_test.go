package verify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// What is hashed here of the rows as they are is what the store computes, whatever
// stands in them: any bytes, keys that a map has twice, any numbers, NULL.
func TestDeepAgreesWithSQL(t *testing.T) {
	opts, err := audit.ParseDSN(storetest.Start(t).Database(t))
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database, Retention: "none"})
	require.NoError(t, err)
	for _, table := range audit.SealedTables(audit.HashVersion) {
		names, columns := make([]string, len(table.Fields)), make([]string, len(table.Fields))
		for i, f := range table.Fields {
			names[i] = "`" + f.Name + "`"
			columns[i] = names[i] + " " + strings.ReplaceAll(strings.ReplaceAll(f.Type, "LowCardinality(String)", "String"), "'", "\\'")
		}
		random := table
		random.Name = "random_" + table.Name
		for _, sql := range []string{
			"CREATE TABLE " + random.Name + " ENGINE = Memory AS SELECT * FROM " + table.Name + " LIMIT 0",
			fmt.Sprintf("INSERT INTO %s (%s, writer_id, writer_epoch, batch_id, row_ix) SELECT *, 'w', 1, toFixedString(unhex(leftPad(hex(intDiv(rowNumberInAllBlocks(), 20)), 32, '0')), 16), "+
				"rowNumberInAllBlocks() %% 18 FROM generateRandom('%s', 5, 12, 3) LIMIT 300", random.Name, strings.Join(names, ", "), strings.Join(columns, ", ")),
			fmt.Sprintf("INSERT INTO %s SELECT * FROM %s WHERE row_ix = 5", random.Name, random.Name), // delivered again
		} {
			require.NoError(t, conn.Exec(t.Context(), sql), sql)
		}
		v := &verifier{conn: conn}
		deep, err := v.deepDigests(t.Context(), &random, "")
		require.NoError(t, err)
		rows, err := conn.Query(t.Context(), "SELECT writer_id, writer_epoch, lower(hex(batch_id)), batch_rows, redelivered, batch_digest FROM ("+random.BatchDigests(random.Name, "")+")")
		require.NoError(t, err)
		bySQL := map[group]found{}
		for rows.Next() {
			g, f := group{table: random.Name}, found{}
			require.NoError(t, rows.Scan(&g.writer, &g.epoch, &g.batch, &f.rows, &f.redelivered, &f.digest))
			bySQL[g] = f
		}
		require.NoError(t, rows.Err())
		assert.Len(t, bySQL, 15, table.Name)
		assert.Equal(t, bySQL, deep, table.Name)
	}
}
