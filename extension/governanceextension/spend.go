package governanceextension

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// Charge implements the interface of internal/governance. One batch is one
// journal entry.
func (e *governor) Charge(ctx context.Context, charges []governance.Charge, verdicts []governance.Verdict) ([]governance.Verdict, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.ready(ctx); err != nil {
		return verdicts, err
	}
	first, latest := len(verdicts), e.now().Add(e.cfg.MaxSkew)
	skewed, duplicates := 0, 0
	for i := range charges {
		c := &charges[i]
		if c.End.After(latest) {
			c.End = latest
			skewed++
		}
		v := e.book.charge(c)
		if c.Root == "" && e.chains.used.Load() {
			e.adopt(c)
		}
		if v.Duplicate {
			duplicates++
		}
		verdicts = append(verdicts, v)
	}
	// A halt that this batch brought about concerns the batch too.
	var marks []chain.Mark
	for i := range charges {
		v := &verdicts[first+i]
		if f, ok := e.afterHalt(&charges[i]); ok {
			v.Findings = append(slices.Clip(v.Findings), f)
		}
		marks = append(marks, marksOf(v.Findings)...)
	}
	e.chains.mark(e.now(), marks)
	if err := e.commit(ctx); err != nil {
		return verdicts[:first], err
	}
	e.limited(limitSkew, skewed)
	e.charged(ctx, len(charges)-duplicates, resultCharged)
	e.charged(ctx, duplicates, resultDuplicate)
	return verdicts, nil
}

// adopt charges the ancestors of an action, now if its run is known, else when
// it becomes known.
func (e *governor) adopt(c *governance.Charge) {
	late := *c
	if e.withLineage(&late) {
		e.post(e.book.charge(&late).Findings)
		return
	}
	e.book.orphans.add(e.book.open.own(c))
}

// marksOf are reasons of the chain that the accused action belongs to.
func marksOf(fs []finding.Finding) (out []chain.Mark) {
	codes := map[finding.Type]chain.Code{finding.BoundaryAfterHalt: chain.AfterHaltAction, finding.BudgetExceeded: chain.BudgetExceeded}
	for i := range fs {
		if code, ok := codes[fs[i].Type]; ok && fs[i].State == finding.Firing && fs[i].Severity != finding.Info {
			out = append(out, chain.Mark{Span: chain.Ref{Trace: chain.TraceID(fs[i].TraceID), Span: chain.SpanID(fs[i].SpanID)}, Code: code, Note: fs[i].Rule})
		}
	}
	return out
}

// afterHalt tells whether an action began although its scope was halted.
func (e *governor) afterHalt(c *governance.Charge) (finding.Finding, bool) {
	halt, ok := e.halted(&c.Scopes)
	if !ok || halt.Effect != ledger.EffectHalt || !c.Start.After(halt.Since) {
		return finding.Finding{}, false
	}
	f := finding.New(finding.BoundaryAfterHalt, c.Tenant, "halt/"+halt.ID(), halt.ID(), c.TraceID.String(), c.SpanID.String())
	f.At, f.Rule, f.PolicyVersion = c.End, halt.Budget, halt.PolicyVersion
	f.Agent, f.Session, f.Project, f.Principal = c.Agent, c.Session, c.Project, c.Principal
	f.TraceID, f.SpanID = c.TraceID, c.SpanID
	f.Extra = map[string]any{
		attr.HaltID: halt.ID(), attr.HaltSince: halt.Since.UTC().Format(time.RFC3339Nano), attr.HaltReason: halt.Reason,
		attr.BudgetScope: halt.Scope.String(), attr.BudgetKey: halt.Key,
	}
	f.Message = "an action began at " + c.Start.UTC().Format(time.RFC3339Nano) + " although " + halt.Scope.String() + " " +
		halt.Key + " is halted since " + halt.Since.UTC().Format(time.RFC3339Nano) + ": " + halt.Reason
	return f, true
}

// Attribute implements the interface of internal/governance.
func (e *governor) Attribute(ctx context.Context, late []governance.Late) ([]finding.Finding, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	var out []finding.Finding
	for i := range late {
		out = append(out, e.book.attribute(&late[i])...)
	}
	return out, e.commit(ctx)
}

// Balances implements the interface of internal/governance.
func (e *governor) Balances(s *ledger.Scopes) []ledger.Balance {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.book.ledger.Balances(s, e.now())
}

// Halted implements the interface of internal/governance.
func (e *governor) Halted(s *ledger.Scopes) (ledger.Halt, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.halted(s)
}

// InForce implements the interface of internal/governance.
func (e *governor) InForce() []ledger.Halt {
	e.mu.Lock()
	defer e.mu.Unlock()
	halts := e.book.ledger.Halts()
	if e.loss != nil {
		halts = append([]ledger.Halt{*e.loss}, halts...)
	}
	return halts
}

// Halt implements the interface of internal/governance.
func (e *governor) Halt(ctx context.Context, order ledger.Order) (ledger.Halt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.ready(ctx); err != nil {
		return ledger.Halt{}, err
	}
	halt, found, err := e.book.halt(order, e.now())
	if err != nil {
		return ledger.Halt{}, err
	}
	e.post(found)
	return halt, e.commit(ctx)
}

// Release implements the interface of internal/governance.
func (e *governor) Release(ctx context.Context, id, by, reason string) (ledger.Halt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.ready(ctx); err != nil {
		return ledger.Halt{}, err
	}
	if e.loss != nil && id == e.loss.ID() {
		return e.releaseLoss(ctx, by, reason)
	}
	halt, found, err := e.book.release(id, by, reason, e.now())
	if err != nil {
		return ledger.Halt{}, err
	}
	e.post(found)
	return halt, e.commit(ctx)
}

const (
	resultCharged   = "charged"
	resultDuplicate = "duplicate"
	resultRefused   = "refused"
	resultSwapped   = "swapped"
)

func (e *governor) charged(ctx context.Context, n int, result string) {
	if n > 0 {
		e.tel.ExtensionGovernanceCharges.Add(ctx, int64(n), metric.WithAttributeSet(attribute.NewSet(attribute.String("result", result))))
	}
}
