package governanceextension

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// lossKey holds the halt of everything that on_state_loss: halt asks for.
const lossKey = "loss"

const ruleStateLoss = "state_loss"

// halted returns the strictest halt that covers the scopes. The halt for lost
// state covers everything.
func (e *governor) halted(s *ledger.Scopes) (ledger.Halt, bool) {
	if e.loss != nil {
		return *e.loss, true
	}
	return e.book.ledger.Halted(s)
}

// haltForLoss halts every scope of every tenant: with the state gone nobody knows
// which of them had been halted.
func (e *governor) haltForLoss() {
	h := ledger.Halt{
		Scope: ledger.Tenant, Key: "*", Effect: ledger.EffectHalt, Since: e.now().UTC(), Rule: ruleStateLoss,
		Reason: "the ledger started without its state, and on_state_loss says halt", PolicyVersion: e.book.ledger.Budgets().Version(),
	}
	if e.rebuilding {
		h.Reason += "; it is released when the audit store has been counted again"
	}
	raw, err := json.Marshal(h)
	if err != nil {
		panic(err) // a struct of strings, numbers and times
	}
	e.loss = &h
	e.book.store.queue(storage.SetOperation(lossKey, raw))
	e.post([]finding.Finding{lossFinding(&h, h.Since, "", "")})
}

func (e *governor) loadLoss(ctx context.Context, client storage.Client) error {
	e.loss = nil
	if client == nil {
		return nil
	}
	pending, err := client.Get(ctx, rebuildKey)
	if err != nil {
		return err
	}
	e.rebuilding = pending != nil
	raw, err := client.Get(ctx, lossKey)
	if err != nil || raw == nil {
		return err
	}
	e.loss = &ledger.Halt{}
	if err := json.Unmarshal(raw, e.loss); err != nil {
		return fmt.Errorf("%s: %w", lossKey, err)
	}
	return nil
}

// foundAgain releases the halt once everything has been counted again.
func (e *governor) foundAgain() {
	e.rebuilding = false
	if e.loss != nil {
		e.endLoss("spanwarden", "the audit store has been counted again")
	}
}

func (e *governor) endLoss(by, reason string) {
	e.post([]finding.Finding{lossFinding(e.loss, e.now(), by, reason)})
	e.book.store.queue(storage.DeleteOperation(lossKey))
	e.loss = nil
}

func (e *governor) releaseLoss(ctx context.Context, by, reason string) (ledger.Halt, error) {
	if by == "" || reason == "" {
		return ledger.Halt{}, ledger.ErrNoReason
	}
	h := *e.loss
	e.endLoss(by, reason)
	return h, e.commit(ctx)
}

func lossFinding(h *ledger.Halt, at time.Time, by, reason string) finding.Finding {
	ev := ledger.Event{
		Type: ledger.BudgetHalt, Resolved: by != "", At: at, Scope: h.Scope, Key: h.Key, Mode: ledger.Enforce, Effect: h.Effect,
		Rule: h.Rule, Reason: h.Reason, HaltID: h.ID(), PolicyVersion: h.PolicyVersion, PeriodStart: h.Since, By: "spanwarden",
	}
	if by != "" {
		ev.By, ev.Reason = by, reason
	}
	return governance.BudgetFinding(&ev, nil)
}
