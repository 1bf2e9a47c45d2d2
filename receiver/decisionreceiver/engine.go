package decisionreceiver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/decision/authzen"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/governance/policies"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/receiver/decisionreceiver/internal/metadata"
)

// engine answers questions of every adapter. It is safe for concurrent use: mu
// guards what is remembered between questions and is never held while the
// governance extension or a pipeline is asked.
type engine struct {
	gov    policies.Registry
	digest decision.Digester
	engine string // our version
	tenant string
	now    func() time.Time
	log    *evidence
	tel    *metadata.TelemetryBuilder

	// granting guards grants. It may be held while mu is taken, since a grant may
	// be of a rule with a rate; never the other way round.
	granting sync.Mutex
	grants   *decision.Grants

	mu        sync.Mutex
	reserved  *decision.Reservations
	rates     *decision.Rates
	approvals *decision.Approvals
	since     time.Time        // when the registry's version was first seen
	version   *policy.Registry // that version
}

func newEngine(cfg *Config, gov policies.Registry, version string, log *evidence, tel *metadata.TelemetryBuilder) *engine {
	key := []byte(cfg.Digest.Key)
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		_, _ = rand.Read(key) // never fails
	}
	return &engine{
		gov: gov, digest: decision.NewDigester(cfg.Digest.KeyID, key), engine: version, tenant: cfg.Tenant, now: time.Now, log: log, tel: tel,
		reserved: decision.NewReservations(cfg.ReservationTTL, cfg.Limits.Reservations),
		rates:    decision.NewRates(cfg.Limits.Rules), approvals: decision.NewApprovals(cfg.Limits.Approvals),
		grants: decision.NewGrants(cfg.Limits.Grants),
	}
}

func (e *engine) newID(at time.Time) decision.ID {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return decision.NewID(at, random)
}

// answer decides a question and records the decision. by says who asked.
func (e *engine) answer(ctx context.Context, q *decision.Question, by string) *decision.Record {
	rec := e.decide(q, by)
	e.record(ctx, rec)
	return rec
}

// record makes evidence of decisions. Where evidence is required and cannot be
// had, it turns them into denials.
func (e *engine) record(ctx context.Context, recs ...*decision.Record) {
	if len(recs) == 0 {
		return
	}
	if err := e.log.store(ctx, recs); err != nil {
		for _, r := range recs {
			e.withdraw(r)
		}
	}
	for _, r := range recs {
		e.count(ctx, r)
	}
}

// withdraw makes a denial of a decision that could not be recorded, under an id
// of its own: the record of the first may have been stored all the same.
func (e *engine) withdraw(r *decision.Record) {
	r.Replaces, r.ID = r.ID, e.newID(r.At)
	r.Outcome, r.Obligations = r.Outcome.WithoutEvidence(), nil
	place(r)
	e.log.offer(&entry{records: []*decision.Record{r.Clone()}})
}

func (e *engine) count(ctx context.Context, r *decision.Record) {
	e.tel.ReceiverDecisionDecisions.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(
		attribute.String("adapter", r.Question.Adapter), attribute.String("effect", string(r.Outcome.Effect)),
		attribute.String("reason", string(r.Outcome.Reason)))))
}

// decide judges without recording.
func (e *engine) decide(q *decision.Question, by string) *decision.Record {
	at := e.now()
	rec := &decision.Record{ID: e.newID(at), Batch: q.Batch, At: at, Question: q, Engine: e.engine, RequestedBy: by}
	b, reg := e.judge(q, rec)
	rec.Agent, rec.AgentGrade, rec.AgentBy = q.Scopes.Agent, q.Request.Actor.Grade, b.By
	if rec.Outcome.Effect == decision.Allow && !q.Offer {
		e.take(rec)
	}
	if reg != nil {
		rec.PolicyVersion = reg.Version()
		rec.Freshness.Registry = e.age(reg, at)
	}
	if rec.InputDigest == "" {
		rec.InputDigest = e.digest.Of(q.Tuple(rec.Agent))
	}
	rec.ArgsDigest = q.ArgsDigest(e.digest)
	place(rec)
	if rec.Outcome.Effect == decision.Ask && !q.Offer {
		e.pend(rec)
	}
	if q.Adapter == "authzen" {
		for _, o := range authzen.Obligations(rec) {
			rec.Obligations = append(rec.Obligations, o.Type)
		}
	}
	rec.Latency = e.now().Sub(at)
	return rec
}

// would judges and remembers nothing: a search is no decision.
func (e *engine) would(q *decision.Question) decision.Effect {
	rec := &decision.Record{Question: q, At: e.now()}
	e.judge(q, rec)
	return rec.Outcome.Answered
}

// judge fills in the outcome of a record, and what it hangs on.
func (e *engine) judge(q *decision.Question, rec *decision.Record) (policy.Binding, *policy.Registry) {
	reg := e.gov.Policies().Current()
	if q.Scopes.Tenant == "" {
		q.Scopes.Tenant = e.tenant
	}
	b := q.Bind(reg)
	r := &q.Request
	r.Time = rec.At
	facts := &decision.Facts{Agent: b.Agent, Request: r}
	r.Counter = func(rule *policy.Rule, window time.Duration) (int64, bool) {
		if rule.Agent() == nil || rule.Rate().Max > decision.MaxRate {
			return 0, false
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.rates.Count(rule.Agent().ID(), rule.ID(), window, rec.At), true
	}
	if q.ApprovalID != "" {
		r.Approval = func(rule *policy.Rule) policy.Approval {
			rec.InputDigest = e.digest.Of(q.Tuple(q.Scopes.Agent))
			e.mu.Lock()
			defer e.mu.Unlock()
			got := e.approvals.Judge(q.ApprovalID, rec.InputDigest, rule, rec.At)
			if got == policy.ApprovalFits {
				rec.Approval = q.ApprovalID
			}
			return got
		}
	}
	if q.DelegationID != "" && b.Agent != nil {
		e.granting.Lock()
		if g, ok := e.grants.Get(q.DelegationID); ok && g.Delegatee == b.Agent.ID() {
			r.Check = policy.PrincipalIfKnown
			if r.Principal.ID == "" {
				r.Principal, q.Scopes.Principal = g.Principal, g.Principal.ID
			}
			q.Scopes.Ancestors = append(q.Scopes.Ancestors, g.Delegator)
			q.Scopes.Root = g.Chain
		}
		facts.Authority, rec.Chain = e.grants.Authority(q.DelegationID, b.Agent.ID(), r, reg, rec.At)
		e.granting.Unlock()
	}
	asked := e.now()
	e.halts(&q.Scopes, b.Agent, facts)
	facts.Balances = e.gov.Balances(&q.Scopes)
	if s, ok := e.gov.(governance.Sharded); ok {
		facts.Owner = s.Elsewhere(q.Scopes.Session)
	}
	rec.Freshness.Budget = e.now().Sub(asked)
	rec.Outcome = decision.Decide(facts)
	rec.Balances = facts.Balances
	return b, reg
}

// halts looks up what is in force. A person's order is looked for behind a rule's
// halt only where it makes a difference.
func (e *engine) halts(s *ledger.Scopes, a *policy.Agent, f *decision.Facts) {
	h, ok := e.gov.Halted(s)
	if !ok {
		return
	}
	f.Halt = &h
	switch {
	case h.Rule == ledger.RulePerson:
		f.Order = &h
	case a != nil && a.Mode() != policy.Enforce || h.Effect != ledger.EffectHalt:
		for _, other := range e.gov.InForce() {
			if other.Rule == ledger.RulePerson && decision.Covers(&other, s) && (f.Order == nil || other.Effect > f.Order.Effect) {
				f.Order = &other
			}
		}
	}
}

// take uses up what the action takes: of its budgets, and of its rule's rate.
// Others may have taken the last since it was judged.
func (e *engine) take(rec *decision.Record) {
	o, q := &rec.Outcome, rec.Question
	_, operation, _ := q.Request.Resolved()
	rule := o.Policy.Rule
	e.mu.Lock()
	defer e.mu.Unlock()
	if b := e.reserved.Take(rec.Balances, operation, q.Estimate, rec.At); b != nil {
		*o = o.Exceeded(b)
		return
	}
	if rule == nil || rule.Rate().Max == 0 {
		return
	}
	if !e.rates.Take(rule.Agent().ID(), rule.ID(), rule.Rate().Max, rule.Rate().Per, rec.At) {
		*o = o.RateExceeded()
	}
}

// pend remembers a question for a person.
func (e *engine) pend(rec *decision.Record) {
	o := &rec.Outcome
	rules := o.Policy.Needs
	if rules == nil && o.Policy.Rule != nil {
		rules = []*policy.Rule{o.Policy.Rule}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.approvals.Asked(&decision.Pending{
		Decision: rec.ID, Agent: rec.Agent, Rules: rules, Digest: rec.InputDigest,
		Requester: "agent:" + rec.Agent, Principal: rec.Question.Request.Principal.String(), At: rec.At, About: aboutOf(rec),
	})
}

// aboutOf keeps of a question what the record of its answer says.
func aboutOf(rec *decision.Record) decision.About {
	q := rec.Question
	tool, operation, resource := q.Request.Resolved()
	if tool == "" {
		tool, operation, resource = q.Request.Tool, q.Request.Operation, q.Request.Resource
	}
	p := q.Request.Principal
	return decision.About{
		Trace: rec.Trace, Span: rec.Span, Tenant: q.Scopes.Tenant, Project: q.Scopes.Project, Session: q.Request.Session,
		AgentVersion: q.Actor.Version, Tool: tool, Operation: operation, Resource: resource, CallID: q.CallID,
		PolicyVersion: rec.PolicyVersion, Rule: rec.Outcome.Rule, PrincipalID: p.ID, PrincipalType: p.Type, PrincipalGrade: p.Grade,
	}
}

// age is how long the registry's version has been known here.
func (e *engine) age(r *policy.Registry, at time.Time) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.version != r {
		e.version, e.since = r, at
	}
	return at.Sub(e.since)
}

// place gives a decision its span: in the asker's trace, else in one of its own.
func place(r *decision.Record) {
	r.Trace = r.Question.Trace
	if r.Trace == [16]byte{} {
		r.Trace = r.ID
	}
	sum := sha256.Sum256(r.ID[:])
	copy(r.Span[:], sum[:])
}
