package audit

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// chats returns n model calls as a genai and a cost processor leave them.
func chats(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr("telemetry.sdk.language", "python")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.openai_v2")
	for i := range n {
		s := ss.Spans().AppendEmpty()
		s.SetName("chat gpt-4.1")
		s.SetTraceID(pcommon.TraceID{1, byte(i >> 16), byte(i >> 8), byte(i)})
		s.SetSpanID(pcommon.SpanID{2, byte(i >> 16), byte(i >> 8), byte(i)})
		start := now.Add(-time.Duration(i) * time.Millisecond)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
		a := s.Attributes()
		a.PutStr("gen_ai.operation.name", "chat")
		a.PutStr("gen_ai.provider.name", "openai")
		a.PutStr("gen_ai.request.model", "gpt-4.1")
		a.PutStr("gen_ai.response.model", "gpt-4.1-2025-04-14")
		a.PutStr("gen_ai.response.id", fmt.Sprintf("chatcmpl-%d", i))
		a.PutInt("gen_ai.usage.input_tokens", int64(1000+i%7))
		a.PutInt("gen_ai.usage.output_tokens", 200)
		a.PutStr("server.address", "api.openai.com")
		a.PutStr(attr.ActionKind, "inference")
		a.PutStr(attr.Dialect, "semconv")
		a.PutStr(attr.AgentID, "planner")
		a.PutStr(attr.AgentName, "planner")
		a.PutStr(attr.SessionID, fmt.Sprintf("session-%d", i/50))
		a.PutStr(attr.PrincipalID, "alice")
		a.PutStr(attr.PrincipalGrade, "declared")
		a.PutInt(attr.InputTokens, int64(1000+i%7))
		a.PutInt(attr.OutputTokens, 200)
		a.PutStr(attr.UsageAccounting, "inclusive")
		a.PutDouble(attr.CostUSD, 0.0036)
		a.PutDouble(attr.CostInputUSD, 0.002)
		a.PutDouble(attr.CostOutputUSD, 0.0016)
		a.PutStr(attr.CostStatus, "priced")
		a.PutStr(attr.CostPriceID, "openai/gpt-4.1")
		a.PutStr(attr.CostBook, "book-1")
	}
	return td
}

// columnsOf decodes a block with the library's own decoder.
func columnsOf(t *testing.T, enc *Encoded) map[string]proto.ColResult {
	t.Helper()
	results := make(proto.Results, 0, len(enc.Input))
	for _, in := range enc.Input {
		mapping := proto.NewMap(new(proto.ColStr).LowCardinality(), new(proto.ColStr))
		var column proto.ColResult
		switch in.Data.Type() {
		case "Map(LowCardinality(String), String)":
			column = mapping
		case "Array(Map(LowCardinality(String), String))":
			column = proto.NewArray(mapping)
		default:
			var auto proto.ColAuto
			require.NoError(t, auto.Infer(in.Data.Type()))
			column = auto.Data
		}
		results = append(results, proto.ResultColumn{Name: in.Name, Data: column})
	}
	var block proto.Block
	require.NoError(t, block.DecodeRawBlock(proto.NewReader(bytes.NewReader(enc.Native)), 0, results))
	require.Equal(t, enc.Rows, block.Rows)
	m := map[string]proto.ColResult{}
	for _, r := range results {
		m[r.Name] = r.Data
	}
	return m
}

func encode(t *testing.T, e *Encoder, td ptrace.Traces, at time.Time) (tokens []string) {
	t.Helper()
	_, err := e.Encode(td, at, func(enc *Encoded) error {
		tokens = append(tokens, enc.Token)
		return nil
	})
	require.NoError(t, err)
	return tokens
}

func TestEncodedBlockDecodes(t *testing.T) {
	e := NewEncoder(Limits{}, Content{})
	_, err := e.Encode(chats(100), now, func(enc *Encoded) error {
		require.Equal(t, "actions", enc.Table)
		cols := columnsOf(t, enc)
		require.Equal(t, "planner", cols["agent_id"].(*proto.ColLowCardinality[string]).Row(3))
		cost := cols["cost_usd"].(*proto.ColNullable[proto.Decimal128])
		assert.Equal(t, uint64(3_600_000_000), cost.Row(99).Value.Low)
		other := cols["cost_other_usd"].(*proto.ColNullable[proto.Decimal128])
		assert.False(t, other.Row(0).Set, "unknown is NULL")
		tokens := cols["input_tokens"].(*proto.ColNullable[uint64])
		assert.Equal(t, uint64(1006), tokens.Row(6).Value)
		attrs := cols["attrs"].(*proto.ColMap[string, string])
		assert.Equal(t, "api.openai.com", attrs.Row(0)["server.address"])
		assert.NotContains(t, attrs.Row(0), "gen_ai.request.model")
		return nil
	})
	require.NoError(t, err)
}

func TestTokenIsOfTheContent(t *testing.T) {
	e := NewEncoder(Limits{}, Content{})
	first := encode(t, e, chats(10), now)
	assert.Equal(t, first, encode(t, e, chats(10), now.Add(time.Hour)), "not of the time of observation")
	assert.Equal(t, first, encode(t, NewEncoder(Limits{}, Content{}), chats(10), now), "nor of the encoder's past")
	td := chats(10)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(4).Attributes().PutStr("other", "x")
	assert.NotEqual(t, first, encode(t, e, td, now))
}

func FuzzEncode(f *testing.F) {
	f.Add("spanwarden.cost.usd", "x", int64(-1), 0.1, uint64(0), uint64(1<<63))
	f.Add("gen_ai.usage.input_tokens", "\xff", int64(1<<62), -1.0, uint64(1790000000e9), uint64(5))
	e := NewEncoder(Limits{ValueBytes: 64, Attributes: 8}, Content{})
	f.Fuzz(func(t *testing.T, key, text string, n int64, d float64, start, end uint64) {
		td := chats(1)
		s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		s.SetStartTimestamp(pcommon.Timestamp(start))
		s.SetEndTimestamp(pcommon.Timestamp(end))
		s.Attributes().PutStr(attr.CostUSD, text)
		s.Attributes().PutDouble(attr.CostOtherUSD, d)
		s.Attributes().PutInt(attr.ChainDepth, n)
		s.Attributes().PutStr(key, text)
		_, err := e.Encode(td, now, func(enc *Encoded) error {
			cols := columnsOf(t, enc)
			if v, _ := s.Attributes().Get(attr.CostUSD); v.Type() == pcommon.ValueTypeStr {
				assert.False(t, cols["cost_usd"].(*proto.ColNullable[proto.Decimal128]).Row(0).Set, "text is no amount")
			}
			other := cols["cost_other_usd"].(*proto.ColNullable[proto.Decimal128]).Row(0)
			if other.Set && other.Value.Low == 0 {
				assert.Less(t, d, 1e-12, "0 only from (nearly) 0")
			}
			assert.LessOrEqual(t, cols["duration_ns"].(*proto.ColUInt64).Row(0), uint64(1<<63))
			return nil
		})
		require.NoError(t, err)
	})
}

// BenchmarkEncode is what the exporter does to spans that have been decoded:
// attributes into columns, the block in format Native, its digest.
func TestLinksAreKept(t *testing.T) {
	td := chats(3)
	s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1)
	for i := range maxLinks + 2 {
		link := s.Links().AppendEmpty()
		link.SetTraceID(pcommon.TraceID{7, byte(i)})
		link.SetSpanID(pcommon.SpanID{8, byte(i)})
	}
	s.Links().At(0).Attributes().PutStr("role", "handed over")
	s.Links().At(0).Attributes().PutStr("gen_ai.input.messages", "content")
	s.Events().AppendEmpty().SetName("retry")
	s.Events().AppendEmpty().SetName(attr.AttributionEvent)
	stats, err := NewEncoder(Limits{}, Content{}).Encode(td, now, func(enc *Encoded) error {
		cols := columnsOf(t, enc)
		traces := cols["link_trace_ids"].(*proto.ColArr[string])
		assert.Empty(t, traces.Row(0))
		require.Len(t, traces.Row(1), maxLinks)
		assert.Equal(t, "07010000000000000000000000000000", traces.Row(1)[1])
		assert.Empty(t, traces.Row(2))
		assert.Equal(t, "0801000000000000", cols["link_span_ids"].(*proto.ColArr[string]).Row(1)[1])
		attrs := cols["link_attrs"].(*proto.ColArr[map[string]string])
		assert.Equal(t, map[string]string{"role": "handed over"}, attrs.Row(1)[0], "without content")
		assert.Len(t, attrs.Row(1), maxLinks)
		assert.Equal(t, []string{"retry"}, cols["event_names"].(*proto.ColArr[string]).Row(1))
		assert.Equal(t, uint32(2), cols["attrs_truncated"].(*proto.ColUInt32).Row(1))
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, 2, stats.Truncated, "what is left out is counted")
}

// Which conventions an emitter follows is kept: the scope's word, else the
// resource's, but not over the span's own.
func TestSchemaURLIsKept(t *testing.T) {
	for _, c := range []struct{ resource, scope, span, want string }{
		{"", "", "", ""},
		{"https://opentelemetry.io/schemas/1.30.0", "", "", "https://opentelemetry.io/schemas/1.30.0"},
		{"https://opentelemetry.io/schemas/1.30.0", "https://opentelemetry.io/schemas/1.37.0", "", "https://opentelemetry.io/schemas/1.37.0"},
		{"", "https://opentelemetry.io/schemas/1.37.0", "mine", "mine"},
	} {
		td := chats(1)
		rs := td.ResourceSpans().At(0)
		rs.SetSchemaUrl(c.resource)
		rs.ScopeSpans().At(0).SetSchemaUrl(c.scope)
		if c.span != "" {
			rs.ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("otel.schema_url", c.span)
		}
		_, err := NewEncoder(Limits{}, Content{}).Encode(td, now, func(enc *Encoded) error {
			assert.Equal(t, c.want, columnsOf(t, enc)["attrs"].(*proto.ColMap[string, string]).Row(0)["otel.schema_url"])
			return nil
		})
		require.NoError(t, err)
	}
}

func TestContentIsBounded(t *testing.T) {
	td := chats(1)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("gen_ai.input.messages", strings.Repeat("x", 100))
	e := NewEncoder(Limits{ContentBytes: 10}, Content{Enabled: true, Secret: []byte("0123456789abcdef")})
	stats, err := e.Encode(td, now, func(enc *Encoded) error {
		if enc.Table == "content" {
			cols := columnsOf(t, enc)
			assert.Equal(t, strings.Repeat("x", 10)+cutMark, cols["body"].(*proto.ColStr).Row(0))
			assert.Equal(t, uint64(100), cols["body_bytes"].(*proto.ColUInt64).Row(0), "of the whole")
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, 1, stats.Contents)
	assert.Equal(t, 1, stats.Truncated)
}

// BenchmarkEncodeWithDecode is all that the exporter does for a batch but send
// it: genai.Decode, then rows, columns, digest and Native block.
func BenchmarkEncodeWithDecode(b *testing.B) {
	td := chats(8192)
	benchmark(b, func(e *Encoder, emit func(*Encoded) error) error {
		_, err := e.Encode(td, now, emit)
		return err
	})
}

// BenchmarkEncodeWithoutDecode leaves genai.Decode out: it is decoded once.
func BenchmarkEncodeWithoutDecode(b *testing.B) {
	td := chats(8192)
	decoded := false
	benchmark(b, func(e *Encoder, emit func(*Encoded) error) error {
		e.reset()
		if !decoded {
			e.batch.Decode(td, &e.opts)
			decoded = true
		}
		if err := e.addAll(now.UnixNano(), emit); err != nil {
			return err
		}
		return e.flush(emit)
	})
}

func benchmark(b *testing.B, encode func(*Encoder, func(*Encoded) error) error) {
	b.Helper()
	e := NewEncoder(Limits{}, Content{})
	rows, size := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, encode(e, func(enc *Encoded) error {
			rows += enc.Rows
			size = len(enc.Native)
			return nil
		}))
	}
	require.Equal(b, b.N*8192, rows)
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(size)/8192, "B/row")
}

// BenchmarkEncodeSealed is BenchmarkEncodeWithDecode with row hashes.
func BenchmarkEncodeSealed(b *testing.B) {
	td := chats(8192)
	benchmark(b, func(e *Encoder, emit func(*Encoded) error) error {
		e.SealFor(Writer{ID: "w", Epoch: 1})
		_, err := e.Encode(td, now, emit)
		return err
	})
}
