package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	client "github.com/spanwarden/spanwarden/client/spanwarden"
	"github.com/spanwarden/spanwarden/internal/stack"
)

// BenchmarkAlertLatency measures from the offending span's arrival at OTLP to its
// alert at a real Alertmanager, under 5,000 spans a second through the whole
// pipeline, the real engine behind it. Every 200 ms one session passes its
// budget. Alertmanager is asked every 10 ms, which is part of the figures.
func BenchmarkAlertLatency(b *testing.B) {
	const (
		rate   = 5000
		batch  = 100
		each   = 10 // batches from one offender to the next
		amount = 1500
	)
	st := benchStack(b)
	began, told := map[string]time.Time{}, map[string]time.Duration{}
	tick := time.NewTicker(time.Second * batch / rate)
	defer tick.Stop()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	look := func() {
		alerts, err := st.Alerts(b.Context())
		require.NoError(b, err)
		now := time.Now()
		for i := range alerts {
			a := &alerts[i]
			if a.Labels["finding_type"] != "budget.halt" {
				continue
			}
			key := a.Annotations["session"]
			if at, ok := began[key]; ok && told[key] == 0 {
				told[key] = now.Sub(at)
			}
		}
	}
	b.ResetTimer()
	for b.Loop() {
		for sent := 0; sent < amount; {
			select {
			case <-poll.C:
				look()
			case <-tick.C:
				session := ""
				if sent%each == 0 {
					session = fmt.Sprintf("over-%d-%d", len(began), b.N)
					began[session] = time.Now()
				}
				require.NoError(b, st.Send(b.Context(), benchBatch(b, sent+len(began)*amount, batch, session)))
				sent++
			}
		}
		for deadline := time.Now().Add(10 * time.Second); len(told) < len(began) && time.Now().Before(deadline); {
			<-poll.C
			look()
		}
	}
	b.StopTimer()
	require.Len(b, told, len(began), "every offender has its alert")
	all := make([]time.Duration, 0, len(told))
	for _, d := range told {
		all = append(all, d)
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Milliseconds()), "p99-ms")
	b.ReportMetric(float64(len(all)), "alerts")
}

// BenchmarkHaltLatency measures from the moment at which a batch with the span that
// crosses a budget is sent to OTLP to the first decision that refuses its session.
// The agent asks without a pause meanwhile.
func BenchmarkHaltLatency(b *testing.B) {
	st := benchStack(b)
	var all []time.Duration
	for b.Loop() {
		n := len(all)
		session := fmt.Sprintf("halted-%d-%d", n, b.N)
		body := benchBatch(b, n, 100, session)
		asker := &client.Client{Base: st.Decision(), Agent: "researcher"}
		sent := make(chan error, 1)
		began := time.Now()
		go func() { sent <- st.Send(b.Context(), body) }()
		for effect := ""; effect != "halt"; {
			require.Less(b, time.Since(began), 10*time.Second, "refused at last")
			d, err := asker.May(b.Context(), client.Action{
				Tool: "search", Session: session, Arguments: map[string]any{}, PrincipalType: "user", PrincipalID: "alice@acme.example",
			})
			require.NoError(b, err)
			effect = d.Effect
		}
		all = append(all, time.Since(began))
		require.NoError(b, <-sent)
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

func benchStack(b *testing.B) *stack.Stack {
	b.Helper()
	st, err := stack.New(stack.Options{
		Bin: bin, Config: config, State: b.TempDir(),
		Env: []string{"SPANWARDEN_BUDGETS=../../configs/policy/demo-budgets.yaml", "SPANWARDEN_REGISTRY=../../configs/policy/agents"},
	})
	require.NoError(b, err)
	b.Cleanup(func() { _ = st.Stop() })
	if err := st.StartAlertmanager(b.Context(), "../../configs/alertmanager.yml"); err != nil {
		b.Skip(err)
	}
	require.NoError(b, st.Start(b.Context()))
	return st
}

// benchBatch is n cheap calls of many sessions, and one call of 200 USD of the
// given session if there is one.
func benchBatch(b *testing.B, seed, n int, over string) []byte {
	b.Helper()
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	now := time.Now()
	for i := range n {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, byte(seed >> 16), byte(seed >> 8), byte(seed), byte(i)})
		span.SetSpanID(pcommon.SpanID{1, byte(seed >> 16), byte(seed >> 8), byte(seed), byte(i)})
		span.SetName("chat")
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
		a := span.Attributes()
		a.PutStr("gen_ai.operation.name", "chat")
		a.PutStr("gen_ai.provider.name", "openai")
		a.PutStr("gen_ai.request.model", "gpt-4o-mini")
		a.PutStr("gen_ai.agent.name", "researcher")
		a.PutStr("gen_ai.conversation.id", fmt.Sprintf("s-%d", seed*n+i/10))
		a.PutInt("gen_ai.usage.input_tokens", 1000)
		a.PutInt("gen_ai.usage.output_tokens", 100)
		if over != "" && i == n-1 {
			a.PutStr("gen_ai.conversation.id", over)
			a.PutStr("gen_ai.request.model", "o1-pro")
			a.PutInt("gen_ai.usage.output_tokens", 333_334)
		}
	}
	body, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(b, err)
	return body
}
