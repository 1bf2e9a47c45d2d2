package governanceextension

import (
	"context"
	"errors"
	"time"

	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// book is the ledger and all that must stay in step with it: what is stored,
// which charges are incomplete, and which findings a charge has proved. Time is a
// parameter. It has one owner: the extension, under its lock.
type book struct {
	ledger  *ledger.Ledger
	store   store
	open    *openCharges
	orphans *orphans
	proved  *proved

	budgets budgetSource // of the budgets in force
	entry   []byte       // the journal entry being written
	body    []byte       // of one record of it
	events  []ledger.Event
	loadErr error // of an idle key that could not be read
}

func newBook(limits LimitsConfig) *book {
	b := &book{open: newOpenCharges(limits.Open), orphans: newOrphans(limits.Open), proved: newProved(limits.Findings)}
	b.ledger = ledger.New(nil, ledger.Options{
		MaxKeys: limits.Keys, MaxActions: limits.Actions,
		Evict: func(key string, state []byte) {
			if b.store.enabled() {
				b.store.evict(key, state)
			}
		},
		Load: b.idle,
	})
	return b
}

// idle reads the state of a key that is not in memory. An error is kept: the
// change that asked must not be stored, nor may it stand.
func (b *book) idle(key string) []byte {
	if !b.store.enabled() {
		return nil
	}
	state, err := b.store.find(context.Background(), key)
	if err != nil {
		b.loadErr = errors.Join(b.loadErr, err)
	}
	return state
}

// charge charges one action and returns what it proved.
func (b *book) charge(c *governance.Charge) governance.Verdict {
	events, repeat, changed := b.ledger.Post(&c.Charge, b.events[:0])
	b.events = events
	b.open.add(c)
	if c.Root != "" {
		b.orphans.remove(c)
	}
	if b.store.enabled() && (repeat != ledger.SameAction || changed) {
		b.body = appendCharge(b.body[:0], c)
		b.entry = appendRecord(b.entry, recordCharge, b.body)
	}
	v := governance.Verdict{Duplicate: repeat == ledger.SameResponse}
	v.Findings = b.proved.of(c.Action, b.findings(events, c))
	return v
}

// attribute completes one charge.
func (b *book) attribute(l *governance.Late) []finding.Finding {
	c, late, ok := b.open.complete(l)
	if !ok {
		return nil
	}
	b.entry = appendLate(b.entry, l)
	r := b.ledger.Settle(&c.Charge, late)
	return b.findings(r.Events, c)
}

func (b *book) findings(events []ledger.Event, c *governance.Charge) []finding.Finding {
	if len(events) == 0 {
		return nil
	}
	out := make([]finding.Finding, 0, len(events))
	for i := range events {
		out = append(out, governance.BudgetFinding(&events[i], c))
	}
	return out
}

// tick ends what time alone ends.
func (b *book) tick(now time.Time) []finding.Finding {
	events := b.ledger.Tick(now)
	if len(events) > 0 {
		b.entry = appendTick(b.entry, now)
	}
	return b.findings(events, nil)
}

// take puts budgets in force.
func (b *book) take(source budgetSource, now time.Time) ([]finding.Finding, error) {
	next, err := source.parse()
	if err != nil {
		return nil, err
	}
	events, err := b.ledger.SetBudgets(next, now)
	if err != nil {
		return nil, err
	}
	b.budgets = source
	b.entry = appendBudgets(b.entry, source, now)
	return b.findings(events, nil), nil
}

func (b *book) halt(order ledger.Order, now time.Time) (ledger.Halt, []finding.Finding, error) {
	halt, ev, err := b.ledger.Halt(order, now)
	if err != nil {
		return ledger.Halt{}, nil, err
	}
	b.entry = appendHalt(b.entry, order, now)
	return halt, b.findings([]ledger.Event{ev}, nil), nil
}

func (b *book) release(id, by, reason string, now time.Time) (ledger.Halt, []finding.Finding, error) {
	halt, _ := b.ledger.FindHalt(id)
	ev, err := b.ledger.ReleaseID(id, by, reason, now)
	if err != nil {
		return ledger.Halt{}, nil, err
	}
	b.entry = appendRelease(b.entry, id, by, reason, now)
	return halt, b.findings([]ledger.Event{ev}, nil), nil
}

// commit stores the change. After an error it must be stored before the next.
func (b *book) commit(ctx context.Context) error {
	if b.loadErr != nil {
		return b.loadErr
	}
	b.store.journal(b.entry)
	b.entry = b.entry[:0]
	if err := b.store.commit(ctx); err != nil {
		return err
	}
	if !b.store.due() {
		return nil
	}
	return b.store.checkpoint(ctx, b.snapshot())
}
