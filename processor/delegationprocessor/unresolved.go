package delegationprocessor

import (
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
	byTrace map[chain.TraceID][]action
	order   []chain.TraceID
	evicted int
}

func newUnresolved(limit int) *unresolved {
	return &unresolved{max: limit, byTrace: map[chain.TraceID][]action{}}
}

func (u *unresolved) add(a action) {
	held, known := u.byTrace[a.span.Trace]
	if !known {
		u.order = append(u.order, a.span.Trace)
	}
	for _, h := range held {
		if h.id == a.id {
			return // sent again
		}
	}
	u.byTrace[a.span.Trace] = append(held, a)
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
	for i := range events {
		r := events[i].Run
		if events[i].Type != chain.RunResolved || r == nil {
			continue
		}
		held := u.byTrace[r.Run.Trace]
		if len(held) == 0 {
			continue
		}
		spans := make([]chain.Ref, len(held))
		for j := range held {
			spans[j] = held[j].span
		}
		rest := held[:0]
		for j, a := range chains.Resolve(spans, nil) {
			if a.Known && a.Resolved {
				out = append(out, attribution{held[j], a})
			} else {
				rest = append(rest, held[j])
			}
		}
		u.n -= len(held) - len(rest)
		if len(rest) == 0 {
			delete(u.byTrace, r.Run.Trace)
		} else {
			u.byTrace[r.Run.Trace] = rest
		}
	}
	return out
}

func (u *unresolved) takeEvicted() int {
	n := u.evicted
	u.evicted = 0
	return n
}
