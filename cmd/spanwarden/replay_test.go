package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
	"github.com/spanwarden/spanwarden/internal/replay"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

var replayBegin = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// work is an agent that makes a model call and a tool call every ten minutes, a
// session an hour.
func work(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "desk")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		at := replayBegin.Add(time.Duration(i) * 10 * time.Minute)
		for k, what := range []map[string]string{
			{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "gpt-4o-mini"},
			{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look_up"},
		} {
			s := spans.AppendEmpty()
			var id pcommon.SpanID
			binary.BigEndian.PutUint64(id[:], uint64(2*i+k+1))
			s.SetSpanID(id)
			s.SetTraceID(pcommon.TraceID{1, byte(i), byte(i >> 8)})
			s.SetName(what["gen_ai.operation.name"])
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(k) * time.Second)))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(k)*time.Second + 900*time.Millisecond)))
			for key, v := range what {
				s.Attributes().PutStr(key, v)
			}
			s.Attributes().PutStr("gen_ai.agent.id", "clerk")
			s.Attributes().PutStr("gen_ai.agent.name", "clerk")
			s.Attributes().PutStr("gen_ai.conversation.id", fmt.Sprintf("session-%d", i/6))
			if k == 0 {
				s.Attributes().PutInt("gen_ai.usage.input_tokens", int64(1000+i%7*50))
				s.Attributes().PutInt("gen_ai.usage.output_tokens", 100)
			}
		}
	}
	return td
}

func storeOf(t *testing.T, td ptrace.Traces) (dsn string) {
	t.Helper()
	dsn = storetest.Start(t).Database(t)
	opts, err := audit.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database})
	require.NoError(t, err)
	sender := insert.New(opts, opts.Auth.Database, insert.None)
	t.Cleanup(sender.Close)
	_, err = audit.NewEncoder(audit.Limits{}, audit.Content{}).Encode(td, replayBegin.AddDate(0, 0, 10), func(e *audit.Encoded) error {
		return sender.Insert(t.Context(), e)
	})
	require.NoError(t, err)
	return dsn
}

const replayConfig = "../../configs/spanwarden.yaml"

func TestReplayAndBaselineFromTheCommandLine(t *testing.T) {
	dsn := storeOf(t, work(6*24*4)) // four days
	period := []string{"--since", "2026-11-01T00:00:00Z", "--until", "2026-11-05T00:00:00Z", "--dsn", dsn, "--config", replayConfig}
	ask := func(args ...string) (out, errs string, err error) { return say(t, append(args, period...)...) }

	out, errs, err := ask("replay", "--format", "json")
	require.NoError(t, err)
	var report replay.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	assert.Equal(t, uint64(2*6*24*4), report.Actions)
	assert.Equal(t, []string{"genai", "delegation", "cost", "boundary", "baseline"}, report.Rules)
	assert.Contains(t, errs, "(100%)", "progress goes to stderr")
	assert.Contains(t, fmt.Sprint(report.Notes), "memory_limiter")
	assert.Contains(t, fmt.Sprint(report.Notes), "tool calls have no content on record")

	// Rules that were not in force: a budget that the agent would have passed.
	budgets := filepath.Join(t.TempDir(), "budgets.yaml")
	require.NoError(t, os.WriteFile(budgets, []byte(`version: 1
budgets:
  - {id: tight, scope: agent, limit_usd: 0.01, period: day, on_exceed: deny, mode: warn}
`), 0o600))
	t.Setenv("SPANWARDEN_BUDGETS", budgets)
	out, _, err = ask("replay", "--quiet", "--agent", "clerk")
	require.NoError(t, err)
	assert.Contains(t, out, "budget.exceeded")
	assert.Contains(t, out, "New: these rules would have found it")

	out, _, err = ask("baseline", "show", "--agent", "clerk", "--quiet")
	require.NoError(t, err)
	t.Log("\n" + out)
	for _, want := range []string{"Agent clerk", "tool look_up", "tokens of a call", "known", "not frozen yet"} {
		assert.Contains(t, out, want)
	}
	out, _, err = ask("baseline", "show", "--agent", "clerk", "--quiet", "--format", "json")
	require.NoError(t, err)
	assert.Contains(t, out, `"usual": 1`)
	_, _, err = ask("baseline", "show", "--agent", "nobody", "--quiet")
	require.ErrorContains(t, err, `no action of agent "nobody"`)
}

func TestReplayErrorsNameWhatIsWrong(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	const pipelines = "service: {pipelines: {traces: {processors: [cost, baseline]}}}\n"
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"--since", "soon"}, []string{"--since", `"soon"`, "7d"}},
		{[]string{"--since", "1d", "--until", "2d"}, []string{"is not before --until"}},
		{[]string{"--until", "2999-01-01T00:00:00Z"}, []string{"is in the future"}},
		{[]string{"--warm-up", "-3d"}, []string{"--warm-up", `"-3d"`}},
		{[]string{"--batch", "2h"}, []string{"--batch", "2h0m0s"}},
		{[]string{"--format", "xml"}, []string{"--format", `"xml"`}},
		{[]string{"--config", "absent.yaml"}, []string{"absent.yaml"}},
		{[]string{"--config", file("service: {pipelines: {traces: {processors: [batch]}}}")}, []string{"no traces pipeline has one of the processors", "baseline, boundary"}},
		{[]string{"--config", file(pipelines)}, []string{"processors::cost", "not configured", "processors::baseline"}},
		{
			[]string{"--config", file("processors: {cost: {price: x}, baseline: {session_ttl: 1ms}}\n" + pipelines)},
			[]string{"processors::cost", "price", "session_ttl", "1ms"},
		},
		{[]string{"--config", file("processors: {cost: , baseline: }\n" + pipelines), "--pipeline", "traces/2"}, []string{`"traces/2"`, "there are: traces"}},
	} {
		_, _, err := say(t, append([]string{"replay", "--dsn", "http://127.0.0.1:1"}, test.args...)...)
		require.Error(t, err, test.args)
		for _, want := range test.want {
			assert.ErrorContains(t, err, want, test.args)
		}
	}
	_, _, err := say(t, "baseline", "show")
	require.ErrorContains(t, err, "--agent is missing")
}
