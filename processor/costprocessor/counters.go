package costprocessor

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/pricing"
	"github.com/spanwarden/spanwarden/processor/costprocessor/internal/metadata"
)

// outcome is what became of a call. Statuses and reasons are closed sets and
// Provider is one that the book knows, so outcomes are few.
type outcome struct {
	status   pricing.Status
	reason   pricing.Reason
	provider string
}

type counters struct {
	tel  *metadata.TelemetryBuilder
	sets *sync.Map // outcome -> metric.MeasurementOption
}

func (c counters) record(ctx context.Context, tally map[outcome]int64) {
	for o, n := range tally {
		c.tel.ProcessorCostSpans.Add(ctx, n, c.option(o))
	}
}

func (c counters) option(o outcome) metric.MeasurementOption {
	if found, ok := c.sets.Load(o); ok {
		return found.(metric.MeasurementOption)
	}
	option := metric.WithAttributeSet(attribute.NewSet(
		attribute.String("status", string(o.status)),
		attribute.String("reason", string(o.reason)),
		attribute.String("provider", o.provider),
	))
	c.sets.Store(o, option)
	return option
}

func reloadResult(result string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("result", result)))
}

func bookVersion(version string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("version", version)))
}
