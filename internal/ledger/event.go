package ledger

import (
	"strconv"
	"time"
)

// EventType is the type of finding that an event becomes.
type EventType string

// The event types of the contract.
const (
	BudgetWarning   EventType = "budget.warning"
	BudgetProjected EventType = "budget.projected"
	BudgetExceeded  EventType = "budget.exceeded"
	BudgetHalt      EventType = "budget.halt"
)

// Point is one point of a trajectory: the balance, in ledger units, at a time.
type Point struct {
	At    time.Time
	Spend uint64
}

// Projection is where the balance of a budget is heading. Amounts are in units
// that people read (USD, tokens, calls, seconds), rates in those per second.
type Projection struct {
	RateLong, RateShort float64
	Low, High           float64
	Horizon             time.Duration
	// ExhaustEarliest and ExhaustLatest are when the limit is reached at the
	// faster and at the slower rate; zero where that rate never reaches it.
	ExhaustEarliest, ExhaustLatest time.Time
	// Confidence is the share of the period that has passed, 1 without an end.
	Confidence float64
}

// Burn is the burn-rate window that fired. Rates are multiples of the pace that
// uses up the limit exactly at the period's end.
type Burn struct {
	Long, Short         time.Duration
	RateLong, RateShort float64
	Threshold           float64
}

// Event is a fact about a budget, complete enough for a finding.
type Event struct {
	Type EventType
	// Resolved is true when the cause is over.
	Resolved bool
	// Quiet is true for a budget in shadow mode: record it, alert nobody.
	Quiet  bool
	At     time.Time
	Action ID

	Budget      string
	Scope       Scope
	Tenant, Key string
	// Run or Session is the part of the key, for budgets per run and per session.
	Run, Session string
	Unit         Unit
	Mode         Mode
	Effect       Effect
	Period       string
	PeriodStart  time.Time // zero for lifetime and run
	PeriodEnd    time.Time // zero for lifetime and run

	// Observed includes the bound of unpriced calls where the budget says so.
	Observed, Limit               Sum
	UnpricedCalls, UnpricedTokens uint64
	// Threshold is the share of the limit of a warning by warn_at, else 0.
	Threshold  float64
	Projection *Projection // nil without one
	Burn       *Burn       // nil unless a burn rate fired
	Trajectory []Point     // at most 64

	PolicyVersion string
	Controls      []string
	Rule          string // "warn_at", "projection", "burn_rate", "limit"
	// Reason says, of a halt, why it was set; of what is resolved, why it is over.
	Reason string
	// By is the person who ordered or released a halt, "" where a budget or time did.
	By string
	// HaltID is the Halt's ID; "" of other types.
	HaltID string
}

// Cause identifies what the event is about: one for each (budget, key, period,
// type), equal for the firing and the resolved event.
func (e *Event) Cause() string {
	start := ""
	if !e.PeriodStart.IsZero() {
		start = e.PeriodStart.UTC().Format(time.RFC3339)
	}
	cause := string(e.Type) + "|" + strconv.Quote(e.Budget) + "|" + strconv.Quote(e.Tenant) + "|" + e.Scope.String() + "|" +
		strconv.Quote(e.Key) + "|" + strconv.Quote(e.Run) + "|" + start
	if e.Session != "" {
		cause += "|" + strconv.Quote(e.Session)
	}
	if e.Budget == "" {
		cause += "|" + e.Rule + "|" + e.HaltID
	}
	return cause
}
