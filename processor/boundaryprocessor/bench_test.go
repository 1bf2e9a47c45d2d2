package boundaryprocessor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/metadata"
)

// batch is what a genai processor hands on: one run and what was done in it.
func batch(n int, args string) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	for i := range 8 {
		rs.Resource().Attributes().PutStr(fmt.Sprintf("resource.attribute.%d", i), "value")
	}
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{byte(i + 1)})
		at := pcommon.NewTimestampFromTime(noon.Add(time.Duration(i) * time.Millisecond))
		s.SetStartTimestamp(at)
		s.SetEndTimestamp(at)
		a := s.Attributes()
		switch {
		case i == 0:
			a.PutStr("gen_ai.operation.name", "invoke_agent")
			a.PutStr("gen_ai.agent.name", "support")
			a.PutStr("user.id", "ann@acme.example")
		case i%2 == 0:
			s.SetParentSpanID(pcommon.SpanID{1})
			a.PutStr("gen_ai.operation.name", "chat")
			a.PutStr("gen_ai.provider.name", "openai")
			a.PutStr("gen_ai.request.model", "gpt-4o-mini")
			a.PutStr("gen_ai.response.model", "gpt-4o-mini")
			a.PutInt("gen_ai.usage.input_tokens", 100)
			a.PutInt("gen_ai.usage.output_tokens", 10)
		default:
			s.SetParentSpanID(pcommon.SpanID{1})
			a.PutStr("gen_ai.operation.name", "execute_tool")
			a.PutStr("gen_ai.tool.name", "send_email")
			if args != "" {
				a.PutStr("gen_ai.tool.call.arguments", args)
			}
		}
	}
	genaiFront()(td)
	return td
}

// BenchmarkSpan is what one span costs, the reading of it included, which other
// processors do as well: see BenchmarkDecode.
func BenchmarkSpan(b *testing.B) {
	const n = 100
	for name, args := range map[string]string{"without arguments": "", "with arguments": `{"to":"ann@acme.example","subject":"Hello"}`} {
		b.Run(name, func(b *testing.B) {
			td := batch(n, args)
			p := startWith(b, processortest.NewNopSettings(metadata.Type), &registry{history: standard(b)}, consumertest.NewNop(), nil)
			defer func() { require.NoError(b, p.Shutdown(b.Context())) }()
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer() // a span is judged once
				fresh := ptrace.NewTraces()
				td.CopyTo(fresh)
				b.StartTimer()
				if err := p.ConsumeTraces(b.Context(), fresh); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/span")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	const n = 100
	td := batch(n, "")
	var batch genai.Batch
	for b.Loop() {
		b.StopTimer()
		fresh := ptrace.NewTraces()
		td.CopyTo(fresh)
		b.StartTimer()
		batch.Decode(fresh, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/span")
}
