package fleet

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// models are what the agents call, with the release that answers.
var models = []struct{ provider, asked, answered string }{
	{"openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"},
	{"openai", "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"},
	{"anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001"},
}

// tool is what an agent of the fleet may call.
type tool struct{ name, operation, argument string }

var tools = []tool{
	{"search_docs", "read", `{"query":"how do I return order %06d after it was opened?","limit":10}`},
	{"get_order", "read", `{"order_id":"%06d"}`},
	{"list_customers", "read", `{"segment":"%06d"}`},
	{"get_weather", "read", `{"city":"Paris","day":"%06d"}`},
	{"read_file", "read", `{"path":"/srv/help/articles/%06d.md"}`},
	{"create_ticket", "write", `{"title":"Order %06d arrived damaged","priority":"normal"}`},
}

// meet begins a session.
func (s *service) meet() {
	s.convo = fmt.Sprintf("conv_%016x%08x", s.rand.Uint64(), s.rand.Uint32())
	s.user = fmt.Sprintf("user-%04d@acme.example", s.rand.IntN(5000))
}

// begin begins a turn and moves the time to the next.
func (s *service) begin() turn {
	t := turn{service: s, agent: Agent(s.n), at: s.at, model: s.n % len(models)}
	binary.BigEndian.PutUint64(t.trace[:8], s.rand.Uint64())
	binary.BigEndian.PutUint64(t.trace[8:], s.rand.Uint64())
	s.at = s.at.Add(s.spec.Every)
	return t
}

// run adds the spans of a turn.
func (s *service) run() {
	if s.turn%s.spec.Turns == 0 {
		s.meet()
	}
	s.turn++
	t := s.begin()
	root := t.start(pcommon.SpanID{})
	t.chat(root, "tool_calls")
	t.tool(root)
	t.chat(root, "tool_calls")
	if s.rand.IntN(2) == 0 {
		t.tool(root)
	} else {
		t.delegate(root)
	}
	t.chat(root, "tool_calls")
	t.tool(root)
	t.chat(root, "stop")
	t.took(time.Millisecond, 30*time.Millisecond)
	t.end(root, "invoke_agent "+t.agent, t.agentFacts)
}

// turn is a trace in the making. at is where its time has come to.
type turn struct {
	*service
	trace pcommon.TraceID
	agent string
	at    time.Time
	model int
}

// open is a span that has begun.
type open struct {
	id, parent pcommon.SpanID
	start      time.Time
}

func (t *turn) start(parent pcommon.SpanID) open {
	o := open{parent: parent, start: t.at}
	binary.BigEndian.PutUint64(o.id[:], t.rand.Uint64())
	return o
}

// took lets time pass: the shortest and the longest that it can be.
func (t *turn) took(least, most time.Duration) {
	t.at = t.at.Add(least + time.Duration(t.rand.Int64N(int64(most-least))))
}

func (t *turn) end(o open, name string, facts func(pcommon.Map)) {
	span := ptrace.NewSpan()
	span.SetTraceID(t.trace)
	span.SetSpanID(o.id)
	span.SetParentSpanID(o.parent)
	span.SetName(name)
	span.SetKind(ptrace.SpanKindInternal)
	span.SetFlags(257)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(o.start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(t.at))
	m := span.Attributes()
	m.EnsureCapacity(18)
	facts(m)
	m.PutStr("gen_ai.agent.id", t.agent)
	m.PutStr("gen_ai.agent.name", t.agent)
	m.PutStr("gen_ai.conversation.id", t.convo)
	m.PutStr("user.id", t.user)
	heap.Push(&t.open, span)
}

func (t *turn) agentFacts(m pcommon.Map) {
	m.PutStr("gen_ai.operation.name", "invoke_agent")
	m.PutStr("gen_ai.provider.name", models[t.model].provider)
	m.PutStr("gen_ai.request.model", models[t.model].asked)
	if t.spec.Content {
		m.PutStr("gen_ai.input.messages", t.messages("user", 60))
	}
}

func (t *turn) chat(parent open, finish string) {
	o := t.start(parent.id)
	t.took(300*time.Millisecond, 4*time.Second)
	model := models[t.model]
	t.end(o, "chat "+model.asked, func(m pcommon.Map) {
		m.PutStr("gen_ai.operation.name", "chat")
		m.PutStr("gen_ai.provider.name", model.provider)
		m.PutStr("gen_ai.request.model", model.asked)
		m.PutStr("gen_ai.response.model", model.answered)
		m.PutStr("gen_ai.response.id", fmt.Sprintf("resp_%016x%08x", t.rand.Uint64(), t.rand.Uint32()))
		m.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr(finish)
		m.PutDouble("gen_ai.request.temperature", .2)
		m.PutInt("gen_ai.request.max_tokens", 2048)
		input := 800 + t.rand.Int64N(3000)
		m.PutInt("gen_ai.usage.input_tokens", input)
		m.PutInt("gen_ai.usage.output_tokens", 20+t.rand.Int64N(400))
		m.PutInt("gen_ai.usage.cache_read.input_tokens", input/64*32)
		m.PutStr("server.address", "api."+model.provider+".com")
		m.PutInt("server.port", 443)
		if t.spec.Content {
			m.PutStr("gen_ai.system_instructions", instructions)
			m.PutStr("gen_ai.input.messages", t.messages("user", 220))
			m.PutStr("gen_ai.output.messages", t.messages("assistant", 60))
		}
	})
}

func (t *turn) tool(parent open) {
	o := t.start(parent.id)
	t.took(5*time.Millisecond, 700*time.Millisecond)
	what := tools[t.rand.IntN(len(tools))]
	t.end(o, "execute_tool "+what.name, func(m pcommon.Map) {
		m.PutStr("gen_ai.operation.name", "execute_tool")
		m.PutStr("gen_ai.tool.name", what.name)
		m.PutStr("gen_ai.tool.type", "function")
		m.PutStr("gen_ai.tool.description", "Used where an answer depends on what only our systems know.")
		m.PutStr("gen_ai.tool.call.id", fmt.Sprintf("call_%016x%08x", t.rand.Uint64(), t.rand.Uint32()))
		if t.spec.Content {
			m.PutStr("gen_ai.tool.call.arguments", fmt.Sprintf(what.argument, t.rand.IntN(1_000_000)))
			m.PutStr("gen_ai.tool.call.result", t.messages("tool", 90))
		}
	})
}

// delegate has the other agent do a part, as its child.
func (t *turn) delegate(parent open) {
	helper := *t
	helper.agent = Helper(t.n)
	run := helper.start(parent.id)
	helper.chat(run, "tool_calls")
	helper.tool(run)
	helper.chat(run, "stop")
	helper.took(time.Millisecond, 30*time.Millisecond)
	helper.end(run, "invoke_agent "+helper.agent, helper.agentFacts)
	t.at = helper.at
}
