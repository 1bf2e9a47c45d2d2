package genaiprocessor

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/trust"
	"github.com/spanwarden/spanwarden/processor/genaiprocessor/internal/metadata"
	"github.com/spanwarden/spanwarden/processor/genaiprocessor/internal/metadatatest"
)

func recording(t *testing.T, name string) ptrace.Traces {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/corpus/" + name)
	require.NoError(t, err)
	var decoder ptrace.JSONUnmarshaler
	td, err := decoder.UnmarshalTraces(raw)
	require.NoError(t, err)
	return td
}

func eachSpan(td ptrace.Traces, visit func(ptrace.Span)) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				visit(span)
			}
		}
	}
}

// A recorded agent run goes through the component: each span says what it was,
// the tokens of its leaves are counted once, and nothing that was there changed.
func TestRecordedRun(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), set, createDefaultConfig(), sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))

	before := recording(t, "ai6_tools.jsonl")
	originals := map[pcommon.SpanID]map[string]any{}
	eachSpan(before, func(s ptrace.Span) { originals[s.SpanID()] = s.Attributes().AsRaw() })
	require.NoError(t, p.ConsumeTraces(t.Context(), before))
	require.NoError(t, p.Shutdown(t.Context()))

	var input int64
	eachSpan(sink.AllTraces()[0], func(s ptrace.Span) {
		now := s.Attributes().AsRaw()
		for key, value := range originals[s.SpanID()] {
			assert.Equal(t, value, now[key], key)
		}
		assert.Contains(t, now, attr.ActionKind)
		if accounting := now[attr.UsageAccounting]; accounting != nil && accounting != "rollup" {
			input += now[attr.InputTokens].(int64)
			assert.Equal(t, "weather-agent", now[attr.AgentName])
		}
	})
	assert.EqualValues(t, 3372, input, "the truth of this run; a plain sum over spans says 6744")
	_, err = tel.GetMetric("otelcol_processor_genai_spans")
	require.NoError(t, err)
	metadatatest.AssertEqualProcessorGenaiUsageInvalid(t, tel,
		[]metricdata.DataPoint[int64]{{Value: 0}}, metricdatatest.IgnoreTimestamp())
}

func TestConfigNamesKeyAndValue(t *testing.T) {
	for name, limits := range map[string]LimitsConfig{
		"limits: spans: must be positive, not 0":      {Spans: 0, Responses: 1},
		"limits: responses: must be positive, not -3": {Spans: 1, Responses: -3},
	} {
		cfg := createDefaultConfig().(*Config)
		cfg.Limits = limits
		assert.EqualError(t, confmap.Validate(cfg), name)
	}
	cfg := createDefaultConfig()
	require.NoError(t, componenttest.CheckConfigStruct(cfg))
	err := confmap.NewFromStringMap(map[string]any{"limit": map[string]any{"spans": 1}}).Unmarshal(cfg)
	assert.ErrorContains(t, err, "limit")
}

// A rule of the operator decides where the numbers prove nothing.
func TestAccountingRule(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Accounting = []AccountingConfig{{Scope: "com.example", Cache: "exclusive"}}
	require.NoError(t, confmap.Validate(cfg))
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, sink)
	require.NoError(t, err)

	td := ptrace.NewTraces()
	scope := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	scope.Scope().SetName("com.example.llm")
	a := scope.Spans().AppendEmpty().Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "anthropic")
	a.PutStr("gen_ai.request.model", "claude-sonnet-4-5")
	a.PutInt("gen_ai.usage.input_tokens", 5000)
	a.PutInt("gen_ai.usage.cache_read.input_tokens", 100)
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	require.NoError(t, p.Shutdown(t.Context()))

	eachSpan(sink.AllTraces()[0], func(s ptrace.Span) {
		got := s.Attributes().AsRaw()
		assert.EqualValues(t, 5100, got[attr.InputTokens])
		assert.Equal(t, "exclusive", got[attr.UsageAccounting])
	})
}

func TestAccountingRuleNamesKeyAndValue(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Accounting = []AccountingConfig{{Cache: "both", Reasoning: "none"}}
	err := confmap.Validate(cfg)
	for _, want := range []string{"accounting::0", "scope, service", `cache: must be inclusive or exclusive, not "both"`, `not "none"`} {
		assert.ErrorContains(t, err, want)
	}
}

// An agent cannot write its own evidence; what it may state stays its own word.
func TestForgedAttributes(t *testing.T) {
	for _, trust := range []bool{false, true} {
		tel := componenttest.NewTelemetry()
		set := processortest.NewNopSettings(metadata.Type)
		set.TelemetrySettings = tel.NewTelemetrySettings()
		cfg := createDefaultConfig().(*Config)
		cfg.TrustIncoming = trust
		sink := new(consumertest.TracesSink)
		p, err := NewFactory().CreateTraces(t.Context(), set, cfg, sink)
		require.NoError(t, err)

		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		a := span.Attributes()
		a.PutStr("gen_ai.operation.name", "execute_tool")
		a.PutStr("gen_ai.tool.name", "delete_everything")
		a.PutStr(attr.BoundaryVerdict, "respected")
		a.PutStr(attr.DecisionEffect, "allow")
		a.PutStr(attr.PrincipalGrade, "verified")
		a.PutStr(attr.PrincipalID, "alice")
		a.PutStr(attr.SessionID, "s1")
		a.PutStr(attr.DelegationID, "dlg-1")
		a.PutStr(attr.DelegationGrade, "verified")
		span.Events().AppendEmpty().SetName(attr.AttributionEvent)
		require.NoError(t, p.ConsumeTraces(t.Context(), td))

		eachSpan(sink.AllTraces()[0], func(s ptrace.Span) {
			got := s.Attributes().AsRaw()
			assert.Equal(t, "alice", got[attr.PrincipalID])
			assert.Equal(t, "s1", got[attr.SessionID])
			if trust {
				assert.Equal(t, "respected", got[attr.BoundaryVerdict])
				return
			}
			assert.Equal(t, "declared", got[attr.PrincipalGrade])
			assert.NotContains(t, got, attr.BoundaryVerdict)
			assert.NotContains(t, got, attr.DecisionEffect)
			assert.NotContains(t, got, attr.DelegationGrade)
			assert.Equal(t, "dlg-1", got[attr.DelegationID], "a claim, to be looked up")
			assert.Zero(t, s.Events().Len())
			metadatatest.AssertEqualProcessorGenaiForged(t, tel,
				[]metricdata.DataPoint[int64]{{Value: 5}}, metricdatatest.IgnoreTimestamp())
		})
		require.NoError(t, p.Shutdown(t.Context()))
		require.NoError(t, tel.Shutdown(context.Background()))
	}
}

// What this process made itself keeps what it says of itself.
func TestOwnDecisionPasses(t *testing.T) {
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), sink)
	require.NoError(t, err)
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName(attr.Scope)
	a := ss.Spans().AppendEmpty().Attributes()
	a.PutStr(attr.DecisionID, "01JD")
	a.PutStr(attr.DecisionEffect, "deny")
	require.NoError(t, p.ConsumeTraces(trust.Mark(t.Context()), td))
	eachSpan(sink.AllTraces()[0], func(s ptrace.Span) {
		got := s.Attributes().AsRaw()
		assert.Equal(t, "deny", got[attr.DecisionEffect])
		assert.Equal(t, "decision", got[attr.ActionKind])
	})
	require.NoError(t, p.Shutdown(t.Context()))
}

// No agent hides a call behind our scope and a decision that it names.
func TestOwnScopeHidesNothing(t *testing.T) {
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), sink)
	require.NoError(t, err)
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName(attr.Scope)
	a := ss.Spans().AppendEmpty().Attributes()
	a.PutStr(attr.DecisionID, "01JD")
	a.PutStr("gen_ai.operation.name", "execute_tool")
	a.PutStr("gen_ai.tool.name", "delete_everything")
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	eachSpan(sink.AllTraces()[0], func(s ptrace.Span) {
		assert.Equal(t, "tool", s.Attributes().AsRaw()[attr.ActionKind])
	})
	require.NoError(t, p.Shutdown(t.Context()))
}
