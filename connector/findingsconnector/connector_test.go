package findingsconnector

import (
	"context"
	"errors"
	"os"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/connector/findingsconnector/internal/metadatatest"
	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
)

func TestConfig(t *testing.T) {
	require.NoError(t, confmap.Validate(createDefaultConfig()))
	err := confmap.Validate(&Config{Limits: LimitsConfig{PerSpan: 0, PerBatch: -1}})
	assert.ErrorContains(t, err, "per_span: must be positive, not 0")
	assert.ErrorContains(t, err, "per_batch: must be positive, not -1")
}

func TestReadme(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(raw), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		var doc struct {
			Connectors map[string]map[string]any `yaml:"connectors"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(block[1]), &doc))
		require.Contains(t, doc.Connectors, "findings")
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, confmap.NewFromStringMap(doc.Connectors["findings"]).Unmarshal(cfg))
		require.NoError(t, confmap.Validate(cfg))
	}
	assert.Contains(t, string(raw), "| `limits::per_span` | int | `1000` |")
	assert.Contains(t, string(raw), "| `limits::per_batch` | int | `100000` |")
}

func batch(t *testing.T, keys ...string) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{2})
	for _, key := range keys {
		f := finding.New(finding.BudgetHalt, "", key, key)
		f.Message = "m"
		require.NoError(t, f.AddTo(span))
		if key == "spoilt" {
			span.Events().At(span.Events().Len()-1).Attributes().PutStr(attr.FindingSeverity, "loud")
		}
	}
	return td
}

func newTest(t *testing.T, cfg *Config, next consumer.Logs) (*findings, *componenttest.Telemetry, *observer.ObservedLogs) {
	t.Helper()
	tel := componenttest.NewTelemetry()
	core, logs := observer.New(zapcore.InfoLevel)
	set := connectortest.NewNopSettings(typ)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	set.Logger = zap.New(core)
	c, err := newConnector(set, cfg, next)
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	return c, tel, logs
}

// points are n for the value and 0 for the others.
func points(name, value string, n int64, others ...string) []metricdata.DataPoint[int64] {
	out := []metricdata.DataPoint[int64]{{Value: n, Attributes: attribute.NewSet(attribute.String(name, value))}}
	for _, other := range others {
		if other != value {
			out = append(out, points(name, other, 0)...)
		}
	}
	return out
}

func reasons() []string {
	out := make([]string, 0, len(finding.Reasons()))
	for _, r := range finding.Reasons() {
		out = append(out, string(r))
	}
	return out
}

func TestConsume(t *testing.T) {
	sink := &consumertest.LogsSink{}
	cfg := createDefaultConfig().(*Config)
	cfg.Limits.PerSpan = 2
	c, tel, logs := newTest(t, cfg, sink)
	require.NoError(t, c.ConsumeTraces(t.Context(), batch(t)))
	assert.Empty(t, sink.AllLogs(), "nothing found, nothing sent")
	require.NoError(t, c.ConsumeTraces(t.Context(), batch(t, "a", "a", "b", "c", "spoilt", "spoilt")))
	assert.Equal(t, 2, sink.LogRecordCount())
	ignore := metricdatatest.IgnoreTimestamp()
	metadatatest.AssertEqualConnectorFindingsEmitted(t, tel, points("severity", "critical", 2), ignore)
	metadatatest.AssertEqualConnectorFindingsRefused(t, tel, points("reason", "severity", 2, reasons()...), ignore)
	metadatatest.AssertEqualConnectorFindingsDropped(t, tel, points("limit", "per_span", 1, "per_batch"), ignore)
	metadatatest.AssertEqualConnectorFindingsDuplicates(t, tel, []metricdata.DataPoint[int64]{{Value: 1}}, ignore)
	assert.Len(t, logs.All(), 2, "one line for the refusals, one for the limit")
	require.NoError(t, c.Shutdown(t.Context()))
}

// A batch that the logs pipeline refuses is not counted, and is the same when it
// comes again.
func TestNextFails(t *testing.T) {
	var fails bool
	sink := &consumertest.LogsSink{}
	next, err := consumer.NewLogs(sink.ConsumeLogs)
	require.NoError(t, err)
	failing := &flaky{Logs: next, fails: &fails}
	c, tel, _ := newTest(t, createDefaultConfig().(*Config), failing)
	fails = true
	require.ErrorContains(t, c.ConsumeTraces(t.Context(), batch(t, "a")), "full")
	fails = false
	require.NoError(t, c.ConsumeTraces(t.Context(), batch(t, "a")))
	metadatatest.AssertEqualConnectorFindingsEmitted(t, tel, points("severity", "critical", 1), metricdatatest.IgnoreTimestamp())
}

type flaky struct {
	consumer.Logs
	fails *bool
}

func (f *flaky) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	if *f.fails {
		return errors.New("the queue is full")
	}
	return f.Logs.ConsumeLogs(ctx, ld)
}

func TestComplaintsAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, logs := newTest(t, createDefaultConfig().(*Config), consumertest.NewNop())
		for range 100 {
			require.NoError(t, c.ConsumeTraces(t.Context(), batch(t, "spoilt")))
			time.Sleep(time.Second)
		}
		lines := logs.All()
		require.Len(t, lines, 10)
		assert.Equal(t, int64(9), lines[1].ContextMap()["not_logged_before"])
		assert.Equal(t, "severity", lines[1].ContextMap()["reason"])
	})
}

var _ connector.Traces = (*findings)(nil)
