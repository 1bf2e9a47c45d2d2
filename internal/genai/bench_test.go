package genai_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/genai"
)

const benchSpans = 512

// benchTraces is a run of agents: an agent, its model calls and tool calls.
func benchTraces() ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "bench")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.openai_v2")
	for i := range benchSpans {
		s := ss.Spans().AppendEmpty()
		s.SetTraceID(pcommon.TraceID{15: byte(i / 8), 14: byte(i / 2048), 0: 1})
		s.SetSpanID(pcommon.SpanID{7: byte(i%8) + 1})
		m := s.Attributes()
		if i%8 == 7 {
			m.PutStr("gen_ai.operation.name", "invoke_agent")
			m.PutStr("gen_ai.agent.name", "billing")
			m.PutStr("gen_ai.conversation.id", "conversation-1")
			m.PutStr("user.id", "user-1")
			continue
		}
		s.SetParentSpanID(pcommon.SpanID{7: 8})
		if i%4 == 3 {
			m.PutStr("gen_ai.operation.name", "execute_tool")
			m.PutStr("gen_ai.tool.name", "get_invoice")
			m.PutStr("gen_ai.tool.call.id", "call_"+string(rune('a'+i%26)))
			m.PutStr("gen_ai.tool.type", "function")
			continue
		}
		m.PutStr("gen_ai.operation.name", "chat")
		m.PutStr("gen_ai.provider.name", "openai")
		m.PutStr("gen_ai.request.model", "gpt-5-mini")
		m.PutStr("gen_ai.response.model", "gpt-5-mini-2025-08-07")
		m.PutStr("gen_ai.response.id", "chatcmpl-"+time.Duration(i).String())
		m.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("stop")
		m.PutStr("server.address", "api.openai.com")
		m.PutInt("server.port", 443)
		m.PutInt("gen_ai.usage.input_tokens", 1124)
		m.PutInt("gen_ai.usage.output_tokens", 81)
		m.PutInt("gen_ai.usage.cache_read.input_tokens", 672)
		m.PutInt("gen_ai.usage.reasoning.output_tokens", 17)
	}
	return td
}

func perSpan(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
}

func BenchmarkDecodeSemconv(b *testing.B) {
	td := benchTraces()
	var batch genai.Batch
	batch.Decode(td, nil)
	b.ReportAllocs()
	for b.Loop() {
		batch.Decode(td, nil)
	}
	perSpan(b)
	require.Len(b, batch.Items, benchSpans)
	require.Equal(b, int64(1124), batch.Items[0].Action.Usage.Input.N)
}

func BenchmarkDecodeCanonical(b *testing.B) {
	td := benchTraces()
	var batch genai.Batch
	batch.Decode(td, nil)
	genai.NewMemory(genai.Limits{}).Resolve(&batch, time.Time{})
	for i := range batch.Items {
		batch.Items[i].Write()
	}
	b.ReportAllocs()
	for b.Loop() {
		batch.Decode(td, nil)
	}
	perSpan(b)
	require.True(b, batch.Items[0].Action.Canonical)
	require.Equal(b, "billing", batch.Items[0].Action.Agent.ID)
}

// BenchmarkResolve resolves a batch whose spans are all new to the memory.
func BenchmarkResolve(b *testing.B) {
	td := benchTraces()
	var batch genai.Batch
	m := genai.NewMemory(genai.Limits{})
	n := byte(0)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		n++
		for i, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			s.SetTraceID(pcommon.TraceID{15: byte(i / 8), 14: byte(i / 2048), 0: 1, 3: n, 4: byte(b.N), 5: byte(b.N >> 8)})
		}
		batch.Decode(td, nil)
		b.StartTimer()
		m.Resolve(&batch, time.Time{})
	}
	perSpan(b)
	require.NotEmpty(b, batch.Items)
}

func BenchmarkWrite(b *testing.B) {
	td := benchTraces()
	var batch genai.Batch
	batch.Decode(td, nil)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch.Items {
			batch.Items[i].Write()
		}
	}
	perSpan(b)
}

// TestDecodeDoesNotAllocate holds what the benchmarks report.
func TestDecodeDoesNotAllocate(t *testing.T) {
	td := benchTraces()
	var batch genai.Batch
	batch.Decode(td, nil)
	require.Zero(t, testing.AllocsPerRun(5, func() { batch.Decode(td, nil) }), "ordinary spans")
	for i := range batch.Items {
		batch.Items[i].Write()
	}
	require.Zero(t, testing.AllocsPerRun(5, func() { batch.Decode(td, nil) }), "canonical spans")
}
