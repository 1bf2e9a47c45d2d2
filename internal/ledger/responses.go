package ledger

import "encoding/binary"

// claim is what is known of the span that carries a response's money.
type claim struct {
	trace  uint64 // a fold of the trace id, 0 if unknown
	tokens uint64
}

// maxClaims bounds how many spans may carry money under one response id: some
// emitters put the same id on everything.
const maxClaims = 8

func foldTrace(id ID) uint64 {
	return binary.LittleEndian.Uint64(id[:8]) ^ binary.LittleEndian.Uint64(id[8:])
}

// sameResponse reports whether another span already carries the money of this
// charge's response, and whether the id is known from something else. A priced
// call that is not the same claims the id.
//
// Order decides which of two spans carries the money. It never changes the sum
// of two spans that agree on their usage; where they disagree within one trace,
// the first one's cost counts. An unpriced span that comes before the priced
// one has claimed nothing, and stays counted as an unpriced call.
func (l *Ledger) sameResponse(c *Charge) (same, conflict bool) {
	if c.Response == (ID{}) || c.Kind != ModelCall {
		return false, false
	}
	mine := claim{foldTrace(c.Trace), c.Tokens}
	silent := c.Tokens == 0 && !c.Cost.Known() // says nothing about its usage
	id, free := c.Response, false
	for n := range byte(maxClaims) {
		known := l.responses.get(&id)
		if known == nil {
			free = true
			break
		}
		conflict = true
		otherTrace := known.trace != mine.trace && known.trace != 0 && mine.trace != 0
		if silent || !otherTrace || known.tokens == mine.tokens {
			l.counters.DuplicateResponses++
			return true, false
		}
		id = derived(c.Response, 'c', string('0'+rune(n)))
	}
	if conflict {
		l.counters.DedupeConflicts++
	}
	if c.Cost.Known() && free {
		l.counters.EarlyResponses += l.responses.makeRoom(l.now, int64(l.opt.ResponseTTL), l.opt.MaxResponses)
		l.responses.put(id, l.now, mine, l.opt.MaxResponses)
	}
	return false, conflict
}
