// Package lineage is the part of the seam to the governance extension that knows
// delegation chains. It is a package of its own, so that a processor which does
// not ask for it does not take the chain engine along.
package lineage

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// Chains is what the governance extension offers beside spend and halts.
type Chains interface {
	governance.Extension
	// Observe adds the records of a batch and returns what follows. Records that
	// are known already change nothing, and nothing follows from them: the caller
	// must keep events until they have been passed on.
	Observe(records []chain.Record) []chain.Event
	// Tell adds what the decision receiver registered and answered. A grant that is
	// revoked is told again with its end.
	Tell(grants []chain.Grant, decisions []chain.Decision)
	// Keep returns when what was observed is stored: only then may a batch be
	// acknowledged. It is cheap where a charge has stored it already.
	Keep(ctx context.Context) error
	// Settle returns what time alone proves. Call it every few seconds.
	Settle() []chain.Event
	// Resolve returns what is known of the run around each span, in order; Known
	// is false where no run is.
	Resolve(spans []chain.Ref, answers []Answer) []Answer
	// Chain returns the page of a chain in memory.
	Chain(id string) (chain.Page, bool)
	// Policies returns the versions of the agent registry: ids are bound by it.
	Policies() policy.History
}

// Answer is what is known of the run around a span.
type Answer struct {
	chain.Answer
	Known bool
}

var errNoChains = errors.New("this extension keeps no delegation chains")

// Find returns the governance extension with that id. A nil id is an error:
// chains cross batches and processors, so somebody must own them.
func Find(host component.Host, id *component.ID) (Chains, error) {
	ext, err := governance.Find(host, id)
	if err != nil {
		return nil, err
	}
	if c, ok := ext.(Chains); ok {
		return c, nil
	}
	return nil, fmt.Errorf("governance: %s: %w", id, errNoChains)
}
