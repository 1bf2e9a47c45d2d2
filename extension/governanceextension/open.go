package governanceextension

import (
	"slices"
	"strings"

	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// openCharges remembers charges whose agent, session or principal was unknown
// when they came, oldest first. A child span arrives before its parent, so most
// of them are completed soon. It has one owner.
type openCharges struct {
	max     int
	byID    map[ledger.ID]*governance.Charge
	order   []ledger.ID // ring, oldest at next once full
	next    int
	evicted int
}

func newOpenCharges(limit int) *openCharges {
	return &openCharges{max: limit, byID: map[ledger.ID]*governance.Charge{}}
}

func incomplete(c *governance.Charge) bool {
	return c.Agent == "" || c.Session == "" || c.Principal == ""
}

// own returns a copy of a charge that does not share memory with its span: the
// one that is remembered, if it is.
func (o *openCharges) own(c *governance.Charge) *governance.Charge {
	if kept := o.byID[c.Action]; kept != nil {
		return kept
	}
	kept := *c
	for _, s := range []*string{&kept.Tenant, &kept.Project, &kept.Agent, &kept.Session, &kept.Principal, &kept.Root, &kept.Run} {
		*s = strings.Clone(*s)
	}
	kept.Ancestors = slices.Clone(c.Ancestors)
	return &kept
}

// add remembers a charge that is incomplete.
func (o *openCharges) add(c *governance.Charge) {
	if !incomplete(c) {
		return
	}
	if _, known := o.byID[c.Action]; known {
		return
	}
	o.byID[c.Action] = o.own(c)
	if len(o.order) < o.max {
		o.order = append(o.order, c.Action)
		return
	}
	if _, there := o.byID[o.order[o.next]]; there {
		delete(o.byID, o.order[o.next])
		o.evicted++
	}
	o.order[o.next] = c.Action
	o.next = (o.next + 1) % len(o.order)
}

// complete returns the charge with what is known now, and which of its keys are
// new; ok is false where nothing is.
func (o *openCharges) complete(l *governance.Late) (c *governance.Charge, late ledger.Keys, ok bool) {
	c = o.byID[l.Action]
	if c == nil {
		return nil, 0, false
	}
	fill := func(key *string, value string, scope ledger.Scope) {
		if *key == "" && value != "" {
			*key = value
			late |= ledger.KeysOf(scope)
		}
	}
	fill(&c.Agent, l.Agent, ledger.Agent)
	fill(&c.Session, l.Session, ledger.Session)
	fill(&c.Principal, l.Principal, ledger.Principal)
	if !incomplete(c) {
		delete(o.byID, l.Action)
	}
	return c, late, late != 0
}

// all returns what is remembered, oldest first.
func (o *openCharges) all() []*governance.Charge {
	out := make([]*governance.Charge, 0, len(o.byID))
	for i := range o.order {
		if c := o.byID[o.order[(o.next+i)%len(o.order)]]; c != nil {
			out = append(out, c)
		}
	}
	return out
}
