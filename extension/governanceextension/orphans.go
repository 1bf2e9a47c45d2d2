package governanceextension

import (
	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/governance"
)

// orphans remembers charges whose ancestors were unknown when they came, by
// trace, oldest trace first out. It has one owner.
type orphans struct {
	max     int
	n       int
	byTrace map[chain.TraceID][]*governance.Charge
	order   []chain.TraceID // of first charges; a trace that was taken may stand in it
	evicted int
}

func newOrphans(limit int) *orphans {
	return &orphans{max: limit, byTrace: map[chain.TraceID][]*governance.Charge{}}
}

func (o *orphans) add(c *governance.Charge) {
	trace := chain.TraceID(c.TraceID)
	held, known := o.byTrace[trace]
	if !known {
		o.order = append(o.order, trace)
	}
	kept := *c
	o.byTrace[trace] = append(held, &kept)
	o.n++
	for o.n > o.max && len(o.order) > 0 {
		o.evicted += o.drop(o.order[0])
		o.order = o.order[1:]
	}
}

func (o *orphans) drop(trace chain.TraceID) int {
	n := len(o.byTrace[trace])
	delete(o.byTrace, trace)
	o.n -= n
	return n
}

// take returns the charges of the traces that complete can complete.
func (o *orphans) take(traces []chain.TraceID, complete func(*governance.Charge) bool) (out []*governance.Charge) {
	for _, trace := range traces {
		held := o.byTrace[trace]
		if len(held) == 0 {
			continue
		}
		rest := held[:0]
		for _, c := range held {
			if complete(c) {
				out = append(out, c)
			} else {
				rest = append(rest, c)
			}
		}
		clear(held[len(rest):])
		o.n -= len(held) - len(rest)
		if len(rest) == 0 {
			delete(o.byTrace, trace)
		} else {
			o.byTrace[trace] = rest
		}
	}
	return out
}
