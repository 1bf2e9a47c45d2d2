package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/agents"
	"github.com/spanwarden/spanwarden/internal/stack"
)

// account is a line of ev_completeness over all days, by signal.
type account struct {
	Received, Inside, Refused, Filtered *int64
	Exported, NoRow, Dead, Queued       int64
	Sealed                              int64
	Unaccounted                         *int64
	Crashes                             int64
}

// accounts is empty while the store cannot say.
func accounts(t *testing.T, conn driver.Conn) map[string]account {
	t.Helper()
	out := map[string]account{}
	// Days are summed up; one that is not known makes the sum unknown.
	rows, err := conn.Query(t.Context(), `SELECT signal,
    if(count() = count(received), toInt64(sum(received)), NULL), if(count() = count(made_inside), toInt64(sum(made_inside)), NULL),
    if(count() = count(refused), toInt64(sum(refused)), NULL), if(count() = count(filtered), toInt64(sum(filtered)), NULL),
    toInt64(sum(exported)), toInt64(sum(no_row)), toInt64(sum(dead_lettered)), toInt64(sum(queued)), toInt64(sum(sealed)),
    if(count() = count(unaccounted), toInt64(sum(unaccounted)), NULL), toInt64(sum(crashes))
FROM ev_completeness(period_start = '2026-01-01', period_end = '2200-01-01') GROUP BY signal`)
	if err != nil {
		t.Log(err)
		return out
	}
	defer func() { assert.NoError(t, rows.Close()) }()
	for rows.Next() {
		var signal string
		var a account
		require.NoError(t, rows.Scan(&signal, &a.Received, &a.Inside, &a.Refused, &a.Filtered,
			&a.Exported, &a.NoRow, &a.Dead, &a.Queued, &a.Sealed, &a.Unaccounted, &a.Crashes))
		out[signal] = a
	}
	require.NoError(t, rows.Err())
	return out
}

// heartbeats counts those that the collector's journal has and the store does not.
func heartbeats(t *testing.T, st *stack.Stack) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(st.State(), "integrity", "0", "log.jsonl"))
	require.NoError(t, err)
	return bytes.Count(raw, []byte("\\nkind heartbeat\\n"))
}

// Everything that was sent is accounted for: taken, refused, put aside, waiting, made
// inside; what a killed process took is not known, and not called fine.
func TestCompleteness(t *testing.T) {
	overrides := []string{
		"exporters::clickhouse_audit::integrity::interval: 1s",
		"service::pipelines::logs::receivers: [findings, otlp]",
	}
	st := newStackWith(t, stack.Options{Overrides: overrides})
	within(t, st.Start)
	conn := open(t, st)
	require.NoError(t, st.Send(t.Context(), request(t, 1, 40)))
	require.NoError(t, st.Send(t.Context(), request(t, 2, 7)))
	spansOf, err := agents.Run(t.Context(), st.OTLP(), &agents.DelegatedMail, scenarioTime)
	require.NoError(t, err)
	require.Error(t, st.Send(t.Context(), []byte(`{"resourceSpans":[{bad`)), "what cannot be read is nobody's span")
	for range 2 {
		res, err := http.Post(st.OTLP()+"/v1/logs", "application/json", bytes.NewReader([]byte(
			`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795640192332138295","body":{"stringValue":"no finding"}}]}]}]}`)))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
	sent := int64(47)
	for _, n := range spansOf {
		sent += int64(n)
	}

	settled := func(a account) bool {
		return a.Received != nil && *a.Received == sent && a.Queued == 0 && a.Unaccounted != nil && a.Exported+a.NoRow == sent+*a.Inside-*a.Refused
	}
	var got map[string]account
	require.Eventually(t, func() bool { got = accounts(t, conn); return settled(got["spans"]) && got["records"].Dead == 2 }, 2*time.Minute, 500*time.Millisecond)
	spans, records := got["spans"], got["records"]
	assert.Equal(t, new(int64(0)), spans.Unaccounted)
	assert.Equal(t, new(int64(0)), spans.Refused)
	assert.Equal(t, new(int64(0)), spans.Filtered)
	assert.Equal(t, spans.Exported, spans.Sealed, "each span is a row, once")
	assert.Equal(t, spans.NoRow, *spans.Inside, "settle spans are made inside")
	assert.Equal(t, new(int64(2)), records.Received)
	assert.Equal(t, new(int64(0)), records.Unaccounted)
	assert.Equal(t, records.Exported, *records.Inside, "each finding is stored")
	assert.Zero(t, spans.Crashes)

	// The store goes, and what comes meanwhile waits; the collector goes on to say so.
	st.KillStore()
	require.NoError(t, st.Send(t.Context(), request(t, 3, 5)))
	said := heartbeats(t, st)
	require.Eventually(t, func() bool { return heartbeats(t, st) >= said+2 }, time.Minute, 100*time.Millisecond)
	within(t, st.StartStore)
	sent += 5
	require.Eventually(t, func() bool {
		var waiting uint64
		return conn.QueryRow(t.Context(), "SELECT count() FROM heartbeats WHERE spans_entered = spans_written + spans_no_row + 5").Scan(&waiting) == nil && waiting > 0
	}, 2*time.Minute, 500*time.Millisecond, "no heartbeat says that five waited")
	require.Eventually(t, func() bool { got = accounts(t, conn); return settled(got["spans"]) }, 2*time.Minute, 500*time.Millisecond)
	assert.Equal(t, new(int64(0)), got["spans"].Unaccounted)

	// A collector that takes nothing refuses, and the sender is told.
	require.NoError(t, st.StopCollector())
	st.Configure(nil, append(append([]string(nil), overrides...), "processors::memory_limiter::limit_mib: 1", "processors::memory_limiter::spike_limit_mib: 0"))
	within(t, st.StartCollector)
	require.Eventually(t, func() bool { return st.Send(t.Context(), request(t, 4, 3)) != nil }, time.Minute, 100*time.Millisecond)
	require.Eventually(t, func() bool {
		got = accounts(t, conn)
		a := got["spans"]
		return a.Refused != nil && *a.Refused >= 3 && a.Unaccounted != nil
	}, 2*time.Minute, 500*time.Millisecond)
	assert.Equal(t, new(int64(0)), got["spans"].Unaccounted)
	assert.Equal(t, *got["spans"].Received+*got["spans"].Inside, *got["spans"].Refused+got["spans"].Exported+got["spans"].NoRow+got["spans"].Queued)

	// One that is killed has no last word.
	st.KillCollector()
	st.Configure(nil, overrides)
	within(t, st.StartCollector)
	require.Eventually(t, func() bool { got = accounts(t, conn); return got["spans"].Crashes > 0 }, 2*time.Minute, 500*time.Millisecond)
	assert.Nil(t, got["spans"].Unaccounted, fmt.Sprint("not known is not zero: ", got))
}
