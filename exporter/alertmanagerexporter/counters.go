package alertmanagerexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/alerts"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// Values of the attributes "reason" and "state" of our metrics.
const (
	reasonEvicted  = "evicted"
	reasonRejected = "rejected"
)

func label(name, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(name, value)))
}

func labels(name1, value1, name2, value2 string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(name1, value1), attribute.String(name2, value2)))
}

// countFromZero lets the counters of losses exist before they count, so that a
// rule sees the first one as an increase.
func (e *alertExporter) countFromZero(ctx context.Context) {
	for _, reason := range finding.Reasons() {
		e.tel.ExporterAlertmanagerRecordsRefused.Add(ctx, 0, label("reason", string(reason)))
	}
	e.countDropped(ctx, reasonEvicted, 0)
	e.countDropped(ctx, reasonRejected, 0)
	e.tel.ExporterAlertmanagerStorageErrors.Add(ctx, 0)
	e.tel.ExporterAlertmanagerFindingsForgotten.Add(ctx, 0)
}

func (e *alertExporter) countOutcomes(ctx context.Context, tally map[alerts.Outcome]int64) {
	for out, n := range tally {
		e.tel.ExporterAlertmanagerFindings.Add(ctx, n, label("outcome", string(out)))
	}
}

func (e *alertExporter) countPost(ctx context.Context, s *sender, a *answer) {
	e.tel.ExporterAlertmanagerPosts.Add(ctx, 1, labels("endpoint", s.name, "code", a.code()))
}

func (e *alertExporter) countSent(ctx context.Context, s *sender, items []alerts.Item) {
	var resolved int64
	for i := range items {
		if items[i].Resolved {
			resolved++
		}
	}
	if n := int64(len(items)) - resolved; n > 0 {
		e.tel.ExporterAlertmanagerAlertsSent.Add(ctx, n, labels("endpoint", s.name, "state", string(finding.Firing)))
	}
	if resolved > 0 {
		e.tel.ExporterAlertmanagerAlertsSent.Add(ctx, resolved, labels("endpoint", s.name, "state", string(finding.Resolved)))
	}
}

func (e *alertExporter) countDropped(ctx context.Context, reason string, n int64) {
	e.tel.ExporterAlertmanagerAlertsDropped.Add(ctx, n, label("reason", reason))
}

// countStats adds what the state counted since it was asked last. Only keepTime
// calls it.
func (e *alertExporter) countStats(ctx context.Context) {
	e.mu.Lock()
	now := e.state.Stats()
	e.mu.Unlock()
	if n := now.Evicted - e.stats.Evicted; n > 0 {
		e.countDropped(ctx, reasonEvicted, n)
	}
	if n := now.Forgotten - e.stats.Forgotten; n > 0 {
		e.tel.ExporterAlertmanagerFindingsForgotten.Add(ctx, n)
	}
	e.stats = now
}

func (e *alertExporter) registerGauges() error {
	err := e.tel.RegisterExporterAlertmanagerAlertsFiringCallback(func(_ context.Context, o metric.Int64Observer) error {
		e.mu.Lock()
		firing := e.state.Firing()
		e.mu.Unlock()
		for _, s := range []finding.Severity{finding.Warning, finding.High, finding.Critical} {
			o.Observe(int64(firing[s.Rank()]), label("severity", string(s)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = e.tel.RegisterExporterAlertmanagerAlertsPendingCallback(func(_ context.Context, o metric.Int64Observer) error {
		for _, s := range e.senders {
			e.mu.Lock()
			n := e.state.Pending(s.index, time.Now())
			e.mu.Unlock()
			o.Observe(int64(n), s.label)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.tel.RegisterExporterAlertmanagerLagCallback(func(_ context.Context, o metric.Float64Observer) error {
		for _, s := range e.senders {
			e.mu.Lock()
			lag := e.state.Lag(s.index, time.Now())
			e.mu.Unlock()
			o.Observe(lag.Seconds(), s.label)
		}
		return nil
	})
}
