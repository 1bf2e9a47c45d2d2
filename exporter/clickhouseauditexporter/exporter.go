package clickhouseauditexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/journal"
	"github.com/spanwarden/spanwarden/internal/governance/versions"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// auditExporter is the shell around internal/audit: the store, the clock and the
// telemetry. It is shared, see acquire. Pushes may run concurrently; each has an
// encoder of its own.
type auditExporter struct {
	cfg         *Config
	set         exporter.Settings
	tel         *metadata.TelemetryBuilder
	encoders    sync.Pool // of *audit.Encoder
	logEncoders sync.Pool // of *audit.LogEncoder
	dead        deadLetter
	users       int // guarded by instances

	startOnce sync.Once
	startErr  error
	store     *store
	ledger    *ledger
	books     *books
	host      component.Host
	cancel    context.CancelFunc
	tasks     sync.WaitGroup

	statusMu sync.Mutex
	failing  bool
}

// Values of the attributes "reason" and "result" of our metrics.
const (
	reasonRejected  = "rejected"
	reasonRow       = "row"
	reasonFinding   = "invalid_finding"
	reasonNoFinding = "not_a_finding"
	reasonRecord    = "invalid_record"
	resultRejected  = "rejected"
	resultRetry     = "retry"
	resultStored    = "stored"
)

func newExporter(set exporter.Settings, cfg *Config) (*auditExporter, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	limits := audit.Limits{ValueBytes: cfg.Limits.ValueBytes, Attributes: cfg.Limits.Attributes, BlockRows: cfg.Limits.BlockRows}
	content := audit.Content{Enabled: cfg.Content.Enabled, Secret: []byte(cfg.Content.Secret)}
	return &auditExporter{
		cfg: cfg, set: set, tel: tel, books: newBooks(&cfg.Integrity.SelfMetrics, &set),
		encoders:    sync.Pool{New: func() any { return audit.NewEncoder(limits, content) }},
		logEncoders: sync.Pool{New: func() any { return audit.NewLogEncoder(limits) }},
		dead:        deadLetter{dir: cfg.DeadLetter.Directory, maxBytes: cfg.DeadLetter.MaxBytes},
	}, nil
}

// start never waits for the store: the schema is made in the background, and by
// the first push if that comes sooner. Only the first of several users starts it.
func (e *auditExporter) start(ctx context.Context, host component.Host) error {
	e.startOnce.Do(func() {
		var s *store
		if s, e.startErr = openStore(ctx, e.cfg); e.startErr != nil {
			return
		}
		e.host = host
		e.attach(s)
		e.ledger.config = versions.ConfigDigest(host)
		if e.ledger.anchors, e.startErr = openAnchors(ctx, host, e.set.TelemetrySettings, &e.cfg.Integrity, time.Now()); e.startErr != nil {
			return
		}
		if e.startErr = e.tel.RegisterExporterClickhouseAuditAnchorLagCallback(e.ledger.anchors.observe); e.startErr != nil {
			return
		}
		background, cancel := context.WithCancel(context.WithoutCancel(ctx))
		e.cancel = cancel
		e.tasks.Go(func() {
			if e.prepareUntilReady(background) {
				e.ledger.run(background)
			}
		})
	})
	return e.startErr
}

func (e *auditExporter) attach(s *store) {
	e.store = s
	e.ledger = &ledger{cfg: e.cfg, store: s, logger: e.set.Logger, build: e.set.BuildInfo, tel: e.tel, books: e.books}
}

func (e *auditExporter) prepare(ctx context.Context) error {
	if err := e.store.prepare(ctx); err != nil {
		return err
	}
	return e.ledger.prepare(ctx)
}

// prepareEvery is how often a store that cannot be reached is tried.
const prepareEvery = 5 * time.Second

func (e *auditExporter) prepareUntilReady(ctx context.Context) bool {
	for {
		err := e.prepare(ctx)
		if ctx.Err() != nil {
			return false
		}
		e.report(err)
		if err == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(prepareEvery):
		}
	}
}

// shutdown ends the exporter with its last user: the queue of the other pipeline
// may still be draining.
func (e *auditExporter) shutdown(ctx context.Context) error {
	if !release(e) {
		return nil
	}
	var err error
	if e.cancel != nil {
		e.cancel()
		e.tasks.Wait()
		err = e.ledger.close(ctx)
		e.ledger.anchors.close()
		e.store.sender.Close()
	}
	e.tel.Shutdown()
	return err
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
		e.set.Logger.Warn("The audit store cannot take rows yet. Batches wait in the sending queue.", zap.Error(err))
		componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	e.set.Logger.Info("The audit store takes rows again.")
	componentstatus.ReportStatus(e.host, componentstatus.NewEvent(componentstatus.StatusOK))
}

func (e *auditExporter) pushTraces(ctx context.Context, r xexporterhelper.Request) error {
	req, ok := r.(*request)
	if !ok {
		return consumererror.NewPermanent(fmt.Errorf("%w: %T", errOtherRequest, r))
	}
	return e.pushBatch(ctx, traceBatch{req})
}

func (e *auditExporter) pushLogs(ctx context.Context, ld plog.Logs) error {
	return e.pushBatch(ctx, logBatch{ld})
}

func (e *auditExporter) pushBatch(ctx context.Context, b batch) error {
	if err := e.prepare(ctx); err != nil {
		e.report(err)
		return err // retryable: the store may come back
	}
	var c tlog.Counters
	err := e.push(ctx, b, &c)
	if err == nil && e.cfg.Integrity.Enabled { // else all of it comes again
		e.ledger.journal.Count(c)
		e.books.left(b, c)
	}
	e.report(err)
	return err
}

// push stores the batch, or puts aside what the store will never take, and counts
// it. What it returns is retryable; what was stored before is recognised by its
// token then.
func (e *auditExporter) push(ctx context.Context, b batch, c *tlog.Counters) error {
	err := e.insert(ctx, b, c)
	if err == nil {
		return nil
	}
	switch verdictOf(err) {
	case condemned:
		return e.refuse(ctx, b, reasonRejected, err, c)
	case oneRow:
		if b.items() > 1 {
			first, second := b.halve()
			return errors.Join(e.push(ctx, first, c), e.push(ctx, second, c))
		}
		return e.refuse(ctx, b, reasonRow, err, c)
	case schemaGone:
		e.store.forget()
		return err
	default:
		return err
	}
}

// maxAgain bounds how often a batch is encoded as of another time. Each time one
// of its blocks at least is stored.
const maxAgain = 16

// insert encodes and stores the batch. What was begun before is encoded as of the
// time it had then, so that the store knows it again.
func (e *auditExporter) insert(ctx context.Context, b batch, c *tlog.Counters) error {
	first := time.Now().UnixNano()
	attempt := journal.Attempt{Observed: first, First: first}
	for range maxAgain {
		err := e.insertAsOf(ctx, b, attempt, c)
		again, ok := errors.AsType[*againError](err)
		if !ok {
			return err
		}
		attempt.Observed = again.at
		attempt.Tried = append(attempt.Tried, again.at)
	}
	return errAgain // retryable
}

var errAgain = errors.New("the batch was begun at too many times")

func (e *auditExporter) insertAsOf(ctx context.Context, b batch, attempt journal.Attempt, c *tlog.Counters) error {
	attempt.Writer = e.ledger.writer()
	stats, bad, err := b.encode(e, attempt.Writer, time.Unix(0, attempt.Observed), func(block *audit.Encoded) error {
		known, err := e.ledger.insert(ctx, block, attempt)
		if _, again := errors.AsType[*againError](err); !known && !again {
			e.count(ctx, block, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	if bad != nil { // last, so that a retry finds nothing put aside yet
		if err := e.putAside(ctx, bad.batch, bad.reason, bad.asError()); err != nil {
			return err
		}
	}
	c.Add(countersOf(b, &stats, bad))
	e.sealed(ctx)
	e.tel.ExporterClickhouseAuditTruncated.Add(ctx, int64(stats.Truncated))
	e.tel.ExporterClickhouseAuditClamped.Add(ctx, int64(stats.Clamped))
	e.tel.ExporterClickhouseAuditSettleSpans.Add(ctx, int64(stats.Settled))
	return nil
}

// sealed brings the leaves of a batch that is stored to the store. Where that fails
// the journal has them, and they come with the next.
func (e *auditExporter) sealed(ctx context.Context) {
	if !e.cfg.Integrity.Enabled {
		return
	}
	if err := e.ledger.flush(ctx); err != nil {
		e.tel.ExporterClickhouseAuditLedgerFailures.Add(ctx, 1)
		if verdictOf(err) == schemaGone {
			e.store.forget()
		}
		e.set.Logger.Warn("A leaf of the ledger did not reach the store yet. It is tried again.", zap.Error(err))
	}
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

// refuse puts aside what the store will never take.
func (e *auditExporter) refuse(ctx context.Context, b batch, reason string, cause error, c *tlog.Counters) error {
	if err := e.putAside(ctx, b, reason, cause); err != nil {
		return err
	}
	c.Add(tlog.Counters{Received: uint64(b.items()), Refused: uint64(b.items())})
	return nil
}

// putAside acknowledges a batch only once it is on the disk.
func (e *auditExporter) putAside(ctx context.Context, b batch, reason string, cause error) error {
	if err := e.dead.write(time.Now(), reason, cause, b); err != nil {
		return fmt.Errorf("%w; and %w", cause, err) // retryable: better late than lost
	}
	if err := e.ledger.void(reason, b); err != nil {
		e.set.Logger.Warn("That a batch went to the dead-letter file is not in the ledger; the next heartbeat counts it.", zap.Error(err))
	}
	e.tel.ExporterClickhouseAuditDeadLetters.Add(ctx, int64(b.items()), metric.WithAttributes(attribute.String("reason", reason)))
	e.set.Logger.Error("The store does not take this. It was written to the dead-letter file.",
		zap.Int("items", b.items()), zap.String("reason", reason), zap.Error(cause))
	return nil
}
