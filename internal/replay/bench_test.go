package replay

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// made is a source of so many actions of a hundred agents, spread over a week.
type made struct{ n int }

func (m made) Count(_ context.Context, from, _ time.Time) (uint64, time.Time, error) {
	return uint64(m.n), from, nil
}

func (m made) Read(_ context.Context, from, to time.Time, emit func([]*Row) error) error {
	rows := make([]*Row, 0, bodyRows)
	step := to.Sub(from) / time.Duration(m.n+1)
	for i := range m.n {
		agent := fmt.Sprintf("agent-%d", i%100)
		r := &Row{
			TS: from.Add(time.Duration(i) * step), Duration: 2e8, TraceID: fmt.Sprintf("%032x", i/10+1), SpanID: fmt.Sprintf("%016x", i+1),
			Kind: "tool", Operation: "execute_tool", Name: "execute_tool look_up", Outcome: "success", Session: fmt.Sprintf("s-%d", i/1000),
			Attrs:    map[string]string{"gen_ai.tool.name": "look_up", "gen_ai.agent.id": agent, "gen_ai.agent.name": agent, "user.id": "alice"},
			Resource: map[string]string{"service.name": "desk"},
		}
		if rows = append(rows, r); len(rows) == bodyRows || i == m.n-1 {
			if err := emit(rows); err != nil {
				return err
			}
			rows = make([]*Row, 0, bodyRows)
		}
	}
	return nil
}

func (made) Findings(context.Context, time.Time, time.Time, func(*Found)) error { return nil }

// BenchmarkReplay replays a week of actions through the demo's rules: ns and bytes
// for each action, and how much memory lives at the end.
func BenchmarkReplay(b *testing.B) {
	b.Setenv("SPANWARDEN_BUDGETS", "../../configs/policy/demo-budgets.yaml")
	b.Setenv("SPANWARDEN_REGISTRY", "../../configs/policy/agents")
	require.FileExists(b, os.Getenv("SPANWARDEN_BUDGETS"))
	for b.Loop() {
		rules, err := ReadConfig(b.Context(), "../../configs/spanwarden.yaml", nil, "", factories())
		require.NoError(b, err)
		const n = 100_000
		began := time.Now()
		report, err := Run(b.Context(), made{n}, rules, Options{Since: scenarioTime.AddDate(0, 0, -7), Until: scenarioTime})
		require.NoError(b, err)
		require.Equal(b, uint64(n), report.Actions)
		b.ReportMetric(float64(time.Since(began).Microseconds())/n, "us/action")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MB-heap")
	}
}

func (made) Known(context.Context, []string, func(*Found)) error { return nil }
