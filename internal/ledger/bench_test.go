package ledger

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// benchCharge makes the n-th charge of a stream of sessions that live side by
// side, as a busy collector sees them: a model call of its own response, by an
// agent that another one drives.
func benchCharge(c *Charge, n int, sessions []string) {
	c.Action, c.Response, c.Trace = actionID(n), actionID(n), actionID(n/8)
	c.Response[0]++
	c.Session = sessions[n%len(sessions)]
	c.End = epoch.Add(time.Duration(n) * time.Millisecond)
	c.Start = c.End.Add(-time.Second)
}

func names(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + strconv.Itoa(i)
	}
	return out
}

// BenchmarkApply is a charge under four budgets, one with a projection, one of a
// calendar day and one of a rolling window; response ids are remembered too. The
// goal is 1,000,000 a second on one core.
func BenchmarkApply(b *testing.B) {
	for _, count := range []int{1_000, 200_000} {
		b.Run(strconv.Itoa(count)+"-sessions", func(b *testing.B) {
			l := New(budgets(b, everything), Options{MaxKeys: 250_000})
			c := Charge{Scopes: Scopes{Tenant: "t", Project: "p", Agent: "a"}, Kind: ModelCall, Cost: amount(b, "0.000001"), Tokens: 10}
			sessions := names("session-", count)
			n := 0
			var events []Event
			b.ReportAllocs()
			for b.Loop() {
				benchCharge(&c, n, sessions)
				events, _ = l.Apply(&c, events[:0])
				n++
			}
			s, _ := l.Spend(Tenant, "t", "t")
			require.Equal(b, uint64(n), s.Calls)
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "charges/s")
		})
	}
}

// BenchmarkDuplicates is what a retry costs.
func BenchmarkDuplicates(b *testing.B) {
	l := New(budgets(b, everything), Options{})
	c := Charge{Scopes: Scopes{Tenant: "t", Project: "p", Agent: "a"}, Kind: ModelCall, Cost: amount(b, "0.000001"), Tokens: 10}
	sessions := names("session-", 1_000)
	for n := range 100_000 {
		benchCharge(&c, n, sessions)
		l.Apply(&c, nil)
	}
	n := 0
	for b.Loop() {
		benchCharge(&c, n%100_000, sessions)
		l.Apply(&c, nil)
		n++
	}
}

// BenchmarkMemory is 200,000 live sessions of five calls each, with every action
// and response id of them remembered. The goal is 250 MB.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		bytes := liveSessions(b, 200_000)
		b.ReportMetric(bytes/1e6, "MB")
		b.ReportMetric(bytes/200_000, "B/session")
	}
}

// A tenth of it, so that it is noticed if a key grows.
func TestMemory(t *testing.T) {
	assert.Less(t, liveSessions(t, 20_000), 25e6)
}

// liveSessions returns how many bytes so many sessions of five calls hold, with
// five times as many ids of actions and of responses.
func liveSessions(tb testing.TB, keys int) float64 {
	tb.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := New(budgets(tb, everything), Options{MaxKeys: keys, MaxActions: 5 * keys, MaxResponses: 5 * keys})
	c := Charge{Scopes: Scopes{Tenant: "t", Project: "p", Agent: "a"}, Kind: ModelCall, Cost: amount(tb, "0.01"), Tokens: 10}
	for i := range 5 * keys {
		benchCharge(&c, i, fresh(i%(keys-3)))
		l.Apply(&c, nil)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Equal(tb, keys, l.Keys())
	require.Zero(tb, l.Counters().EvictedKeys)
	runtime.KeepAlive(l)
	return float64(after.HeapAlloc - before.HeapAlloc)
}

// fresh makes the name anew, as a decoder does: it is part of what is kept.
func fresh(i int) []string { return []string{"0123456789abcdef-" + strconv.Itoa(i)} }

// BenchmarkTick is what time costs a full ledger.
func BenchmarkTick(b *testing.B) {
	l := New(budgets(b, everything), Options{MaxKeys: 250_000})
	c := Charge{Scopes: Scopes{Tenant: "t", Project: "p", Agent: "a"}, Kind: ModelCall, Cost: amount(b, "0.01"), Tokens: 10}
	sessions := names("session-", 200_000)
	for n := range sessions {
		benchCharge(&c, n, sessions)
		l.Apply(&c, nil)
	}
	now := c.End
	for b.Loop() {
		now = now.Add(time.Millisecond)
		l.Tick(now)
	}
}

// BenchmarkJournal is a charge's record, written and read.
func BenchmarkJournal(b *testing.B) {
	c := Charge{Scopes: Scopes{Tenant: "t", Project: "p", Agent: "a"}, Kind: ModelCall, Cost: amount(b, "0.01"), Tokens: 10}
	benchCharge(&c, 1, names("session-", 10))
	rec := Record{Kind: RecordCharge, Seq: 1, Charge: c}
	var buf []byte
	for b.Loop() {
		buf = AppendRecord(buf[:0], &rec)
		if _, _, err := ReadRecord(buf); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf)), "B/record")
}

// BenchmarkSnapshot is a full ledger written and read: it happens under a lock.
func BenchmarkSnapshot(b *testing.B) {
	l := New(budgets(b, everything), Options{})
	c := Charge{Scopes: Scopes{Tenant: "t", Project: "p", Agent: "a"}, Kind: ModelCall, Cost: amount(b, "0.01"), Tokens: 10}
	sessions := names("session-", 100_000)
	for n := range 500_000 {
		benchCharge(&c, n, sessions)
		l.Apply(&c, nil)
	}
	var raw []byte
	for _, bench := range []struct {
		name string
		run  func()
	}{
		{"write", func() { raw = l.Snapshot() }},
		{"read", func() { require.NoError(b, l.Restore(raw)) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				bench.run()
			}
			b.ReportMetric(float64(len(raw))/1e6, "MB")
		})
	}
}
