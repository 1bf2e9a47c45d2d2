package boundaryprocessor

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/judge"
)

// deeds holds decisions against what was done. It is safe for concurrent use.
type deeds struct {
	digester *decision.Digester // nil: arguments are not compared

	mu      sync.Mutex
	matcher *decision.Matcher
	known   map[[16]byte]*deed
	order   [][16]byte // of known, oldest first
	limit   int
}

// about is a finding under the resource of the action that it accuses.
type about struct {
	finding.Finding
	resource pcommon.Resource
}

// deed is an action and what a finding about it names.
type deed struct {
	decision.Deed
	span                                 pcommon.SpanID
	session, project, principal, version string
	resource                             pcommon.Resource
	seen                                 bool // by the matcher
}

func newDeeds(cfg *DecisionsConfig) *deeds {
	d := &deeds{
		matcher: decision.NewMatcher(decision.MatcherOptions{Watermark: cfg.Watermark, Limit: cfg.Limit}),
		known:   map[[16]byte]*deed{}, limit: cfg.Limit,
	}
	if cfg.DigestKey != "" {
		digester := decision.NewDigester(cfg.DigestKeyID, []byte(cfg.DigestKey))
		d.digester = &digester
	}
	return d
}

// resources are copies of a batch's resources: all deeds under one share it.
type resources struct {
	last, copied pcommon.Resource
}

func (r *resources) of(resource pcommon.Resource) pcommon.Resource {
	if r.last != resource {
		r.last, r.copied = resource, pcommon.NewResource()
		resource.CopyTo(r.copied)
	}
	return r.copied
}

// decided takes a decision of this process.
func (d *deeds) decided(item *genai.Item, now time.Time) []about {
	attrs := item.Span.Attributes()
	get := func(name string) string {
		if v, ok := attrs.Get(name); ok {
			return v.AsString()
		}
		return ""
	}
	k, ok := decision.KnownOf(get, item.Span.TraceID(), item.Span.ParentSpanID(), item.Span.StartTimestamp().AsTime())
	if !ok {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.found(d.matcher.Decide(k, now), now)
}

// done takes a tool call. While it is open who acted, it waits: whether it had to
// be decided is not known.
func (d *deeds) done(item *genai.Item, f *judge.Facts, j *judge.Judgement, now time.Time, copies *resources) []about {
	if item.Action.Kind != genai.KindTool || item.Action.Duplicate {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.known[f.ID]
	if x == nil {
		x = d.add(item, f, copies)
	}
	if j.Open {
		return nil
	}
	return d.settle(x, f, j, now)
}

func (d *deeds) add(item *genai.Item, f *judge.Facts, copies *resources) *deed {
	a := &item.Action
	x := &deed{
		span: f.SpanID, session: f.Session, project: f.Project, principal: f.Principal.ID, resource: copies.of(item.Resource),
		Deed: decision.Deed{
			ID: f.ID, Tenant: f.Tenant, CallID: a.Tool.CallID, Trace: f.TraceID, Parent: item.Span.ParentSpanID(), Tool: f.Tool, Start: f.Start,
		},
	}
	if v, ok := item.Span.Attributes().Get(attr.DecisionID); ok {
		x.DecisionID = v.AsString()
	}
	if d.digester != nil && f.Args != "" {
		x.ArgsDigest = d.digester.OfArgs([]byte(f.Args))
	}
	d.known[f.ID] = x
	d.order = append(d.order, f.ID)
	for len(d.known) > d.limit {
		delete(d.known, d.order[0])
		d.order = d.order[1:]
	}
	return x
}

// later takes what became known of a tool call that waited.
func (d *deeds) later(f *judge.Facts, j *judge.Judgement, now time.Time) []about {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.known[f.ID]
	if x == nil {
		return nil
	}
	return d.settle(x, f, j, now)
}

func (d *deeds) settle(x *deed, f *judge.Facts, j *judge.Judgement, now time.Time) []about {
	if x.seen {
		return nil
	}
	x.seen = true
	x.Agent, x.version, x.session, x.principal = f.Agent.ID, j.Version, f.Session, f.Principal.ID
	if j.Entry != nil {
		x.Agent, x.Required = j.Entry.ID(), j.Entry.DecisionsRequired()
	}
	return d.found(d.matcher.Observe(x.Deed, now), now)
}

// lapsed returns what time alone proves: what was done without a decision.
func (d *deeds) lapsed(now time.Time) []about {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.found(d.matcher.Advance(now), now)
}

// lost returns how many were pushed out by the limit before their time.
func (d *deeds) lost() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return int(d.matcher.Evicted())
}

func (d *deeds) found(ms []decision.Match, now time.Time) (out []about) {
	for i := range ms {
		m := &ms[i]
		kind, severity := m.State.Finding()
		x := d.known[m.Deed.ID]
		if kind == "" || !m.Done || x == nil {
			continue
		}
		out = append(out, about{x.finding(m, finding.Type(kind), finding.Severity(severity), now), x.resource})
	}
	return out
}

func (x *deed) finding(m *decision.Match, kind finding.Type, severity finding.Severity, now time.Time) finding.Finding {
	f := finding.New(kind, x.Tenant, "decision/"+x.Agent+"/"+x.Tool+"/"+string(m.State), pcommon.TraceID(x.Trace).String(), x.span.String(), string(m.State))
	f.Severity, f.At = severity, now
	f.Agent, f.Session, f.Project, f.Principal = x.Agent, x.session, x.project, x.principal
	f.Rule, f.PolicyVersion = m.Rule, x.version
	f.TraceID, f.SpanID = x.Trace, x.span
	if m.Decision.ID != "" {
		f.Extra = map[string]any{attr.DecisionID: m.Decision.ID, attr.DecisionEffect: string(m.Decision.Answered)}
	}
	who := "agent " + x.Agent + " called tool " + x.Tool
	switch m.State {
	case decision.DeniedButExecuted:
		f.Message = who + " although it had been answered " + string(m.Decision.Answered) + ": whoever asks for it does not do as it is told"
	case decision.ArgsDiffer:
		f.Message = who + " with other arguments than it had asked about: no decision covers what was done"
	default:
		f.Message = who + " without asking, though its entry requires a decision: its gateway or hook is not in place"
	}
	return f
}

// tellDeeds puts findings about decisions on settle spans: what they accuse has
// mostly left.
func (p *boundaryProcessor) tellDeeds(td ptrace.Traces, found []about) {
	for i := range found {
		if err := found[i].AddSettled(finding.SettleSpans(td, found[i].resource)); err != nil {
			p.log.Error("a finding could not be written down", errField(err))
		}
	}
}
