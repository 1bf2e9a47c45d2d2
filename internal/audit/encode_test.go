package audit

import (
	"bytes"
	"fmt"
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
		column := proto.ColResult(proto.NewMap(new(proto.ColStr).LowCardinality(), new(proto.ColStr)))
		if in.Data.Type() != "Map(LowCardinality(String), String)" {
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

func BenchmarkEncode(b *testing.B) {
	td := chats(8192)
	e := NewEncoder(Limits{}, Content{})
	rows, size := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		_, err := e.Encode(td, now, func(enc *Encoded) error {
			rows += enc.Rows
			size = len(enc.Native)
			return nil
		})
		require.NoError(b, err)
	}
	require.Equal(b, b.N*8192, rows)
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(size)/8192, "B/row")
}
