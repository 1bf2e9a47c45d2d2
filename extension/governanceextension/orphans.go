package governanceextension

import (
	"bytes"
	"maps"
	"slices"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// orphans remembers charges whose ancestors were unknown when they came, by
// trace, oldest trace first out. It has one owner.
type orphans struct {
	max     int
	n       int
	byTrace map[chain.TraceID]map[ledger.ID]*governance.Charge
	order   []chain.TraceID // as they came; one that was taken may stand in it
	evicted int
}

func newOrphans(limit int) *orphans {
	return &orphans{max: limit, byTrace: map[chain.TraceID]map[ledger.ID]*governance.Charge{}}
}

// add remembers a charge, which must not share memory with a span. Its owner may
// complete it later.
func (o *orphans) add(c *governance.Charge) {
	trace := chain.TraceID(c.TraceID)
	held := o.byTrace[trace]
	if held == nil {
		held = map[ledger.ID]*governance.Charge{}
		o.byTrace[trace] = held
		o.order = append(o.order, trace)
	}
	if _, again := held[c.Action]; again {
		return
	}
	held[c.Action] = c
	o.n++
	for o.n > o.max && len(o.order) > 0 {
		oldest := o.order[0]
		o.order = o.order[1:]
		n := len(o.byTrace[oldest])
		delete(o.byTrace, oldest)
		o.n, o.evicted = o.n-n, o.evicted+n
	}
}

// remove forgets a charge whose ancestors have been charged.
func (o *orphans) remove(c *governance.Charge) {
	trace := chain.TraceID(c.TraceID)
	held := o.byTrace[trace]
	if _, known := held[c.Action]; !known {
		return
	}
	delete(held, c.Action)
	o.n--
	if len(held) == 0 {
		delete(o.byTrace, trace)
		o.tidy()
	}
}

// tidy drops traces that were taken from the order, once they are most of it.
func (o *orphans) tidy() {
	if len(o.order) < 1024 || len(o.order) < 2*len(o.byTrace) {
		return
	}
	seen := make(map[chain.TraceID]bool, len(o.byTrace))
	o.order = slices.DeleteFunc(o.order, func(t chain.TraceID) bool {
		gone := o.byTrace[t] == nil || seen[t]
		seen[t] = true
		return gone
	})
}

// take returns copies of the charges of a trace that complete can complete.
func (o *orphans) take(trace chain.TraceID, complete func(*governance.Charge) bool) (out []*governance.Charge) {
	for _, c := range o.byTrace[trace] {
		if late := *c; complete(&late) {
			out = append(out, &late)
		}
	}
	for _, c := range out {
		o.remove(c)
	}
	return out
}

// all returns what is remembered, oldest trace first, each in the order of ids.
func (o *orphans) all() (out []*governance.Charge) {
	seen := map[chain.TraceID]bool{}
	for _, trace := range o.order {
		if seen[trace] {
			continue
		}
		seen[trace] = true
		out = append(out, slices.SortedFunc(maps.Values(o.byTrace[trace]), func(a, b *governance.Charge) int {
			return bytes.Compare(a.Action[:], b.Action[:])
		})...)
	}
	return out
}
