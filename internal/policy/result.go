package policy

import "strings"

// Verdict is what detection says of an action that was done.
type Verdict string

// The verdicts.
const (
	Respected    Verdict = "respected"
	Violation    Verdict = "violation"
	NotEvaluated Verdict = "not_evaluated"
	Unregistered Verdict = "unregistered"
)

// Effect is what is answered to an action that is asked for. A halt is not
// decided here.
type Effect string

// The effects.
const (
	Allow Effect = "allow"
	Deny  Effect = "deny"
	Ask   Effect = "ask"
)

// Mode says what becomes of an effect.
type Mode string

// The modes, mildest first.
const (
	Shadow  Mode = "shadow"
	Warn    Mode = "warn"
	Enforce Mode = "enforce"
)

// Reason is a code of the closed list that answers give.
type Reason string

// The reasons this package gives. Halts, budgets and chains give the others.
const (
	ReasonNone                 Reason = ""
	ReasonUnregisteredAgent    Reason = "unregistered_agent"
	ReasonOutsideValidity      Reason = "outside_validity"
	ReasonPrincipalMissing     Reason = "principal_missing"
	ReasonDeniedByRule         Reason = "denied_by_rule"
	ReasonPrincipalNotAllowed  Reason = "principal_not_allowed"
	ReasonToolNotAllowed       Reason = "tool_not_allowed"
	ReasonOperationNotAllowed  Reason = "operation_not_allowed"
	ReasonResourceNotAllowed   Reason = "resource_not_allowed"
	ReasonArgNotAllowed        Reason = "arg_not_allowed"
	ReasonModelNotAllowed      Reason = "model_not_allowed"
	ReasonDataNotAllowed       Reason = "data_not_allowed"
	ReasonDelegationNotAllowed Reason = "delegation_not_allowed"
	ReasonArgUnlisted          Reason = "arg_unlisted"
	ReasonArgMissing           Reason = "arg_missing"
	ReasonArgNotInEnum         Reason = "arg_not_in_enum"
	ReasonArgOutOfRange        Reason = "arg_out_of_range"
	ReasonConditionFalse       Reason = "condition_false"
	ReasonRateExceeded         Reason = "rate_exceeded"
	ReasonApprovalRequired     Reason = "approval_required"
	ReasonNotEvaluable         Reason = "not_evaluable"
)

// Part is a part of a rule, in the order they are tried: a greater part is
// further.
type Part uint8

// The parts.
const (
	PartNone Part = iota
	PartTool
	PartOperation
	PartResource
	PartArgs
	PartPurpose
	PartData
	PartWhen
	PartRate
)

var partNames = [...]string{"", "tool", "operation", "resource", "args", "purpose", "data", "when", "rate"}

// String returns the part's key in a rule.
func (p Part) String() string { return partNames[p] }

// Outcome is what one rule makes of one action.
type Outcome struct {
	Truth Truth
	// Failed is the first part that is false, PartNone if none is.
	Failed Part
	// Reason is the code for Failed.
	Reason Reason
	// Missing are the facts that parts of it lacked; it is 0 unless Truth is
	// Unknown.
	Missing Fields
	// Arg is the argument that failed, as a path such as /amount. It is never
	// a value.
	Arg string
	// passed counts the arguments that fit before Arg did not.
	passed int
}

// further reports whether the refusal o came later in the rule than p: at a
// later part, or at the arguments after more of them had fitted.
func (o Outcome) further(p Outcome) bool {
	return o.Failed > p.Failed || o.Failed == p.Failed && o.passed > p.passed
}

// ConstraintOnly reports whether the rule covers tool, operation and resource
// and only something finer refuses.
func (o Outcome) ConstraintOnly() bool { return o.Truth == False && o.Failed >= PartArgs }

// Result is what an entry makes of one action.
type Result struct {
	// Verdict is the detection verdict.
	Verdict Verdict
	// Effect is the true run-time effect, Answer the effect after the mode.
	Effect, Answer Effect
	// Warning says that the answer carries a warning: mode warn, effect not
	// allow.
	Warning bool
	Mode    Mode
	// Reason is the code of an effect other than allow.
	Reason Reason
	// Rule decided: the deny or ask rule that matched, the allow rule that
	// did, or the one that got furthest. It is nil where no rule names the
	// tool or where a block of the entry decided.
	Rule *Rule
	// Failed is the part at which Rule failed; Arg as in Outcome.
	Failed Part
	Arg    string
	// Finding is the finding type of a violation, "" of everything else.
	Finding string
	// Missing are the facts that were lacking where Verdict is not_evaluated
	// or Reason is not_evaluable.
	Missing Fields
	// Denied, Asked and Allowed are the truth of the three lists; Approved
	// that of the approvals for the ask rules that matched.
	Denied, Asked, Allowed, Approved Truth
	// Needs holds the ask rules that matched, in file order. It is nil unless
	// more than one did; then Rule is only the first.
	Needs []*Rule
}

// MissingPaths returns the facts that were lacking, in a fixed order; of arguments
// of which only one could not be read, that one: args.iban.
func (r *Result) MissingPaths() []string {
	out := r.Missing.Paths()
	for i, p := range out {
		if p == "args" && r.Arg != "" {
			out[i] += "." + strings.TrimPrefix(r.Arg, "/")
		}
	}
	return out
}

// ConstraintOnly reports whether a rule of the entry covers tool, operation and
// resource and only arguments, condition, rate, data or purpose refuse.
func (r *Result) ConstraintOnly() bool {
	switch {
	case r.Verdict != Violation || r.Denied == True:
		return false
	case r.Reason == ReasonDataNotAllowed:
		return true
	default:
		return r.Failed >= PartArgs
	}
}
