package delegationprocessor

import (
	"maps"
	"slices"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/governance/lineage"
)

// action is one that left before its run was known.
type action struct {
	id   [16]byte
	span chain.Ref
}

// attribution is what became known of it.
type attribution struct {
	action
	lineage.Answer
}

// unresolved remembers actions by trace, oldest trace first out. It has one
// owner.
type unresolved struct {
	max     int
	n       int
	byTrace map[chain.TraceID]map[[16]byte]action
	order   []chain.TraceID
	evicted int
}

func newUnresolved(limit int) *unresolved {
	return &unresolved{max: limit, byTrace: map[chain.TraceID]map[[16]byte]action{}}
}

func (u *unresolved) add(a action) {
	held := u.byTrace[a.span.Trace]
	if held == nil {
		held = map[[16]byte]action{}
		u.byTrace[a.span.Trace] = held
		u.order = append(u.order, a.span.Trace)
	}
	if _, again := held[a.id]; again {
		return
	}
	held[a.id] = a
	u.n++
	for u.n > u.max && len(u.order) > 0 {
		oldest := u.order[0]
		u.order = u.order[1:]
		u.evicted += len(u.byTrace[oldest])
		u.n -= len(u.byTrace[oldest])
		delete(u.byTrace, oldest)
	}
}

// settled returns the actions whose run the events made known, and forgets them.
func (u *unresolved) settled(events []chain.Event, chains lineage.Chains) (out []attribution) {
	if u.n == 0 {
		return nil
	}
	traces := map[chain.TraceID]struct{}{}
	for i := range events {
		if r := events[i].Run; events[i].Type == chain.RunResolved && r != nil {
			traces[r.Run.Trace] = struct{}{}
		}
	}
	for trace := range traces {
		held := slices.Collect(maps.Values(u.byTrace[trace]))
		spans := make([]chain.Ref, len(held))
		for i := range held {
			spans[i] = held[i].span
		}
		for i, a := range chains.Resolve(spans, nil) {
			if a.Known && a.Resolved {
				out = append(out, attribution{held[i], a})
				delete(u.byTrace[trace], held[i].id)
				u.n--
			}
		}
		if len(u.byTrace[trace]) == 0 {
			delete(u.byTrace, trace)
		}
	}
	u.tidy()
	return out
}

// tidy drops traces that were settled from the order, once they are most of it.
func (u *unresolved) tidy() {
	if len(u.order) < 1024 || len(u.order) < 2*len(u.byTrace) {
		return
	}
	seen := make(map[chain.TraceID]bool, len(u.byTrace))
	u.order = slices.DeleteFunc(u.order, func(t chain.TraceID) bool {
		gone := u.byTrace[t] == nil || seen[t]
		seen[t] = true
		return gone
	})
}

func (u *unresolved) takeEvicted() int {
	n := u.evicted
	u.evicted = 0
	return n
}
