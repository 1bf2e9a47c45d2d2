package clickhouseauditexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/audit"
)

// auditExporter is the shell around internal/audit: the store, the clock and the
// telemetry. pushTraces may run concurrently; each call has an encoder of its own.
type auditExporter struct {
	cfg      *Config
	set      exporter.Settings
	tel      *metadata.TelemetryBuilder
	encoders sync.Pool // of *audit.Encoder
	dead     deadLetter

	store  *store
	host   component.Host
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	statusMu sync.Mutex
	failing  bool
}

// Values of the attributes "reason" and "result" of our metrics.
const (
	reasonRejected = "rejected"
	reasonRow      = "row"
	resultRejected = "rejected"
	resultRetry    = "retry"
	resultStored   = "stored"
)

func newExporter(set exporter.Settings, cfg *Config) (*auditExporter, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	limits := audit.Limits{ValueBytes: cfg.Limits.ValueBytes, Attributes: cfg.Limits.Attributes, BlockRows: cfg.Limits.BlockRows}
	content := audit.Content{Enabled: cfg.Content.Enabled, Secret: []byte(cfg.Content.Secret)}
	return &auditExporter{
		cfg: cfg, set: set, tel: tel,
		encoders: sync.Pool{New: func() any { return audit.NewEncoder(limits, content) }},
		dead:     deadLetter{dir: cfg.DeadLetter.Directory, maxBytes: cfg.DeadLetter.MaxBytes},
	}, nil
}

// start never waits for the store: the schema is made in the background, and by
// the first push if that comes sooner.
func (e *auditExporter) start(ctx context.Context, host component.Host) error {
	s, err := openStore(ctx, host, e.set.TelemetrySettings, e.cfg)
	if err != nil {
		return err
	}
	e.store, e.host = s, host
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.cancel = cancel
	e.tasks.Go(func() { e.prepareUntilReady(background) })
	return nil
}

// prepareEvery is how often a store that cannot be reached is tried.
const prepareEvery = 5 * time.Second

func (e *auditExporter) prepareUntilReady(ctx context.Context) {
	for {
		err := e.store.prepare(ctx)
		if ctx.Err() != nil {
			return
		}
		e.report(err)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(prepareEvery):
		}
	}
}

func (e *auditExporter) shutdown(context.Context) error {
	if e.cancel != nil {
		e.cancel()
		e.tasks.Wait()
		e.store.sender.close()
		e.cancel = nil
	}
	e.tel.Shutdown()
	return nil
}

// report tells the collector when the store becomes unreachable and when it is
// back, once each.
func (e *auditExporter) report(err error) {
	e.statusMu.Lock()
	changed := (err != nil) != e.failing
	e.failing = err != nil
	e.statusMu.Unlock()
	if !changed {
		return
	}
	if err != nil {
		e.set.Logger.Warn("The audit store cannot take rows yet. Spans wait in the sending queue.", zap.Error(err))
		componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	e.set.Logger.Info("The audit store takes rows again.")
	componentstatus.ReportStatus(e.host, componentstatus.NewEvent(componentstatus.StatusOK))
}

func (e *auditExporter) pushTraces(ctx context.Context, td ptrace.Traces) error {
	if err := e.store.prepare(ctx); err != nil {
		e.report(err)
		return err // retryable: the store may come back
	}
	err := e.push(ctx, td)
	e.report(err)
	return err
}

// push stores td, or puts aside what the store will never take. What it returns
// is retryable; what was stored before is recognised by its token then.
func (e *auditExporter) push(ctx context.Context, td ptrace.Traces) error {
	err := e.insert(ctx, td)
	if err == nil {
		return nil
	}
	switch verdictOf(err) {
	case condemned:
		return e.putAside(ctx, td, reasonRejected, err)
	case oneRow:
		if td.SpanCount() > 1 {
			first, second := halve(td)
			return errors.Join(e.push(ctx, first), e.push(ctx, second))
		}
		return e.putAside(ctx, td, reasonRow, err)
	case schemaGone:
		e.store.forget()
		return err
	default:
		return err
	}
}

func (e *auditExporter) insert(ctx context.Context, td ptrace.Traces) error {
	enc := e.encoders.Get().(*audit.Encoder)
	defer e.encoders.Put(enc)
	stats, err := enc.Encode(td, time.Now(), func(block *audit.Encoded) error {
		err := e.store.insert(ctx, block)
		e.count(ctx, block, err)
		return err
	})
	if err != nil {
		return err
	}
	e.tel.ExporterClickhouseAuditTruncated.Add(ctx, int64(stats.Truncated))
	e.tel.ExporterClickhouseAuditClamped.Add(ctx, int64(stats.Clamped))
	return nil
}

func (e *auditExporter) count(ctx context.Context, block *audit.Encoded, err error) {
	result := resultStored
	switch {
	case err == nil:
		e.tel.ExporterClickhouseAuditRows.Add(ctx, int64(block.Rows), metric.WithAttributes(attribute.String("table", block.Table)))
		e.tel.ExporterClickhouseAuditBytes.Add(ctx, int64(len(block.Native)))
	case verdictOf(err) == condemned || verdictOf(err) == oneRow:
		result = resultRejected
	default:
		result = resultRetry
	}
	e.tel.ExporterClickhouseAuditInserts.Add(ctx, 1, metric.WithAttributes(attribute.String("result", result)))
}

// putAside acknowledges a batch only once it is on the disk.
func (e *auditExporter) putAside(ctx context.Context, td ptrace.Traces, reason string, cause error) error {
	if err := e.dead.write(time.Now(), reason, cause, td); err != nil {
		return fmt.Errorf("%w; and %w", cause, err) // retryable: better late than lost
	}
	e.tel.ExporterClickhouseAuditDeadLetters.Add(ctx, int64(td.SpanCount()), metric.WithAttributes(attribute.String("reason", reason)))
	e.set.Logger.Error("The store will never take this batch. It was written to the dead-letter file.",
		zap.Int("spans", td.SpanCount()), zap.String("reason", reason), zap.Error(cause))
	return nil
}

// halve splits a batch in two of equal size, always in the same way.
func halve(td ptrace.Traces) (first, second ptrace.Traces) {
	return keep(td, func(i, half int) bool { return i < half }), keep(td, func(i, half int) bool { return i >= half })
}

func keep(td ptrace.Traces, wanted func(i, half int) bool) ptrace.Traces {
	part := ptrace.NewTraces()
	td.CopyTo(part)
	half, i := td.SpanCount()/2, 0
	part.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(ptrace.Span) bool {
				i++
				return !wanted(i-1, half)
			})
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	return part
}
