package vectors

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/chain/chainspan"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// item is one thing that arrives.
type item struct {
	ref       string // of a span
	records   []chain.Record
	grant     *chain.Grant
	approval  *chain.Approval
	decision  *chain.Decision
	halt      *chain.Halt
	mark      *chain.Mark
	lastKnown int64 // the latest time it tells
}

func (it *item) deliver(e *chain.Engine, now int64) {
	e.Add(now, it.records...)
	if it.grant != nil {
		e.AddGrants(now, *it.grant)
	}
	if it.approval != nil {
		e.AddApprovals(now, *it.approval)
	}
	if it.decision != nil {
		e.AddDecisions(now, *it.decision)
	}
	if it.halt != nil {
		e.AddHalts(now, *it.halt)
	}
	if it.mark != nil {
		e.AddMarks(now, *it.mark)
	}
}

// inputs are all items of a vector, and the names of its spans.
type inputs struct {
	items []item
	refs  map[string]chain.Ref
	names map[chain.Ref]string
	errs  []error
}

func (in *inputs) fail(format string, args ...any) {
	in.errs = append(in.errs, fmt.Errorf(format, args...))
}

func (in *inputs) time(key, s string) int64 {
	t, err := parseTime(s)
	if err != nil {
		in.fail("%s: %w", key, err)
	}
	return t
}

func (in *inputs) name(ref string, r chain.Ref) {
	in.refs[ref], in.names[r] = r, ref
}

func (f *File) inputs(v *Vector) (*inputs, error) {
	in := &inputs{refs: map[string]chain.Ref{}, names: map[chain.Ref]string{}}
	for i := range v.Spans {
		in.span(&v.Spans[i])
	}
	for i := range v.Hooks {
		in.hook(v, &v.Hooks[i])
	}
	for i := range v.Grants {
		in.grant(&v.Grants[i])
	}
	for i := range v.Approvals {
		in.approval(&v.Approvals[i])
	}
	for i := range v.Decisions {
		in.decision(&v.Decisions[i])
	}
	for _, h := range v.Halts {
		in.items = append(in.items, item{halt: &chain.Halt{
			ID: h.ID, Scope: h.Scope, Key: h.Key, At: in.time("halts.at", h.At), Until: in.time("halts.until", h.Until),
		}})
	}
	for _, m := range v.Marks {
		in.items = append(in.items, item{mark: &chain.Mark{Span: in.known("marks.span", m.Span), Code: chain.Code(m.Code)}})
	}
	return in, errors.Join(in.errs...)
}

func (in *inputs) known(key, ref string) chain.Ref {
	r, ok := in.refs[ref]
	if !ok && ref != "" {
		in.fail("%s: no span %q", key, ref)
	}
	return r
}

func (in *inputs) ids(key, trace, span string) chain.Ref {
	var r chain.Ref
	if n, err := hex.Decode(r.Trace[:], []byte(trace)); trace != "" && (err != nil || n != 16) {
		in.fail("%s: trace_id: %q is not 32 hex digits", key, trace)
	}
	if n, err := hex.Decode(r.Span[:], []byte(span)); span != "" && (err != nil || n != 8) {
		in.fail("%s: span_id: %q is not 16 hex digits", key, span)
	}
	return r
}

var kinds = map[string]ptrace.SpanKind{
	"INTERNAL": ptrace.SpanKindInternal, "CLIENT": ptrace.SpanKindClient, "SERVER": ptrace.SpanKindServer,
	"PRODUCER": ptrace.SpanKindProducer, "CONSUMER": ptrace.SpanKindConsumer,
}

// span turns a span into OTLP, and that into a record, as it happens to real ones.
func (in *inputs) span(s *span) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	in.attrs(s.Ref, s.Resource, rs.Resource().Attributes())
	sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	ref, parent := in.ids(s.Ref, s.TraceID, s.SpanID), in.ids(s.Ref, "", s.Parent)
	sp.SetTraceID(pcommon.TraceID(ref.Trace))
	sp.SetSpanID(pcommon.SpanID(ref.Span))
	sp.SetParentSpanID(pcommon.SpanID(parent.Span))
	sp.TraceState().FromRaw(s.State)
	sp.SetName(s.Name)
	kind, ok := kinds[strings.ToUpper(s.Kind)]
	if !ok && s.Kind != "" {
		in.fail("%s: kind: %q is none", s.Ref, s.Kind)
	}
	sp.SetKind(kind)
	start, end := in.time(s.Ref+": start", s.Start), in.time(s.Ref+": end", s.End)
	sp.SetStartTimestamp(pcommon.Timestamp(start))
	sp.SetEndTimestamp(pcommon.Timestamp(end))
	sp.SetDroppedLinksCount(s.DroppedLinks)
	in.attrs(s.Ref, s.Attrs, sp.Attributes())
	for _, l := range s.Links {
		link := sp.Links().AppendEmpty()
		to := in.ids(s.Ref+": links", l.TraceID, l.SpanID)
		link.SetTraceID(pcommon.TraceID(to.Trace))
		link.SetSpanID(pcommon.SpanID(to.Span))
		link.SetDroppedAttributesCount(l.Dropped)
		in.attrs(s.Ref, l.Attrs, link.Attributes())
	}
	var b genai.Batch
	b.Decode(td, nil)
	r := chainspan.New()
	r.Bind = func(it *genai.Item) string { return it.Action.Agent.Name }
	in.name(s.Ref, ref)
	in.items = append(in.items, item{ref: s.Ref, records: []chain.Record{r.Read(&b.Items[0])}, lastKnown: max(start, end)})
}

func (in *inputs) attrs(ref string, from map[string]any, to pcommon.Map) {
	if err := to.FromRaw(from); err != nil {
		in.fail("%s: attributes: %w", ref, err)
	}
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func (in *inputs) hook(v *Vector, h *hook) {
	at := in.time("hooks.at", h.At)
	ev := h.Event
	input, _ := ev["tool_input"].(map[string]any)
	hk := chainspan.Hook{
		At: time.Unix(0, at), Session: text(ev, "session_id"), Event: text(ev, "hook_event_name"),
		AgentID: text(ev, "agent_id"), AgentType: text(ev, "agent_type"), Tool: text(ev, "tool_name"), CallID: text(ev, "tool_use_id"),
		Agent: v.Adapter.Claude.Agent, Principal: v.Adapter.Claude.Principal.chain(),
	}
	if input != nil {
		raw, err := json.Marshal(input)
		if err != nil {
			in.fail("hooks: tool_input: %w", err)
		}
		hk.Args, hk.Subagent = string(raw), text(input, "subagent_type")
	}
	for _, x := range []string{"main", hk.AgentID, hk.CallID} {
		if x != "" {
			in.name("hook:"+x, chain.Ref{Trace: chainspan.HookTrace(hk.Session), Span: chainspan.HookSpan(hk.Session, x)})
		}
	}
	in.items = append(in.items, item{records: hk.Read(), lastKnown: at})
}

func (in *inputs) json(key string, m map[string]any) string {
	if m == nil {
		return ""
	}
	raw, err := json.Marshal(m)
	if err != nil {
		in.fail("%s: %w", key, err)
	}
	return string(raw)
}

func (in *inputs) grant(g *grant) {
	if g.DataClasses != nil { // the same as data among the constraints
		limits := map[string]any{}
		maps.Copy(limits, g.Constraints)
		limits["data"] = g.DataClasses
		g.Constraints = limits
	}
	c := &chain.Grant{
		ID: g.ID, Delegator: g.Delegator, Delegatee: g.Delegatee, GrantedBy: g.GrantedBy, ApprovedBy: g.ApprovedBy, Scope: g.Scope,
		Constraints: in.json(g.ID+": constraints", g.Constraints), NotBefore: in.time(g.ID+": not_before", g.NotBefore),
		ExpiresAt: in.time(g.ID+": expires_at", g.ExpiresAt), RevokedAt: in.time(g.ID+": revoked_at", g.RevokedAt),
		Parent: g.Parent, ChainID: g.ChainID, Purpose: g.Purpose,
	}
	if g.MaxDepth != nil {
		c.MaxDepth = chain.Hops{N: *g.MaxDepth, Known: true}
	}
	in.items = append(in.items, item{grant: c})
}

func (in *inputs) approval(a *approval) {
	in.items = append(in.items, item{approval: &chain.Approval{
		ID: a.ID, Rule: a.Rule, Agent: a.Agent, Tool: a.Tool, Resource: a.Resource, Args: in.json(a.ID+": args", a.Args),
		Requester: a.Requester, Approver: a.Approver.ID, Groups: a.Approver.Groups,
		ApprovedAt: in.time(a.ID+": approved_at", a.ApprovedAt), ValidUntil: in.time(a.ID+": approved_until", a.ApprovedUntil),
	}})
}

func (in *inputs) decision(d *decision) {
	c := &chain.Decision{
		ID: d.ID, Agent: d.Agent, DelegationID: d.DelegationID, CallID: d.CallID, Tool: d.Tool, Answered: d.Answered,
		Args: in.json(d.ID+": args", d.Args), Actor: d.Actor, At: in.time(d.ID+": at", d.At), Span: in.known("decisions.span", d.Span),
	}
	if d.TraceID != "" {
		c.Span = in.ids(d.ID, d.TraceID, d.SpanID)
		in.name(d.ID, c.Span)
	}
	if d.Principal != nil {
		c.Principal = d.Principal.chain()
	}
	in.items = append(in.items, item{decision: c})
}
