package main

import (
	"bytes"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// say runs a command line and returns what it printed, on either stream.
func say(t *testing.T, args ...string) (out, errs string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(&o)
	root.SetErr(&e)
	err = root.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

func TestQueriesAreListedAndShown(t *testing.T) {
	out, _, err := say(t, "query", "list", "--control", "CC7.4")
	require.NoError(t, err)
	assert.Contains(t, out, "halts")
	assert.NotContains(t, out, "unpriced-calls")
	_, _, err = say(t, "query", "list", "--control", "CC99")
	require.ErrorContains(t, err, `"CC99"`)
	out, _, err = say(t, "query", "show", "session-trajectory")
	require.NoError(t, err)
	for _, want := range []string{"-- --param session=", "required", "default now-30d", "-- empty:", "SELECT"} {
		assert.Contains(t, out, want)
	}
}

func TestQueryErrorsNameWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"nope"}, []string{`"nope"`, "halts"}},
		{[]string{"session-trajectory"}, []string{"session: missing", "query show session-trajectory"}},
		{[]string{"halts", "--param", "x=1", "--param", "period_end=soon"}, []string{"x: halts takes no such parameter", `period_end: want now`, `"soon"`}},
		{[]string{"halts", "--param", "period_start=now", "--param", "period_end=now-1d"}, []string{"is not before period_end"}},
		{[]string{"halts", "--param", "period_start"}, []string{`want name=value, not "period_start"`}},
		{[]string{"dormant-agents", "--param", "idle_days=-1"}, []string{`idle_days: want a whole number from 0, not "-1"`}},
		{[]string{"halts", "--param", "period_end=now", "--param", "period_end=now"}, []string{"given twice"}},
	} {
		_, _, err := say(t, append([]string{"query", "run"}, test.args...)...)
		require.Error(t, err, test.args)
		for _, want := range test.want {
			assert.ErrorContains(t, err, want)
		}
	}
}

func TestFindingsFromTheCommandLine(t *testing.T) {
	t.Setenv(envState, t.TempDir())
	dsn := storetest.Start(t).Database(t)
	ask := func(args ...string) (out, errs string, err error) { return say(t, append(args, "--dsn", dsn)...) }

	_, _, err := ask("finding", "list")
	require.ErrorContains(t, err, "spanwarden store migrate", "the schema is missing")
	_, _, err = ask("query", "run", "halts")
	require.ErrorContains(t, err, "spanwarden store migrate")
	_, _, err = say(t, "finding", "list", "--dsn", dsn+"_")
	require.ErrorContains(t, err, "no such database")
	_, _, err = ask("store", "migrate")
	require.NoError(t, err)

	_, errs, err := ask("query", "run", "halts")
	require.NoError(t, err)
	assert.Contains(t, errs, "No halt was in force in the period.", "an empty answer is explained")
	assert.Contains(t, errs, "0 finding events", "with what was watched")

	opts, err := audit.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO finding_events (finding_id, type, severity, state, ts, key, message)
		VALUES ('abcd01', 'budget.halt', 'critical', 'firing', now64(9) - 60, 'k', 'S was halted.'), ('abcd02', 'cost.unpriced', 'warning', 'firing', now64(9) - 60, 'k', 'No price.')`))

	out, _, err := ask("finding", "list", "--type", "budget.")
	require.NoError(t, err)
	assert.Contains(t, out, "abcd01")
	assert.NotContains(t, out, "abcd02")

	_, _, err = ask("finding", "ack", "abcd01", "--by", "dan")
	require.ErrorContains(t, err, "reason: missing")
	_, _, err = ask("finding", "ack", "abcd", "--by", "dan", "--reason", "x")
	require.ErrorContains(t, err, "abcd01, abcd02")
	_, _, err = ask("finding", "ack", "zzzz", "--by", "dan", "--reason", "x")
	require.ErrorContains(t, err, "finding list --all")
	out, _, err = ask("finding", "ack", "abcd01", "abcd02", "--by", "dan", "--reason", "looking")
	require.NoError(t, err)
	assert.Contains(t, out, "abcd01 (critical) is acknowledged by dan")
	assert.Contains(t, out, "abcd02")
	_, _, err = ask("finding", "close", "abcd01", "--by", "eve", "--reason", "fixed")
	require.NoError(t, err)
	_, _, err = ask("finding", "close", "abcd01", "--by", "eve", "--reason", "fixed")
	require.ErrorContains(t, err, "is closed, by eve")

	out, _, err = ask("finding", "list")
	require.NoError(t, err)
	assert.NotContains(t, out, "abcd01", "closed")
	out, _, err = ask("finding", "list", "--all", "--format", "csv")
	require.NoError(t, err)
	assert.Contains(t, out, "abcd01")
	out, _, err = ask("finding", "show", "abcd01")
	require.NoError(t, err)
	for _, want := range []string{"S was halted.", "acknowledged", "looking", "closed_by", "eve"} {
		assert.Contains(t, out, want)
	}
}
