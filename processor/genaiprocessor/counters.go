package genaiprocessor

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/processor/genaiprocessor/internal/metadata"
)

// counters turns the readings of a batch into metrics. Dialects, kinds and
// accountings are closed sets, so the attribute sets are few and kept.
type counters struct {
	tel  *metadata.TelemetryBuilder
	sets *sync.Map // spanClass or genai.Accounting -> metric.MeasurementOption
}

type spanClass struct {
	dialect genai.Dialect
	kind    genai.Kind
}

func newCounters(tel *metadata.TelemetryBuilder) counters {
	return counters{tel: tel, sets: &sync.Map{}}
}

// record adds one batch, with one measurement a class rather than one a
// span. evicted is what resolving it pushed out of the memory.
func (c counters) record(ctx context.Context, batch *genai.Batch, evicted int) {
	spans := make(map[spanClass]int64, 8)
	usage := make(map[genai.Accounting]int64, 4)
	var invalid, duplicates int64
	for i := range batch.Items {
		a := &batch.Items[i].Action
		spans[spanClass{a.Dialect, a.Kind}]++
		if a.Accounting != genai.AccountingNone {
			usage[a.Accounting]++
		}
		if a.Usage.Invalid {
			invalid++
		}
		if a.Duplicate {
			duplicates++
		}
	}
	for class, n := range spans {
		c.tel.ProcessorGenaiSpans.Add(ctx, n, c.class(class))
	}
	for accounting, n := range usage {
		c.tel.ProcessorGenaiUsage.Add(ctx, n, c.accounting(accounting))
	}
	c.tel.ProcessorGenaiUsageInvalid.Add(ctx, invalid)
	c.tel.ProcessorGenaiDuplicates.Add(ctx, duplicates)
	c.tel.ProcessorGenaiMemoryEvictions.Add(ctx, int64(evicted))
}

// evictions sums what a memory lost to its bounds.
func evictions(s genai.MemoryStats) int {
	return s.SpansEvicted + s.IDsEvicted + s.LearnedRefused + s.WaitingRefused
}

func (c counters) class(class spanClass) metric.MeasurementOption {
	return c.option(class, func() attribute.Set {
		dialect := string(class.dialect)
		if dialect == "" {
			dialect = "unknown"
		}
		return attribute.NewSet(attribute.String("dialect", dialect), attribute.String("kind", string(class.kind)))
	})
}

func (c counters) accounting(a genai.Accounting) metric.MeasurementOption {
	return c.option(a, func() attribute.Set {
		return attribute.NewSet(attribute.String("accounting", string(a)))
	})
}

func (c counters) option(key any, set func() attribute.Set) metric.MeasurementOption {
	if found, ok := c.sets.Load(key); ok {
		return found.(metric.MeasurementOption)
	}
	option := metric.WithAttributeSet(set())
	c.sets.Store(key, option)
	return option
}
