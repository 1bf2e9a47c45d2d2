package engine

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var begin = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) // a Monday

// world feeds an engine with the life of one agent.
type world struct {
	t      *testing.T
	e      *Engine
	now    time.Time
	r      *rand.Rand
	n      uint64
	alerts []Alert
	task   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	opt := Defaults()
	opt.Key.K0, opt.Key.K1 = 1, 2
	return &world{t: t, e: New(opt), now: begin, r: rand.New(rand.NewPCG(1, 2))}
}

func (w *world) action(a Action) Result {
	w.n++
	binary.LittleEndian.PutUint64(a.ID[:], w.n)
	a.TraceID[0], a.TraceID[1], a.SpanID[0] = 1, byte(w.task), byte(w.n)
	if a.Project == "" {
		a.Project = "p"
	}
	if a.Agent == "" {
		a.Agent = "a"
	}
	if a.Session == "" {
		a.Session = fmt.Sprint("task-", w.task)
	}
	if a.End.IsZero() {
		a.End = w.now
	}
	if a.Start.IsZero() {
		a.Start = a.End.Add(-time.Duration(80+w.r.IntN(40)) * time.Millisecond)
	}
	r := w.e.Observe(&a)
	w.alerts = append(w.alerts, r.Alerts...)
	return r
}

// work is one task as usual: five to ten calls, then a pause.
func (w *world) work() {
	w.task++
	for i := range 5 + w.r.IntN(6) {
		w.now = w.now.Add(time.Duration(2+w.r.IntN(5)) * time.Second)
		if i%2 == 0 {
			w.action(Action{Kind: Model, Model: "m", Tokens: Known(1000 * math.Exp(.3*w.r.NormFloat64())), Cost: Known(.01 * math.Exp(.3*w.r.NormFloat64()))})
			continue
		}
		w.action(Action{Kind: Tool, Tool: "http_get", Resource: "shop", Arguments: fmt.Sprintf(`{"url":"https://api.example.com/%s"}`, words[w.r.IntN(len(words))]), Result: fmt.Sprint("ok ", w.n)})
	}
	w.now = w.now.Add(time.Duration(8+w.r.IntN(8)) * time.Minute)
}

var words = strings.Fields("orders invoices users carts prices stock refunds taxes labels routes")

// days lets the agent work through so many working days.
func (w *world) days(n int) {
	for range n {
		end := w.now.Add(8 * time.Hour)
		for w.now.Before(end) {
			w.work()
		}
		w.now = end.Add(16 * time.Hour)
	}
}

// Work of last week that arrives beside that of today is learned all the same,
// session by session.
func TestYesterdayBesideToday(t *testing.T) {
	w := newWorld(t)
	today := w.now.AddDate(0, 0, 7)
	w.action(Action{Kind: Tool, Tool: "t", Agent: "other", Session: "long", End: today})
	for range 60 {
		w.task++
		for i := range 6 {
			w.now = w.now.Add(time.Second)
			w.action(Action{Kind: Tool, Tool: "t", Arguments: fmt.Sprintf(`{"w":"%s"}`, words[i])})
			today = today.Add(time.Second)
			w.action(Action{Kind: Tool, Tool: "t", Agent: "other", Session: "long", End: today, Arguments: fmt.Sprintf(`{"w":"%s"}`, words[(i+w.task)%10])})
		}
		w.now = w.now.Add(time.Hour)
	}
	w.e.Tick(today.Add(time.Hour))
	k := keysOf(&Action{Project: "p", Agent: "a"})
	calls := w.e.agentOf(k.agent).sessionCalls
	assert.Equal(t, 60, calls.N())
	usual := calls.Judge(&w.e.opt.Level, 0)
	assert.InDelta(t, 6, math.Exp(usual.Expected), 1e-9, "calls a session")
}

func (w *world) tick() { w.alerts = append(w.alerts, w.e.Tick(w.now)...) }

func (w *world) of(typ Type) []Alert {
	var out []Alert
	for _, a := range w.alerts {
		if a.Type == typ {
			out = append(out, a)
		}
	}
	return out
}

func TestQuietWork(t *testing.T) {
	w := newWorld(t)
	w.days(20)
	for _, a := range w.alerts {
		t.Logf("%s %s %s: %s", a.At, a.Type, a.Rule, a.Message)
	}
	loud := 0
	for _, a := range w.alerts {
		if a.Severity >= Warning && !a.Resolved {
			loud++
		}
	}
	assert.LessOrEqual(t, loud, 1, "warnings in 20 days of usual work")
}

// The scenario that the project began with: 5-10 calls a task, then 500 within an
// hour, in a retry loop because of rate limiting.
func TestRetryLoop(t *testing.T) {
	w := newWorld(t)
	w.days(10)
	w.alerts = nil
	w.task++
	for range 500 {
		w.now = w.now.Add(7 * time.Second)
		w.action(Action{Kind: Tool, Tool: "http_get", Arguments: `{"url":"https://api.example.com/orders"}`, Failed: true, Error: "429"})
	}
	w.now = w.now.Add(time.Hour)
	w.tick()
	for _, a := range w.alerts {
		t.Logf("%s %s sev %d resolved %v: %s", a.At.Format(time.TimeOnly), a.Type, a.Severity, a.Resolved, a.Message)
	}
	loops := w.of(Loop)
	require.NotEmpty(t, loops)
	assert.Regexp(t, `^retry loop: http_get failed 3 times in a row with 429 within 14s; usual 0 in a row \(\d+ sessions of history\)$`, loops[0].Message)
	last := loops[len(loops)-1]
	assert.True(t, last.Resolved)
	assert.Equal(t, Critical, last.Severity)
	assert.Equal(t, 500.0, last.Observed.V)
	rates := w.of(Rate)
	require.NotEmpty(t, rates)
	final := rates[len(rates)-1]
	assert.Equal(t, Critical, final.Severity)
	assert.InDelta(t, 7, final.Expected.V, 2, "usual calls a task")
	assert.Contains(t, final.Message, "retry loop: http_get failed")
	assert.Contains(t, final.Message, "with 429")
	assert.Empty(t, w.of(Errors), "the loop says so itself")
	keys := map[string]bool{}
	for _, a := range w.alerts {
		keys[string(a.Type)+a.Key+a.Began.String()] = true
	}
	assert.LessOrEqual(t, len(keys), 2, "one incident of each type: %v", keys)
	assert.LessOrEqual(t, len(w.alerts), 24, "no storm")
}
