package clickhouseauditexporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/account"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/hostclock"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// books are what went through the exporter since it was made, and what the collector
// says of itself. It may be used concurrently.
type books struct {
	cfg      *SelfMetricsConfig
	exporter string // id
	instance string // service.instance.id of this collector: its telemetry is ours
	client   http.Client
	logger   *zap.Logger

	mu             sync.Mutex
	spans, records account.Own
	told           string // what was said last of the collector's metrics
}

func newBooks(cfg *SelfMetricsConfig, set *exporter.Settings) *books {
	b := &books{cfg: cfg, exporter: set.ID.String(), client: http.Client{Timeout: cfg.Timeout}, logger: set.Logger}
	if v, ok := set.Resource.Attributes().Get("service.instance.id"); ok {
		b.instance = v.Str()
	}
	return b
}

// countedTraces counts spans in front of the queue.
type countedTraces struct {
	exporter.Traces
	books *books
}

func (c countedTraces) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	n, inside := uint64(td.SpanCount()), uint64(audit.SettleSpans(td))
	return c.books.pass(&c.books.spans, n, inside, func() error { return c.Traces.ConsumeTraces(ctx, td) })
}

// countedLogs counts log records in front of the queue.
type countedLogs struct {
	exporter.Logs
	books *books
}

func (c countedLogs) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	n, inside := uint64(ld.LogRecordCount()), uint64(findings(ld))
	return c.books.pass(&c.books.records, n, inside, func() error { return c.Logs.ConsumeLogs(ctx, ld) })
}

func findings(ld plog.Logs) (n int) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				if finding.IsLog(lr) {
					n++
				}
			}
		}
	}
	return n
}

// pass counts before, so that nothing leaves that did not enter.
func (b *books) pass(own *account.Own, n, inside uint64, on func() error) error {
	b.mu.Lock()
	own.Offered += n
	own.Inside += inside
	b.mu.Unlock()
	err := on()
	if err != nil {
		b.mu.Lock()
		own.TurnedAway += n
		b.mu.Unlock()
	}
	return err
}

// countersOf is what became of a batch that was stored.
func countersOf(b batch, stats *audit.Stats, bad *refused) tlog.Counters {
	c := tlog.Counters{Received: uint64(b.items()), Filtered: uint64(stats.Settled)}
	if _, logs := b.(logBatch); logs && bad != nil {
		c.Refused = uint64(bad.items())
	}
	c.Written = c.Received - min(c.Received, c.Filtered+c.Refused)
	return c
}

// left counts what became of a request.
func (b *books) left(batch batch, c tlog.Counters) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := &b.spans
	if _, logs := batch.(logBatch); logs {
		own = &b.records
	}
	own.Written += c.Written
	own.NoRow += c.Filtered
	own.Dead += c.Refused
}

func (b *books) own() (spans, records account.Own) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spans, b.records
}

// What a leaf says of the collector's own metrics.
const (
	metricsOK          = "ok"
	metricsOff         = "off"
	metricsUnreachable = "unreachable"
	metricsOther       = "other_collector" // another collector's answered
)

// Figures of three counters that are read one after the other while things flow fit
// together but for a moment: they are read again a few times.
const (
	readings     = 5
	readAgain    = 20 * time.Millisecond
	metricsBytes = 16 << 20
)

// detail is the account as a leaf of the ledger has it.
func (b *books) detail(ctx context.Context) map[string]string {
	d := map[string]string{"life": b.instance}
	for n := range readings {
		spans, records := b.own()
		figures, word := b.read(ctx)
		spansAfter, recordsAfter := b.own()
		var s, r *account.Signal
		if word == metricsOK {
			s, r = &figures.Spans, &figures.Records
		}
		spanLine, recordLine := account.Balance(s, &spans, &spansAfter), account.Balance(r, &records, &recordsAfter)
		if again := spanLine.Unaccounted != 0 || recordLine.Unaccounted != 0; again && n < readings-1 && pause(ctx, readAgain) {
			continue
		}
		d["metrics"] = word
		spanLine.Detail("spans_", d)
		recordLine.Detail("records_", d)
		number(d, "queue_size", figures.QueueSize)
		number(d, "queue_capacity", figures.QueueCapacity)
		break
	}
	clock := hostclock.Read()
	if clock.Synced != nil {
		d["clock_synced"] = "0"
		if *clock.Synced {
			d["clock_synced"] = "1"
		}
	}
	number(d, "clock_offset_us", clock.OffsetMicros)
	number(d, "clock_error_us", clock.ErrorMicros)
	return d
}

func number[N int64 | uint64](d map[string]string, key string, n *N) {
	if n != nil {
		d[key] = strconv.FormatInt(int64(*n), 10)
	}
}

// pause tells whether there is time left.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// read asks the collector, and says once where it cannot.
func (b *books) read(ctx context.Context) (account.Figures, string) {
	f, word, err := b.ask(ctx)
	b.mu.Lock()
	changed := word != b.told
	b.told = word
	b.mu.Unlock()
	if changed && word != metricsOK && word != metricsOff {
		b.logger.Warn("The collector's own metrics cannot be read: what was received, filtered and refused before the audit exporter is not on record. "+
			"Set integrity::self_metrics::endpoint to where service::telemetry::metrics serves Prometheus.",
			zap.String("endpoint", b.cfg.Endpoint), zap.String("metrics", word), zap.Error(err))
	}
	return f, word
}

func (b *books) ask(ctx context.Context) (account.Figures, string, error) {
	if b.cfg.Endpoint == "" {
		return account.Figures{}, metricsOff, nil
	}
	f, err := b.fetch(ctx)
	switch {
	case err != nil:
		return account.Figures{}, metricsUnreachable, err
	case f.Instance != b.instance:
		return account.Figures{}, metricsOther, fmt.Errorf("instance %q answered, not %q", f.Instance, b.instance)
	default:
		return f, metricsOK, nil
	}
}

func (b *books) fetch(ctx context.Context) (f account.Figures, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.cfg.Endpoint, http.NoBody)
	if err != nil {
		return f, err
	}
	res, err := b.client.Do(req)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return f, fmt.Errorf("it answered %s", res.Status)
	}
	return account.Read(io.LimitReader(res.Body, metricsBytes), &account.Scope{Exporter: b.exporter, Receivers: b.cfg.Receivers, Processors: b.cfg.Processors})
}
