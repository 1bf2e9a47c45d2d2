package governanceextension

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/finding"
)

// reload puts an edited budget file in force, or says once why it cannot.
func (e *governor) reload(ctx context.Context) {
	source, err := readBudgets(e.cfg.Budgets)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ready(ctx) != nil {
		return // the next reload tries again
	}
	if err == nil {
		if source.equal(e.book.budgets) {
			e.refused = ""
			return
		}
		err = e.takeBudgets(source)
	}
	if err != nil {
		e.refuse(source, err)
	} else {
		e.refused = ""
		e.reloaded(resultSwapped)
		e.log.Info("budgets reloaded", zap.String("file", e.cfg.Budgets), zap.String("version", e.book.ledger.Budgets().Version()))
	}
	_ = e.commit(ctx)
}

// takeBudgets puts budgets in force and queues the finding that says so.
func (e *governor) takeBudgets(source budgetSource) error {
	if source.equal(e.book.budgets) {
		return nil
	}
	before := e.book.ledger.Budgets()
	found, err := e.book.take(source, e.now())
	if err != nil {
		return err
	}
	after := e.book.ledger.Budgets()
	c := change{kind: "budgets", file: source.File, previous: before.Version(), version: after.Version(), keys: changedBudgets(before, after)}
	e.post(append([]finding.Finding{c.finding(e.now())}, found...))
	return nil
}

// refuse puts a refusal on record, once for each content.
func (e *governor) refuse(source budgetSource, err error) {
	seen := digest(source.Data) + err.Error()
	if seen == e.refused {
		return
	}
	e.refused = seen
	inForce := e.book.ledger.Budgets().Version()
	e.reloaded(resultRefused)
	e.log.Error("budget file refused, the budgets before it stay in force",
		zap.String("file", e.cfg.Budgets), zap.String("version", inForce), zap.Error(err))
	c := change{kind: "budgets", file: e.cfg.Budgets, previous: inForce, version: digest(source.Data), refused: err}
	e.post([]finding.Finding{c.finding(e.now())})
}

func (e *governor) reloaded(result string) {
	e.tel.ExtensionGovernanceReloads.Add(context.Background(), 1,
		metric.WithAttributeSet(attribute.NewSet(attribute.String("file", "budgets"), attribute.String("result", result))))
}
