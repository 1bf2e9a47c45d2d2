// Package operator holds the JSON that operators and the decision receiver
// exchange on /v1/halts, /v1/balances and /v1/status, and a client for it. The
// forms are public surface.
package operator

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/internal/ledger"
)

// Halt is a halt or denial in force.
type Halt struct {
	ID     string `json:"id"`
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
	Halts int `json:"halts"`
}

// Error is the body of every refusal.
type Error struct {
	Error string `json:"error"`
}

// HaltOf returns the public form of a halt.
func HaltOf(h *ledger.Halt) Halt {
	out := Halt{
		ID: h.ID(), Scope: h.Scope.String(), Tenant: h.Tenant, Key: h.Key, Run: h.Run, Session: h.Session, Effect: h.Effect.String(),
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

// Ledger returns the order as the ledger takes it. The error names the member
// and the value.
func (o *Order) Ledger() (ledger.Order, error) {
	out := ledger.Order{Tenant: o.Tenant, Key: o.Key, Run: o.Run, Session: o.Session, By: o.By, Reason: o.Reason, Effect: ledger.EffectHalt}
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
	if o.Until != nil {
		out.Until = *o.Until
	}
	return out, errors.Join(errs...)
}
