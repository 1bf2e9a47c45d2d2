package baselineprocessor

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/metadata"
)

// Values of the attributes of the metrics; see metadata.yaml.
const (
	resultDuplicate, resultLate, resultObserved          = "duplicate", "late", "observed"
	resultSkewed, resultWaiting                          = "skewed", "waiting"
	kindIncident, kindKey, kindOwed                      = "incident", "key", "owed"
	kindSession, kindWaiting                             = "session", "waiting"
	outcomeFailed, outcomeRefused                        = "failed", "refused"
	outcomeRestored, outcomeSaved                        = "restored", "saved"
	attrResult, attrKind, attrOutcome                    = "result", "kind", "outcome"
	attrType, attrSeverity, attrState, baselineTypeStart = "type", "severity", "state", "baseline."
)

func with(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}

var (
	results = options(attrResult, resultDuplicate, resultLate, resultObserved, resultSkewed, resultWaiting)
	kinds   = options(attrKind, kindIncident, kindKey, kindOwed, kindSession, kindWaiting)
)

func options(key string, values ...string) map[string]metric.MeasurementOption {
	m := make(map[string]metric.MeasurementOption, len(values))
	for _, v := range values {
		m[v] = with(key, v)
	}
	return m
}

type counters struct{ tel *metadata.TelemetryBuilder }

func (c counters) action(ctx context.Context, result string, n int64) {
	if n > 0 {
		c.tel.ProcessorBaselineActions.Add(ctx, n, results[result])
	}
}

func (c counters) evicted(ctx context.Context, kind string, n int64) {
	if n > 0 {
		c.tel.ProcessorBaselineEvicted.Add(ctx, n, kinds[kind])
	}
}

// engine counts what became of the engine's counters in between.
func (c counters) engine(ctx context.Context, before, after engine.Stats) {
	c.action(ctx, resultObserved, int64(after.Actions-before.Actions))
	c.action(ctx, resultDuplicate, int64(after.Duplicates-before.Duplicates))
	c.action(ctx, resultLate, int64(after.Late-before.Late))
	c.evicted(ctx, kindKey, int64(after.KeysEvicted-before.KeysEvicted))
	c.evicted(ctx, kindSession, int64(after.SessionsEvicted-before.SessionsEvicted))
	c.evicted(ctx, kindIncident, int64(after.IncidentsRefused-before.IncidentsRefused))
	if n := after.Suppressed - before.Suppressed; n > 0 {
		c.tel.ProcessorBaselineSuppressed.Add(ctx, int64(n))
	}
	if n := after.Truncated - before.Truncated; n > 0 {
		c.tel.ProcessorBaselineTruncated.Add(ctx, int64(n))
	}
}

func (c counters) waiting(ctx context.Context, w *waiting) {
	c.evicted(ctx, kindWaiting, w.evicted)
	w.evicted = 0
}

func (c counters) found(ctx context.Context, alerts []engine.Alert) {
	for i := range alerts {
		a := &alerts[i]
		state := "firing"
		if a.Resolved {
			state = "resolved"
		}
		c.tel.ProcessorBaselineFindings.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(
			attribute.String(attrType, baselineTypeStart+string(a.Type)),
			attribute.String(attrSeverity, string(severityOf(a.Severity))),
			attribute.String(attrState, state))))
	}
}

func (c counters) snapshot(ctx context.Context, outcome string) {
	c.tel.ProcessorBaselineSnapshots.Add(ctx, 1, with(attrOutcome, outcome))
}

func (c counters) observe(kept func() (keys, sessions, incidents, waiting int)) error {
	return c.tel.RegisterProcessorBaselineKeptCallback(func(_ context.Context, o metric.Int64Observer) error {
		k, s, i, w := kept()
		o.Observe(int64(k), kinds[kindKey])
		o.Observe(int64(s), kinds[kindSession])
		o.Observe(int64(i), kinds[kindIncident])
		o.Observe(int64(w), kinds[kindWaiting])
		return nil
	})
}
