package audit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestSamplingOf(t *testing.T) {
	for _, c := range []struct {
		name, state    string
		span, resource map[string]any
		sampler        string
		weight         string
	}{
		{name: "nothing said", state: "vendor=th:8"},
		{name: "all kept", state: "ot=th:0", sampler: "ot_threshold", weight: "1"},
		{name: "half", state: "x=1, ot=rv:abcdefabcdefab;th:8", sampler: "ot_threshold", weight: "2"},
		{name: "a tenth", state: "ot=th:e6666666666666", sampler: "ot_threshold", weight: "10"},
		{name: "the least there is", state: "ot=th:ffffffffffffff", sampler: "ot_threshold", weight: "72057594037927936"},
		{name: "too long", state: "ot=th:ffffffffffffff0"},
		{name: "no hex", state: "ot=th:+1"},
		{name: "older", state: "ot=p:3;r:10", sampler: "ot_probability", weight: "8"},
		{name: "older, never to be kept", state: "ot=p:63", sampler: "ot_probability", weight: "0"},
		{name: "older, out of range", state: "ot=p:64"},
		{name: "jaeger on the resource", resource: map[string]any{"sampler.type": "probabilistic", "sampler.param": 0.25}, sampler: "jaeger", weight: "4"},
		{name: "jaeger, all", span: map[string]any{"sampler.type": "const", "sampler.param": true}, sampler: "jaeger", weight: "1"},
		{name: "jaeger, a rate", span: map[string]any{"sampler.type": "ratelimiting", "sampler.param": 2.0}},
		{name: "jaeger, none", span: map[string]any{"sampler.type": "probabilistic", "sampler.param": 0}},
		{name: "a rate", span: map[string]any{"SampleRate": 20}, sampler: "sample_rate", weight: "20"},
		{name: "no rate", span: map[string]any{"SampleRate": "often"}},
		{name: "not a number", span: map[string]any{"SampleRate": "NaN"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			span, resource := pcommon.NewMap(), pcommon.NewMap()
			require.NoError(t, span.FromRaw(c.span))
			require.NoError(t, resource.FromRaw(c.resource))
			sampler, weight := samplingOf(c.state, span, resource)
			assert.Equal(t, c.sampler, sampler)
			if c.sampler != "" {
				assert.Equal(t, c.weight, weightText(weight))
			}
		})
	}
}

// Whatever a trace state says, a weight is that of a span that was kept, and rows
// keep what was left out.
func FuzzSampling(f *testing.F) {
	f.Add("ot=th:8", "0.5", uint32(3))
	f.Add("ot=p:63;th:,ot", "1e300", uint32(0))
	f.Fuzz(func(t *testing.T, state, param string, dropped uint32) {
		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.TraceState().FromRaw(state)
		span.SetDroppedAttributesCount(dropped)
		span.Attributes().PutStr("sampler.type", "probabilistic")
		span.Attributes().PutStr("sampler.param", param)
		sampler, weight := samplingOf(state, span.Attributes(), pcommon.NewMap())
		if sampler != "" && weight != 0 {
			assert.GreaterOrEqual(t, weight, 1.0)
		}
		_, err := NewEncoder(Limits{}, Content{}).Encode(td, time.Unix(1, 0), func(*Encoded) error { return nil })
		require.NoError(t, err)
	})
}
