package ledger

import (
	"strconv"
	"time"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

// ID is an action id of the contract.
type ID [16]byte

// Scope is what a budget limits and what spend is kept for.
type Scope uint8

// The scopes. A tenant is part of the key of every other scope.
const (
	Tenant Scope = iota
	Project
	Agent
	Session
	Principal
	DelegationRoot
	scopes
)

var scopeNames = []string{"tenant", "project", "agent", "session", "principal", "delegation_root"}

// String returns the scope as budget files write it.
func (s Scope) String() string { return name(scopeNames, uint8(s)) }

// Unit is what a budget counts.
type Unit uint8

// The units: pico-USD, tokens, model calls, tool calls, nanoseconds from the
// start of the first span to the end of the last.
const (
	USD Unit = iota
	Tokens
	Calls
	ToolCalls
	WallClock
)

var unitNames = []string{"usd", "tokens", "calls", "tool_calls", "wall_clock"}

// String returns the unit as budget files write it.
func (u Unit) String() string { return name(unitNames, uint8(u)) }

// Scale returns how many ledger units make one unit that people read: 10¹²
// pico-USD a USD, 10⁹ nanoseconds a second, else 1.
func (u Unit) Scale() float64 {
	switch u {
	case USD:
		return pricing.PicoPerUSD
	case WallClock:
		return float64(time.Second)
	default:
		return 1
	}
}

// Mode says what a budget may do.
type Mode uint8

// The modes, mildest first: Shadow records and alerts nobody, Warn alerts,
// Enforce denies or halts too.
const (
	Shadow Mode = iota
	Warn
	Enforce
)

var modeNames = []string{"shadow", "warn", "enforce"}

// String returns the mode as budget files write it.
func (m Mode) String() string { return name(modeNames, uint8(m)) }

// Effect is what follows when a budget is exceeded or projected to be.
type Effect uint8

// The effects, mildest first.
const (
	EffectWarn Effect = iota
	EffectDeny
	EffectHalt
)

var effectNames = []string{"warn", "deny", "halt"}

// String returns the effect as budget files write it.
func (e Effect) String() string { return name(effectNames, uint8(e)) }

func name(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "unknown(" + strconv.Itoa(int(i)) + ")"
}

// Kind is what kind of action is charged.
type Kind uint8

// The kinds. Only a model call may carry cost and tokens.
const (
	Other Kind = iota
	ModelCall
	ToolCall
)

// Scopes names the keys that one action belongs to. An empty key is unknown and
// is neither charged nor halted; an empty tenant is the tenant without a name.
type Scopes struct {
	Tenant, Project, Agent string
	// Ancestors are the agents that drove Agent, in any order; repeats and Agent
	// itself are charged once.
	Ancestors                []string
	Session, Principal, Root string
	// Run keys budgets whose period is a run.
	Run string
}

// Charge is one action to be charged. The caller has decided that it is neither
// a roll-up nor a second span of a response that is already charged.
type Charge struct {
	Action ID
	Scopes
	// Start and End are the span's own times. End decides the period.
	Start, End time.Time
	Kind       Kind
	// Cost is unknown for an unpriced call. A known 0 is a free call.
	Cost   pricing.Amount
	Tokens uint64
	// Bound is the dearest that an unpriced call can have cost, if known.
	Bound pricing.Amount
}

// Spend is the balance of one key.
type Spend struct {
	// USD is what priced calls cost, in pico-USD; Bound the upper bound of the
	// unpriced ones. Own is the part of USD that an agent spent itself.
	USD, Bound, Own               Sum
	Tokens, Calls, ToolCalls      uint64
	UnpricedCalls, UnpricedTokens uint64
	FirstStart, LastEnd           time.Time
}

// KeySpend is a key that a charge changed, and its lifetime balance after it.
type KeySpend struct {
	Scope Scope
	Key   string
	Spend Spend
}

// Result is what a charge changed.
type Result struct {
	// Duplicate is true if the action was charged before. Keys then holds only
	// the ancestors and the root that were still missing, mostly none.
	Duplicate bool
	Keys      []KeySpend
	Events    []Event
}

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
	Run         string
	Unit        Unit
	Mode        Mode
	Effect      Effect
	Period      string
	PeriodStart time.Time // zero for lifetime and run
	PeriodEnd   time.Time // zero for lifetime and run

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
	Reason        string // of a release
	By            string // who released
}

// Cause identifies what the event is about: one for each (budget, key, period,
// type), equal for the firing and the resolved event.
func (e *Event) Cause() string {
	start := ""
	if !e.PeriodStart.IsZero() {
		start = e.PeriodStart.UTC().Format(time.RFC3339)
	}
	return string(e.Type) + "|" + strconv.Quote(e.Budget) + "|" + strconv.Quote(e.Tenant) + "|" + e.Scope.String() + "|" +
		strconv.Quote(e.Key) + "|" + strconv.Quote(e.Run) + "|" + start
}

// Halt is a latched halt or denial of one key by one budget.
type Halt struct {
	Budget           string
	Scope            Scope
	Tenant, Key, Run string
	Effect           Effect // EffectDeny or EffectHalt
	Since            time.Time
	Until            time.Time // the period's end; zero: until it is released
	Action           ID        // whose charge proved it
	Rule             string    // "limit" or "projection"
	Observed, Limit  Sum
	Unit             Unit
	PolicyVersion    string
}

// Counters are what the bounds of the ledger cost, since it was made.
type Counters struct {
	// EvictedKeys went to storage, LoadedKeys came back.
	EvictedKeys, LoadedKeys uint64
	// EarlyActions are action ids forgotten before their time: a retry that late
	// is charged twice.
	EarlyActions uint64
	// LateUnkept are charges to a period so old that its balance is gone; they
	// are part of the lifetime balance only.
	LateUnkept uint64
}
