package audit

import (
	goflag "flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = goflag.Bool("update", false, "write the migrations that are made from the lists of columns")

// The views that an auditor recomputes hashes with say what Go hashes. A column
// that was added to a sealed table makes this fail: it needs a version of its own
// (HashVersion, sealedSince) and new views in new files.
func TestRowHashViews(t *testing.T) {
	check := func(number int, name, text string) {
		file := fmt.Sprintf("sql/%04d_%s.sql", number, name)
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		}
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, string(got), text, file)
	}
	tables, number := SealedTables(1), 39
	unions := make([]string, 0, len(tables))
	for i, table := range tables {
		view := "row_hashes_" + table.Name
		if i == 7 { // of the first version
			check(46, "batch_digests", batchDigests(unions))
			number = 104
		}
		check(number, view, "-- creating view "+view+"\nCREATE OR REPLACE VIEW {db}."+view+"{on_cluster} AS\n"+
			table.RowHashes("{db}."+table.Name+"{all}", "")+"\n")
		unions = append(unions, "SELECT '"+table.Name+"' AS table_name, writer_id, writer_epoch, batch_id, row_ix, row_time, inserted_at, row_hash FROM {db}."+view)
		number++
	}
	check(106, "batch_digests", batchDigests(unions))
}

func batchDigests(unions []string) string {
	return "-- creating view batch_digests\nCREATE OR REPLACE VIEW {db}.batch_digests{on_cluster} AS\n" +
		"SELECT\n    table_name, writer_id, writer_epoch, batch_id,\n    uniqExact(row_ix) AS batch_rows, count() - uniqExact(row_ix, row_hash) AS redelivered,\n    " +
		digestSQL + " AS batch_digest,\n    min(row_time) AS first_ts, max(row_time) AS last_ts, min(inserted_at) AS first_inserted\nFROM\n(\n    " +
		strings.Join(unions, "\n    UNION ALL\n    ") + "\n)\nGROUP BY table_name, writer_id, writer_epoch, batch_id\n"
}
