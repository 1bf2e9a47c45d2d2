package ledger

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func BenchmarkApply(b *testing.B) {
	l := New(budgets(b, everything), Options{})
	c := Charge{Scopes: Scopes{Tenant: "t", Project: "p", Agent: "a"}, Kind: ModelCall, Cost: amount(b, "0.000001"), Tokens: 10}
	sessions := make([]string, 1000)
	for i := range sessions {
		sessions[i] = "session-" + strconv.Itoa(i)
	}
	n := 0
	var events []Event
	b.ReportAllocs()
	for b.Loop() {
		c.Action, c.Session = actionID(n), sessions[n%len(sessions)]
		c.End = epoch.Add(time.Duration(n) * time.Millisecond)
		c.Start = c.End
		events, _ = l.Apply(&c, events[:0])
		n++
	}
}

func TestMemoryOf200kSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := New(budgets(t, everything), Options{})
	for i := range 400_000 {
		at := epoch.Add(time.Duration(i) * time.Millisecond)
		l.Apply(&Charge{
			Action: actionID(i), Scopes: Scopes{Tenant: "t", Session: "0123456789abcdef-" + strconv.Itoa(i%199_990)}, Start: at, End: at,
			Kind: ModelCall, Cost: amount(t, "0.01"),
		}, nil)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	mb := float64(after.HeapAlloc-before.HeapAlloc) / 1e6
	t.Logf("%.0f MB for %d keys", mb, l.Keys())
	assert.Less(t, mb, 250.0)
	runtime.KeepAlive(l)
}
