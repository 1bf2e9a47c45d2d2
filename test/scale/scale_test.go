// Package scale tests several governance collectors behind a gateway, all of them
// real processes on one machine. `make scale` builds what it needs.
package scale

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/operator"
	"github.com/spanwarden/spanwarden/internal/shard"
	"github.com/spanwarden/spanwarden/internal/stack"
)

const (
	sessions        = 40
	rounds          = 6
	callsEach       = 5 // model calls of a session in a round
	spansEach       = 1 + callsEach
	usdPerCall      = 210e-6 // gpt-4o-mini: 1,000 in at 0.15 and 100 out at 0.60 USD per million tokens
	within          = 3 * time.Minute
	every           = 200 * time.Millisecond
	allOf           = "(period_start = toDateTime64('2026-01-01 00:00:00', 3, 'UTC'), period_end = toDateTime64('2100-01-01 00:00:00', 3, 'UTC'))"
	countActions    = "SELECT count() FROM ev_actions" + allOf
	ownersOfSession = "SELECT max(n) FROM (SELECT uniqExact(writer_id) AS n FROM actions WHERE session_id LIKE 'session-%' GROUP BY session_id)"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// house is a gateway, two collectors and the store that they share.
type house struct {
	gateway    *stack.Stack
	collectors map[string]*stack.Stack // by the name that the gateway has for them
	ring       *shard.Ring
	conn       driver.Conn
}

func begin(t *testing.T) *house {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	config := func(name string) string { return filepath.Join(root, "configs", name) }
	bin := filepath.Join(root, "_build")
	for _, name := range []string{"otelcol-spanwarden", "otelcol-spanwarden-gateway", "spanwarden"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Fatalf("%s is not built; run: make build engine build-gateway", name)
		}
	}
	h := &house{collectors: map[string]*stack.Stack{}}
	names := make([]string, 0, 2)
	var store *stack.Stack
	for range 2 {
		opts := stack.Options{Bin: bin, Config: config("spanwarden.yaml"), Overlays: []string{config("shard.yaml")}, State: t.TempDir()}
		if store != nil {
			opts.Ports.Store = store.StorePort()
		}
		st, err := stack.New(opts)
		require.NoError(t, err)
		if store == nil {
			store = st
		}
		t.Cleanup(func() { assert.NoError(t, st.Stop()) })
		h.collectors[st.OTLPGRPC()] = st
		names = append(names, st.OTLPGRPC())
	}
	h.ring, err = shard.New(names)
	require.NoError(t, err)
	list := "SPANWARDEN_COLLECTORS=[" + strings.Join(names, ", ") + "]"
	h.gateway, err = stack.New(stack.Options{Bin: bin, Gateway: true, Config: config("gateway.yaml"), State: t.TempDir(), Env: []string{list}})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.gateway.Stop()) })

	t.Cleanup(func() { h.tell(t) })
	inTime(t, store.StartStore)
	for name, st := range h.collectors {
		st.Configure([]string{list, "SPANWARDEN_SELF=" + name, "SPANWARDEN_BUDGETS=" + config("policy/demo-budgets.yaml")},
			[]string{"extensions::governance::chains::settle: 1s", "processors::delegation::settle_interval: 200ms"})
		inTime(t, st.StartCollector)
	}
	inTime(t, h.gateway.StartCollector)
	opts, err := clickhouse.ParseDSN(store.DSN())
	require.NoError(t, err)
	h.conn, err = clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.conn.Close() })
	return h
}

// tell shows the end of each log where the test failed.
func (h *house) tell(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		return
	}
	for _, st := range append(slices.Collect(maps.Values(h.collectors)), h.gateway) {
		text, err := os.ReadFile(filepath.Join(st.State(), "collector.log"))
		t.Logf("%s (%v):\n%s", st.State(), err, text[max(0, len(text)-4000):])
	}
}

func inTime(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	require.NoError(t, f(ctx))
}

func nameOf(session int) string { return fmt.Sprint("session-", session) }

// round is what all sessions do in a round, in one request: an agent run each, of
// which only the root states the session.
func round(t *testing.T, n int) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "scale")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for s := range sessions {
		trace := pcommon.TraceID{0: 1, 1: byte(n), 2: byte(s), 15: 1}
		for i := range spansEach {
			span := spans.AppendEmpty()
			span.SetTraceID(trace)
			span.SetSpanID(pcommon.SpanID{0: byte(n), 1: byte(s), 2: byte(i), 7: 1})
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(n) * time.Minute)))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(n)*time.Minute + time.Second)))
			a := span.Attributes()
			if i == 0 {
				span.SetName("invoke_agent planner")
				a.PutStr("gen_ai.operation.name", "invoke_agent")
				a.PutStr("gen_ai.agent.name", "planner")
				a.PutStr("gen_ai.conversation.id", nameOf(s))
				continue
			}
			span.SetParentSpanID(pcommon.SpanID{0: byte(n), 1: byte(s), 7: 1})
			span.SetName("chat gpt-4o-mini")
			a.PutStr("gen_ai.operation.name", "chat")
			a.PutStr("gen_ai.provider.name", "openai")
			a.PutStr("gen_ai.request.model", "gpt-4o-mini")
			a.PutInt("gen_ai.usage.input_tokens", 1000)
			a.PutInt("gen_ai.usage.output_tokens", 100)
		}
	}
	return encode(t, td)
}

func encode(t *testing.T, td ptrace.Traces) []byte {
	t.Helper()
	body, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return body
}

func (h *house) count(t *testing.T, want uint64, query string) {
	t.Helper()
	var got uint64
	require.Eventually(t, func() bool { return h.conn.QueryRow(t.Context(), query).Scan(&got) == nil && got >= want }, within, every, query)
	assert.Equal(t, want, got, query)
}

// exact holds that every session's spend is known to its owner to the last unit,
// and that the other collector has seen nothing of it.
func (h *house) exact(t *testing.T, after int) {
	t.Helper()
	for s := range sessions {
		owner := h.ring.Owner(nameOf(s))
		for name, st := range h.collectors {
			want := 0.0
			if name == owner {
				want = float64(after*callsEach) * usdPerCall
			}
			var got []operator.Balance
			require.Eventually(t, func() bool {
				var err error
				got, err = (&operator.Client{Base: st.Decision()}).Balances(t.Context(), map[string][]string{"session": {nameOf(s)}})
				return err == nil && len(got) == 1 && got[0].Spent > want-1e-12
			}, within, every, "%s at %s", nameOf(s), name)
			assert.InDelta(t, want, got[0].Spent, 1e-12, "%s at %s, whose owner is %s", nameOf(s), name, owner)
		}
	}
}

// Two governance collectors behind a gateway share sessions out. One is killed
// under load and started again, then loses its disk and is replaced: every span is
// stored once, and what each session spent is exact.
func TestOneOfTwoIsKilledAndReplaced(t *testing.T) {
	h := begin(t)
	victim := h.collectors[h.ring.Owner(nameOf(0))]
	for n := range rounds {
		switch n {
		case 2:
			victim.KillCollector()
		case 4:
			inTime(t, victim.StartCollector)
		}
		require.NoError(t, h.gateway.Send(t.Context(), round(t, n)), "the gateway takes spans, whoever is down")
	}
	h.count(t, rounds*sessions*spansEach, countActions)
	h.exact(t, rounds)
	h.count(t, 1, ownersOfSession)

	// Another machine takes its place: what it must know is in the store.
	require.NoError(t, victim.StopCollector())
	require.NoError(t, os.RemoveAll(filepath.Join(victim.State(), "queue")))
	require.NoError(t, h.gateway.Send(t.Context(), round(t, rounds)))
	inTime(t, victim.StartCollector)
	h.count(t, (rounds+1)*sessions*spansEach, countActions)
	h.exact(t, rounds+1)
}

// A chain whose two runs belong to different collectors is whole in SQL.
func TestChainAcrossCollectors(t *testing.T) {
	h := begin(t)
	from, to := "", ""
	for s := range sessions {
		if name := nameOf(s); from == "" {
			from = name
		} else if h.ring.Owner(name) != h.ring.Owner(from) {
			to = name
			break
		}
	}
	require.NotEmpty(t, to, "two sessions with different owners")
	asked := pcommon.SpanID{0: 2, 7: 1}
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	add := func(trace byte, id, parent pcommon.SpanID, session, agent string, kind ptrace.SpanKind) ptrace.Span {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{0: 9, 1: trace, 15: 1})
		s.SetSpanID(id)
		s.SetParentSpanID(parent)
		s.SetKind(kind)
		s.SetName("invoke_agent " + agent)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
		s.Attributes().PutStr("gen_ai.operation.name", "invoke_agent")
		s.Attributes().PutStr("gen_ai.agent.name", agent)
		s.Attributes().PutStr("gen_ai.agent.id", agent)
		s.Attributes().PutStr("gen_ai.conversation.id", session)
		return s
	}
	root := add(1, pcommon.SpanID{0: 1, 7: 1}, pcommon.SpanID{}, from, "assistant", ptrace.SpanKindInternal)
	root.Attributes().PutStr(attr.PrincipalID, "alice@acme.example")
	root.Attributes().PutStr(attr.PrincipalType, "user")
	add(1, asked, pcommon.SpanID{0: 1, 7: 1}, from, "reader", ptrace.SpanKindClient)
	link := add(2, pcommon.SpanID{0: 3, 7: 1}, pcommon.SpanID{}, to, "reader", ptrace.SpanKindInternal).Links().AppendEmpty()
	link.SetTraceID(pcommon.TraceID{0: 9, 1: 1, 15: 1})
	link.SetSpanID(asked)
	link.Attributes().PutStr("spanwarden.link.type", "delegation")
	link.Attributes().PutStr("spanwarden.delegation.id", "dlg-read")
	link.Attributes().PutStr("spanwarden.delegation.delegator", "assistant")
	require.NoError(t, h.gateway.Send(t.Context(), encode(t, td)))

	h.count(t, 3, countActions)
	h.count(t, 2, "SELECT uniqExact(writer_id) FROM runs")
	var path []string
	require.Eventually(t, func() bool {
		return h.conn.QueryRow(t.Context(), "SELECT arrayMap(r -> agents[r], path) FROM ev_lineage"+allOf+
			" CROSS JOIN (SELECT mapFromArrays(groupArray(run_id), groupArray(toString(agent_id))) AS agents FROM ev_runs"+allOf+") AS names"+
			" WHERE steps = 1").Scan(&path) == nil
	}, within, every)
	assert.Equal(t, []string{"assistant", "reader"}, path)
}

// A collector that does not own a session says who does, and allows nothing.
func TestAskedTheWrongCollector(t *testing.T) {
	h := begin(t)
	for s := range 10 {
		owner := h.ring.Owner(nameOf(s))
		for name, st := range h.collectors {
			body := fmt.Sprintf(`{"subject":{"type":"agent","id":"planner"},"action":{"name":"execute"},"resource":{"type":"tool","id":"look"},"context":{"session_id":%q}}`, nameOf(s))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, st.Decision()+"/access/v1/evaluation", bytes.NewReader([]byte(body)))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			var a struct {
				Decision bool
				Context  struct {
					Reason     string
					Spanwarden struct{ Owner string }
				}
			}
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&a))
			require.NoError(t, resp.Body.Close())
			assert.False(t, a.Decision, "nobody is registered")
			if name == owner {
				assert.Equal(t, "unregistered_agent", a.Context.Reason)
				assert.Empty(t, a.Context.Spanwarden.Owner)
			} else {
				assert.Equal(t, "misdirected", a.Context.Reason)
				assert.Equal(t, owner, a.Context.Spanwarden.Owner)
			}
		}
	}
}
