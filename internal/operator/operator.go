// Package operator holds the JSON that operators and the decision receiver
// exchange below /v1, and a client for it. The forms are public surface.
package operator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/internal/ledger"
)

// Halt is a halt or denial in force.
type Halt struct {
	ID     string `json:"id"`
	HaltID string `json:"halt_id"` // the same
	Scope  string `json:"scope"`
	Tenant string `json:"tenant,omitempty"`
	Key    string `json:"key"`
	// Run or Session is the part of the key that is halted; none means all of it.
	Run     string    `json:"run,omitempty"`
	Session string    `json:"session,omitempty"`
	Effect  string    `json:"effect"` // deny, halt
	Since   time.Time `json:"since"`
	// Until is absent where only a person ends it.
	Until         *time.Time `json:"until,omitempty"`
	Budget        string     `json:"budget,omitempty"`
	Rule          string     `json:"rule"`
	By            string     `json:"by,omitempty"`
	Reason        string     `json:"reason"`
	Observed      *float64   `json:"observed,omitempty"` // in Unit
	Limit         *float64   `json:"limit,omitempty"`
	Unit          string     `json:"unit,omitempty"`
	PolicyVersion string     `json:"policy_version,omitempty"`
}

// Halts is the answer of GET /v1/halts, oldest first.
type Halts struct {
	Halts []Halt `json:"halts"`
}

// Order is the body of POST /v1/halts.
type Order struct {
	Scope   string     `json:"scope"` // tenant, project, agent, session, principal, delegation_root
	Tenant  string     `json:"tenant,omitempty"`
	Key     string     `json:"key"`
	Run     string     `json:"run,omitempty"`
	Session string     `json:"session,omitempty"`
	Effect  string     `json:"effect,omitempty"` // deny or halt; halt if absent
	By      string     `json:"by"`
	Reason  string     `json:"reason"`
	Until   *time.Time `json:"until,omitempty"`
	// ID is another name of Key, TTL another way to say Until: a duration from now,
	// such as 2h.
	ID  string `json:"id,omitempty"`
	TTL string `json:"ttl,omitempty"`
}

// Release is the body of POST /v1/halts/{id}/release.
type Release struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// Balance is what a budget holds for a key, amounts in Unit.
type Balance struct {
	Budget        string     `json:"budget"`
	Scope         string     `json:"scope"`
	Tenant        string     `json:"tenant,omitempty"`
	Key           string     `json:"key"`
	Unit          string     `json:"unit"`
	Mode          string     `json:"mode"`
	Period        string     `json:"period"`
	PeriodStart   *time.Time `json:"period_start,omitempty"`
	PeriodEnd     *time.Time `json:"period_end,omitempty"`
	Spent         float64    `json:"spent"`
	Limit         float64    `json:"limit"`
	Remaining     float64    `json:"remaining"`
	UnpricedCalls uint64     `json:"unpriced_calls"`
}

// Balances is the answer of GET /v1/balances.
type Balances struct {
	Balances []Balance `json:"balances"`
}

// Status is the answer of GET /v1/status.
type Status struct {
	// PolicyVersion is "" where no agent registry is configured.
	PolicyVersion string `json:"policy_version"`
	// PolicySince is when a decision was first made under this version here.
	PolicySince *time.Time `json:"policy_since,omitempty"`
	Agents      int        `json:"agents"`
	Halts       int        `json:"halts"` // in force
	// Evidence is required or best_effort.
	Evidence string `json:"evidence"`
	// QueueDepth is how many decisions wait to be recorded, Lost how many never
	// were since the start.
	QueueDepth int   `json:"evidence_queue_depth"`
	Lost       int64 `json:"evidence_lost"`
	// Instance names this run of the collector in the chain of records.
	Instance string `json:"instance"`
}

// Approve is the body of POST /v1/decisions/{id}/approve.
type Approve struct {
	By     string     `json:"by"` // type:id
	Groups []string   `json:"groups,omitempty"`
	Reason string     `json:"reason"`
	Until  *time.Time `json:"until,omitempty"` // as long as the rule lets it, if absent
}

// Approval is a person's yes to one question.
type Approval struct {
	ID            string    `json:"approval_id"`
	DecisionID    string    `json:"decision_id"`
	Agent         string    `json:"agent"`
	By            string    `json:"by"`
	ApprovedUntil time.Time `json:"approved_until"`
}

// Delegate is the body of POST /v1/delegations.
type Delegate struct {
	// Delegator is taken only where the listener authenticates nobody: elsewhere it
	// is the caller.
	Delegator   string          `json:"delegator,omitempty"`
	Delegatee   string          `json:"delegatee"`
	Scope       []string        `json:"scope"`
	Constraints json.RawMessage `json:"constraints,omitempty"`
	TTL         string          `json:"ttl,omitempty"` // 10m
	MaxDepth    *int            `json:"max_depth,omitempty"`
	Purpose     string          `json:"purpose,omitempty"`
	Parent      *string         `json:"parent_delegation_id,omitempty"`
	// Principal is on whose behalf, as type:id.
	Principal string `json:"principal,omitempty"`
}

// Delegation is a grant that was registered.
type Delegation struct {
	ID        string            `json:"delegation_id"`
	ChainID   string            `json:"chain_id"`
	ExpiresAt time.Time         `json:"expires_at"`
	Token     string            `json:"token"`
	Headers   map[string]string `json:"headers"`
}

// Grant is a grant as GET /v1/delegations/{id} and /v1/chains/{id} show it.
type Grant struct {
	ID          string          `json:"delegation_id"`
	ChainID     string          `json:"chain_id"`
	Parent      string          `json:"parent_delegation_id,omitempty"`
	Delegator   string          `json:"delegator"`
	Delegatee   string          `json:"delegatee"`
	Grade       string          `json:"grade"`
	Principal   string          `json:"principal,omitempty"`
	Scope       []string        `json:"scope"`
	Constraints json.RawMessage `json:"constraints,omitempty"`
	Purpose     string          `json:"purpose,omitempty"`
	Depth       int             `json:"depth"` // of the delegatee
	MaxDepth    int             `json:"max_depth"`
	GrantedAt   time.Time       `json:"granted_at"`
	ExpiresAt   time.Time       `json:"expires_at"`
	RevokedAt   *time.Time      `json:"revoked_at,omitempty"`
	RevokedBy   string          `json:"revoked_by,omitempty"`
	Reason      string          `json:"revoke_reason,omitempty"`
}

// Chain is the answer of GET /v1/chains/{id}: its grants, in the order they were
// given.
type Chain struct {
	ID     string  `json:"chain_id"`
	Grants []Grant `json:"grants"`
}

// Error is the body of every refusal.
type Error struct {
	Error string `json:"error"`
	// Reason is a code, where there is one.
	Reason string `json:"reason,omitempty"`
}

// HaltOf returns the public form of a halt.
func HaltOf(h *ledger.Halt) Halt {
	out := Halt{
		ID: h.ID(), HaltID: h.ID(), Scope: h.Scope.String(), Tenant: h.Tenant, Key: h.Key, Run: h.Run, Session: h.Session, Effect: h.Effect.String(),
		Since: h.Since, Until: moment(h.Until), Budget: h.Budget, Rule: h.Rule, By: h.By, Reason: h.Reason, PolicyVersion: h.PolicyVersion,
	}
	if h.Budget != "" {
		observed, limit := h.Observed.In(h.Unit), h.Limit.In(h.Unit)
		out.Observed, out.Limit, out.Unit = &observed, &limit, h.Unit.String()
	}
	return out
}

// BalanceOf returns the public form of a balance.
func BalanceOf(b *ledger.Balance) Balance {
	u := b.Budget.Unit
	return Balance{
		Budget: b.Budget.ID, Scope: b.Budget.Scope.String(), Tenant: b.Tenant, Key: b.Key, Unit: u.String(), Mode: b.Budget.Mode.String(),
		Period: b.Budget.Period(), PeriodStart: moment(b.PeriodStart), PeriodEnd: moment(b.PeriodEnd),
		Spent: b.Spent.In(u), Limit: b.Limit.In(u), Remaining: b.Remaining.In(u), UnpricedCalls: b.UnpricedCalls,
	}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

var scopes = []ledger.Scope{ledger.Tenant, ledger.Project, ledger.Agent, ledger.Session, ledger.Principal, ledger.DelegationRoot}

// Ledger returns the order, given now, as the ledger takes it. The error names
// the member and the value.
func (o *Order) Ledger(now time.Time) (ledger.Order, error) {
	out := ledger.Order{Tenant: o.Tenant, Key: cmp.Or(o.Key, o.ID), Run: o.Run, Session: o.Session, By: o.By, Reason: o.Reason, Effect: ledger.EffectHalt}
	var errs []error
	i := slices.IndexFunc(scopes, func(s ledger.Scope) bool { return s.String() == o.Scope })
	if i < 0 {
		errs = append(errs, fmt.Errorf("scope: want tenant, project, agent, session, principal or delegation_root, not %q", o.Scope))
	} else {
		out.Scope = scopes[i]
	}
	switch o.Effect {
	case "", "halt":
	case "deny":
		out.Effect = ledger.EffectDeny
	default:
		errs = append(errs, fmt.Errorf("effect: want halt or deny, not %q", o.Effect))
	}
	if o.Key != "" && o.ID != "" && o.Key != o.ID {
		errs = append(errs, fmt.Errorf("id: is another name of key: %q and %q differ", o.ID, o.Key))
	}
	switch {
	case o.Until != nil && o.TTL != "":
		errs = append(errs, errors.New("ttl: until says when it ends already"))
	case o.Until != nil:
		out.Until = *o.Until
	case o.TTL != "":
		ttl, err := time.ParseDuration(o.TTL)
		if err != nil || ttl <= 0 {
			errs = append(errs, fmt.Errorf("ttl: want a positive duration such as 2h, not %q", o.TTL))
		}
		out.Until = now.Add(ttl)
	}
	return out, errors.Join(errs...)
}
