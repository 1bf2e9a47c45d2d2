package costprocessor

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/processor/costprocessor/internal/metadata"
)

// prices returns the price events of the spans.
func prices(td ptrace.Traces) (out []map[string]any) {
	for _, e := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Events().All() {
		if e.Name() == attr.PriceEvent {
			out = append(out, e.Attributes().AsRaw())
		}
	}
	return out
}

// The rates ride on the first call that they price, and again where the next
// consumer did not take it.
func TestRatesRideOnTheFirstCall(t *testing.T) {
	refuse := errors.New("no")
	next, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error { return refuse })
	require.NoError(t, err)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), next)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, p.Shutdown(context.Background())) })

	for range 2 {
		td := call("gpt-4o", nil)
		require.ErrorIs(t, p.ConsumeTraces(t.Context(), td), refuse)
		require.Len(t, prices(td), 1, "nobody took it")
	}
	refuse = nil
	td := call("gpt-4o", nil)
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	require.Len(t, prices(td), 1)
	e := prices(td)[0]
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
	for _, key := range []string{attr.CostBook, attr.CostPriceID} {
		assert.Equal(t, span[key], e[key], key)
	}
	assert.Equal(t, "gpt-4o", e[attr.PriceModel])
	assert.Equal(t, []any{"input 2500000 1 2.5", "output 10000000 1 10", "cache_read 1250000 1 1.25", "cache_write 2500000 1 2.5", "cache_write_1h 2500000 1 2.5"}, e[attr.PriceRates])

	again := call("gpt-4o", nil)
	require.NoError(t, p.ConsumeTraces(t.Context(), again))
	assert.Empty(t, prices(again), "it is on record")
	other := call("gpt-4o-mini", nil)
	require.NoError(t, p.ConsumeTraces(t.Context(), other))
	assert.Len(t, prices(other), 1)
}

// What was billed beside the tokens is said, so that nobody takes tokens × rates
// for all of it.
func TestMetersBesideTokens(t *testing.T) {
	span, _ := run(t, createDefaultConfig().(*Config), call("claude-sonnet-4-5", func(a pcommon.Map) {
		a.PutStr("gen_ai.provider.name", "anthropic")
		a.PutInt("anthropic.usage.server_tool_use.web_search_requests", 2)
	}))
	meters, ok := span.Get(attr.CostMeters)
	require.True(t, ok)
	assert.Equal(t, "web_search=2", meters.Str())
}
