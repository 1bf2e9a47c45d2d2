package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/trust"
)

// Options say what is replayed.
type Options struct {
	// Since and Until bound what is reported: findings that these rules make of
	// this time. Until must not be in the future.
	Since, Until time.Time
	// WarmUp is how long before Since the replay begins, so that baselines, budgets
	// and chains have a history. Nothing is reported of it.
	WarmUp time.Duration
	// Batch is how much time one batch of spans spans, as an SDK sends what ended in
	// the last seconds. 0 means 5 s.
	Batch time.Duration
	// Agent, where not empty, is the only agent whose findings are reported. All
	// actions are replayed all the same: budgets, chains and baselines need them.
	Agent string
	// Progress, where not nil, is told how far the replay has come. It is called from
	// one goroutine at a time, about every thousand actions.
	Progress func(done, of uint64, at time.Time)
	// Inspect, where not nil, is called with every component that runs, when all
	// has been replayed and nothing is stopped yet.
	Inspect func(component.ID, component.Component)
}

// Source is where actions and findings are read: see Store.
type Source interface {
	Count(ctx context.Context, from, to time.Time) (n uint64, first time.Time, err error)
	Read(ctx context.Context, from, to time.Time, emit func([]*Row) error) error
	Findings(ctx context.Context, from, to time.Time, take func(*Found)) error
	Known(ctx context.Context, ids []string, take func(*Found)) error
}

// ErrNothing means that the store has no action of the period.
var ErrNothing = errors.New("the store has no action of this period")

// Run replays the actions of a store under the rules and compares. It is slow: about
// a minute for a million actions, and some seconds for each week. It holds what
// the components hold, one slice of rows, and the findings.
func Run(ctx context.Context, src Source, rules *Rules, o Options) (*Report, error) {
	if o.Batch <= 0 {
		o.Batch = 5 * time.Second
	}
	if !o.Since.Before(o.Until) {
		return nil, fmt.Errorf("the period is empty: it begins at %s and ends at %s", o.Since.Format(time.RFC3339), o.Until.Format(time.RFC3339))
	}
	from := o.Since.Add(-o.WarmUp)
	total, first, err := src.Count(ctx, from, o.Until)
	if err != nil {
		return nil, fmt.Errorf("counting the actions: %w", err)
	}
	if total == 0 {
		return nil, fmt.Errorf("%w: %s to %s", ErrNothing, from.Format(time.RFC3339), o.Until.Format(time.RFC3339))
	}
	from = later(from, first) // nothing happens before
	t := newTally(&o)
	batches := make(chan []*Row, 1) // made outside the bubble: it waits and its clock stands
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	var readErr error
	go func() {
		defer close(batches)
		readErr = src.Read(reading, from, o.Until, func(rows []*Row) error {
			select {
			case batches <- rows:
				return nil
			case <-reading.Done():
				return reading.Err()
			}
		})
	}()
	d := &player{o: &o, rules: rules, tally: t, total: total, from: from}
	inBubble(func() { err = d.run(batches) })
	cancel()
	for range batches { // until the reader has ended
	}
	if err == nil {
		err = readErr
	}
	if err != nil {
		return nil, err
	}
	if err := src.Findings(ctx, o.Since, o.Until, t.recorded); err != nil {
		return nil, err
	}
	if err := src.Known(ctx, t.unrecorded(), t.recordedLater); err != nil {
		return nil, err
	}
	return t.report(d), nil
}

// player feeds one replay. All of it but its making happens in the bubble.
type player struct {
	o       *Options
	rules   *Rules
	tally   *tally
	builder builder
	from    time.Time

	done, total  uint64
	begun        time.Time // end of the first action
	batch        []*Row
	troubles     []string
	limits       map[string]int64
	decisions    uint64
	unbelievable uint64
}

const batchRows = 2000

func (d *player) run(in <-chan []*Row) (err error) {
	ctx := context.Background() // one of outside would let time stand still
	sleepUntil(d.from)
	d.tally.now = time.Now
	p, err := d.rules.build(ctx, d.tally)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, p.close(ctx))
		d.troubles = p.troubles.list()
	}()
	for rows := range in {
		for _, r := range rows {
			if err := d.add(ctx, p, r); err != nil {
				return err
			}
		}
		d.progress()
	}
	if err := d.flush(ctx, p); err != nil {
		return err
	}
	d.progress()
	sleepUntil(d.o.Until)
	d.limits = p.limits(ctx)
	if d.o.Inspect != nil {
		for _, c := range p.inspect {
			d.o.Inspect(c.id, c.what)
		}
	}
	return nil
}

func (d *player) progress() {
	if d.o.Progress != nil {
		d.o.Progress(d.done, d.total, time.Now())
	}
}

// add puts the row into the open batch, which ends where its time is over.
func (d *player) add(ctx context.Context, p *pipeline, r *Row) error {
	window := func(r *Row) int64 { return r.End().UnixNano() / int64(d.o.Batch) }
	if len(d.batch) > 0 && (len(d.batch) == batchRows || window(r) != window(d.batch[0]) || r.isDecision() != d.batch[0].isDecision()) {
		if err := d.flush(ctx, p); err != nil {
			return err
		}
	}
	d.batch = append(d.batch, r)
	return nil
}

// flush lets time come to where the batch was sent, and sends it.
func (d *player) flush(ctx context.Context, p *pipeline) error {
	if len(d.batch) == 0 {
		return nil
	}
	last := d.batch[len(d.batch)-1]
	if d.begun.IsZero() {
		d.begun = d.batch[0].End()
	}
	if end := last.End(); end.After(d.o.Until) {
		d.unbelievable += uint64(len(d.batch)) // it ends after the period, or in no time that can be
		sleepUntil(d.o.Until)
	} else {
		sleepUntil(end)
	}
	if last.isDecision() {
		ctx = trust.Mark(ctx)
		d.decisions += uint64(len(d.batch))
	}
	td := d.builder.traces(d.batch)
	d.done += uint64(len(d.batch))
	d.batch = d.batch[:0]
	return d.send(ctx, p, td)
}

func (d *player) send(ctx context.Context, p *pipeline, td ptrace.Traces) error {
	if err := p.consume(ctx, td); err != nil {
		return fmt.Errorf("a processor refused actions that ended at %s: %w", time.Now().UTC().Format(time.RFC3339), err)
	}
	return nil
}
