// Package policies is the part of the seam to the governance extension that
// knows the agent registry. It is a package of its own, so that a processor which
// does not ask for it does not take the policy engine along.
package policies

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// Registry is what the governance extension offers beside spend and halts.
type Registry interface {
	governance.Extension
	// Policies returns the versions of the agent registry and when each came into
	// force. It is a snapshot: cheap to take, immutable, safe to keep. Without a
	// configured registry it is empty.
	Policies() policy.History
}

var errNoRegistry = errors.New("this extension has no agent registry")

// Find returns the governance extension with that id, or nil for a nil id.
func Find(host component.Host, id *component.ID) (Registry, error) {
	ext, err := governance.Find(host, id)
	if err != nil || ext == nil {
		return nil, err
	}
	r, ok := ext.(Registry)
	if !ok {
		return nil, fmt.Errorf("governance: %s: %w", id, errNoRegistry)
	}
	return r, nil
}
