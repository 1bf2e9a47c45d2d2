package governanceextension

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/ledger"
)

// Limits, as the metric names them.
const (
	limitActions   = "actions"
	limitFindings  = "findings"
	limitKeys      = "keys"
	limitOpen      = "open"
	limitResponses = "responses"
	limitSeries    = "series"
	limitSkew      = "skew"
)

// limits is how often limits were hit when the metrics were last told.
type limits struct{ keys, actions, responses, open, findings int }

func (e *governor) limited(limit string, n int) {
	if n > 0 {
		e.tel.ExtensionGovernanceLimited.Add(context.Background(), int64(n),
			metric.WithAttributeSet(attribute.NewSet(attribute.String("limit", limit))))
	}
}

// limitsHit tells the metrics what the limits cost since the last time.
func (e *governor) limitsHit() {
	c := e.book.ledger.Counters()
	now := limits{
		keys: int(c.EvictedKeys), actions: int(c.EarlyActions), responses: int(c.EarlyResponses),
		open: e.book.open.evicted + e.book.orphans.evicted, findings: e.book.proved.evicted,
	}
	was := e.reported
	e.reported = now
	e.limited(limitKeys, now.keys-was.keys)
	e.limited(limitActions, now.actions-was.actions)
	e.limited(limitResponses, now.responses-was.responses)
	e.limited(limitOpen, now.open-was.open)
	e.limited(limitFindings, now.findings-was.findings)
}

// observe registers what is asked for when metrics are read.
func (e *governor) observe() error {
	series := func(visit func(b *ledger.Balance, set metric.MeasurementOption)) {
		e.mu.Lock()
		defer e.mu.Unlock()
		n := 0
		e.book.ledger.EachBalance(e.now(), func(b *ledger.Balance) {
			if n++; n > e.cfg.Limits.Series {
				return
			}
			visit(b, metric.WithAttributeSet(attribute.NewSet(
				attribute.String("budget", b.Budget.ID), attribute.String("scope", b.Budget.Scope.String()),
				attribute.String("tenant", b.Tenant), attribute.String("key", b.Key), attribute.String("unit", b.Budget.Unit.String()))))
		})
		e.limited(limitSeries, n-e.cfg.Limits.Series)
	}
	amount := func(of func(*ledger.Balance) ledger.Sum) metric.Float64Callback {
		return func(_ context.Context, o metric.Float64Observer) error {
			series(func(b *ledger.Balance, set metric.MeasurementOption) { o.Observe(of(b).In(b.Budget.Unit), set) })
			return nil
		}
	}
	for _, err := range []error{
		e.tel.RegisterExtensionGovernanceBudgetLimitCallback(amount(func(b *ledger.Balance) ledger.Sum { return b.Limit })),
		e.tel.RegisterExtensionGovernanceBudgetSpentCallback(amount(func(b *ledger.Balance) ledger.Sum { return b.Spent })),
		e.tel.RegisterExtensionGovernanceBudgetRemainingCallback(amount(func(b *ledger.Balance) ledger.Sum { return b.Remaining })),
		e.tel.RegisterExtensionGovernanceBudgetUnpricedCallsCallback(func(_ context.Context, o metric.Int64Observer) error {
			series(func(b *ledger.Balance, set metric.MeasurementOption) { o.Observe(int64(b.UnpricedCalls), set) })
			return nil
		}),
		e.tel.RegisterExtensionGovernanceHaltsCallback(e.observeHalts),
		e.tel.RegisterExtensionGovernanceKeysCallback(e.gauge(func() int { return e.book.ledger.Keys() })),
		e.tel.RegisterExtensionGovernanceOutboxCallback(e.gauge(func() int { return len(e.outbox) })),
		e.tel.RegisterExtensionGovernanceStateAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			if e.book.store.enabled() {
				o.Observe(e.now().Sub(e.stored).Seconds())
			}
			return nil
		}),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *governor) gauge(read func() int) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		o.Observe(int64(read()))
		return nil
	}
}

// observeHalts exports both effects, 0 included: an alert on them needs a series
// before the first halt.
func (e *governor) observeHalts(_ context.Context, o metric.Int64Observer) error {
	counts := map[ledger.Effect]int64{ledger.EffectDeny: 0, ledger.EffectHalt: 0}
	for _, h := range e.InForce() {
		counts[h.Effect]++
	}
	for effect, n := range counts {
		o.Observe(n, metric.WithAttributeSet(attribute.NewSet(attribute.String("effect", effect.String()))))
	}
	return nil
}
