// Package fleet makes the telemetry of many agents at work, and the policy files
// that match them: load for the benchmarks. What it makes depends on its Spec
// alone.
//
// The spans are modelled on testdata/corpus: a turn of an agent is a trace of
// calls to models and tools, some tools are another agent, every span carries the
// conversation. Requests hold what one process exports at a time, in the order in
// which spans end: children before parents, and now and then in another request.
package fleet

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Spec says which fleet.
type Spec struct {
	Seed uint64
	// Services is the number of processes. Each runs one agent, which has one other
	// agent to ask: twice as many agents.
	Services int
	// Turns is how many turns a session has, at least 1.
	Turns int
	// Content is whether spans carry prompts, answers, arguments and results.
	Content bool
	// Start is when the first turn begins; Every is the time from a turn of a service
	// to its next.
	Start time.Time
	Every time.Duration
}

// Fleet is a stream of requests. Not safe for concurrent use.
type Fleet struct {
	spec     Spec
	services []*service
	next     int
}

// service is one process: spans that have not ended yet wait in open.
type service struct {
	spec  *Spec
	n     int
	rand  *rand.Rand
	at    time.Time
	open  ending
	turn  int
	convo string
	user  string
}

// New returns the fleet at its start.
func New(spec Spec) *Fleet {
	f := &Fleet{spec: spec}
	for n := range spec.Services {
		r := rand.New(rand.NewPCG(spec.Seed, uint64(n)))
		// Processes are not in step.
		at := spec.Start.Add(time.Duration(r.Int64N(int64(spec.Every))))
		f.services = append(f.services, &service{spec: &f.spec, n: n, rand: r, at: at})
	}
	return f
}

// Agent returns the name of the agent of service n, and Helper that of the one it
// asks.
func Agent(n int) string { return fmt.Sprintf("support-%05d", n) }

// Helper is the agent that Agent(n) delegates to.
func Helper(n int) string { return fmt.Sprintf("researcher-%05d", n) }

// Request returns the next export of the next service: spans is how many.
func (f *Fleet) Request(spans int) ptrace.Traces {
	s := f.services[f.next]
	f.next = (f.next + 1) % len(f.services)
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	s.resource(rs.Resource().Attributes())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.agents")
	ss.Scope().SetVersion("0.9.2")
	ss.Spans().EnsureCapacity(spans)
	for ss.Spans().Len() < spans {
		for len(s.open) == 0 || s.open[0].EndTimestamp() > pcommon.NewTimestampFromTime(s.at) {
			s.run()
		}
		heap.Pop(&s.open).(ptrace.Span).MoveTo(ss.Spans().AppendEmpty())
	}
	return td
}

func (s *service) resource(m pcommon.Map) {
	m.PutStr("service.name", fmt.Sprintf("care-%05d", s.n))
	m.PutStr("service.version", "1.71.0")
	m.PutStr("service.instance.id", fmt.Sprintf("care-%05d-7d9f6c5b4-x2kqp", s.n))
	m.PutStr("deployment.environment.name", "production")
	m.PutStr("telemetry.sdk.language", "python")
	m.PutStr("telemetry.sdk.name", "opentelemetry")
	m.PutStr("telemetry.sdk.version", "1.38.0")
	m.PutStr("spanwarden.project.id", fmt.Sprintf("care-%02d", s.n%20))
}

// ending is a heap of spans by their end.
type ending []ptrace.Span

func (e ending) Len() int           { return len(e) }
func (e ending) Less(i, j int) bool { return e[i].EndTimestamp() < e[j].EndTimestamp() }
func (e ending) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }

// Push is for container/heap.
func (e *ending) Push(x any) { *e = append(*e, x.(ptrace.Span)) }

// Pop is for container/heap.
func (e *ending) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

// Sessions returns one model call in each of n sessions that nobody saw before:
// they are open from then on.
func (f *Fleet) Sessions(n int) ptrace.Traces {
	s := f.services[f.next]
	f.next = (f.next + 1) % len(f.services)
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	s.resource(rs.Resource().Attributes())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.agents")
	for range n {
		s.meet()
		t := s.begin()
		t.chat(open{}, "stop")
		heap.Pop(&s.open).(ptrace.Span).MoveTo(ss.Spans().AppendEmpty())
	}
	return td
}
