package alertmanagerexporter

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// sender tells one Alertmanager what it has to know. Its goroutine has at most
// one request under way, so that a resolution never overtakes its alert.
type sender struct {
	e       *alertExporter
	index   int
	name    string // host and port, for logs and metrics
	address string
	client  *http.Client
	wake    chan struct{} // holds one signal that something may be due
	label   metric.MeasurementOption
	failing bool
	failed  int // attempts in a row
}

// pollEvery is how often a sender looks for refreshes that are due.
const pollEvery = time.Second

// drainFor bounds the last posts at shutdown.
const drainFor = 5 * time.Second

func (s *sender) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// run posts until stop ends, and then once more what is due. A request that is
// under way then has drainFor to end.
func (s *sender) run(stop context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	defer context.AfterFunc(stop, func() { time.AfterFunc(drainFor, cancel) })()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for stop.Err() == nil {
		select {
		case <-stop.Done():
		case <-ticker.C:
			s.catchUp(ctx, stop)
		case <-s.wake:
			s.catchUp(ctx, stop)
		}
	}
	s.drain(ctx)
}

// catchUp posts until nothing is due.
func (s *sender) catchUp(ctx, stop context.Context) {
	for stop.Err() == nil {
		posted, wait := s.once(ctx)
		if !posted {
			return
		}
		pause(stop, wait)
	}
}

// drain posts until nothing is due or an attempt fails: what does not go out now
// is in the storage, or lost with the rest of the memory.
func (s *sender) drain(ctx context.Context) {
	for ctx.Err() == nil {
		if posted, wait := s.once(ctx); !posted || wait > 0 {
			return
		}
	}
}

// once posts what is due, if anything is, and says how long to wait before the
// next attempt.
func (s *sender) once(ctx context.Context) (posted bool, wait time.Duration) {
	post := s.e.next(s.index)
	if post == nil {
		return false, 0
	}
	a := s.deliver(ctx, post.Items)
	s.e.done(ctx, post)
	if ctx.Err() != nil {
		return true, 0
	}
	s.report(&a)
	if a.err == nil {
		s.failed = 0
		return true, 0
	}
	s.failed++
	return true, max(backoff(&s.e.cfg.Retry, s.failed), a.after)
}

// report tells when an Alertmanager becomes unreachable and when it is back, once
// each. The component is well when all are.
func (s *sender) report(a *answer) {
	if (a.err != nil) == s.failing {
		return
	}
	s.failing = a.err != nil
	if s.failing {
		s.e.failing.Add(1)
		s.e.set.Logger.Warn("An Alertmanager does not take alerts. They are kept and posted when it does.",
			zap.String("endpoint", s.name), zap.String("code", a.code()), zap.Error(a.err))
		componentstatus.ReportStatus(s.e.host, componentstatus.NewRecoverableErrorEvent(a.err))
		return
	}
	s.e.set.Logger.Info("An Alertmanager takes alerts again.", zap.String("endpoint", s.name))
	if s.e.failing.Add(-1) == 0 {
		componentstatus.ReportStatus(s.e.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

// backoff grows with the attempts that failed in a row, up to max_interval, and
// is spread so that collectors do not come back all at once.
func backoff(cfg *configretry.BackOffConfig, failed int) time.Duration {
	wait := float64(cfg.InitialInterval) * math.Pow(max(cfg.Multiplier, 1), float64(failed-1))
	wait = min(wait, float64(cfg.MaxInterval))
	wait *= 1 + cfg.RandomizationFactor*(2*rand.Float64()-1)
	return max(time.Duration(wait), minBackoff)
}

// minBackoff holds whatever the configuration says.
const minBackoff = 100 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
