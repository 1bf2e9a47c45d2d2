package audit_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

var (
	observed = time.Date(2026, 11, 24, 12, 0, 0, 987654321, time.UTC)
	writer   = audit.Writer{ID: "w1", Epoch: 1<<63 + 5}
)

// hostile are texts that trip up whoever hashes or stores them carelessly.
var hostile = []string{
	"", "\x00", "a\x00", "\x00\x00\x00", "1:a,", "0:,", "\xff\xfe", "é\x80", "'", "\\", "\\x00", "\n\t\r", "{db}", "日本", strings.Repeat("\x00", 300),
	strings.Repeat("9", 999), strings.Repeat("x", 1000), "NULL", "\\N", "\u200b", "`", ";--",
}

var numbers = []int64{0, 1, 9, 10, 99, 100, math.MaxInt64, math.MaxInt64 - 1, 1 << 32, -1, math.MinInt64}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// fillHostile puts every attribute of ours and some of others on m.
func fillHostile(r *rand.Rand, m pcommon.Map, keys []string) {
	for _, k := range keys {
		switch r.IntN(4) {
		case 0:
			m.PutStr(k, pick(r, hostile))
		case 1:
			m.PutInt(k, pick(r, numbers))
		case 2:
			m.PutDouble(k, pick(r, []float64{0, 0.1, 1e-13, 1e25, -1e25, 0.000000000001, 9999999.123456789012, math.NaN(), math.Inf(1)}))
		}
	}
	for range r.IntN(5) {
		m.PutStr(pick(r, hostile), pick(r, hostile))
	}
	if r.IntN(40) == 0 {
		for i := range 400 {
			m.PutStr(fmt.Sprintf("k%d%s", i, pick(r, hostile)), pick(r, hostile))
		}
	}
}

var spanKeys = []string{
	attr.ActionKind, attr.AgentID, attr.AgentName, attr.SessionID, attr.PrincipalID, attr.CostUSD, attr.CostInputUSD, attr.CostListUSD,
	attr.InputTokens, attr.OutputTokens, attr.ChainDepth, attr.RunID, attr.ToolName, attr.BoundaryVerdict, attr.DecisionReason,
	"gen_ai.operation.name", "gen_ai.request.model", "gen_ai.tool.name", "gen_ai.usage.input_tokens", "gen_ai.input.messages",
}

func hostileSpans(r *rand.Rand, n int) ptrace.Traces {
	td := ptrace.NewTraces()
	var spans ptrace.SpanSlice
	for i := range n {
		if i%7 == 0 {
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", pick(r, hostile))
			fillHostile(r, rs.Resource().Attributes(), []string{"a", "b"})
			spans = rs.ScopeSpans().AppendEmpty().Spans()
		}
		s := spans.AppendEmpty()
		s.SetName(pick(r, hostile))
		s.SetTraceID(pcommon.TraceID{byte(r.Uint32())})
		s.SetSpanID(pcommon.SpanID{byte(r.Uint32()), byte(i >> 8), byte(i)})
		s.SetStartTimestamp(pick(r, []pcommon.Timestamp{0, 1, math.MaxUint64, math.MaxInt64, pcommon.NewTimestampFromTime(observed)}))
		s.SetEndTimestamp(pick(r, []pcommon.Timestamp{0, 1, math.MaxUint64, pcommon.NewTimestampFromTime(observed.Add(time.Nanosecond))}))
		s.Status().SetMessage(pick(r, hostile))
		fillHostile(r, s.Attributes(), spanKeys)
		for range r.IntN(3) {
			link := s.Links().AppendEmpty()
			link.SetTraceID(pcommon.TraceID{0, 9})
			fillHostile(r, link.Attributes(), []string{"role"})
			s.Events().AppendEmpty().SetName(pick(r, hostile))
		}
		for _, name := range []string{attr.AttributionEvent, attr.DelegationEdgeEvent, attr.DelegationRunEvent, attr.DelegationChainEvent} {
			ev := s.Events().AppendEmpty()
			ev.SetName(name)
			ev.SetTimestamp(pcommon.NewTimestampFromTime(observed))
			fillHostile(r, ev.Attributes(), []string{attr.PrincipalID, attr.DelegationScope, attr.DelegationExpiresAt, attr.ChainDepth, attr.BoundaryVerdict})
			ev.Attributes().PutStr(attr.AttributionAction, strings.Repeat("00ff", 8))
			for _, k := range []string{attr.DelegationEdgeID, attr.DelegationDelegateeRun, attr.RunID, attr.ChainID} {
				ev.Attributes().PutStr(k, "x"+pick(r, hostile))
			}
		}
	}
	return td
}

func hostileLogs(t *testing.T, r *rand.Rand, n int) plog.Logs {
	t.Helper()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	fillHostile(r, rl.Resource().Attributes(), []string{"service.name"})
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range n {
		f := finding.New(pick(r, []finding.Type{finding.ConfigChanged, finding.BudgetHalt}), "acme", fmt.Sprint("k", i))
		f.Message, f.At, f.Observed, f.Limit = "m"+pick(r, hostile), observed, finding.Known(pick(r, []float64{-1e25, 0, 0.5})), finding.Known(1e-12)
		lr := records.AppendEmpty()
		require.NoError(t, f.ToLog(lr, f.At))
		fillHostile(r, lr.Attributes(), []string{attr.ConfigVersion, attr.ConfigDiff, attr.ConfigBy})
		lr.Attributes().PutStr(attr.ConfigKind, "registry")
		lr.Attributes().PutEmptySlice(attr.ConfigFiles).AppendEmpty().SetStr(pick(r, hostile))
	}
	return ld
}

func open(t *testing.T, dsn string) (driver.Conn, *insert.Sender) {
	t.Helper()
	opts, err := audit.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database, Retention: "none"})
	require.NoError(t, err)
	sender := insert.New(opts, opts.Auth.Database, insert.None)
	t.Cleanup(func() {
		sender.Close()
		require.NoError(t, conn.Close())
	})
	return conn, sender
}

// sealedBatch is what Go says of an insert.
type sealedBatch struct {
	table, digest string
	rows          int
}

func storeHostile(ctx context.Context, t *testing.T, sender *insert.Sender, seed uint64) map[string]sealedBatch {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	want := map[string]sealedBatch{}
	emit := func(b *audit.Encoded) error {
		if b.Seal != nil {
			want[hex.EncodeToString(b.Seal.Digest[:16])] = sealedBatch{b.Table, strings.ToUpper(hex.EncodeToString(b.Seal.Digest[:])), b.Rows}
		}
		return sender.Insert(ctx, b)
	}
	e := audit.NewEncoder(audit.Limits{BlockRows: 50}, audit.Content{Enabled: true, Secret: []byte("0123456789abcdef")})
	e.SealFor(writer)
	_, err := e.Encode(hostileSpans(r, 120), observed, emit)
	require.NoError(t, err)
	l := audit.NewLogEncoder(audit.Limits{})
	l.SealFor(writer)
	_, err = l.Encode(hostileLogs(t, r, 60), observed, emit, func(*audit.RefusedLog) {})
	require.NoError(t, err)
	holds, err := audit.EncodeHolds(writer, hostileHolds(r, 20))
	require.NoError(t, err)
	require.NoError(t, emit(holds))
	events, err := audit.EncodeRetention(writer, hostileRetention(r, 20))
	require.NoError(t, err)
	require.NoError(t, emit(events))
	return want
}

func hostileHolds(r *rand.Rand, n int) []audit.HoldRow {
	rows := make([]audit.HoldRow, n)
	for i := range rows {
		rows[i] = audit.HoldRow{
			ID: strconv.Itoa(i), Event: audit.HoldPlaced, Matter: pick(r, hostile), Tenant: pick(r, hostile), Table: audit.All,
			From: audit.Time{Set: r.IntN(2) == 0, Value: r.Int64()}, By: pick(r, hostile), Reason: pick(r, hostile),
			TS: observed.UnixNano(), Observer: observed.UnixNano(),
		}
	}
	return rows
}

func hostileRetention(r *rand.Rand, n int) []audit.RetentionRow {
	rows := make([]audit.RetentionRow, n)
	for i := range rows {
		rows[i] = audit.RetentionRow{
			ID: strconv.Itoa(i), Kind: audit.RetentionErased, Table: pick(r, hostile), Rows: r.Uint64(), MaxTS: audit.Time{Set: r.IntN(2) == 0, Value: r.Int64()},
			PolicyDays: audit.Count{Set: r.IntN(2) == 0, Value: r.Uint64()}, Hold: r.IntN(2) == 0, Logs: []string{pick(r, hostile), pick(r, hostile)},
			Criteria: []audit.Attr{{Key: "session", Value: pick(r, hostile)}}, Digests: []string{pick(r, hostile)}, By: pick(r, hostile),
			TS: observed.UnixNano(), Observer: observed.UnixNano(),
		}
	}
	return rows
}

// What Go hashed on the way in, what the store's SQL computes and what a slow
// program computes from the values that the store returns, by the words of the
// README alone, is the same; whatever the values are.
func TestRowHashesAgree(t *testing.T) {
	conn, sender := open(t, storetest.Start(t).Database(t))
	for seed := range uint64(3) {
		storeHostile(t.Context(), t, sender, seed)
	}
	want := storeHostile(t.Context(), t, sender, 3)
	seen := map[string]bool{}
	for _, table := range audit.SealedTables(audit.HashVersion) {
		bySQL := digests(t, conn, &table)
		slow := slowDigests(t, conn, &table)
		assert.NotEmpty(t, bySQL, table.Name)
		assert.Equal(t, slow, bySQL, table.Name)
		for id, b := range want {
			if b.table == table.Name {
				assert.Equal(t, fmt.Sprint(b.rows, " ", b.digest), bySQL[id], "%s %s", table.Name, id)
				seen[id] = true
			}
		}
	}
	assert.Len(t, seen, len(want))
}

func digests(t *testing.T, conn driver.Conn, table *audit.SealedTable) map[string]string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT lower(hex(batch_id)), concat(toString(batch_rows), ' ', batch_digest) FROM ("+table.BatchDigests(table.Name, "")+")")
	require.NoError(t, err)
	got := map[string]string{}
	for rows.Next() {
		var id, text string
		require.NoError(t, rows.Scan(&id, &text))
		got[id] = text
	}
	require.NoError(t, rows.Err())
	return got
}

// slowDigests reads values, not text, and hashes them as the README says.
func slowDigests(t *testing.T, conn driver.Conn, table *audit.SealedTable) map[string]string {
	t.Helper()
	names := make([]string, len(table.Fields))
	for i, f := range table.Fields {
		names[i] = f.Name
		if strings.HasPrefix(f.Type, "Nullable(Decimal") {
			names[i] = "toDecimalString(" + f.Name + ", 12)"
		} else if strings.Contains(f.Type, "DateTime64") {
			names[i] = "toUnixTimestamp64Nano(" + f.Name + ")"
		}
	}
	rows, err := conn.Query(t.Context(), "SELECT hex(batch_id), row_ix, "+strings.Join(names, ", ")+" FROM "+table.Name+" ORDER BY batch_id, row_ix")
	require.NoError(t, err)
	hashes := map[string][]string{}
	for rows.Next() {
		var id string
		var ix uint32
		values := make([]any, len(table.Fields))
		into := append(make([]any, 0, 2+len(values)), &id, &ix)
		for i, f := range table.Fields {
			values[i] = destination(t, f.Type)
			into = append(into, values[i])
		}
		require.NoError(t, rows.Scan(into...))
		text := make([]byte, 1, 4096)
		for _, v := range values {
			text = append(text, net(plain(t, v))...)
		}
		sum := sha256.Sum256(text)
		require.Len(t, hashes[id], int(ix))
		hashes[id] = append(hashes[id], strings.ToUpper(hex.EncodeToString(sum[:])))
	}
	require.NoError(t, rows.Err())
	got := map[string]string{}
	for id, h := range hashes {
		d := sha256.Sum256([]byte("\x02" + strings.Join(h, "")))
		got[strings.ToLower(id)] = fmt.Sprint(len(h), " ", strings.ToUpper(hex.EncodeToString(d[:])))
	}
	return got
}

func destination(t *testing.T, of string) any {
	t.Helper()
	switch of {
	case "String", "LowCardinality(String)":
		return new(string)
	case "FixedString(16)":
		return new([16]byte)
	case "UInt8":
		return new(uint8)
	case "UInt16":
		return new(uint16)
	case "UInt32":
		return new(uint32)
	case "UInt64":
		return new(uint64)
	case "Nullable(UInt64)":
		return new(*uint64)
	case "DateTime64(9, 'UTC')":
		return new(int64)
	case "Nullable(DateTime64(9, 'UTC'))":
		return new(*int64)
	case "Nullable(Decimal(38, 12))":
		return new(*string)
	case "Array(String)", "Array(LowCardinality(String))":
		return new([]string)
	case "Map(LowCardinality(String), String)":
		return new(map[string]string)
	case "Array(Map(LowCardinality(String), String))":
		return new([]map[string]string)
	}
	t.Fatal("no destination for ", of)
	return nil
}

func net(s string) string { return fmt.Sprintf("%d:%s,", len(s), s) }

func plain(t *testing.T, v any) string {
	t.Helper()
	switch v := v.(type) {
	case *string:
		return *v
	case *[16]byte:
		return hex.EncodeToString(v[:])
	case *uint8, *uint16, *uint32, *uint64, *int64:
		return strings.TrimPrefix(fmt.Sprintf("%d", deref(v)), "&")
	case **uint64:
		if *v == nil {
			return ""
		}
		return strconv.FormatUint(**v, 10)
	case **int64:
		if *v == nil {
			return ""
		}
		return strconv.FormatInt(**v, 10)
	case **string: // a decimal
		if *v == nil {
			return ""
		}
		sign, digits := "", strings.ReplaceAll(**v, ".", "")
		if strings.HasPrefix(digits, "-") {
			sign, digits = "-", digits[1:]
		}
		if digits = strings.TrimLeft(digits, "0"); digits == "" {
			return "0"
		}
		return sign + digits
	case *[]string:
		var text strings.Builder
		for _, e := range *v {
			text.WriteString(net(e))
		}
		return text.String()
	case *map[string]string:
		return plainMap(*v)
	case *[]map[string]string:
		var text strings.Builder
		for _, m := range *v {
			text.WriteString(net(plainMap(m)))
		}
		return text.String()
	}
	t.Fatalf("no text for %T", v)
	return ""
}

func deref(v any) any {
	switch v := v.(type) {
	case *uint8:
		return *v
	case *uint16:
		return *v
	case *uint32:
		return *v
	case *uint64:
		return *v
	case *int64:
		return *v
	}
	return nil
}

func plainMap(m map[string]string) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var text strings.Builder
	for _, k := range keys {
		text.WriteString(net(k) + net(m[k]))
	}
	return text.String()
}
