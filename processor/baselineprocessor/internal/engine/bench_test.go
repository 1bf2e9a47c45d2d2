package engine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

// traffic is usual work of many agents: spans a second apart from each other.
type traffic struct {
	r   *rand.Rand
	n   uint64
	now time.Time
}

func (t *traffic) next(agents, tools int, content bool) Action {
	t.n++
	t.now = t.now.Add(50 * time.Millisecond)
	ag := t.r.IntN(agents)
	a := Action{
		Project: "p", Agent: fmt.Sprint("agent-", ag), Session: fmt.Sprint("s-", ag, "-", t.n/uint64(agents*10)),
		Start: t.now.Add(-time.Duration(50+t.r.IntN(100)) * time.Millisecond), End: t.now, Service: "svc",
	}
	binary.LittleEndian.PutUint64(a.ID[:], t.n)
	binary.LittleEndian.PutUint64(a.TraceID[:], t.n/10+1)
	if t.r.IntN(2) == 0 {
		a.Kind, a.Model = Model, "gpt"
		a.Tokens, a.Cost = Known(float64(500+t.r.IntN(1000))), Known(.001*(1+t.r.Float64()))
		return a
	}
	a.Kind, a.Tool = Tool, fmt.Sprint("get_", t.r.IntN(tools))
	a.Failed = t.r.IntN(50) == 0
	if content {
		a.Arguments = fmt.Sprintf(`{"query": "orders of %d", "to": "user%d@example.com", "limit": 10, "fields": ["id", "name"]}`, t.r.IntN(40), t.r.IntN(20))
		a.Result = result
	}
	return a
}

var result = strings.Repeat(`{"order_id": "ORDER-104674", "product": "Precision Wireless Mouse", "date": "2026-05-06"}, `, 20)

func newTraffic() *traffic { return &traffic{r: rand.New(rand.NewPCG(1, 2)), now: begin} }

func benchmarkObserve(b *testing.B, content bool) {
	b.Helper()
	t := newTraffic()
	e := New(Defaults())
	for range 200_000 {
		a := t.next(200, 10, content)
		e.Observe(&a)
	}
	actions := make([]Action, 50_000)
	for i := range actions {
		actions[i] = t.next(200, 10, content)
	}
	gap := actions[len(actions)-1].End.Sub(actions[0].End) + time.Second
	b.ReportAllocs()
	i, from := 0, cpu()
	for b.Loop() {
		a := &actions[i%len(actions)]
		if i >= len(actions) {
			a.Start, a.End = a.Start.Add(gap), a.End.Add(gap)
			binary.LittleEndian.PutUint64(a.ID[8:], uint64(i))
			binary.LittleEndian.PutUint64(a.ID[:], t.n+uint64(i))
		}
		e.Observe(a)
		i++
	}
	b.ReportMetric(float64(cpu()-from)/float64(i), "cpu-ns/op")
	if s := e.Stats(); s.Duplicates > 0 || s.Actions < uint64(i) {
		b.Fatalf("%+v", s)
	}
}

// BenchmarkObserve is one span without content: the target is 2 µs.
func BenchmarkObserve(b *testing.B) { benchmarkObserve(b, false) }

// BenchmarkObserveProvenance is one span, of which half are tools with arguments
// and results of about 1,800 bytes: the target is 20 µs.
func BenchmarkObserveProvenance(b *testing.B) { benchmarkObserve(b, true) }

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkMemory reports bytes a key at 50,000 keys in the proportions of
// AgentDyn (an agent, ten tools, some nine arguments each, with up to 20 values),
// and bytes a live session at 5,000 sessions with content.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		opt := Defaults()
		opt.Limits.Actions = 1
		e := New(opt)
		before := heap()
		fill(e, 500, 10, 9)
		e.Tick(e.Now().Add(time.Hour))
		keys := heap() - before
		b.ReportMetric(keys/float64(e.Stats().Keys), "B/key")
		b.ReportMetric(float64(e.Stats().Keys), "keys")
		before = heap()
		t := &traffic{r: rand.New(rand.NewPCG(1, 2)), now: e.Now()}
		for i := range 5000 * 20 {
			a := t.next(500, 10, true)
			a.Agent = fmt.Sprint("agent-", i%500)
			a.Session = fmt.Sprint("live-", i%5000)
			a.Prompt = "please look up the orders of this month"
			a.Kind, a.Tool = Tool, fmt.Sprint("get_", i%10)
			a.End, a.Start = e.Now(), e.Now().Add(-time.Second)
			a.ID[15] = 1
			e.Observe(&a)
		}
		b.ReportMetric((heap()-before)/float64(e.Stats().Sessions), "B/session")
		b.ReportMetric(float64(e.Stats().Sessions), "sessions")
		runtime.KeepAlive(e)
	}
}

func fill(e *Engine, agents, tools, arguments int) {
	now, n := begin, uint64(0)
	for s := range 25 {
		for ag := range agents {
			for tool := range tools {
				n++
				now = now.Add(time.Millisecond)
				var args strings.Builder
				for i := range arguments {
					fmt.Fprintf(&args, `,"arg%d":"value %d"`, i, s%(i*3+1))
				}
				a := Action{
					Kind: Tool, Project: "p", Agent: fmt.Sprint("agent-", ag), Session: fmt.Sprint("s", s, "-", ag), Tool: fmt.Sprint("get_", tool),
					Arguments: "{" + args.String()[1:] + "}", Result: "ok", Prompt: "do it", Start: now.Add(-time.Second), End: now,
				}
				binary.LittleEndian.PutUint64(a.ID[:], n)
				e.Observe(&a)
			}
		}
		now = now.Add(40 * time.Minute)
	}
}
