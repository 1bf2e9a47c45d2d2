// Package e2e runs the built collector against the real embedded store and
// breaks one or the other. It needs `make build engine`.
package e2e

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
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
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/stack"
)

const (
	bin    = "../../_build"
	config = "../../configs/spanwarden.yaml"
)

// quickRetries keep a test from waiting for the pauses that suit production.
var quickRetries = []string{
	"exporters::clickhouse_audit::retry_on_failure::initial_interval: 200ms",
	"exporters::clickhouse_audit::retry_on_failure::max_interval: 1s",
}

func newStack(t *testing.T, overrides ...string) *stack.Stack {
	t.Helper()
	return newStackWith(t, stack.Options{Overrides: overrides})
}

// newStackWith fills in what every test shares.
func newStackWith(t *testing.T, opts stack.Options) *stack.Stack {
	t.Helper()
	for _, name := range []string{"otelcol-spanwarden", "spanwarden"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Fatalf("%s is not built; run: make build engine", name)
		}
	}
	abs, err := filepath.Abs(bin)
	require.NoError(t, err)
	opts.Bin, opts.Config, opts.State = abs, config, t.TempDir()
	opts.Overrides = slices.Concat(quickRetries, opts.Overrides)
	st, err := stack.New(opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, st.Stop()) })
	return st
}

func within(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, f(ctx))
}

// request returns one OTLP request of n model calls, all spans of its own.
func request(t *testing.T, seed byte, n int) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "e2e")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for i := range n {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{0: seed, 1: byte(i >> 8), 2: byte(i), 15: 1})
		span.SetSpanID(pcommon.SpanID{0: seed, 1: byte(i >> 8), 2: byte(i), 7: 1})
		span.SetName("chat gpt-4o-mini")
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
		a := span.Attributes()
		a.PutStr("gen_ai.operation.name", "chat")
		a.PutStr("gen_ai.provider.name", "openai")
		a.PutStr("gen_ai.request.model", "gpt-4o-mini")
		a.PutInt("gen_ai.usage.input_tokens", 1000)
		a.PutInt("gen_ai.usage.output_tokens", 100)
	}
	body, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return body
}

func send(t *testing.T, st *stack.Stack, requests, spans int) {
	t.Helper()
	for i := range requests {
		require.NoError(t, st.Send(t.Context(), request(t, byte(i), spans)))
	}
}

func open(t *testing.T, st *stack.Stack) driver.Conn {
	t.Helper()
	opts, err := clickhouse.ParseDSN(st.DSN())
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

const stored = `SELECT count(), uniqExact(trace_id, span_id), toString(sum(cost_usd))
FROM ev_actions(period_start = toDateTime64('2026-01-01 00:00:00', 3, 'UTC'), period_end = toDateTime64('2027-01-01 00:00:00', 3, 'UTC'))`

// requireStored waits until every span is in the store, and then holds that none
// is there twice and that the sum of money is exact.
func requireStored(t *testing.T, st *stack.Stack, want int) {
	t.Helper()
	conn := open(t, st)
	var rows, spans uint64
	var usd string
	require.Eventually(t, func() bool {
		return conn.QueryRow(t.Context(), stored).Scan(&rows, &spans, &usd) == nil && spans >= uint64(want)
	}, 2*time.Minute, 100*time.Millisecond, "every accepted span reaches the store")
	assert.EqualValues(t, want, spans)
	assert.Equal(t, spans, rows, "none twice in the deduplicated view")
	// 1,000 in at 0.15 and 100 out at 0.60 USD per million tokens.
	assert.Equal(t, strings.TrimRight(fmt.Sprintf("%d.%06d", want*210/1_000_000, want*210%1_000_000), "0"), usd)
}

func TestStoreDownAtStart(t *testing.T) {
	st := newStack(t)
	within(t, st.StartCollector)
	send(t, st, 5, 100)
	within(t, st.StartStore)
	requireStored(t, st, 500)
}

func TestStoreKilledMidInsert(t *testing.T) {
	st := newStack(t)
	within(t, st.Start)
	send(t, st, 3, 500)
	st.KillStore()
	send(t, st, 3, 500) // the same spans again: an agent whose answer got lost
	for i := 3; i < 10; i++ {
		require.NoError(t, st.Send(t.Context(), request(t, byte(i), 500)))
	}
	within(t, st.StartStore)
	for i := 10; i < 20; i++ {
		require.NoError(t, st.Send(t.Context(), request(t, byte(i), 500)))
		if i == 13 {
			st.KillStore()
		}
	}
	within(t, st.StartStore)
	requireStored(t, st, 10_000)
}

func TestCollectorKilledWithFullQueue(t *testing.T) {
	st := newStack(t)
	within(t, st.StartCollector)
	send(t, st, 20, 200)
	st.KillCollector()
	within(t, st.StartCollector)
	within(t, st.StartStore)
	requireStored(t, st, 4_000)
}

// What no store will ever take is kept in the dead-letter file and does not hold
// up what comes after it: here the schema was broken by hand.
func TestDeadLetter(t *testing.T) {
	st := newStack(t)
	within(t, st.Start)
	conn := open(t, st)
	send(t, st, 1, 7)
	requireStored(t, st, 7)
	require.NoError(t, conn.Exec(t.Context(), "DROP TABLE spanwarden.actions"))
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE spanwarden.actions (ts DateTime64(9)) ENGINE = MergeTree ORDER BY ts"))
	require.NoError(t, st.Send(t.Context(), request(t, 1, 7)))
	require.Eventually(t, func() bool {
		n := 0
		for _, file := range deadLetters(t, st) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			n += bytes.Count(raw, []byte(hex.EncodeToString([]byte{1, 0, 0, 0, 0, 0, 0, 1})))
		}
		return n > 0
	}, time.Minute, 100*time.Millisecond)
}

func deadLetters(t *testing.T, st *stack.Stack) []string {
	t.Helper()
	var files []string
	require.NoError(t, filepath.WalkDir(filepath.Join(st.State(), "dead-letters"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return nil
	}))
	return files
}

// Each shipped configuration is one that the collector accepts, and a misspelt
// key is refused with its name.
func TestConfigs(t *testing.T) {
	files, err := filepath.Glob("../../configs/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		switch filepath.Base(file) {
		case "gateway.yaml": // for another binary, see test/deploy
			continue
		case "shard.yaml": // stands over another
			out, err := validate(t, config, "file:"+file)
			assert.NoError(t, err, "%s: %s", file, out)
			continue
		}
		out, err := validate(t, file)
		assert.NoError(t, err, "%s: %s", file, out)
	}
	for override, wants := range map[string][]string{
		"processors::cost::price: a.yaml":                                   {"price"},
		"exporters::clickhouse_audit::dns: http://x":                        {"dns"},
		"exporters::clickhouse_audit::dsn: redis://127.0.0.1":               {"dsn", "redis"},
		"exporters::clickhouse_audit::retention: forever-and-a-day":         {"retention", "forever-and-a-day"},
		"processors::genai::limits::spans: -1":                              {"spans", "-1"},
		"exporters::clickhouse_audit::sending_queue::queue_size: -5":        {"queue_size"},
		"exporters::clickhouse_audit::content: {enabled: perhaps}":          {"content", "enabled"},
		"exporters::clickhouse_audit::dead_letter::max_bytes: -1":           {"max_bytes", "-1"},
		"exporters::clickhouse_audit::dsn: ftp://127.0.0.1:8123/spanwarden": {"dsn", "ftp"},
	} {
		out, err := validate(t, config, override)
		assert.Error(t, err, override)
		for _, want := range wants {
			assert.Contains(t, out, want, override)
		}
	}
}
