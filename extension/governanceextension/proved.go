package governanceextension

import (
	"slices"

	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// proved remembers which findings the charge of an action proved, so that a span
// which is sent again carries them again: the first one may never have arrived.
// Oldest go first. It has one owner.
type proved struct {
	max     int
	byID    map[ledger.ID][]finding.Finding
	order   []ledger.ID // ring, oldest at next once full
	next    int
	evicted int
}

func newProved(limit int) *proved {
	return &proved{max: limit, byID: map[ledger.ID][]finding.Finding{}}
}

// of notes what is new and returns all that the action has proved.
func (p *proved) of(id ledger.ID, fresh []finding.Finding) []finding.Finding {
	known, again := p.byID[id]
	if len(fresh) == 0 {
		return known
	}
	all := slices.Concat(known, fresh) // known has left already
	p.byID[id] = all
	if again {
		return all
	}
	if len(p.order) < p.max {
		p.order = append(p.order, id)
		return all
	}
	delete(p.byID, p.order[p.next])
	p.evicted++
	p.order[p.next] = id
	p.next = (p.next + 1) % len(p.order)
	return all
}

type provedFindings struct {
	action   ledger.ID
	findings []finding.Finding
}

// all returns what is remembered, oldest first.
func (p *proved) all() []provedFindings {
	out := make([]provedFindings, 0, len(p.byID))
	for i := range p.order {
		id := p.order[(p.next+i)%len(p.order)]
		out = append(out, provedFindings{id, p.byID[id]})
	}
	return out
}
