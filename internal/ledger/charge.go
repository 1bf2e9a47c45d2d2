package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

// Scopes names the keys that one action belongs to. An empty key is unknown and
// is neither charged nor halted; an empty tenant is the tenant without a name.
type Scopes struct {
	Tenant, Project, Agent string
	// Ancestors are the agents that drove Agent, in any order; repeats and Agent
	// itself are charged once.
	Ancestors []string
	// AncestorRuns are the runs of the Ancestors, one for each, "" where unknown.
	// Left out, the ancestors' runs count as Run.
	AncestorRuns             []string
	Session, Principal, Root string
	// Run keys budgets whose period is a run.
	Run string
}

// ancestorRun returns the run in which the i-th ancestor drove.
func (s *Scopes) ancestorRun(i int) string {
	if len(s.AncestorRuns) == 0 {
		return s.Run
	}
	if i < len(s.AncestorRuns) {
		return s.AncestorRuns[i]
	}
	return ""
}

func (s *Scopes) key(scope Scope) string {
	switch scope {
	case Tenant:
		return s.Tenant
	case Project:
		return s.Project
	case Agent:
		return s.Agent
	case Session:
		return s.Session
	case Principal:
		return s.Principal
	default:
		return s.Root
	}
}

// Charge is one action to be charged. The caller has decided that it is no
// roll-up.
type Charge struct {
	Action ID
	Scopes
	// Start and End are the span's own times. End decides the period. Times
	// before 1970 count as its first nanosecond.
	Start, End time.Time
	Kind       Kind
	// Cost is unknown for an unpriced call. A known 0 is a free call.
	Cost   pricing.Amount
	Tokens uint64
	// Bound is the dearest that an unpriced call can have cost, if known.
	Bound pricing.Amount
	// Response is the ResponseID of a model call, zero if unknown, and Trace the
	// trace it was seen in: two spans of one response are charged once.
	Response ID
	Trace    ID
}

// ResponseID returns the id under which a tenant's model response is known: the
// start of a SHA-256, so that nobody can make two responses meet. It is zero for
// an empty response id.
func ResponseID(tenant, response string) (id ID) {
	if response == "" {
		return id
	}
	var buf [160]byte
	b := binary.AppendUvarint(buf[:0], uint64(len(tenant)))
	b = append(append(b, tenant...), response...)
	sum := sha256.Sum256(b)
	copy(id[:], sum[:])
	return id
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

// KeySpend is a key that a charge changed, or a run of it, and its lifetime
// balance after it.
type KeySpend struct {
	Scope Scope
	Key   string
	Spend Spend
}

// Repeat says whether a charge repeats an earlier one.
type Repeat uint8

// The answers. An action that is delivered again gets its first answer's money:
// SameAction if it was charged, SameResponse if it never was.
const (
	FirstSeen    Repeat = iota // charged now
	SameAction                 // this action was charged before
	SameResponse               // another span of this response carries the money
)

var repeatNames = []string{"first_seen", "same_action", "same_response"}

// String returns the answer's name, fit for a metric's label.
func (r Repeat) String() string { return name(repeatNames, uint8(r)) }

// Result is what a charge changed.
type Result struct {
	// Repeat says why nothing, or less, was charged; Duplicate is true for
	// anything but FirstSeen.
	Repeat Repeat
	// Duplicate is true if the action, or another span of its response, was
	// charged before. Keys then holds only the ancestors and the root of this
	// action that were still missing, mostly none.
	Duplicate bool
	// Conflict is true if the response id was known, but from another trace and
	// with other tokens: this charge counts, and so did the other.
	Conflict bool
	Keys     []KeySpend
	Events   []Event
}

// Counters are what the bounds of the ledger cost, and what it was spared, since
// it was made.
type Counters struct {
	// EvictedKeys went to storage, LoadedKeys came back.
	EvictedKeys, LoadedKeys uint64
	// EarlyActions are action ids forgotten before their time: a retry that late
	// is charged twice. EarlyResponses are response ids, likewise.
	EarlyActions, EarlyResponses uint64
	// DuplicateResponses are spans that carried no money as another span of the
	// same response did; DedupeConflicts are charged in spite of a known id.
	DuplicateResponses, DedupeConflicts uint64
	// LateUnkept are charges to a period so old that its balance is gone; they
	// are part of the lifetime balance only.
	LateUnkept uint64
	// RefusedHalts could not be latched, as MaxHalts were in force.
	RefusedHalts uint64
	// UnwatchedKeys went to storage with a finding that fires and that only their
	// next charge will resolve.
	UnwatchedKeys uint64
	// LostKeys are keys whose stored state was damaged: their balance restarts.
	LostKeys uint64
}
