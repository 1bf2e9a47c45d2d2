package attr

// Of findings about budgets, beside the names of findings. Amounts are in the
// budget's unit: USD, tokens, calls, seconds; rates in those per second.
const (
	BudgetID     = "spanwarden.budget.id"
	BudgetScope  = "spanwarden.budget.scope"
	BudgetKey    = "spanwarden.budget.key"
	BudgetUnit   = "spanwarden.budget.unit"
	BudgetMode   = "spanwarden.budget.mode"
	BudgetEffect = "spanwarden.budget.effect" // warn, deny, halt
	BudgetPeriod = "spanwarden.budget.period"
	// BudgetRun or BudgetSession is the part of the key, for budgets per run and
	// per session.
	BudgetRun     = "spanwarden.budget.run"
	BudgetSession = "spanwarden.budget.session"
	// BudgetPeriodStart and BudgetPeriodEnd are RFC 3339; absent without a period.
	BudgetPeriodStart = "spanwarden.budget.period_start"
	BudgetPeriodEnd   = "spanwarden.budget.period_end"

	// BudgetCause is warn_at, projection, burn_rate or limit.
	BudgetCause           = "spanwarden.budget.cause"
	BudgetThreshold       = "spanwarden.budget.threshold" // share of the limit
	BudgetRateShort       = "spanwarden.budget.rate_short"
	BudgetRateLong        = "spanwarden.budget.rate_long"
	BudgetProjectedLow    = "spanwarden.budget.projected_low"
	BudgetProjectedHigh   = "spanwarden.budget.projected_high"
	BudgetHorizon         = "spanwarden.budget.horizon_s"
	BudgetConfidence      = "spanwarden.budget.confidence" // share of the period that has passed
	BudgetExhaustEarliest = "spanwarden.budget.exhaust_earliest"
	BudgetExhaustLatest   = "spanwarden.budget.exhaust_latest"
	BudgetBurnLong        = "spanwarden.budget.burn_long_s"
	BudgetBurnShort       = "spanwarden.budget.burn_short_s"
	BudgetBurnRateLong    = "spanwarden.budget.burn_rate_long"
	BudgetBurnRateShort   = "spanwarden.budget.burn_rate_short"
	BudgetBurnThreshold   = "spanwarden.budget.burn_threshold"
	// BudgetTrajectory is JSON: [[unix seconds, balance], …], at most 64 points.
	BudgetTrajectory     = "spanwarden.budget.trajectory"
	BudgetUnpricedCalls  = "spanwarden.budget.unpriced_calls"
	BudgetUnpricedTokens = "spanwarden.budget.unpriced_tokens"
)

// Of findings about halts.
const (
	HaltID     = "spanwarden.halt.id"
	HaltSince  = "spanwarden.halt.since" // RFC 3339
	HaltUntil  = "spanwarden.halt.until" // RFC 3339; absent: until a person releases it
	HaltReason = "spanwarden.halt.reason"
	// HaltBy is the person who ordered a halt; absent where a rule did.
	HaltBy = "spanwarden.halt.by"
	// ReleasedBy and ReleaseReason say who lifted a halt and why.
	ReleasedBy    = "spanwarden.halt.released_by"
	ReleaseReason = "spanwarden.halt.release_reason"
)
