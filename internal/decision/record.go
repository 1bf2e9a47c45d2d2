package decision

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
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
	out := Canonical(make([]byte, 0, 2048), r.members(c))
	sum := sha256.Sum256(out)
	c.prev = "sha256:" + hex.EncodeToString(sum[:])
	c.seq++
	return out
}

// object is a JSON object whose members are in order already. One whose value is
// absent is left out.
type object []field

type field struct {
	name  string
	value any
}

// absent is the value of a member that is not there.
type absent struct{}

// maxText bounds one text of a record, in bytes; what is cut ends with "…".
const maxText = 2048

func bound(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

func none(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// some is s, or not there.
func some(s string) any {
	if s == "" {
		return absent{}
	}
	return bound(s)
}

func idOr(id ID, other any) any {
	if id.IsZero() {
		return other
	}
	return id.String()
}

func (r *Record) members(c *Chain) object {
	q, o := r.Question, &r.Outcome
	tool, operation, resource := q.Request.Resolved()
	if tool == "" && operation == "" {
		tool, operation, resource = q.Request.Tool, q.Request.Operation, q.Request.Resource
	}
	return object{
		{"action", operation},
		{"actor", r.actor()},
		{"answered", string(o.Answered)},
		{"approval", none(r.Approval)},
		{"args_digest", none(r.ArgsDigest)},
		{"batch_decision_id", idOr(r.Batch, nil)},
		{"budget", r.budget()},
		{"chain", r.chain()},
		{"decision_id", r.ID.String()},
		{"effect", string(o.Effect)},
		{"engine", r.Engine},
		{"erased", []any(nil)},
		{"halt", r.halt()},
		{"input_digest", r.InputDigest},
		{"inputs_freshness", object{
			{"budget_age_ms", int64(r.Freshness.Budget / time.Millisecond)},
			{"registry_age_s", int64(r.Freshness.Registry / time.Second)},
		}},
		{"instance", c.instance},
		{"latency_us", r.Latency.Microseconds()},
		{"masked", []any(nil)},
		{"mode", string(o.Mode)},
		{"model", some(q.Request.Model)},
		{"obligations", r.Obligations},
		{"policy_version", none(r.PolicyVersion)},
		{"prev", none(c.prev)},
		{"principal", r.principal()},
		{"reason", none(string(o.Reason))},
		{"replaces", idOr(r.Replaces, absent{})},
		{"requested_by", r.RequestedBy},
		{"resource", none(bound(resource))},
		{"rules", r.rules()},
		{"seq", int64(c.seq)},
		{"span_id", hex.EncodeToString(r.Span[:])},
		{"timestamp", r.At.UTC().Format(time.RFC3339Nano)},
		{"tool", tool},
		{"tool_call_id", some(q.CallID)},
		{"trace_id", hex.EncodeToString(r.Trace[:])},
	}
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
			rule["outcome"], rule["at"] = "false", "/"+p.Failed.String()+bound(p.Arg)
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
	return object{{"grade", p.Grade}, {"id", bound(p.ID)}, {"type", p.Type}, {"via", some(r.Question.PrincipalVia)}}
}

func (r *Record) actor() any {
	declared := r.Question.Declared
	if declared == r.Agent {
		declared = ""
	}
	return object{
		{"by", some(r.AgentBy)},
		{"declared", some(declared)},
		{"grade", r.AgentGrade},
		{"id", bound(r.Agent)},
		{"instance", some(r.Question.Instance)},
		{"version", some(r.Question.Actor.Version)},
	}
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
		m["by"] = bound(h.By)
	}
	return m
}

// Clone returns a copy that may be kept while r is changed; what a decision was
// about is shared, and must not change.
func (r *Record) Clone() *Record {
	c := *r
	return &c
}
