package replay

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor"

	"github.com/spanwarden/spanwarden/connector/findingsconnector"
	"github.com/spanwarden/spanwarden/extension/governanceextension"
	"github.com/spanwarden/spanwarden/internal/agents"
	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/trust"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor"
	"github.com/spanwarden/spanwarden/processor/costprocessor"
	"github.com/spanwarden/spanwarden/processor/delegationprocessor"
	"github.com/spanwarden/spanwarden/processor/genaiprocessor"
)

func factories() *Factories {
	return &Factories{
		Extensions: []extension.Factory{governanceextension.NewFactory()},
		Processors: []processor.Factory{
			genaiprocessor.NewFactory(), delegationprocessor.NewFactory(), costprocessor.NewFactory(), boundaryprocessor.NewFactory(),
			baselineprocessor.NewFactory(),
		},
	}
}

// demoRules are those of the demo: the configuration as shipped, with the demo's
// budgets and registry.
func demoRules(t *testing.T, set ...string) *Rules {
	t.Helper()
	t.Setenv("SPANWARDEN_BUDGETS", "../../configs/policy/demo-budgets.yaml")
	t.Setenv("SPANWARDEN_REGISTRY", "../../configs/policy/agents")
	r, err := ReadConfig(t.Context(), "../../configs/spanwarden.yaml", set, "", factories())
	require.NoError(t, err)
	return r
}

// played returns the spans that scenarios send.
func played(t *testing.T, at time.Time, scenarios ...*agents.Scenario) ptrace.Traces {
	t.Helper()
	all := ptrace.NewTraces()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		req := ptraceotlp.NewExportRequest()
		if err == nil {
			err = req.UnmarshalProto(raw)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		req.Traces().ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
	}))
	defer server.Close()
	for _, s := range scenarios {
		_, err := agents.Run(t.Context(), server.URL, s, at)
		require.NoError(t, err)
	}
	return all
}

// batches are the spans as they would have come, each batch five seconds long.
func batches(all ptrace.Traces) []ptrace.Traces {
	type one struct {
		rs   ptrace.ResourceSpans
		ss   ptrace.ScopeSpans
		span ptrace.Span
	}
	var spans []one
	for _, rs := range all.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				spans = append(spans, one{rs, ss, s})
			}
		}
	}
	slices.SortStableFunc(spans, func(a, b one) int { return a.span.EndTimestamp().AsTime().Compare(b.span.EndTimestamp().AsTime()) })
	var out []ptrace.Traces
	window, decided := int64(-1), false
	for _, s := range spans {
		own := s.ss.Scope().Name() == attr.Scope
		if w := s.span.EndTimestamp().AsTime().UnixNano() / int64(5*time.Second); w != window || own != decided {
			window, decided = w, own
			out = append(out, ptrace.NewTraces())
		}
		rs := out[len(out)-1].ResourceSpans().AppendEmpty()
		s.rs.Resource().CopyTo(rs.Resource())
		ss := rs.ScopeSpans().AppendEmpty()
		s.ss.Scope().CopyTo(ss.Scope())
		s.span.CopyTo(ss.Spans().AppendEmpty())
	}
	return out
}

func lastEnd(td ptrace.Traces) (last time.Time) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				last = later(last, s.EndTimestamp().AsTime())
			}
		}
	}
	return last
}

// live runs the rules over spans as they come and returns what went to the store.
func live(t *testing.T, rules *Rules, all ptrace.Traces, since, until time.Time) []ptrace.Traces {
	t.Helper()
	sink := new(consumertest.TracesSink)
	var err error
	inBubble(func() {
		ctx := context.Background()
		in := batches(all)
		sleepUntil(since) // when a component starts decides when its tickers tick
		var p *pipeline
		if p, err = rules.build(ctx, sink); err != nil {
			return
		}
		for _, td := range in {
			sleepUntil(lastEnd(td))
			own := ctx
			if td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Name() == attr.Scope {
				own = trust.Mark(ctx) // as the decision receiver does
			}
			if err = p.consume(own, td); err != nil {
				break
			}
		}
		sleepUntil(until)
		if e := p.close(ctx); err == nil {
			err = e
		}
		if troubles := p.troubles.list(); len(troubles) > 0 {
			t.Log(troubles)
		}
	})
	require.NoError(t, err)
	return sink.AllTraces()
}

// stored puts what the pipeline let through into a store, as the exporter does.
func stored(t *testing.T, dsn string, out []ptrace.Traces) driver.Conn {
	t.Helper()
	opts, err := audit.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database})
	require.NoError(t, err)
	sender := insert.New(opts, opts.Auth.Database, insert.None)
	t.Cleanup(sender.Close)
	put := func(e *audit.Encoded) error { return sender.Insert(t.Context(), e) }

	logs := new(consumertest.LogsSink)
	f := findingsconnector.NewFactory()
	c, err := f.CreateTracesToLogs(t.Context(), connector.Settings{
		ID: component.NewID(f.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}, f.CreateDefaultConfig(), logs)
	require.NoError(t, err)
	enc := audit.NewEncoder(audit.Limits{}, audit.Content{Enabled: true, Secret: []byte("test")})
	all := ptrace.NewTraces()
	for _, td := range out {
		require.NoError(t, c.ConsumeTraces(t.Context(), td))
		td.ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
	}
	observed := time.Now()
	_, err = enc.Encode(all, observed, put)
	require.NoError(t, err)
	found := audit.NewLogEncoder(audit.Limits{})
	for _, ld := range logs.AllLogs() {
		_, err = found.Encode(ld, observed, put, func(r *audit.RefusedLog) { t.Error(r.Err) })
		require.NoError(t, err)
	}
	return conn
}

var scenarioTime = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// What live found in the demo's scenarios, a replay of the stored actions under the
// same rules finds again, each finding by its id.
func TestAReplayFindsWhatLiveFound(t *testing.T) {
	rules := demoRules(t)
	spans := played(t, scenarioTime, &agents.RetryLoop, &agents.ReasoningLoop, &agents.SupportDesk, &agents.DelegatedMail)
	since, until := scenarioTime.Add(-20*24*time.Hour), scenarioTime.Add(3*time.Hour)
	conn := stored(t, storetest.Start(t).Database(t), live(t, rules, spans, since, until))
	report, err := Run(t.Context(), NewStore(conn), demoRules(t), Options{Since: since, Until: until})
	require.NoError(t, err)
	require.NoError(t, report.Text(testWriter{t}))
	require.Equal(t, report.OnRecord, report.Same)
	require.Zero(t, report.New)
	require.Zero(t, report.Gone)

	// A period that ends earlier: what is on record later is still known by its id.
	store := NewStore(conn)
	n := 0
	require.NoError(t, store.Known(t.Context(), []string{"nothing", report.Groups[0].Examples[0].ID}, func(f *Found) {
		n++
		require.Equal(t, report.Groups[0].Examples[0].ID, f.ID)
	}))
	require.Equal(t, 1, n)
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log("\n" + string(b))
	return len(b), nil
}
