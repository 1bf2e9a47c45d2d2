package costprocessor

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/processor/costprocessor/internal/metadata"
	"github.com/spanwarden/spanwarden/processor/costprocessor/internal/metadatatest"
)

// call returns one finished model call as a conformant SDK sends it.
func call(model string, edit func(pcommon.Map)) ptrace.Traces {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{2})
	start := time.Date(2026, 9, 24, 12, 0, 0, 0, time.UTC)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", model)
	a.PutInt("gen_ai.usage.input_tokens", 1_000_000)
	a.PutInt("gen_ai.usage.output_tokens", 100_000)
	if edit != nil {
		edit(a)
	}
	return td
}

func run(t *testing.T, cfg *Config, td ptrace.Traces) (pcommon.Map, *componenttest.Telemetry) {
	t.Helper()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { assert.NoError(t, tel.Shutdown(context.Background())) })
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), set, cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	require.NoError(t, p.Shutdown(t.Context()))
	require.Len(t, sink.AllTraces(), 1)
	return sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes(), tel
}

func TestPriced(t *testing.T) {
	got, tel := run(t, createDefaultConfig().(*Config), call("gpt-4o-mini", nil))
	raw := got.AsRaw()
	assert.Equal(t, "priced", raw[attr.CostStatus])
	assert.Equal(t, 0.15+0.06, math.Round(raw[attr.CostUSD].(float64)*1e12)/1e12)
	assert.Equal(t, "exact", raw[attr.CostMatch])
	assert.NotEmpty(t, raw[attr.CostPriceID])
	assert.NotEmpty(t, raw[attr.CostBook])
	assertSpans(t, tel, "priced", "", "openai")
}

func assertSpans(t *testing.T, tel *componenttest.Telemetry, status, reason, provider string) {
	t.Helper()
	metadatatest.AssertEqualProcessorCostSpans(t, tel, []metricdata.DataPoint[int64]{{
		Value: 1,
		Attributes: attribute.NewSet(attribute.String("status", status),
			attribute.String("reason", reason), attribute.String("provider", provider)),
	}}, metricdatatest.IgnoreTimestamp())
}

// An unknown model has a reason and a count, and no amount at all; not even the
// amount that the agent itself put into our attribute.
func TestUnpriced(t *testing.T) {
	got, tel := run(t, createDefaultConfig().(*Config), call("gpt-99-imaginary", func(a pcommon.Map) {
		a.PutDouble(attr.CostUSD, 0)
	}))
	raw := got.AsRaw()
	assert.Equal(t, "unpriced", raw[attr.CostStatus])
	assert.Equal(t, "unknown_model", raw[attr.CostReason])
	for _, key := range []string{attr.CostUSD, attr.CostInputUSD, attr.CostOutputUSD, attr.CostListUSD, attr.CostOtherUSD} {
		assert.NotContains(t, raw, key)
	}
	assertSpans(t, tel, "unpriced", "unknown_model", "openai")
}

func TestRollupIsNotCharged(t *testing.T) {
	got, _ := run(t, createDefaultConfig().(*Config), call("gpt-4o-mini", func(a pcommon.Map) {
		a.PutStr("gen_ai.operation.name", "invoke_agent")
	}))
	assert.Equal(t, "rollup", got.AsRaw()[attr.CostStatus])
	assert.NotContains(t, got.AsRaw(), attr.CostUSD)
}

const (
	goodPrices = "version: 1\naliases:\n  - {provider: openai, model: house-model, to: openai/gpt-4o-mini}\n"
	badPrices  = "version: 1\naliasses: []\n"
)

func priceFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "prices.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestPriceFile(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Prices = priceFile(t, goodPrices)
	got, _ := run(t, cfg, call("house-model", nil))
	assert.Equal(t, "alias", got.AsRaw()[attr.CostMatch])
	assert.Contains(t, got.AsRaw(), attr.CostUSD)
}

func TestBadPriceFileStopsTheStart(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Prices = priceFile(t, badPrices)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	err = p.Start(t.Context(), componenttest.NewNopHost())
	assert.ErrorContains(t, err, "aliasses", "the error names the key")
	assert.ErrorContains(t, err, "prices.yaml:2", "and the line")
	assert.NoError(t, p.Shutdown(t.Context()))
}

// A file that becomes wrong while the collector runs changes nothing and is
// reported once; mended, it is taken.
func TestReload(t *testing.T) {
	path := priceFile(t, goodPrices)
	synctest.Test(t, func(t *testing.T) {
		var results []string
		s := newPriceSource(path, time.Minute, zap.NewNop(), func(r string) { results = append(results, r) })
		require.NoError(t, s.start())
		first := s.book()

		require.NoError(t, os.WriteFile(path, []byte(badPrices), 0o600))
		time.Sleep(10 * time.Minute)
		assert.Same(t, first, s.book())

		require.NoError(t, os.WriteFile(path, []byte(goodPrices+"strict: true\n"), 0o600))
		time.Sleep(10 * time.Minute)
		assert.NotEqual(t, first.Version(), s.book().Version())
		s.stop()
		assert.Equal(t, []string{reloadRefused, reloadSwapped}, results)
	})
}

func TestConfigNamesKeyAndValue(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, componenttest.CheckConfigStruct(cfg))
	require.NoError(t, confmap.Validate(cfg))
	cfg.ReloadInterval = -time.Second
	cfg.Limits.Spans = 0
	err := confmap.Validate(cfg)
	assert.ErrorContains(t, err, "reload_interval: must not be negative, not -1s")
	assert.ErrorContains(t, err, "limits: spans: must be positive, not 0")
}
