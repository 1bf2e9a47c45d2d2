package decisionreceiver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/trust"
	"github.com/spanwarden/spanwarden/receiver/decisionreceiver/internal/metadata"
)

var (
	errQueueFull = errors.New("too many decisions wait to be recorded")
	errTooLate   = errors.New("the pipeline did not take the record in time")
	errStopped   = errors.New("the receiver is stopping")
)

// entry is what is recorded together, or not at all.
type entry struct {
	records []*decision.Record
	spans   func(ptrace.Traces) // more spans, nil for none
	done    chan error          // buffered; nil where nobody waits
}

// evidence makes spans of decisions. One goroutine owns the chain of records and
// sends what waits in one call: while a call runs, the next group gathers.
type evidence struct {
	next     consumer.Traces
	required bool
	timeout  time.Duration
	group    int
	queue    chan *entry
	tel      *metadata.TelemetryBuilder
	report   *receiverhelper.ObsReport // what every receiver counts
	logger   *zap.Logger
	builder  spanBuilder
	recent   *recent
	losses   atomic.Int64 // since the start

	stopping sync.RWMutex // held for reading while something is put into queue
	stopped  bool
	done     sync.WaitGroup
}

func newEvidence(
	cfg *Config, next consumer.Traces, version, instance string, tel *metadata.TelemetryBuilder, report *receiverhelper.ObsReport, logger *zap.Logger,
) *evidence {
	return &evidence{
		report: report,
		next:   next, required: cfg.Evidence == EvidenceRequired, timeout: cfg.EvidenceTimeout, group: cfg.Limits.Group,
		queue: make(chan *entry, cfg.Limits.Queue), tel: tel, logger: logger,
		builder: spanBuilder{version: version, instance: instance, chain: decision.NewChain(instance)},
		recent:  newRecent(cfg.Limits.Decisions),
	}
}

func (v *evidence) start() { v.done.Go(v.run) }

// stop records what waits and returns, or gives up when ctx does: a pipeline that
// hangs keeps what it has.
func (v *evidence) stop(ctx context.Context) error {
	v.stopping.Lock()
	if !v.stopped {
		v.stopped = true
		close(v.queue)
	}
	v.stopping.Unlock()
	finished := make(chan struct{})
	go func() {
		v.done.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("recording the last decisions: %w", ctx.Err())
	}
}

// put hands an entry over without waiting.
func (v *evidence) put(e *entry) error {
	v.stopping.RLock()
	defer v.stopping.RUnlock()
	if v.stopped {
		return errStopped
	}
	select {
	case v.queue <- e:
		return nil
	default:
		return errQueueFull
	}
}

// offer records when there is time; what finds no room is counted.
func (v *evidence) offer(e *entry) {
	if err := v.put(e); err != nil {
		v.lost(e, err)
	}
}

func (v *evidence) lost(e *entry, err error) {
	n := int64(max(1, len(e.records)))
	v.losses.Add(n)
	v.tel.ReceiverDecisionEvidenceLost.Add(context.Background(), n)
	v.logger.Debug("evidence lost", zap.Int("decisions", len(e.records)), zap.Error(err))
}

// store records decisions. In best effort it never fails and does not wait.
func (v *evidence) store(ctx context.Context, recs []*decision.Record) error {
	// The asker's copies may yet become denials while ours are being written.
	own := make([]*decision.Record, len(recs))
	for i, r := range recs {
		own[i] = r.Clone()
	}
	return v.send(ctx, &entry{records: own})
}

func (v *evidence) send(ctx context.Context, e *entry) error {
	if !v.required {
		v.offer(e)
		return nil
	}
	e.done = make(chan error, 1)
	if err := v.put(e); err != nil {
		return err
	}
	timer := time.NewTimer(v.timeout)
	defer timer.Stop()
	select {
	case err := <-e.done:
		return err
	case <-timer.C:
		return errTooLate
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *evidence) run() {
	group := make([]*entry, 0, v.group)
	for first := range v.queue {
		group = append(group[:0], first)
		n := len(first.records)
	gather:
		for n < v.group {
			select {
			case e, open := <-v.queue:
				if !open {
					break gather
				}
				group = append(group, e)
				n += max(1, len(e.records))
			default:
				break gather
			}
		}
		v.commit(group)
	}
}

// commit sends a group in one call and tells each who waits.
func (v *evidence) commit(group []*entry) {
	td, sealed := v.builder.traces(group)
	// Not the asker's context: a group has many askers, and none may withdraw the
	// evidence of the others.
	ctx, cancel := context.WithTimeout(trust.Mark(context.Background()), commitTimeout)
	ctx = v.report.StartTracesOp(ctx)
	spans := td.SpanCount()
	err := v.next.ConsumeTraces(ctx, td)
	v.report.EndTracesOp(ctx, "decision", spans, err)
	cancel()
	if err == nil {
		v.recent.add(sealed)
	} else {
		v.logger.Warn("decisions could not be recorded", zap.Int("decisions", len(sealed)), zap.Bool("required", v.required), zap.Error(err))
	}
	for _, e := range group {
		if err != nil {
			v.lost(e, err)
		}
		if e.done != nil {
			e.done <- err
		}
	}
}

// commitTimeout bounds one call of the pipeline, so that one that hangs does not
// take the receiver with it for ever.
const commitTimeout = 30 * time.Second
