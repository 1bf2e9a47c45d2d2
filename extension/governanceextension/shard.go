package governanceextension

import (
	"encoding/hex"

	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/shard"
)

var _ governance.Sharded = (*governor)(nil)

// maxOwnerless bounds how many budgets a warning names.
const maxOwnerless = 20

// Elsewhere says whose the session is where it is another collector's: what it
// spent, and whether it is halted, is not known here.
func (e *governor) Elsewhere(session string) (owner string) {
	if e.ring == nil || session == "" {
		return ""
	}
	if owner = e.ring.Owner(session); owner == e.cfg.Shard.Self {
		return ""
	}
	return owner
}

// routedBy is the key by which the gateway sent the action here: see the genai
// processor's routing_key.
func routedBy(c *governance.Charge) string {
	if c.Session != "" {
		return c.Session
	}
	return hex.EncodeToString(c.TraceID[:])
}

// share makes the ring, and says which budgets it weakens.
func (e *governor) share(rules *ledger.Budgets) error {
	if len(e.cfg.Shard.Collectors) == 0 {
		return nil
	}
	var err error
	if e.ring, err = shard.New(e.cfg.Shard.Collectors); err != nil {
		return err
	}
	if ids := ownerless(rules); len(ids) > 0 {
		e.log.Warn("Sessions are shared out among collectors, and each counts the sessions it owns: these budgets hold for each collector's part, "+
			"not for the whole. Give each a part of the limit, or ask the audit store for the whole.", zap.Strings("budgets", ids))
	}
	return nil
}

// ownerless are the budgets that no single collector sees the whole of.
func ownerless(rules *ledger.Budgets) (ids []string) {
	if rules == nil {
		return nil
	}
	for _, b := range rules.All() {
		whole := b.Scope == ledger.Session || b.Period() == "session" || b.Period() == "run"
		if !whole && len(ids) < maxOwnerless {
			ids = append(ids, b.ID)
		}
	}
	return ids
}
