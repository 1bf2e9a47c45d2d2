package audit

import (
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// What a span says of the sampling that let it through, and of what its SDK left
// out. They stand in attrs; without a word nothing is known, which is not the same
// as that nothing was left out.
const (
	// attrSampler is who said it: ot_threshold or ot_probability (tracestate of
	// OpenTelemetry), jaeger, sample_rate.
	attrSampler = "spanwarden.sampling.sampler"
	// attrWeight is how many spans this one stands for, decimal.
	attrWeight = "spanwarden.sampling.weight"
	// attrDropped counts attributes of the span that the SDK left out.
	attrDropped = "spanwarden.dropped_attributes"
)

func keepSampling(r *Row, span ptrace.Span, resource pcommon.Map) {
	if n := span.DroppedAttributesCount(); n > 0 {
		r.Attrs = append(r.Attrs, Attr{Key: attrDropped, Value: strconv.FormatUint(uint64(n), 10)})
	}
	sampler, weight := samplingOf(span.TraceState().AsRaw(), span.Attributes(), resource)
	if sampler != "" {
		r.Attrs = append(r.Attrs, Attr{Key: attrSampler, Value: sampler}, Attr{Key: attrWeight, Value: weightText(weight)})
	}
}

// samplingOf reads the first word there is: tracestate says it of the whole trace.
func samplingOf(tracestate string, span, resource pcommon.Map) (sampler string, weight float64) {
	for member := range strings.SplitSeq(tracestate, ",") {
		vendor, rest, _ := strings.Cut(strings.TrimSpace(member), "=")
		if vendor != "ot" {
			continue
		}
		for field := range strings.SplitSeq(rest, ";") {
			key, value, _ := strings.Cut(field, ":")
			if w, ok := thresholdWeight(value); ok && key == "th" {
				return "ot_threshold", w
			}
			if w, ok := powerWeight(value); ok && key == "p" {
				return "ot_probability", w
			}
		}
	}
	for _, m := range []pcommon.Map{span, resource} {
		if w, ok := jaegerWeight(m); ok {
			return "jaeger", w
		}
		if v, ok := m.Get("SampleRate"); ok {
			if w, ok := rateOf(v); ok && w >= 1 {
				return "sample_rate", w
			}
		}
	}
	return "", 0
}

// thresholdWeight reads th of tracestate: 1 to 14 hex digits of the 56 bits below
// which randomness was turned away.
func thresholdWeight(text string) (float64, bool) {
	if len(text) < 1 || len(text) > 14 {
		return 0, false
	}
	t, err := strconv.ParseUint(text+strings.Repeat("0", 14-len(text)), 16, 56)
	if err != nil {
		return 0, false
	}
	const all = 1 << 56
	return all / float64(all-t), true
}

// powerWeight reads p of the older tracestate: the probability is 2 to the -p. 63 is
// a span that was never to be kept: it stands for none.
func powerWeight(text string) (float64, bool) {
	p, err := strconv.ParseUint(text, 10, 8)
	if err != nil || p > 63 {
		return 0, false
	}
	if p == 63 {
		return 0, true
	}
	return math.Ldexp(1, int(p)), true
}

// jaegerWeight reads sampler.type and sampler.param. A rate limit says nothing of
// how many spans one stands for.
func jaegerWeight(m pcommon.Map) (float64, bool) {
	kind, ok := m.Get("sampler.type")
	if !ok {
		return 0, false
	}
	param, ok := m.Get("sampler.param")
	if !ok {
		return 0, false
	}
	switch kind.AsString() {
	case "const":
		on := param.AsString()
		return 1, on == "true" || on == "1"
	case "probabilistic":
		p, ok := rateOf(param)
		return 1 / p, ok && p > 0 && p <= 1
	default:
		return 0, false
	}
}

// maxWeight keeps a weight a number that sums stay right with.
const maxWeight = 1 << 56

func rateOf(v pcommon.Value) (float64, bool) {
	n, err := strconv.ParseFloat(v.AsString(), 64)
	return n, err == nil && n >= 0 && n <= maxWeight
}

func weightText(f float64) string {
	text := strconv.FormatFloat(min(f, maxWeight), 'f', 6, 64)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}
