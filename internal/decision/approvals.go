package decision

import (
	"errors"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/internal/policy"
)

// Pending is a question that was answered ask and waits for a person.
type Pending struct {
	Decision ID
	Agent    string
	Rules    []*policy.Rule
	// Digest covers who, for whom, what, on what and with which arguments.
	Digest               string
	Requester, Principal string
	At                   time.Time
	About                About
}

// About is where and about what a question was asked, for the record of its answer.
type About struct {
	// Trace and Span are those of the decision.
	Trace                                                                   [16]byte
	Span                                                                    [8]byte
	Tenant, Project, Session, AgentVersion, Tool, Operation, Resource       string
	CallID, PolicyVersion, Rule, PrincipalID, PrincipalType, PrincipalGrade string
}

// Approval is a person's yes to one pending question: an input to the next
// decision about the same action, never a right of its own.
type Approval struct {
	ID       string
	Pending  Pending
	By       string
	Groups   []string
	Reason   string
	At       time.Time
	Until    time.Time
	Rejected bool
}

// Errors of Approve.
var (
	ErrNoPending   = errors.New("no question with this decision id waits for an approval")
	ErrMayNot      = errors.New("this person may not approve this")
	ErrNoWhoAndWhy = errors.New("an approval needs by and reason")
)

// DefaultApprovalTTL is how long an approval holds where the rule does not say.
const DefaultApprovalTTL = 15 * time.Minute

// Approvals keeps pending questions and what was said to them, the newest limit
// of each. It has one owner.
type Approvals struct {
	pending  bounded[string, Pending]
	approved bounded[string, Approval]
}

// NewApprovals returns an empty store of at most limit pending questions and
// limit approvals.
func NewApprovals(limit int) *Approvals {
	return &Approvals{newBounded[string, Pending](limit), newBounded[string, Approval](limit)}
}

// Asked remembers a question.
func (a *Approvals) Asked(p *Pending) { a.pending.put(p.Decision.String(), *p) }

// Forgotten returns how many entries the bounds have pushed out.
func (a *Approvals) Forgotten() uint64 { return a.pending.dropped + a.approved.dropped }

// Withdraw takes an approval back. One that is not known is none.
func (a *Approvals) Withdraw(id string) {
	if got, ok := a.approved.get(id); ok {
		got.Until = time.Time{}
		a.approved.put(id, got)
	}
}

// Approve records that a person, a member of groups, says yes until a time, or
// for as long as the rules let an approval hold where until is zero. With ErrMayNot
// it returns what was tried, as Rejected, and remembers nothing.
func (a *Approvals) Approve(id, decision, by string, groups []string, reason string, until, now time.Time) (Approval, error) {
	if by == "" || reason == "" {
		return Approval{}, ErrNoWhoAndWhy
	}
	p, ok := a.pending.get(decision)
	if !ok {
		return Approval{}, ErrNoPending
	}
	out := Approval{ID: id, Pending: p, By: by, Groups: slices.Clone(groups), Reason: reason, At: now}
	latest := now.Add(DefaultApprovalTTL)
	for i, r := range p.Rules {
		if r.Approvers().Judge(by, groups, p.Requester, p.Principal) != policy.ApprovalFits {
			out.Rejected = true
			return out, ErrMayNot
		}
		if ttl := r.TTL(); ttl > 0 && (i == 0 || now.Add(ttl).Before(latest)) {
			latest = now.Add(ttl)
		}
	}
	if until.IsZero() || until.After(latest) {
		until = latest
	}
	out.Until = until
	a.approved.put(id, out)
	return out, nil
}

// Get returns an approval.
func (a *Approvals) Get(id string) (Approval, bool) { return a.approved.get(id) }

// Judge says what an approval is worth for one rule and an action with that
// digest. One that is not known, or over, is missing.
func (a *Approvals) Judge(id, digest string, rule *policy.Rule, now time.Time) policy.Approval {
	if id == "" {
		return policy.ApprovalMissing
	}
	got, ok := a.approved.get(id)
	switch {
	case !ok || !now.Before(got.Until):
		return policy.ApprovalMissing
	case got.Pending.Digest != digest:
		return policy.ApprovalMismatch
	}
	return rule.Approvers().Judge(got.By, got.Groups, got.Pending.Requester, got.Pending.Principal)
}
