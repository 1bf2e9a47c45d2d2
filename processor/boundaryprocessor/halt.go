package boundaryprocessor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/judge"
)

// orderedBy is who orders halts that an entry asks for.
const orderedBy = "spanwarden: halt_on of the registry"

// maxOrders bounds how many findings are remembered that led to a halt.
const maxOrders = 10_000

// haltOrder is a halt that an entry asks for because of a finding.
type haltOrder struct {
	finding string // its id
	order   ledger.Order
}

// haltOrders remembers which findings led to a halt: a span that is sent again
// must not halt again what a person has released. It is safe for concurrent use.
type haltOrders struct {
	mu    sync.Mutex
	given map[string]struct{}
}

func (w *work) haltOn(j *judge.Judgement, f *judge.Facts, span ptrace.Span) {
	w.halts = append(w.halts, haltsOf(j, f, span)...)
}

// haltsOf returns the halts that the entry asks for because of what was found, by
// this processor or one in front of it, about the action.
func haltsOf(j *judge.Judgement, f *judge.Facts, span ptrace.Span) (out []haltOrder) {
	if j.Entry == nil || j.Entry.Mode() != policy.Enforce || len(j.Entry.HaltOn()) == 0 || span.Events().Len() == 0 {
		return nil
	}
	found, _ := finding.FromSpan(span)
	for i := range found {
		x := &found[i]
		if x.State != finding.Firing || x.TraceID != f.TraceID || x.SpanID != f.SpanID || !slices.Contains(j.Entry.HaltOn(), string(x.Type)) {
			continue
		}
		o := ledger.Order{
			Scope: ledger.Agent, Tenant: f.Tenant, Key: or(f.Agent.ID, j.Entry.ID()), By: orderedBy, Rule: string(x.Type),
			Reason: x.Message, Action: ledger.ID(f.ID),
		}
		switch { // the narrowest that is known
		case f.Run != "":
			o.Run = f.Run
		case f.Session != "":
			o.Session = f.Session
		}
		out = append(out, haltOrder{x.ID, o})
	}
	return out
}

func or(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// order gives the halts of a batch. On error the batch must not go on: the sender
// sends it again.
func (p *boundaryProcessor) order(ctx context.Context, w *work) error {
	return p.orderAll(ctx, w.halts)
}

func (p *boundaryProcessor) orderAll(ctx context.Context, halts []haltOrder) error {
	for i := range halts {
		if err := p.orderOne(ctx, &halts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *boundaryProcessor) orderOne(ctx context.Context, h *haltOrder) error {
	p.halts.mu.Lock()
	defer p.halts.mu.Unlock()
	if _, done := p.halts.given[h.finding]; done || p.registry == nil {
		return nil
	}
	_, err := p.registry.Halt(ctx, h.order)
	switch {
	case err == nil, errors.Is(err, ledger.ErrHaltExists):
	case errors.Is(err, ledger.ErrTooManyHalts), errors.Is(err, ledger.ErrOrder), errors.Is(err, ledger.ErrNoReason):
		// Sent again it would be refused again.
		p.tel.ProcessorBoundaryErrors.Add(ctx, 1)
		p.log.Error("a halt was refused", zap.String("agent", h.order.Key), errField(err))
		return nil
	default:
		return fmt.Errorf("halting agent %s: %w", h.order.Key, err)
	}
	if len(p.halts.given) >= maxOrders {
		clear(p.halts.given)
	}
	p.halts.given[h.finding] = struct{}{}
	return nil
}

func errField(err error) zap.Field { return zap.Error(err) }
