package judge

import (
	"time"

	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// Judgement is what the registry says of one action.
type Judgement struct {
	Verdict policy.Verdict
	// Rule is the id of the rule that decided, "" where none did.
	Rule string
	// Version is that of the registry, "" where there is none.
	Version string
	Missing Missing
	// Assumed means that the action began before the first version of the registry
	// and was held against that.
	Assumed bool
	// Entry is what the action was held against, nil for nobody's.
	Entry *policy.Agent
	// Finding is the type of what was found, "" of nothing; Reason its code.
	Finding string
	Reason  policy.Reason
	Failed  policy.Part
	Arg     string
	// Decided is the rule of Rule.
	Decided *policy.Rule
	// Open means that more about who acted would change the judgement.
	Open bool
}

// Missing are the facts that were lacking.
type Missing struct {
	Fields          policy.Fields
	Actor, Registry bool
}

// Paths returns the names of the facts, in a fixed order.
func (m Missing) Paths() []string {
	var out []string
	if m.Registry {
		out = append(out, "registry")
	}
	if m.Actor {
		out = append(out, "actor")
	}
	return append(out, m.Fields.Paths()...)
}

// Counter answers how often a rule was used: see rates.Counter.
type Counter interface {
	// Count returns how many other actions used the rule within the window before
	// the action, and whether it knows them all.
	Count(r *policy.Rule, f *Facts, window time.Duration) (n int64, complete bool)
}

// Options are the operator's choices.
type Options struct {
	// Strict judges nothing that began before the first version of the registry.
	Strict bool
}

// Judge holds one action after the other against a registry. It is not safe for
// concurrent use.
type Judge struct {
	opts    Options
	rates   Counter
	facts   *Facts
	id      policy.Identity
	request policy.Request
	result  policy.Result
	// versionUnknown: the entry holds for some versions only, and the agent's is
	// not known.
	versionUnknown bool
	// chain and context are what rules may read of the chain.
	chain, context map[string]any

	attr     func(string) (string, bool)
	counter  func(*policy.Rule, time.Duration) (int64, bool)
	approval func(*policy.Rule) policy.Approval
}

// New returns a judge. Without rates every rule with a rate is unknown.
func New(opts Options, rates Counter) *Judge {
	j := &Judge{opts: opts, rates: rates, chain: map[string]any{}}
	j.context = map[string]any{"chain": j.chain}
	// Made once, so that an action costs no allocation.
	j.attr = func(key string) (string, bool) { return j.facts.attr(key) }
	j.counter = j.count
	j.approval = func(*policy.Rule) policy.Approval { return j.approved() }
	return j
}

// Of holds an action against the version in force at its start.
func (j *Judge) Of(h policy.History, f *Facts) Judgement {
	out := Judgement{Verdict: policy.NotEvaluated}
	registry, exact := h.At(f.Start)
	switch {
	case registry == nil:
		out.Missing.Registry = true
		return out
	case f.Start.IsZero():
		// No version can be named without a time.
		out.Missing.Fields = policy.FieldTime
		return out
	case !exact && (j.opts.Strict || h.Dropped() > 0):
		out.Missing.Registry = true
		return out
	}
	out.Version, out.Assumed = registry.Version(), !exact
	j.facts = f
	if !j.bind(registry, f, &out) {
		return out
	}
	j.fill(registry, f)
	if f.runs() {
		j.run(f, &out)
	} else {
		j.rules(f, &out)
	}
	out.Open = !f.Final && out.Verdict == policy.NotEvaluated && j.wouldHelp(f, out.Missing)
	return out
}

// wouldHelp reports whether what is missing may become known with who acted.
func (j *Judge) wouldHelp(f *Facts, m Missing) bool {
	switch {
	case m.Fields&policy.FieldVersion != 0 && f.Agent.Version == "":
		return true
	default:
		// Conditions may read the principal, and say only that a context is missing.
		return m.Fields&(policy.FieldPrincipal|policy.FieldSubject|policy.FieldContext|policy.FieldWhen) != 0 && f.Principal.ID == ""
	}
}

// bind finds the entry of who acted. It reports whether there is one to hold the
// action against.
func (j *Judge) bind(registry *policy.Registry, f *Facts, out *Judgement) bool {
	j.id = policy.Identity{
		SPIFFE: f.SPIFFE, Namespace: f.Namespace, ServiceAccount: f.ServiceAccount, Attr: j.attr, Version: f.Agent.Version,
	}
	b, found := registry.Bind(&j.id)
	known := f.Agent.ID != "" && (f.Final || !f.Guessed)
	workload := found && (b.By == "spiffe" || b.By == "k8s")
	switch {
	case !known && !f.Final && !workload, !known && !found:
		// Attributes of the process may fit one entry, and the agent that turns out
		// to have acted another.
		out.Missing.Actor, out.Open = true, !f.Final
		return false
	case !found:
		out.Verdict, out.Finding, out.Reason = policy.Unregistered, "boundary.unregistered_agent", policy.ReasonUnregisteredAgent
		return false
	case b.VersionUnknown && !f.Final:
		out.Missing.Fields, out.Open = policy.FieldVersion, true
		return false
	}
	out.Entry, j.versionUnknown = b.Agent, b.VersionUnknown
	return true
}

// fill makes the request. What a span says of who acted is declared, whatever it
// names: nobody has checked it.
func (j *Judge) fill(registry *policy.Registry, f *Facts) {
	j.request.Reset()
	q := &j.request
	q.Source = policy.FromSpan
	q.Time, q.Session = f.Start, f.Session
	q.Actor = policy.Actor{ID: f.Agent.ID, Version: f.Agent.Version, Grade: policy.GradeDeclared}
	if f.Principal.ID != "" {
		q.Principal = policy.Principal{Type: f.Principal.Type, ID: f.Principal.ID, Grade: string(f.Principal.Grade)}
	}
	if f.Delegated {
		q.Check = policy.PrincipalIfKnown
	}
	q.Tool, q.Operation, q.Resource = f.Tool, f.Operation, f.Resource
	if f.ModelCall {
		q.Operation, q.Model = policy.OpInvokeModel, f.Model
	}
	if f.Args != "" {
		q.Args = policy.ParseArgs([]byte(f.Args))
	}
	q.Purpose, q.Data = f.Purpose, f.Data
	q.Delegatee = delegatee(registry, f.Delegatee)
	if f.ChainID != "" {
		j.chain["id"], j.chain["depth"] = f.ChainID, f.ChainDepth
		q.Context = j.context
	}
	q.Counter, q.Approval = j.counter, j.approval
}

// delegatee returns the id of the entry that a name stands for: frameworks hand
// over to names, and delegation.to lists ids.
func delegatee(registry *policy.Registry, name string) string {
	if name == "" || registry.Agent(name) != nil {
		return name
	}
	b, ok := registry.Bind(&policy.Identity{Attr: func(key string) (string, bool) {
		return name, key == "gen_ai.agent.name" || key == "gen_ai.agent.id" || key == "agent.name"
	}})
	if !ok {
		return name
	}
	return b.Agent.ID()
}

func (j *Judge) count(r *policy.Rule, window time.Duration) (int64, bool) {
	if j.rates == nil {
		return 0, false
	}
	n, complete := j.rates.Count(r, j.facts, window)
	// What is known already may be too many.
	return n, complete || n >= r.Rate().Max
}

// approved is what is known of approvals: an approval that the action names can
// only be looked up where approvals are kept.
func (j *Judge) approved() policy.Approval {
	if j.facts.Claimed {
		return policy.ApprovalUnknown
	}
	return policy.ApprovalMissing
}

// runs reports whether the action is the run of an agent itself.
func (f *Facts) runs() bool { return f.Kind == genai.KindAgent && !f.ModelCall && f.Delegatee == "" }

// rules asks the policy engine. Who it was for is asked last: so the cause that
// is found does not depend on whether that was known in time.
func (j *Judge) rules(f *Facts, out *Judgement) {
	entry, q := out.Entry, &j.request
	if entry.PrincipalAllowed("") == policy.Unknown {
		check := q.Check
		q.Check = policy.PrincipalSkip
		entry.Judge(q, &j.result)
		q.Check = check
		if j.result.Verdict != policy.Violation {
			j.again(entry)
		}
	} else {
		entry.Judge(q, &j.result)
	}
	if f.Asked != "" && j.result.Finding == "boundary.model" {
		// A dated name of the model that was asked for is that model.
		q.Model = f.Asked
		j.again(entry)
	}
	out.take(&j.result)
}

// again judges what was judged with other facts.
func (j *Judge) again(entry *policy.Agent) {
	q := j.request
	j.request.Reset()
	p := &j.request
	p.Source, p.Time, p.Session, p.Actor, p.Principal, p.Check = q.Source, q.Time, q.Session, q.Actor, q.Principal, q.Check
	p.Tool, p.Operation, p.Resource, p.Model, p.Args, p.Delegatee = q.Tool, q.Operation, q.Resource, q.Model, q.Args, q.Delegatee
	p.Purpose, p.Data = q.Purpose, q.Data
	p.Context, p.Counter, p.Approval = q.Context, q.Counter, q.Approval
	entry.Judge(p, &j.result)
}

func (out *Judgement) take(r *policy.Result) {
	out.Verdict, out.Missing.Fields = r.Verdict, r.Missing
	out.Decided = r.Rule
	if r.Rule != nil {
		out.Rule = r.Rule.ID()
	}
	if r.Verdict != policy.NotEvaluated {
		out.Missing.Fields = 0
	}
	if r.Verdict == policy.Violation {
		out.Finding, out.Reason, out.Failed, out.Arg = r.Finding, r.Reason, r.Failed, r.Arg
	}
}

// run holds the run of an agent against the blocks of its entry that need no
// rule: may it act at all, at this time, for this principal? What it does is
// judged action by action, and who let it run by its delegation.
func (j *Judge) run(f *Facts, out *Judgement) {
	entry, q := out.Entry, &j.request
	refuse := func(finding string, reason policy.Reason) {
		out.Verdict, out.Finding, out.Reason = policy.Violation, finding, reason
	}
	from, until := entry.Valid()
	if f.Start.Before(from) || !until.IsZero() && !f.Start.Before(until) {
		refuse("boundary.expired", policy.ReasonOutsideValidity)
		return
	}
	switch entry.PrincipalAllowed(q.Principal.String()) {
	case policy.False:
		refuse("boundary.principal", policy.ReasonPrincipalNotAllowed)
		return
	case policy.Unknown:
		if q.Check == policy.PrincipalFull {
			out.Missing.Fields |= policy.FieldPrincipal
		}
	default:
	}
	if j.versionUnknown {
		out.Missing.Fields |= policy.FieldVersion
	}
	if out.Missing.Fields == 0 {
		out.Verdict = policy.Respected
	}
}
