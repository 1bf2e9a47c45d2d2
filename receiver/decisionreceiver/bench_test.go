package decisionreceiver

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/decision/authzen"
)

// manyRules is a registry of 100 agents with 100 rules each.
func manyRules() string {
	var b strings.Builder
	for a := range 100 {
		fmt.Fprintf(&b, `---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: agent-%d}
spec:
  agent: {id: agent-%d, match: [{subject: "agent:agent-%d"}]}
  owner: "user:carol@acme.example"
  mode: enforce
  deny:
    - {id: no-secrets, resources: ["**/secrets/**"]}
  allow:
`, a, a, a)
		for r := range 100 {
			fmt.Fprintf(&b, "    - {id: rule-%d, tool: \"mcp/server-%d/tool-%d\", operations: [write], resources: [\"erp://t%d/**\"], args: {amount: {type: number, maximum: %d}, currency: {enum: [EUR, USD]}}}\n",
				r, r%10, r, a, 100+r)
		}
	}
	return b.String()
}

const benchBody = `{"subject":{"type":"user","id":"alice"},"action":{"name":"tools/call","properties":{"operation":"write","arguments":{"amount":12.5,"currency":"EUR"}}},` +
	`"resource":{"type":"tool","id":"mcp/server-7/tool-77","properties":{"uri":"erp://t50/invoices/7"}},"context":{"agent":"agent-50","session_id":"s1"}}`

// BenchmarkDecide is one decision at 10,000 rules without HTTP and evidence,
// parsing apart: the target is a p99 of 50 µs.
func BenchmarkDecide(b *testing.B) {
	r := startWith(b, manyRules(), consumertest.NewNop(), open)
	parsed, err := authzen.Parse([]byte(benchBody))
	require.NoError(b, err)
	e, err := parsed.Evaluation()
	require.NoError(b, err)
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		rec := r.engine.decide(e.Question(authzen.Options{}), "bench")
		took = append(took, time.Since(began))
		if rec.Outcome.Answered != decision.Allow {
			b.Fatal(rec.Outcome.Reason)
		}
	}
	report(b, took)
}

// BenchmarkSeal is the record of one decision.
func BenchmarkSeal(b *testing.B) {
	r := startWith(b, manyRules(), consumertest.NewNop(), open)
	parsed, err := authzen.Parse([]byte(benchBody))
	require.NoError(b, err)
	e, err := parsed.Evaluation()
	require.NoError(b, err)
	rec := r.engine.decide(e.Question(authzen.Options{}), "bench")
	chain := decision.NewChain("bench")
	b.ReportAllocs()
	for b.Loop() {
		chain.Seal(rec)
	}
}

// BenchmarkHTTP asks over loopback at 2,000 requests a second, whether or not
// answers come; the wait for a free connection counts. The targets are a p99 of
// 1 ms in best effort and 5 ms with evidence required.
func BenchmarkHTTP(b *testing.B) {
	for _, mode := range []Evidence{EvidenceBestEffort, EvidenceRequired} {
		b.Run(string(mode), func(b *testing.B) { benchHTTP(b, mode) })
	}
}

func benchHTTP(b *testing.B, mode Evidence) {
	b.Helper()
	const perSecond, workers = 2000, 32
	r := startWith(b, manyRules(), consumertest.NewNop(), func(c *Config) { open(c); c.Evidence = mode })
	transport := &http.Transport{
		MaxIdleConnsPerHost: workers, MaxConnsPerHost: workers,
		DialContext: (&net.Dialer{}).DialContext,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	n := max(b.N, perSecond) // at least a second
	due := make(chan time.Time, n)
	took := make([][]time.Duration, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for at := range due {
				resp, err := client.Post("http://"+r.address+"/access/v1/evaluation", "application/json", strings.NewReader(benchBody))
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				took[w] = append(took[w], time.Since(at))
			}
		})
	}
	b.ResetTimer()
	began := time.Now()
	for i := range n {
		at := began.Add(time.Duration(i) * time.Second / perSecond)
		if wait := time.Until(at); wait > 0 {
			time.Sleep(wait)
		}
		due <- time.Now() // not at: how late the timer wakes us is not the server's
	}
	close(due)
	all.Wait()
	b.StopTimer()
	report(b, slices.Concat(took...))
}

func report(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
}
