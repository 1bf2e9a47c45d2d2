package boundaryprocessor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/metadata"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/metadatatest"
)

var (
	run      = spanSpec{ID: 1, Agent: "support", For: 9 * time.Second, Attrs: map[string]any{"gen_ai.conversation.id": "s1"}}
	listing  = spanSpec{ID: 2, Parent: 1, At: time.Second, Tool: "list_customers"}
	deletion = spanSpec{ID: 3, Parent: 1, At: 2 * time.Second, Tool: "delete_customer"}
)

// Without a governance extension nothing is judged, and nothing called respected.
func TestWithoutRegistry(t *testing.T) {
	for name, gov := range map[string]*registry{"no extension": nil, "no registry": {}} {
		p := start(t, gov, nil)
		require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{run, listing, deletion})))
		require.NoError(t, p.Shutdown(t.Context()))
		got := collect(t, p.sink.AllTraces())
		for id := byte(1); id <= 3; id++ {
			assert.Equal(t, verdictSpec{Verdict: "not_evaluated", Missing: []string{"registry"}}, got.spans[id], name)
		}
		assert.Empty(t, got.findings)
	}
}

// A span without a time cannot be held against the version of any; one with a
// time that cannot be does not get away.
func TestOddTimes(t *testing.T) {
	at := pcommon.NewTimestampFromTime(noon)
	for _, test := range []struct {
		start, end pcommon.Timestamp
		verdict    string
		found      int
	}{
		{0, 0, "not_evaluated", 0},
		{math.MaxUint64, math.MaxUint64, "not_evaluated", 0},
		{0, at, "violation", 1},
		{at, 0, "violation", 1},
		{at, math.MaxUint64, "violation", 1},
		{at, at - 1, "violation", 1},
		{1, 1, "violation", 1},
		{1 << 62, 1 << 62, "violation", 1},
	} {
		p := start(t, &registry{history: standard(t)}, nil)
		td := build([]spanSpec{{ID: 1, Agent: "support", Tool: "delete_customer"}})
		eachSpan([]ptrace.Traces{td}, func(s ptrace.Span) { s.SetStartTimestamp(test.start); s.SetEndTimestamp(test.end) })
		require.NoError(t, p.ConsumeTraces(t.Context(), td))
		require.NoError(t, p.Shutdown(t.Context()))
		got := collect(t, p.sink.AllTraces())
		assert.Equal(t, test.verdict, got.spans[1].Verdict, "%+v", test)
		assert.Len(t, got.findings, test.found, "%+v", test)
		if test.found == 0 {
			assert.Equal(t, []string{"time"}, got.spans[1].Missing)
		}
	}
}

// What the version in force said has been forgotten: nothing is judged by another.
func TestForgottenVersions(t *testing.T) {
	text := string(readFile(t, "testdata/registry.yaml"))
	h := policy.NewHistory(1).Add(loaded, load(t, text)).Add(noon.Add(time.Hour), load(t, strings.ReplaceAll(text, "carol", "dave")))
	p := start(t, &registry{history: h}, nil)
	require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{run, {ID: 2, Agent: "support", Tool: "delete_customer", At: 2 * time.Hour}})))
	require.NoError(t, p.Shutdown(t.Context()))
	got := collect(t, p.sink.AllTraces())
	assert.Equal(t, verdictSpec{Verdict: "not_evaluated", Missing: []string{"registry"}}, got.spans[1])
	assert.Equal(t, "violation", got.spans[2].Verdict)
}

// Whatever arrives: each action has one verdict of the four, what was missing
// stands beside not_evaluated alone, and no action is accused that is not refused.
func FuzzConsume(f *testing.F) {
	seeds := [][]spanSpec{{run, listing, deletion}, trace(rand.New(rand.NewPCG(3, 7))), {{ID: 1, Agent: "trial", Args: "{", Attrs: map[string]any{
		attr.BoundaryVerdict: 1, attr.ChainDepth: "x", attr.AgentAncestors: "a", "spanwarden.data.classes": 5, "gen_ai.agent.version": []any{1},
	}}}}
	for _, specs := range seeds {
		raw, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(build(specs))
		require.NoError(f, err)
		f.Add(raw)
	}
	h := standard(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(raw)
		if err != nil || td.SpanCount() == 0 {
			t.Skip("no spans")
		}
		eachSpan([]ptrace.Traces{td}, func(s ptrace.Span) { s.Events().RemoveIf(func(ptrace.SpanEvent) bool { return true }) })
		p := start(t, &registry{history: h}, nil)
		require.NoError(t, p.ConsumeTraces(t.Context(), td))
		eachSpan(p.sink.AllTraces(), func(s ptrace.Span) {
			v := verdictOf(s.Attributes())
			found, refused := finding.FromSpan(s)
			require.Empty(t, refused)
			switch v.Verdict {
			case "violation":
				require.NotEmpty(t, v.Reason)
			case "unregistered":
			case "respected", "not_evaluated", "":
				require.Empty(t, found)
			default:
				require.Fail(t, "no verdict", v.Verdict)
			}
			require.Equal(t, v.Verdict == "not_evaluated", len(v.Missing) > 0)
		})
		require.NoError(t, p.Shutdown(t.Context()))
	})
}

func TestMissingExtensionStopsTheStart(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Governance = &governanceID
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorContains(t, p.Start(t.Context(), host{}), "governance")
	require.NoError(t, p.Shutdown(t.Context()))
}

// refusing takes nothing until it is told to.
func refusing(sink *consumertest.TracesSink, open *atomic.Bool) consumer.Traces {
	c, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		if !open.Load() {
			return errors.New("full")
		}
		return sink.ConsumeTraces(ctx, td)
	})
	if err != nil {
		panic(err)
	}
	return c
}

// What was found when a batch was refused further on is found again when it comes
// again: as it was, or changed by the first time.
func TestNothingIsLostWhereABatchIsRefused(t *testing.T) {
	for _, same := range []bool{true, false} {
		var open atomic.Bool
		gov := &registry{history: standard(t)}
		sink := new(consumertest.TracesSink)
		p := startWith(t, processortest.NewNopSettings(metadata.Type), gov, refusing(sink, &open), nil)
		children := build([]spanSpec{deletion, {ID: 4, Agent: "stranger"}})
		require.Error(t, p.ConsumeTraces(t.Context(), children))
		parent := build([]spanSpec{run})
		require.Error(t, p.ConsumeTraces(t.Context(), parent))
		if !same {
			children, parent = build([]spanSpec{deletion, {ID: 4, Agent: "stranger"}}), build([]spanSpec{run})
		}
		open.Store(true)
		require.NoError(t, p.ConsumeTraces(t.Context(), children))
		require.NoError(t, p.ConsumeTraces(t.Context(), parent))
		require.NoError(t, p.Shutdown(t.Context()))
		events := 0
		eachSpan(sink.AllTraces(), func(s ptrace.Span) {
			for _, e := range s.Events().All() {
				if e.Name() == attr.FindingEvent {
					events++
				}
			}
		})
		types := map[finding.Type]int{}
		for _, f := range collect(t, sink.AllTraces()).findings {
			types[f.Type]++
		}
		assert.Equal(t, map[finding.Type]int{finding.BoundaryTool: 1, finding.BoundaryUnregisteredAgent: 1}, types)
		assert.LessOrEqual(t, events, 3)
	}
}

// What became ripe while next took nothing is sent when it does.
func TestSettleSpansWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Bool
		open.Store(true)
		sink := new(consumertest.TracesSink)
		p := startWith(t, processortest.NewNopSettings(metadata.Type), &registry{history: standard(t)}, refusing(sink, &open), nil)
		require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{{ID: 3, Parent: 1, Tool: "touch", Resource: map[string]string{"service.name": "daemon"}}})))
		open.Store(false)
		time.Sleep(5 * time.Minute)
		assert.Len(t, sink.AllTraces(), 1)
		open.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, sink.AllTraces(), 2)
		td := sink.AllTraces()[1]
		service, _ := td.ResourceSpans().At(0).Resource().Attributes().Get("service.name")
		assert.Equal(t, "daemon", service.Str())
		span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		assert.Equal(t, attr.SettleSpan, span.Name())
		assert.Equal(t, attr.Scope, td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Name())
		for k := range span.Attributes().All() {
			assert.True(t, strings.HasPrefix(k, attr.Prefix), "a settle span says nothing of its own: %s", k)
		}
		found, _ := finding.FromSpan(span)
		require.Len(t, found, 1)
		assert.Equal(t, spanID(3), found[0].SpanID)
		require.NoError(t, p.Shutdown(t.Context()))
	})
}

// An action that was judged by its process, and then turns out to be somebody
// else's, no longer accuses the first.
func TestCorrectedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &registry{history: standard(t)}, nil)
		daemon := map[string]string{"service.name": "daemon"}
		require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{{ID: 2, Parent: 1, Tool: "list_customers", Resource: daemon}})))
		time.Sleep(5 * time.Minute)
		require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{{ID: 1, Agent: "support", Resource: daemon}})))
		synctest.Wait()
		got := collect(t, p.sink.AllTraces())
		require.Len(t, got.findings, 1)
		for _, f := range got.findings {
			assert.Equal(t, finding.BoundaryTool, f.Type)
			assert.Equal(t, "daemon", f.Agent)
			assert.Equal(t, finding.Resolved, f.State)
		}
		assert.Equal(t, "respected", got.judgements[2].Verdict)
		assert.Equal(t, "support", got.judgements[2].Agent)
		require.NoError(t, p.Shutdown(t.Context()))
	})
}

// An action waits an hour and no longer, and so many and no more.
func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &registry{history: standard(t)}, func(c *Config) { c.Limits.Pending = 2 })
		for id := byte(2); id < 6; id++ {
			require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{{ID: id, Parent: 1, Tool: "delete_customer"}})))
		}
		require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{run})))
		assert.Len(t, collect(t, p.sink.AllTraces()).findings, 2, "the others gave way")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.Zero(t, p.Traces.(*boundaryProcessor).waiting.Len())
		require.NoError(t, p.Shutdown(t.Context()))
	})
}

// halt_on halts the narrowest that is known, once, and only where the entry
// enforces; a storage that fails stops the batch, so that it comes again.
func TestHaltOn(t *testing.T) {
	entry := `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: support}
spec:
  agent: {id: support, match: [{attr: {gen_ai.agent.name: support}}]}
  owner: "user:carol@acme.example"
  mode: %s
  halt_on: [boundary.tool]
`
	for mode, want := range map[string]int{"enforce": 1, "warn": 0, "shadow": 0} {
		gov := &registry{history: policy.NewHistory(0).Add(loaded, load(t, fmt.Sprintf(entry, mode)))}
		p := start(t, gov, nil)
		batch := func() ptrace.Traces { return build([]spanSpec{run, deletion}) }
		gov.refuse = errors.New("no storage")
		if want > 0 {
			require.ErrorContains(t, p.ConsumeTraces(t.Context(), batch()), "no storage")
			assert.Empty(t, p.sink.AllTraces())
		}
		gov.refuse = nil
		for range 2 {
			require.NoError(t, p.ConsumeTraces(t.Context(), batch()))
		}
		require.Len(t, gov.halts, want, mode)
		if want > 0 {
			o := gov.halts[0]
			assert.Equal(t, ledger.Agent, o.Scope)
			assert.Equal(t, []string{"support", "", "s1", "boundary.tool"}, []string{o.Key, o.Run, o.Session, o.Rule})
			assert.NotEmpty(t, o.By)
			assert.Contains(t, o.Reason, "delete_customer")
			gov.refuse = ledger.ErrTooManyHalts
			other := deletion
			other.ID = 5
			require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{run, other})), "refused for good: the batch goes on")
		}
		require.NoError(t, p.Shutdown(t.Context()))
	}
}

// Where a delegation processor stands in front, it reports hand-overs.
func TestHandOversBehindDelegation(t *testing.T) {
	p := start(t, &registry{history: standard(t)}, nil)
	require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{{
		ID: 1, Agent: "support", Tool: "transfer_to_stranger", Attrs: map[string]any{attr.RunID: "r1", attr.ChainID: "c1", attr.ChainDepth: 1},
	}})))
	require.NoError(t, p.Shutdown(t.Context()))
	got := collect(t, p.sink.AllTraces())
	assert.Equal(t, "violation", got.spans[1].Verdict)
	assert.Empty(t, got.findings)
}

// What a delegation processor finds out later, on settle spans of its own, is
// taken: here that the run was delegated, so that nobody need be named.
func TestNewsFromTheChain(t *testing.T) {
	p := start(t, &registry{history: standard(t)}, nil)
	pay := spanSpec{ID: 7, Agent: "billing", Tool: "pay", Resource: map[string]string{"service.name": "pay"}, Attrs: map[string]any{attr.RunID: "r1"}}
	first := build([]spanSpec{pay})
	genaiFront()(first)
	require.NoError(t, p.ConsumeTraces(t.Context(), first))
	assert.Equal(t, []string{"principal"}, collect(t, p.sink.AllTraces()).spans[7].Missing)

	var batch genai.Batch
	batch.Decode(first, nil)
	id := batch.Items[0].ActionID()
	for i, action := range []string{"", "zz", strings.Repeat("ab", 4000), hex.EncodeToString(id[:])} {
		td := ptrace.NewTraces()
		ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		ss.Scope().SetName(attr.Scope)
		span := ss.Spans().AppendEmpty()
		span.SetName(attr.SettleSpan)
		e := span.Events().AppendEmpty()
		e.SetName(attr.AttributionEvent)
		e.Attributes().PutStr(attr.AttributionAction, action)
		e.Attributes().PutStr(attr.ChainID, "c1")
		e.Attributes().PutInt(attr.ChainDepth, 1)
		require.NoError(t, p.ConsumeTraces(t.Context(), td))
		assert.Len(t, collect(t, p.sink.AllTraces()).judgements, i/3)
	}
	assert.Equal(t, "respected", collect(t, p.sink.AllTraces()).judgements[7].Verdict)
	require.NoError(t, p.Shutdown(t.Context()))
}

func TestTelemetry(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { assert.NoError(t, tel.Shutdown(context.Background())) })
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	p := startWith(t, set, &registry{history: standard(t)}, nil, func(c *Config) { c.Limits.Agents = 1 })
	require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{deletion, listing})))
	require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{run})))
	require.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{{ID: 5, Agent: "trial", Tool: "look"}, {ID: 6, Agent: "stranger"}})))
	point := func(n int64, kv ...string) metricdata.DataPoint[int64] {
		var attrs []attribute.KeyValue
		for i := 0; i < len(kv); i += 2 {
			attrs = append(attrs, attribute.String(kv[i], kv[i+1]))
		}
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attrs...)}
	}
	metadatatest.AssertEqualProcessorBoundaryActions(t, tel, []metricdata.DataPoint[int64]{
		point(2, "agent", "", "verdict", "not_evaluated"), point(1, "agent", "support", "verdict", "respected"),
		point(1, "agent", "(others)", "verdict", "not_evaluated"), point(1, "agent", "", "verdict", "unregistered"),
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorBoundaryCorrected(t, tel, []metricdata.DataPoint[int64]{
		point(1, "agent", "support", "verdict", "violation"), point(1, "agent", "support", "verdict", "respected"),
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorBoundaryMissing(t, tel, []metricdata.DataPoint[int64]{
		point(2, "field", "actor"), point(1, "field", "agent.version"),
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorBoundaryLate(t, tel, []metricdata.DataPoint[int64]{
		point(2, "result", "waiting"), point(2, "result", "corrected"),
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorBoundaryEvaluated(t, tel, []metricdata.DataPoint[float64]{{Value: 0.8}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorBoundaryPending(t, tel, []metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, p.Shutdown(t.Context()))
}

func TestConfigNamesKeyAndValue(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, componenttest.CheckConfigStruct(cfg))
	require.NoError(t, confmap.Validate(cfg))
	cfg.BeforeRegistry = "perhaps"
	cfg.Late = LateConfig{Grace: time.Minute, Wait: time.Second}
	cfg.Limits.Pending, cfg.Limits.Rates = 0, -1
	err := confmap.Validate(cfg)
	for _, want := range []string{
		`before_registry: must be judge or not_evaluated, not "perhaps"`, "late: wait: must not be less than grace (1m0s), not 1s",
		"pending: must be positive, not 0", "rates: must be positive, not -1",
	} {
		assert.ErrorContains(t, err, want)
	}
}

// Batches may come at once, while time passes and the registry is asked.
func TestAtOnce(t *testing.T) {
	p := start(t, &registry{history: standard(t)}, func(c *Config) { c.Late.Grace = time.Millisecond })
	var all sync.WaitGroup
	for n := range byte(8) {
		all.Go(func() {
			for i := range byte(20) {
				td := build([]spanSpec{{ID: 100 + n, Parent: 1, Tool: "export"}, deletion, {ID: 20 + i, Agent: "support", Tool: "export"}})
				assert.NoError(t, p.ConsumeTraces(t.Context(), td))
				assert.NoError(t, p.ConsumeTraces(t.Context(), build([]spanSpec{run})))
			}
		})
	}
	all.Wait()
	require.NoError(t, p.Shutdown(t.Context()))
	deletions := map[string]bool{}
	eachSpan(p.sink.AllTraces(), func(s ptrace.Span) {
		found, _ := finding.FromSpan(s)
		for _, f := range found {
			if f.Type == finding.BoundaryTool {
				deletions[f.ID] = true
			}
		}
	})
	assert.Len(t, deletions, 1)
}

// The README names every key and its default.
func TestReadmeNamesTheDefaults(t *testing.T) {
	conf := confmap.New()
	require.NoError(t, conf.Marshal(createDefaultConfig()))
	readme := string(readFile(t, "README.md"))
	for _, key := range conf.AllKeys() {
		if key == "governance" || key == "limits::spans" || key == "limits::responses" {
			assert.Contains(t, readme, "`"+key+"`")
			continue
		}
		if v := conf.Get(key); v == "" || v == "[REDACTED]" {
			assert.Contains(t, readme, "| `"+key+"` | string | `\"\"` |")
			continue
		}
		want := strings.TrimSuffix(strings.TrimSuffix(fmt.Sprint(conf.Get(key)), "0s"), "0m")
		assert.Regexp(t, "\\| `"+key+"` \\| [a-z]+ \\| `"+want+"` \\|", readme)
	}
}
