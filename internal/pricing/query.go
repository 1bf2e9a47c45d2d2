package pricing

import (
	"strings"
	"time"
)

// Query is one model call to be priced.
type Query struct {
	// Provider is who was called, in any spelling in use: gen_ai.provider.name,
	// gen_ai.system, llm.provider. Names of gateways and frameworks are known
	// not to be providers. "" means not stated.
	Provider string
	// Gateway is what stood in between, such as openrouter or litellm; "" if
	// nothing did or it is not known.
	Gateway string
	// Host is server.address, with or without scheme, port and path.
	Host string
	// ResponseModel is what the provider says it ran; it is tried first.
	ResponseModel string
	RequestModel  string
	// ServiceTier and Speed are those of the response. Empty, "auto", "default"
	// and "standard" all mean the standard price.
	ServiceTier string
	Speed       string
	// Region is the processing region the provider was asked for or reports,
	// such as "eu"; never the region the client runs in.
	Region string
	// Time is the start of the call. Prices of that moment apply.
	Time     time.Time
	Usage    Usage
	Reported Reported
	// Select returns the attribute a contract selects on, such as
	// "resource.team" or "server.address". nil means that no attribute is set.
	Select func(key string) (value string, ok bool)
}

// Reported is a cost that the emitter states itself.
type Reported struct {
	Amount   float64
	Currency string // ISO 4217; "" means USD
	Known    bool
}

// Status says what became of a call. The values are those of
// spanwarden.cost.status; rollup and duplicate are decided by the caller.
type Status string

// All statuses.
const (
	StatusPriced    Status = "priced"
	StatusReported  Status = "reported"
	StatusPartial   Status = "partial"
	StatusUnpriced  Status = "unpriced"
	StatusRollup    Status = "rollup"
	StatusDuplicate Status = "duplicate"
)

// Reason says why a call is unpriced. The values are those of
// spanwarden.cost.reason.
type Reason string

// All reasons. ReasonNone belongs to every status but unpriced.
const (
	ReasonNone              Reason = ""
	ReasonUnknownProvider   Reason = "unknown_provider"
	ReasonUnknownModel      Reason = "unknown_model"
	ReasonLooseMatchRefused Reason = "loose_match_refused"
	ReasonMissingModel      Reason = "missing_model"
	ReasonNoUsage           Reason = "no_usage"
	ReasonInvalidUsage      Reason = "invalid_usage"
	ReasonNoRateAtTime      Reason = "no_rate_at_time"
	ReasonNoRateForUsage    Reason = "no_rate_for_usage"
)

// Match says how the price entry was found. The values are those of
// spanwarden.cost.match.
type Match string

// All ways to match, in the order they are tried. MatchContract means that a
// contract states the price of a model which the book does not list.
const (
	MatchNone       Match = ""
	MatchAlias      Match = "alias"
	MatchExact      Match = "exact"
	MatchDated      Match = "dated"
	MatchNormalised Match = "normalised"
	MatchFallback   Match = "fallback"
	MatchLoose      Match = "loose"
	MatchContract   Match = "contract"
)

// Result is the answer to a Query. Its strings belong to the Book and stay valid
// as long as anyone holds them.
type Result struct {
	Status Status
	Reason Reason

	// Provider is the canonical provider; "" if it could not be told.
	Provider string
	// PriceID and PriceFrom name the price: the entry's id, and since when (RFC
	// 3339, UTC) its rate is valid, "" if it always was.
	PriceID    string
	PriceFrom  string
	Book       string
	Match      Match
	ContractID string
	Conditions Conditions

	// Total is the sum of the five parts below it. All are unknown where the
	// call is unpriced, and the parts are where the cost is the reported one.
	Total                                       Amount
	Input, Output, CacheRead, CacheWrite, Other Amount
	// List is what the call costs without a contract.
	List Amount
	// Reported is the cost the emitter states, in USD, taken or not.
	Reported Amount
}

// maxConditions bounds what one result can list: each kind of condition and each
// assumption at most once.
const maxConditions = 24

// Conditions list what decided a price beyond provider and model, such as
// "context>271999", "tier:priority" or "assumed:cache_ttl".
type Conditions struct {
	parts [maxConditions]string
	n     int
}

// All returns the conditions in order. The slice is valid until the Result is
// used again.
func (c *Conditions) All() []string { return c.parts[:c.n] }

// String returns the conditions as spanwarden.cost.conditions writes them.
func (c *Conditions) String() string { return strings.Join(c.parts[:c.n], ",") }

func (c *Conditions) add(s string) {
	if c.n < maxConditions {
		c.parts[c.n] = s
		c.n++
	}
}
