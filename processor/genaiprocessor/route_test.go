package genaiprocessor

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/processor/genaiprocessor/internal/metadata"
	"github.com/spanwarden/spanwarden/processor/genaiprocessor/internal/metadatatest"
)

// A span goes by its session, stated or its ancestor's; else by its trace, which is
// counted where it is GenAI work. What arrives as routing key is not believed.
func TestRoutingKey(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	cfg := createDefaultConfig().(*Config)
	cfg.RoutingKey = true
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), set, cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))

	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	add := func(trace, id, parent byte, attrs map[string]any) {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{trace})
		s.SetSpanID(pcommon.SpanID{id})
		if parent != 0 {
			s.SetParentSpanID(pcommon.SpanID{parent})
		}
		require.NoError(t, s.Attributes().FromRaw(attrs))
	}
	add(1, 1, 0, map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a", "gen_ai.conversation.id": "s1"})
	add(1, 2, 1, map[string]any{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", attr.RoutingKey: "elsewhere"})
	add(2, 3, 0, map[string]any{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
	add(3, 4, 0, map[string]any{"http.request.method": "GET"})
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	require.NoError(t, p.Shutdown(t.Context()))

	got := map[byte]string{}
	eachSpan(sink.AllTraces()[0], func(s ptrace.Span) {
		v, ok := s.Attributes().Get(attr.RoutingKey)
		require.True(t, ok)
		id := s.SpanID()
		got[id[0]] = v.AsString()
	})
	assert.Equal(t, map[byte]string{
		1: "s1", 2: "s1", 3: "02000000000000000000000000000000", 4: "03000000000000000000000000000000",
	}, got)
	metadatatest.AssertEqualProcessorGenaiUnrouted(t, tel, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
}
