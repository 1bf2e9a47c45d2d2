package decision

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/spanwarden/spanwarden/internal/ledger"
)

// Record is a decision as evidence: everything but values of arguments, prompts
// and tokens.
type Record struct {
	ID, Batch ID
	// Replaces is the decision whose answer could not be given, because its
	// record could not be stored.
	Replaces ID
	At       time.Time
	Latency  time.Duration
	Outcome  Outcome
	Question *Question
	// Agent is the id of the actor, OwnGrade how it was bound.
	Agent, AgentGrade, AgentBy string
	PolicyVersion, Engine      string
	InputDigest, ArgsDigest    string
	Approval                   string
	Obligations                []string
	Freshness                  Freshness
	Chain                      ChainFacts
	Trace                      [16]byte
	Span                       [8]byte
	RequestedBy                string
	Balances                   []ledger.Balance
}

// ChainFacts are what is known of the delegation chain.
type ChainFacts struct {
	ID          string
	Depth       int
	Delegations []string
	Grade       string
}

// Chain links the records of one collector: each holds the hash of the one
// before and its number. It has one owner.
type Chain struct {
	instance string
	prev     string
	seq      uint64
}

// NewChain returns an empty chain; instance tells collectors and their runs apart.
func NewChain(instance string) *Chain { return &Chain{instance: instance} }

// Seq returns how many records were sealed.
func (c *Chain) Seq() uint64 { return c.seq }

// Seal returns the record as canonical JSON (RFC 8785) with its place in the
// chain. What is sealed must not be sealed again.
func (c *Chain) Seal(r *Record) []byte {
	m := r.members()
	m["seq"], m["prev"], m["instance"] = int64(c.seq), none(c.prev), c.instance
	out := Canonical(make([]byte, 0, 2048), m)
	sum := sha256.Sum256(out)
	c.prev = "sha256:" + hex.EncodeToString(sum[:])
	c.seq++
	return out
}

func none(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func idOrNone(id ID) any {
	if id.IsZero() {
		return nil
	}
	return id.String()
}

func (r *Record) members() map[string]any {
	q, o := r.Question, &r.Outcome
	tool, operation, resource := q.Request.Resolved()
	if tool == "" && operation == "" {
		tool, operation, resource = q.Request.Tool, q.Request.Operation, q.Request.Resource
	}
	m := map[string]any{
		"decision_id": r.ID.String(), "batch_decision_id": idOrNone(r.Batch), "timestamp": r.At.UTC().Format(time.RFC3339Nano),
		"effect": string(o.Effect), "mode": string(o.Mode), "answered": string(o.Answered), "reason": none(string(o.Reason)),
		"rules": r.rules(), "policy_version": none(r.PolicyVersion), "engine": r.Engine,
		"principal": r.principal(), "actor": r.actor(), "chain": r.chain(),
		"action": operation, "tool": tool, "resource": none(clip(resource)),
		"input_digest": r.InputDigest, "args_digest": none(r.ArgsDigest), "erased": []any{}, "masked": []any{},
		"budget": r.budget(), "halt": r.halt(), "approval": none(r.Approval), "obligations": r.Obligations,
		"inputs_freshness": map[string]any{"registry_age_s": int64(r.Freshness.Registry / time.Second), "budget_age_ms": int64(r.Freshness.Budget / time.Millisecond)},
		"trace_id":         hex.EncodeToString(r.Trace[:]), "span_id": hex.EncodeToString(r.Span[:]),
		"requested_by": r.RequestedBy, "latency_us": r.Latency.Microseconds(),
	}
	if r.Obligations == nil {
		m["obligations"] = []any{}
	}
	if !r.Replaces.IsZero() {
		m["replaces"] = r.Replaces.String()
	}
	if q.CallID != "" {
		m["tool_call_id"] = clip(q.CallID)
	}
	if q.Request.Model != "" {
		m["model"] = clip(q.Request.Model)
	}
	return m
}

// rules are the rules that decided, with the part at which they failed.
func (r *Record) rules() []any {
	o := &r.Outcome
	if o.Rule == "" {
		return []any{}
	}
	rule := map[string]any{"id": o.Rule, "outcome": "true"}
	if p := &o.Policy; p.Rule != nil && p.Rule.ID() == o.Rule && o.Halt == nil && o.Budget == nil {
		rule["list"] = p.Rule.List()
		if p.Failed != 0 {
			rule["outcome"], rule["at"] = "false", "/"+p.Failed.String()+clip(p.Arg)
			if class := r.Question.class(p.Arg); p.Arg != "" && class != "" {
				rule["got_class"] = class
			}
		}
		if p.Missing != 0 {
			rule["outcome"], rule["missing"] = "unknown", p.Missing.Paths()
		}
	}
	return []any{rule}
}

func (r *Record) principal() any {
	p := r.Question.Request.Principal
	if p.ID == "" {
		return nil
	}
	m := map[string]any{"type": p.Type, "id": clip(p.ID), "grade": p.Grade}
	if via := r.Question.PrincipalVia; via != "" {
		m["via"] = via
	}
	return m
}

func (r *Record) actor() any {
	m := map[string]any{"id": clip(r.Agent), "grade": r.AgentGrade}
	for k, v := range map[string]string{
		"version": r.Question.Actor.Version, "by": r.AgentBy, "instance": r.Question.Instance, "declared": r.Question.Declared,
	} {
		if v != "" && (k != "declared" || v != r.Agent) {
			m[k] = clip(v)
		}
	}
	return m
}

func (r *Record) chain() any {
	c := &r.Chain
	if c.ID == "" && len(c.Delegations) == 0 {
		return nil
	}
	return map[string]any{"id": none(c.ID), "depth": int64(c.Depth), "delegation_ids": c.Delegations, "grade": c.Grade}
}

// budget says what the covering budgets held, by unit the one with the least
// left.
func (r *Record) budget() any {
	if len(r.Balances) == 0 {
		return nil
	}
	m := map[string]any{}
	tightest := map[string]*ledger.Balance{}
	for i := range r.Balances {
		b := &r.Balances[i]
		unit := b.Budget.Unit.String()
		if old := tightest[unit]; old != nil && old.Remaining.Cmp(b.Remaining) <= 0 {
			continue
		}
		tightest[unit] = b
		m[unit] = map[string]any{
			"used": b.Spent.In(b.Budget.Unit), "limit": b.Limit.In(b.Budget.Unit), "scope": b.Budget.Scope.String(),
			"period": b.Budget.Period(), "budget": b.Budget.ID,
		}
	}
	return m
}

func (r *Record) halt() any {
	h := r.Outcome.Halt
	if h == nil {
		return nil
	}
	m := map[string]any{"id": h.ID(), "scope": h.Scope.String(), "rule": h.Rule, "since": h.Since.UTC().Format(time.RFC3339Nano)}
	if h.Budget != "" {
		m["budget"] = h.Budget
	}
	if h.By != "" {
		m["by"] = clip(h.By)
	}
	return m
}

// Clone returns a copy that may be kept while r is changed; what a decision was
// about is shared, and must not change.
func (r *Record) Clone() *Record {
	c := *r
	return &c
}
