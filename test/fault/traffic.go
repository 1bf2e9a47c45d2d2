package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// shape says what the traffic of a scenario looks like. Trace n of a shape is
// always the same spans, so that what was accepted can be made again and counted
// anew.
type shape struct {
	Agents int           // distinct leading agents; 0 means 1
	Calls  int           // model calls in each trace, below a million; 0 means 2
	Alone  bool          // a trace is one model call of the leading agent
	Pad    int           // bytes of an attribute on each model call
	Shift  time.Duration // added to every time: a sender's clock that is off
	Began  time.Time     // of trace 0
	Edit   func(n int, span ptrace.Span)
}

// The price of one model call, in pico-USD: 1,000 tokens in at 0.15 and 100 out
// at 0.60 USD per million.
const callPico = 210_000_000

// traceSeed is the first half of every trace id, so that the harness's spans are
// told from others.
const traceSeed = 0xfa017fa017fa0170

func (s *shape) calls() int {
	if s.Calls == 0 {
		return 2
	}
	return s.Calls
}

// spans is how many spans a trace has: two agents, model calls, one tool call.
func (s *shape) spans() int {
	if s.Alone {
		return 1
	}
	return s.calls() + 3
}

func spanID(n, i int) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], spanNumber(n, i))
	return id
}

// spanNumber holds the number of a trace and, in 20 bits, of its span.
func spanNumber(n, i int) uint64 { return uint64(n)<<20 | uint64(i+1) }

// request holds the traces from a up to b, whole ones.
func (s *shape) request(a, b int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := s.resource(td)
	spans.EnsureCapacity((b - a) * s.spans())
	for n := a; n < b; n++ {
		s.trace(n, 0, s.spans(), spans)
	}
	return td
}

// part holds spans from up to to of trace n.
func (s *shape) part(n, from, to int) ptrace.Traces {
	td := ptrace.NewTraces()
	s.trace(n, from, to, s.resource(td))
	return td
}

func (s *shape) resource(td ptrace.Traces) ptrace.SpanSlice {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "fault")
	return rs.ScopeSpans().AppendEmpty().Spans()
}

// trace appends spans from up to to of trace n: a lead asks a worker, who calls a
// model some times and a tool once.
func (s *shape) trace(n, from, to int, spans ptrace.SpanSlice) {
	var traceID pcommon.TraceID
	binary.BigEndian.PutUint64(traceID[:8], traceSeed)
	binary.BigEndian.PutUint64(traceID[8:], uint64(n))
	at := s.Began.Add(time.Duration(n)*time.Millisecond + s.Shift)
	for i := from; i < to; i++ {
		span := spans.AppendEmpty()
		span.SetTraceID(traceID)
		span.SetSpanID(spanID(n, i))
		a := span.Attributes()
		a.PutStr("spanwarden.project.id", project)
		a.PutStr("gen_ai.conversation.id", fmt.Sprintf("s-%d", n))
		start := at.Add(time.Duration(i) * time.Microsecond)
		switch last := s.spans() - 1; {
		case s.Alone:
			agent(span, fmt.Sprintf("lead-%d", n%max(1, s.Agents)))
			s.call(span)
		case i == 0:
			agent(span, fmt.Sprintf("lead-%d", n%max(1, s.Agents)))
		case i == 1:
			span.SetParentSpanID(spanID(n, 0))
			agent(span, "worker")
		case i == last:
			span.SetParentSpanID(spanID(n, 1))
			span.SetName("execute_tool look_up")
			a.PutStr("gen_ai.operation.name", "execute_tool")
			a.PutStr("gen_ai.tool.name", "look_up")
		default:
			span.SetParentSpanID(spanID(n, 1))
			s.call(span)
		}
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Millisecond)))
		if s.Edit != nil {
			s.Edit(n, span)
		}
	}
}

func agent(span ptrace.Span, name string) {
	span.SetName("invoke_agent " + name)
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "invoke_agent")
	a.PutStr("gen_ai.agent.id", name)
	a.PutStr("gen_ai.agent.name", name)
}

func (s *shape) call(span ptrace.Span) {
	span.SetName("chat gpt-4o-mini")
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o-mini")
	a.PutInt("gen_ai.usage.input_tokens", 1000)
	a.PutInt("gen_ai.usage.output_tokens", 100)
	if s.Pad > 0 {
		a.PutStr("app.pad", strings.Repeat("x", s.Pad))
	}
}

// project is whose budget all of it is charged to.
const project = "fault"
