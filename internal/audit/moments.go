package audit

import "time"

// moment judges a time that a record states, in ns since 1970 with 0 for none: a
// time that cannot be is replaced by the fallback, which is when it was observed.
func moment(stated uint64, fallback, now int64) (ts int64, quality string) {
	if plausible(stated, now) {
		return int64(stated), tsOK
	}
	if plausible(uint64(max(fallback, 0)), now) {
		return fallback, tsStart
	}
	return now, tsStart
}

// plausible believes what is after 2000 and at most a day ahead. A collector
// whose own clock is unset is no judge of the future.
func plausible(t uint64, now int64) bool {
	observed := uint64(max(now, 0))
	return t >= earliest && (observed < earliest || t <= observed+horizon) && t <= maxNanos
}

// nanosOf is 0 for the zero time and what is not between 1970 and 2262.
func nanosOf(t time.Time) uint64 {
	if n := timeOf(t); n.Set {
		return uint64(n.Value)
	}
	return 0
}
