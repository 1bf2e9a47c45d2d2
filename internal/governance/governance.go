package governance

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// Extension is what the governance extension offers. It is safe for concurrent
// use between its Start and its Shutdown.
type Extension interface {
	component.Component
	Spend
	Halts

	// Attach gives the extension a way into a pipeline, for findings that time or
	// a person proves and no span carries. Each is sent to one attached consumer;
	// while there is none they wait. The consumer must be ready to consume until
	// detach has returned.
	Attach(consumer.Traces) (detach func())
}

// Spend takes charges.
type Spend interface {
	// Charge charges each action once, in order, and appends one Verdict for each
	// to verdicts. On error nothing is lost and the caller must not pass the spans
	// on: the sender sends them again, and what was charged is then recognised.
	Charge(ctx context.Context, charges []Charge, verdicts []Verdict) ([]Verdict, error)
	// Attribute completes earlier charges whose agent, session or principal was
	// unknown. One that is not remembered is counted and changes nothing.
	Attribute(ctx context.Context, late []Late) ([]finding.Finding, error)
	// Balances returns what the budgets that cover the scopes hold now, 0 included.
	Balances(s *ledger.Scopes) []ledger.Balance
}

// Halts are the halts in force and the ways to end them.
type Halts interface {
	// Halted returns the strictest halt or denial that covers the scopes.
	Halted(s *ledger.Scopes) (ledger.Halt, bool)
	// InForce returns all halts and denials, oldest first.
	InForce() []ledger.Halt
	// Halt halts a scope because a person says so.
	Halt(ctx context.Context, order ledger.Order) (ledger.Halt, error)
	// Release lifts the halt with that id. by and reason must not be empty.
	Release(ctx context.Context, id, by, reason string) (ledger.Halt, error)
}

// Sharded is what an extension offers that may share its work with others.
type Sharded interface {
	// Elsewhere returns the collector that owns the session, "" where that is this
	// one, the session is not named, or nothing is shared.
	Elsewhere(session string) (owner string)
}

// Charge is one action and the span that told of it.
type Charge struct {
	ledger.Charge
	TraceID pcommon.TraceID
	SpanID  pcommon.SpanID
}

// Verdict is what came of one charge.
type Verdict struct {
	// Duplicate is true where another span has been charged for this call.
	Duplicate bool
	// Findings belong on the span.
	Findings []finding.Finding
}

// Late is what became known of an action after it was charged.
type Late struct {
	Action                    ledger.ID
	Agent, Session, Principal string
}

var (
	errNoExtension  = errors.New("no such extension is configured under service::extensions")
	errNotGoverning = errors.New("this extension is no governance extension")
)

// Find returns the governance extension with that id, or nil for a nil id.
func Find(host component.Host, id *component.ID) (Extension, error) {
	if id == nil {
		return nil, nil //nolint:nilnil // without the extension there is nothing to return and nothing wrong
	}
	found, ok := host.GetExtensions()[*id]
	if !ok {
		return nil, fmt.Errorf("governance: %s: %w", id, errNoExtension)
	}
	ext, ok := found.(Extension)
	if !ok {
		return nil, fmt.Errorf("governance: %s: %w", id, errNotGoverning)
	}
	return ext, nil
}
