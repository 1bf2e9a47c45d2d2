package findingsconnector

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/connector/findingsconnector/internal/extract"
	"github.com/spanwarden/spanwarden/connector/findingsconnector/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// findings is the shell around extract.Limits. It keeps no findings between
// calls, so ConsumeTraces may run concurrently.
type findings struct {
	limits extract.Limits
	next   consumer.Logs
	tel    *metadata.TelemetryBuilder
	logger *zap.Logger
	quiet  quiet
}

func newConnector(set connector.Settings, cfg *Config, next consumer.Logs) (*findings, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &findings{limits: cfg.Limits.kernel(), next: next, tel: tel, logger: set.Logger, quiet: newQuiet()}, nil
}

// Start lets the counters of losses exist before they count, so that a rule sees
// the first one as an increase.
func (f *findings) Start(ctx context.Context, _ component.Host) error {
	for _, reason := range finding.Reasons() {
		f.tel.ConnectorFindingsRefused.Add(ctx, 0, label("reason", string(reason)))
	}
	f.tel.ConnectorFindingsDropped.Add(ctx, 0, label("limit", "per_span"))
	f.tel.ConnectorFindingsDropped.Add(ctx, 0, label("limit", "per_batch"))
	return nil
}

// Shutdown has nothing to wait for.
func (f *findings) Shutdown(context.Context) error {
	f.tel.Shutdown()
	return nil
}

// Capabilities says that spans are only read.
func (f *findings) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// ConsumeTraces sends what td's findings say before it counts them: a batch that
// the logs pipeline refuses is the sender's to repeat, and then counted once.
func (f *findings) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	now := time.Now()
	r := f.limits.Logs(td, now)
	if r.Logs.LogRecordCount() > 0 {
		if err := f.next.ConsumeLogs(ctx, r.Logs); err != nil {
			// Not permanent of our own: a finding keeps its id when it comes again.
			return fmt.Errorf("sending findings: %w", err)
		}
	}
	f.count(ctx, &r)
	f.complain(now, &r)
	return nil
}

func (f *findings) count(ctx context.Context, r *extract.Result) {
	for severity, n := range r.Emitted {
		f.tel.ConnectorFindingsEmitted.Add(ctx, int64(n), label("severity", string(severity)))
	}
	for _, refusal := range r.Refused {
		f.tel.ConnectorFindingsRefused.Add(ctx, 1, label("reason", string(refusal.Reason)))
	}
	if r.Duplicates > 0 {
		f.tel.ConnectorFindingsDuplicates.Add(ctx, int64(r.Duplicates))
	}
	if r.OverSpan > 0 {
		f.tel.ConnectorFindingsDropped.Add(ctx, int64(r.OverSpan), label("limit", "per_span"))
	}
	if r.OverBatch > 0 {
		f.tel.ConnectorFindingsDropped.Add(ctx, int64(r.OverBatch), label("limit", "per_batch"))
	}
}

// complain logs what was lost on the way to the logs pipeline, a line a reason
// at a time, with the number of those that were kept quiet before.
func (f *findings) complain(now time.Time, r *extract.Result) {
	for i := range r.Refused {
		refusal := &r.Refused[i]
		if more, ok := f.quiet.speak("refused/"+string(refusal.Reason), 1, now); ok {
			f.logger.Warn("An event claims to be a finding and cannot be read. It stays on its span and becomes no log record.",
				zap.String("reason", string(refusal.Reason)), zap.Stringer("trace_id", refusal.TraceID),
				zap.Stringer("span_id", refusal.SpanID), zap.Int("not_logged_before", more), zap.Error(refusal.Err))
		}
	}
	for limit, n := range map[string]int{"limits::per_span": r.OverSpan, "limits::per_batch": r.OverBatch} {
		if n == 0 {
			continue
		}
		if more, ok := f.quiet.speak(limit, n, now); ok {
			f.logger.Warn("Findings were left out, the mildest first: a limit was reached. They stay on their spans.",
				zap.String("limit", limit), zap.Int("findings", n), zap.Int("not_logged_before", more))
		}
	}
}

func label(name, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(name, value)))
}
