package decision

import (
	"slices"

	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// Effect is what is decided about an action.
type Effect string

// The effects, in the order in which one wins over the next only as Decide says.
const (
	Allow Effect = "allow"
	Deny  Effect = "deny"
	Ask   Effect = "ask"
	Halt  Effect = "halt"
)

// Reasons that a registry entry alone cannot give. They belong to the same
// closed list as policy.Reason.
const (
	ReasonHalted              policy.Reason = "halted"
	ReasonBudgetExceeded      policy.Reason = "budget_exceeded"
	ReasonScopeEscalation     policy.Reason = "scope_escalation"
	ReasonExpiredAuthority    policy.Reason = "expired_authority"
	ReasonEvidenceUnavailable policy.Reason = "evidence_unavailable"
	ReasonMisdirected         policy.Reason = "misdirected"
)

// Facts is everything that a decision hangs on.
type Facts struct {
	// Agent is the entry that the asker was bound to; nil is not registered.
	Agent *policy.Agent
	// Request is judged with Agent. Its fields must not change afterwards.
	Request *policy.Request
	// Halt is the strictest halt or denial that covers the action, nil if none
	// does; Order the strictest of those that a person ordered. They may be the
	// same.
	Halt, Order *ledger.Halt
	// Balances are the budgets that cover the action.
	Balances []ledger.Balance
	// Authority is what a delegation refuses, "" if it refuses nothing.
	Authority policy.Reason
	// Owner is the collector that knows what the session spent, where that is
	// another one.
	Owner string
}

// Outcome is a decision before it has an id and a record.
type Outcome struct {
	// Effect is the true effect, Answered what the asker is told: they differ
	// where the agent's mode is shadow or warn.
	Effect, Answered Effect
	Mode             policy.Mode
	// Warning says that the answer carries a warning: mode warn, effect not allow.
	Warning bool
	// Reason is "" of allow.
	Reason policy.Reason
	// Rule is the id of the rule that decided: of the entry, a budget's id, or a
	// halt's rule; "" where a block of the entry decided.
	Rule string
	// Policy is what the entry says, halts and budgets left aside.
	Policy policy.Result
	// Halt is in force, Budget is exceeded: nil where another cause decided.
	Halt   *ledger.Halt
	Budget *ledger.Balance
	// Owner is the collector to ask instead, of reason misdirected.
	Owner string
}

// Decide weighs the facts: an active halt, then what is denied, then budgets,
// then what a person must be asked, then what is allowed, else it is denied.
//
// A halt that a person ordered is answered in every mode, anything else only
// where the agent's mode is enforce.
func Decide(f *Facts) Outcome {
	var o Outcome
	f.Agent.Judge(f.Request, &o.Policy)
	o.Mode = o.Policy.Mode
	if f.Agent != nil && f.Authority == "" {
		f.Authority = direct(f.Agent, f.Request)
	}
	ordered := false
	switch h := f.halt(o.Mode); {
	case h != nil:
		o.Effect, o.Reason, o.Halt, o.Rule = Halt, ReasonHalted, h, h.Rule
		if h.Effect != ledger.EffectHalt {
			o.Effect = Deny
		}
		ordered = h.Rule == ledger.RulePerson
	case denied(&o.Policy):
		o.policy()
	case f.Authority != "":
		o.Effect, o.Reason = Deny, f.Authority
	default:
		o.spent(f)
	}
	o.Answered = o.Effect
	if o.Mode != policy.Enforce && !ordered {
		o.Answered = Allow
	}
	o.Warning = o.Mode == policy.Warn && o.Effect != Allow && o.Answered == Allow
	if f.Owner != "" && o.Answered != Halt {
		return o.misdirected(f.Owner)
	}
	return o
}

// misdirected is the outcome where another collector owns the session: its halts
// and what it spent are not known here, so nothing is allowed, in no mode. A halt
// that is known stays a halt.
func (o Outcome) misdirected(owner string) Outcome {
	return Outcome{Effect: Deny, Answered: Deny, Mode: o.Mode, Policy: o.Policy, Reason: ReasonMisdirected, Owner: owner}
}

// halt returns the halt that decides: one of effect halt, or a person's denial.
// A denial that a budget latched is that budget's matter. Where only a person's
// order is answered, theirs is the one to know of.
func (f *Facts) halt(m policy.Mode) *ledger.Halt {
	if f.Order != nil && (m != policy.Enforce || f.Halt == nil) {
		return f.Order
	}
	if h := f.Halt; h != nil && (h.Effect == ledger.EffectHalt || h.Rule == ledger.RulePerson) {
		return h
	}
	return f.Order
}

// direct says what an agent lacks that only acts under a delegation.
func direct(a *policy.Agent, q *policy.Request) policy.Reason {
	if a.Direct() || q.Check != policy.PrincipalFull {
		return ""
	}
	return policy.ReasonDelegationNotAllowed
}

// denied reports whether the entry denies, rather than merely not allowing.
func denied(r *policy.Result) bool {
	if r.Effect != policy.Deny {
		return false
	}
	switch r.Reason {
	case policy.ReasonUnregisteredAgent, policy.ReasonOutsideValidity, policy.ReasonPrincipalMissing, policy.ReasonPrincipalNotAllowed:
		return true
	default:
		return r.Denied != policy.False
	}
}

func (o *Outcome) policy() {
	o.Effect, o.Reason = Effect(o.Policy.Effect), o.Policy.Reason
	if o.Policy.Rule != nil {
		o.Rule = o.Policy.Rule.ID()
	}
}

// spent lets a budget decide before ask and allow do.
func (o *Outcome) spent(f *Facts) {
	if h := f.Halt; h != nil { // a denial that a budget latched
		o.Effect, o.Reason, o.Halt, o.Rule = Deny, ReasonBudgetExceeded, h, h.Budget
		return
	}
	_, operation, _ := f.Request.Resolved()
	for i := range f.Balances {
		b := &f.Balances[i]
		if b.Budget.Mode == ledger.Enforce && b.Budget.OnExceed != ledger.EffectWarn &&
			counts(b.Budget.Unit, operation) && b.Spent.Cmp(b.Limit) >= 0 {
			o.Effect, o.Reason, o.Budget, o.Rule = Deny, ReasonBudgetExceeded, b, b.Budget.ID
			return
		}
	}
	o.policy()
}

// counts reports whether an action of this operation takes from a budget that
// counts u. Money and time are taken by whatever an agent does.
func counts(u ledger.Unit, operation string) bool {
	switch u {
	case ledger.ToolCalls:
		return operation != policy.OpInvokeModel
	case ledger.Calls, ledger.Tokens:
		return operation == policy.OpInvokeModel
	default:
		return true
	}
}

// WithoutEvidence is the outcome where the decision cannot be recorded and must
// be: nothing is allowed then, in no mode. A halt stays a halt.
func (o Outcome) WithoutEvidence() Outcome {
	if o.Answered == Halt {
		return o
	}
	o.Effect, o.Answered, o.Reason, o.Rule, o.Warning = Deny, Deny, ReasonEvidenceUnavailable, "", false
	return o
}

// RateExceeded is the outcome where the rule that allowed was used up by others
// between judging and answering.
func (o Outcome) RateExceeded() Outcome {
	o.Effect, o.Reason = Deny, policy.ReasonRateExceeded
	if o.Mode == policy.Enforce {
		o.Answered = Deny
	}
	o.Warning = o.Mode == policy.Warn
	return o
}

// Covers reports whether a halt covers the scopes of an action, as
// ledger.Halted judges.
func Covers(h *ledger.Halt, s *ledger.Scopes) bool {
	if h.Tenant != s.Tenant || h.Run != "" && h.Run != s.Run || h.Session != "" && h.Session != s.Session {
		return false
	}
	switch h.Scope {
	case ledger.Tenant:
		return true
	case ledger.Project:
		return h.Key != "" && h.Key == s.Project
	case ledger.Session:
		return h.Key != "" && h.Key == s.Session
	case ledger.Principal:
		return h.Key != "" && h.Key == s.Principal
	case ledger.DelegationRoot:
		return h.Key != "" && h.Key == s.Root
	case ledger.Agent:
		if h.Key == "" {
			return false
		}
		return h.Key == s.Agent || slices.Contains(s.Ancestors, h.Key)
	}
	return false
}
