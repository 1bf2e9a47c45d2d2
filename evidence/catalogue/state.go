package catalogue

// State is what an answer says beyond its rows. The three first mean that there is
// nothing to report, and are not the same.
type State string

// The states of an answer.
const (
	// NotObserved: nothing watched, so that no row means nothing.
	NotObserved State = "not_observed"
	// ObservedZero: it was watched, and no such event occurred.
	ObservedZero State = "observed_zero"
	// ObservedFine: events occurred, and all of them passed.
	ObservedFine State = "observed_fine"
	// Observed: rows are there, which are records and no judgement.
	Observed State = "observed"
	// ObservedExceptions: rows are there, and each is an exception.
	ObservedExceptions State = "observed_exceptions"
)

// Observation is what is known about the period of a question. NULL is nil: not
// known, or not asked.
type Observation struct {
	// CoveragePct is how much of the period collectors were there, 0 to 100.
	CoveragePct *float64 `ch:"coverage_pct"`
	// UnsealedRows no leaf vouches for; Redelivered rows were stored more than once.
	UnsealedRows uint64 `ch:"unsealed_rows"`
	Redelivered  uint64 `ch:"redelivered"`
	// Watched and Population are what the header's SQL counts.
	Watched    *uint64 `ch:"watched"`
	Population *uint64 `ch:"population"`
}

// State of an answer of so many rows.
func (q *Query) State(rows int, o *Observation) State {
	switch {
	case rows > 0 && q.Shows == Exceptions:
		return ObservedExceptions
	case rows > 0:
		return Observed
	// Of all the time there ever was, the coverage of a young store is next to none.
	case o.CoveragePct == nil || q.HasPeriod() && *o.CoveragePct == 0 || o.Watched != nil && *o.Watched == 0:
		return NotObserved
	case q.Shows == Exceptions && o.Population != nil && *o.Population > 0:
		return ObservedFine
	default:
		return ObservedZero
	}
}

// Says is the header's sentence about the state, "" where rows speak.
func (q *Query) Says(s State) string {
	switch s {
	case NotObserved:
		return q.NotObserved
	case ObservedZero:
		return q.Zero
	case ObservedFine:
		return q.Fine
	default:
		return ""
	}
}
