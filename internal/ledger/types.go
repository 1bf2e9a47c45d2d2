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
