package chdb

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEngine runs in one function: the engine boots once per process.
func TestEngine(t *testing.T) {
	if os.Getenv("SPANWARDEN_NO_ENGINE") == "1" {
		t.Skip("SPANWARDEN_NO_ENGINE=1")
	}
	lib, err := Install(t.Context(), t.Output())
	require.NoError(t, err)
	e, err := Open(Options{Library: lib, Path: t.TempDir(), Base: []Setting{{"max_result_bytes", "1000000"}}})
	require.NoError(t, err)
	run := func(q Query) string {
		t.Helper()
		if q.Format == "" {
			q.Format = "TSV"
		}
		res, err := e.Query(context.Background(), q)
		require.NoError(t, err)
		return string(res.Body)
	}
	assert.Equal(t, "7\tit\\'s\n", run(Query{SQL: "SELECT {a:UInt8}, {b:String}", Params: []Param{{"a", "7"}, {"b", "it's"}}}))
	// A setting belongs to its query; afterwards the base holds again.
	get := "SELECT getSetting('max_threads') = 1, getSetting('max_result_bytes')"
	one := []Setting{{"max_threads", "1"}, {"max_result_bytes", "5000"}}
	assert.Equal(t, "1\t5000\n", run(Query{SQL: get, Settings: one}))
	assert.Contains(t, run(Query{SQL: get}), "\t1000000\n")
	run(Query{SQL: "CREATE DATABASE d"})
	run(Query{SQL: "CREATE TABLE t (x UInt8) ENGINE = MergeTree ORDER BY x", Database: "d"})
	assert.Equal(t, "t\n", run(Query{SQL: "SHOW TABLES", Database: "d", ReadOnly: true}))
	assert.Equal(t, "default\n", run(Query{SQL: "SELECT currentDatabase()", Database: "default"}))

	_, err = e.Query(t.Context(), Query{SQL: "INSERT INTO d.t VALUES (1)", Format: "TSV", ReadOnly: true})
	var chErr *Error
	require.ErrorAs(t, err, &chErr)
	assert.Contains(t, chErr.Text, "Code: 164")
	require.NoError(t, e.Close(context.Background()))
	require.NoError(t, e.Close(context.Background()), "twice is harmless")
	_, err = e.Query(context.Background(), Query{SQL: "SELECT 1"})
	require.ErrorIs(t, err, ErrClosed)
}

func TestPackageForUnknownPlatform(t *testing.T) {
	_, err := packageFor("plan9/mips")
	require.ErrorIs(t, err, ErrUnsupported)
	assert.ErrorContains(t, err, "SPANWARDEN_CLICKHOUSE_DSN")
}
