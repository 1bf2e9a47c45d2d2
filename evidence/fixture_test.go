package evidence

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
)

// epoch is second 0 of the fixture.
var epoch = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

type fixture struct {
	Templates map[string]any `yaml:"templates"`
	Actions   []struct {
		Trace      string         `yaml:"trace"`
		Span       string         `yaml:"span"`
		At         int            `yaml:"at"`
		Takes      int            `yaml:"takes"`
		Attributes map[string]any `yaml:"attributes"`
	} `yaml:"actions"`
	Findings []struct {
		At         int            `yaml:"at"`
		Attributes map[string]any `yaml:"attributes"`
	} `yaml:"findings"`
	Answers []struct {
		At      int    `yaml:"at"`
		Finding string `yaml:"finding"`
		State   string `yaml:"state"`
		By      string `yaml:"by"`
		Note    string `yaml:"note"`
		Ticket  string `yaml:"ticket"`
	} `yaml:"answers"`
	Records []struct {
		Event      string         `yaml:"event"`
		At         int            `yaml:"at"`
		Attributes map[string]any `yaml:"attributes"`
	} `yaml:"records"`
}

func readFixture(t *testing.T) *fixture {
	t.Helper()
	raw, err := os.ReadFile("testdata/fixture.yaml")
	require.NoError(t, err)
	var f fixture
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	require.NoError(t, dec.Decode(&f))
	return &f
}

var (
	anyRun   = regexp.MustCompile(`^@([0-9a-f]+)-([0-9a-f]+)$`)
	anyTrace = regexp.MustCompile(`^@([0-9a-f]+)$`)
	anySpan  = regexp.MustCompile(`^%([0-9a-f]+)$`)
)

func traceHex(s string) string { return strings.Repeat("0", 32-len(s)) + s }
func spanHex(s string) string  { return strings.Repeat("0", 16-len(s)) + s }

// ids replaces @1-10, @1 and %10 by the ids they stand for.
func ids(s string) string {
	if m := anyRun.FindStringSubmatch(s); m != nil {
		return traceHex(m[1]) + "-" + spanHex(m[2])
	}
	if m := anyTrace.FindStringSubmatch(s); m != nil {
		return traceHex(m[1])
	}
	if m := anySpan.FindStringSubmatch(s); m != nil {
		return spanHex(m[1])
	}
	return s
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func fill(t *testing.T, m pcommon.Map, attributes map[string]any) {
	t.Helper()
	for k, v := range attributes {
		if s, ok := v.(string); ok {
			v = ids(s)
		}
		require.NoError(t, m.PutEmpty(k).FromRaw(v))
	}
}

func at(seconds int) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(epoch.Add(time.Duration(seconds) * time.Second))
}

// traces returns the actions, and the records on settle spans.
func (f *fixture) traces(t *testing.T) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for _, a := range f.Actions {
		s := spans.AppendEmpty()
		s.SetName("span " + a.Span)
		s.SetTraceID(pcommon.TraceID(unhex(t, traceHex(a.Trace))))
		s.SetSpanID(pcommon.SpanID(unhex(t, spanHex(a.Span))))
		s.SetStartTimestamp(at(a.At))
		s.SetEndTimestamp(at(a.At + a.Takes))
		fill(t, s.Attributes(), a.Attributes)
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(attr.Scope)
	for i, r := range f.Records {
		s := ss.Spans().AppendEmpty()
		s.SetName(attr.SettleSpan)
		s.SetTraceID(pcommon.TraceID{1, byte(i)})
		s.SetSpanID(pcommon.SpanID{1, byte(i)})
		s.SetStartTimestamp(at(r.At))
		s.SetEndTimestamp(at(r.At))
		ev := s.Events().AppendEmpty()
		ev.SetName("spanwarden.delegation." + r.Event)
		ev.SetTimestamp(at(r.At))
		fill(t, ev.Attributes(), r.Attributes)
		ev.Attributes().PutStr(attr.TenantID, "acme")
	}
	return td
}

func (f *fixture) logs(t *testing.T) plog.Logs {
	t.Helper()
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, l := range f.Findings {
		lr := records.AppendEmpty()
		lr.SetEventName(attr.FindingEvent)
		lr.SetTimestamp(at(l.At))
		fill(t, lr.Attributes(), l.Attributes)
	}
	return ld
}

func (f *fixture) answers() []audit.FindingRow {
	rows := make([]audit.FindingRow, 0, len(f.Answers))
	for _, a := range f.Answers {
		ts := int64(at(a.At))
		rows = append(rows, audit.FindingRow{
			Tenant: "acme", ID: a.Finding, State: a.State, By: a.By, Note: a.Note, Ticket: a.Ticket,
			Stated: uint64(ts), TS: ts, Observer: ts, TSQuality: "ok",
		})
	}
	return rows
}

// load delivers everything twice, the second time in blocks of another size, so
// that the store cannot know them again by their tokens.
func (f *fixture) load(ctx context.Context, t *testing.T, sender *insert.Sender) {
	t.Helper()
	now := epoch.Add(48 * time.Hour)
	emit := func(block *audit.Encoded) error { return sender.Insert(ctx, block) }
	for _, limits := range []audit.Limits{{}, {BlockRows: 3}} {
		for _, td := range parts(f.traces(t), limits.BlockRows) {
			_, err := audit.NewEncoder(limits, audit.Content{}).Encode(td, now, emit)
			require.NoError(t, err)
		}
		var err error
		_, err = audit.NewLogEncoder(limits).Encode(f.logs(t), now, emit, func(r *audit.RefusedLog) {
			require.NoError(t, r.Err)
		})
		require.NoError(t, err)
	}
	rows := f.answers()
	for _, part := range [][]audit.FindingRow{rows, rows[:1], rows[1:]} {
		block, err := audit.EncodeFindings(part)
		require.NoError(t, err)
		require.NoError(t, emit(block))
	}
}

// parts splits td into batches of n spans, and not at all for n = 0.
func parts(td ptrace.Traces, n int) []ptrace.Traces {
	if n == 0 {
		return []ptrace.Traces{td}
	}
	var out []ptrace.Traces
	for first := 0; first < td.SpanCount(); first += n {
		part, i := ptrace.NewTraces(), 0
		td.CopyTo(part)
		for _, rs := range part.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				ss.Spans().RemoveIf(func(ptrace.Span) bool {
					i++
					return i-1 < first || i-1 >= first+n
				})
			}
		}
		out = append(out, part)
	}
	return out
}

// open migrates a database of the store's and returns a connection and a sender.
func open(t *testing.T, dsn string) (driver.Conn, *insert.Sender) {
	t.Helper()
	opts, err := audit.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	database := opts.Auth.Database
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: database, Retention: "none"})
	require.NoError(t, err)
	sender := insert.New(opts, database, insert.None)
	t.Cleanup(func() {
		sender.Close()
		require.NoError(t, conn.Close())
	})
	return conn, sender
}
