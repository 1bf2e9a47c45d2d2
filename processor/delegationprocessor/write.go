package delegationprocessor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/governance/lineage"
	"github.com/spanwarden/spanwarden/internal/policy"
)

func refOf(span ptrace.Span) chain.Ref {
	return chain.Ref{Trace: chain.TraceID(span.TraceID()), Span: chain.SpanID(span.SpanID())}
}

func isSettle(it *genai.Item) bool {
	return it.Scope.Name() == attr.Scope && it.Span.Name() == attr.SettleSpan
}

// bind returns the registry's id of the agent that an item names, else the id
// that the span states.
func (p *delegationProcessor) bind(it *genai.Item) string {
	stated := it.Action.Agent.ID
	registry := p.chains.Policies().Current()
	if registry == nil || stated == "" {
		return stated
	}
	id := policy.Identity{Version: it.Action.Agent.Version, Attr: func(key string) (string, bool) {
		if v, ok := it.Span.Attributes().Get(key); ok {
			return v.AsString(), true
		}
		if v, ok := it.Resource.Attributes().Get(key); ok {
			return v.AsString(), true
		}
		return "", false
	}}
	if b, ok := registry.Bind(&id); ok {
		return b.Agent.ID()
	}
	return stated
}

// attach writes what is known of their runs on the spans of a batch.
func (p *delegationProcessor) attach(ctx context.Context, w *work) {
	grades := map[string]int64{}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range w.batch.Items {
		it, a := &w.batch.Items[i], &w.answers[i]
		if it.Action.Kind == genai.KindOther {
			continue
		}
		if !a.Known || !a.Resolved {
			p.unresolved.add(action{it.ActionID(), w.spans[i]})
		}
		disclaim(it.Span.Attributes())
		if a.Known {
			writeAnswer(it.Span.Attributes(), a, it.Action.Principal)
		}
		grade, _ := it.Span.Attributes().Get(attr.PrincipalGrade)
		grades[grade.AsString()]++
	}
	for grade, n := range grades {
		if grade == "" {
			grade = string(chain.Missing)
		}
		p.tel.ProcessorDelegationActions.Add(ctx, n, metric.WithAttributeSet(attribute.NewSet(attribute.String("grade", grade))))
	}
}

// disclaim removes what the agent said of its delegation: read it was, and what
// the chains make of it takes its place.
func disclaim(m pcommon.Map) {
	for _, key := range []string{
		attr.RunID, attr.ChainID, attr.ChainDepth, attr.AgentAncestors,
		attr.DelegationID, attr.Delegator, attr.DelegationGrade, attr.DelegationAuthority,
	} {
		m.Remove(key)
	}
}

// writeAnswer writes run, chain and delegation. While an ancestor is missing the
// chain's id and depth are guesses, and are left out.
func writeAnswer(m pcommon.Map, a *lineage.Answer, stated genai.Principal) {
	m.PutStr(attr.RunID, a.Run.String())
	if d := a.Delegation; d != nil {
		putText(m, attr.DelegationID, d.ID)
		putText(m, attr.Delegator, d.Delegator)
		putText(m, attr.DelegationGrade, string(d.Grade))
	}
	putText(m, attr.DelegationAuthority, string(a.Authority))
	if !a.Resolved {
		return
	}
	m.PutStr(attr.ChainID, a.Chain)
	if a.Depth >= 0 {
		m.PutInt(attr.ChainDepth, int64(a.Depth))
	}
	putList(m, attr.AgentAncestors, a.Ancestors)
	if a.Principal.ID != "" && stated.ID == "" {
		m.PutStr(attr.PrincipalID, a.Principal.ID)
		putText(m, attr.PrincipalType, a.Principal.Type)
		putText(m, attr.PrincipalGrade, string(a.Principal.Grade))
	}
}

func putText(m pcommon.Map, key, value string) {
	if value != "" {
		m.PutStr(key, value)
	}
}

func putList(m pcommon.Map, key string, values []string) {
	if len(values) == 0 {
		return
	}
	s := m.PutEmptySlice(key)
	s.EnsureCapacity(len(values))
	for _, v := range values {
		s.AppendEmpty().SetStr(v)
	}
}

func putTime(m pcommon.Map, key string, ns int64) {
	if ns != 0 {
		m.PutStr(key, chain.Time(ns).UTC().Format(time.RFC3339Nano))
	}
}

// maxEvents bounds how many records one settle span carries.
const maxEvents = 100

// settleWriter puts records on settle spans, several each.
type settleWriter struct {
	td    ptrace.Traces
	now   pcommon.Timestamp
	spans ptrace.SpanSlice
	span  ptrace.Span
	room  int
	made  bool
}

// event returns a new event on a settle span.
func (w *settleWriter) event(name string, id chain.Ref) pcommon.Map {
	if !w.made {
		resource := pcommon.NewResource()
		resource.Attributes().PutStr("service.name", "spanwarden")
		w.spans = finding.SettleSpans(w.td, resource)
		w.made = true
	}
	if w.room == 0 {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name+id.String()), uint64(w.now)))
		w.span = w.spans.AppendEmpty()
		w.span.SetName(attr.SettleSpan)
		w.span.SetTraceID(pcommon.TraceID(sum[:16]))
		w.span.SetSpanID(pcommon.SpanID(sum[16:24]))
		w.span.SetKind(ptrace.SpanKindInternal)
		w.span.SetStartTimestamp(w.now)
		w.span.SetEndTimestamp(w.now)
		w.room = maxEvents
	}
	w.room--
	e := w.span.Events().AppendEmpty()
	e.SetName(name)
	e.SetTimestamp(w.now)
	return e.Attributes()
}

// Kinds of records, as the metric names them.
const (
	kindRun         = "run"
	kindEdge        = "edge"
	kindChain       = "chain"
	kindAttribution = "attribution"
)

// write adds the records and findings of the events to the batch.
func (p *delegationProcessor) write(td ptrace.Traces, events []chain.Event, late []attribution) map[string]int64 {
	w := settleWriter{td: td, now: pcommon.NewTimestampFromTime(p.now())}
	counts := map[string]int64{}
	for i := range events {
		switch ev := &events[i]; ev.Type {
		case chain.RunResolved:
			writeRun(w.event(attr.DelegationRunEvent, ev.Run.Run), ev.Run)
			counts[kindRun]++
		case chain.EdgeFound:
			writeEdge(w.event(attr.DelegationEdgeEvent, ev.Edge.To), ev.Edge)
			counts[kindEdge]++
		case chain.ChainSettled, chain.ChainSuperseded:
			writeChain(w.event(attr.DelegationChainEvent, ev.Chain.Root), ev.Chain, p.now())
			counts[kindChain]++
		case chain.FindingFired, chain.FindingResolved:
			p.find(&w, ev)
		default: // actions are judged on their spans; the rest is the extension's
		}
	}
	for i := range late {
		writeAttribution(w.event(attr.AttributionEvent, late[i].span), &late[i])
		counts[kindAttribution]++
	}
	return counts
}

func (p *delegationProcessor) counted(ctx context.Context, counts map[string]int64, events []chain.Event) {
	for kind, n := range counts {
		p.tel.ProcessorDelegationRecords.Add(ctx, n, metric.WithAttributeSet(attribute.NewSet(attribute.String("kind", kind))))
	}
	for i := range events {
		if f := events[i].Finding; f != nil && !f.Foreign {
			p.tel.ProcessorDelegationFindings.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(
				attribute.String("code", string(f.Code)), attribute.String("state", string(stateOf(events[i].Type))))))
		}
	}
}

func stateOf(t chain.EventType) finding.State {
	if t == chain.FindingResolved {
		return finding.Resolved
	}
	return finding.Firing
}

// find puts a finding on a settle span: the span that it accuses has mostly left.
func (p *delegationProcessor) find(w *settleWriter, ev *chain.Event) {
	c := ev.Finding
	if c.Foreign {
		return // raised by the processor that owns its type
	}
	f := finding.New(finding.Type(c.Type), c.Tenant, "chain/"+c.Chain+"/"+string(c.Code), c.Chain, c.Accused.String(), c.Cause)
	f.State, f.Severity, f.At = stateOf(ev.Type), finding.Severity(c.Severity), p.now()
	f.Message, f.Agent, f.Session, f.Principal = c.Message, c.Agent, c.Session, c.Principal
	f.Rule, f.PolicyVersion = c.Rule, c.PolicyVersion
	f.TraceID, f.SpanID = pcommon.TraceID(c.Accused.Trace), pcommon.SpanID(c.Accused.Span)
	f.Controls = append(f.Controls, c.Code.Controls()...)
	f.Extra = map[string]any{attr.ChainID: c.Chain}
	if !c.Run.IsZero() {
		f.Extra[attr.RunID] = c.Run.String()
	}
	if !w.made {
		w.event(attr.FindingEvent, c.Accused) // makes the group of settle spans
		w.span.Events().RemoveIf(func(ptrace.SpanEvent) bool { return true })
	}
	if err := f.AddSettled(w.spans); err != nil {
		p.log.Error("a finding could not be written down", errField(err))
	}
}

func writeRun(m pcommon.Map, r *chain.RunView) {
	m.PutStr(attr.RunID, r.Run.String())
	putText(m, attr.ChainID, r.Chain)
	putText(m, attr.TenantID, r.Tenant)
	m.PutInt(attr.DelegationRevision, int64(r.Revision))
	if r.Depth >= 0 {
		m.PutInt(attr.ChainDepth, int64(r.Depth))
	}
	putText(m, attr.AgentID, r.Agent)
	putText(m, attr.AgentName, r.Agent)
	putText(m, attr.AgentVersion, r.Version)
	putText(m, attr.SessionID, r.Session)
	putText(m, attr.RunWorkload, r.Workload)
	putTime(m, attr.RunStart, r.Start)
	putTime(m, attr.RunEnd, r.End)
	m.PutInt(attr.RunDroppedLinks, int64(r.DroppedLinks))
	putText(m, attr.PolicyVersion, r.PolicyVersion)
	writePrincipal(m, r.Principal)
	codes := writeCodes(m, r.Codes)
	if codes[chain.OrphanRun] {
		m.PutBool(attr.RunOrphan, true)
	}
	if d := r.Delegation; d != nil {
		putText(m, attr.DelegationID, d.ID)
		putText(m, attr.Delegator, d.Delegator)
		putText(m, attr.DelegationGrade, string(d.Grade))
	}
}

func writePrincipal(m pcommon.Map, p chain.Principal) {
	putText(m, attr.PrincipalID, p.ID)
	putText(m, attr.PrincipalType, p.Type)
	putText(m, attr.PrincipalGrade, string(p.Grade))
}

func writeCodes(m pcommon.Map, codes []chain.Code) map[chain.Code]bool {
	have, texts := map[chain.Code]bool{}, make([]string, 0, len(codes))
	for _, c := range codes {
		have[c] = true
		texts = append(texts, string(c))
	}
	putList(m, attr.DelegationReasons, texts)
	return have
}

func writeEdge(m pcommon.Map, e *chain.EdgeView) {
	m.PutStr(attr.DelegationEdgeID, e.ID)
	putText(m, attr.ChainID, e.Chain)
	m.PutStr(attr.DelegationKind, string(e.Kind))
	if !e.From.IsZero() {
		m.PutStr(attr.DelegationDelegatorRun, e.From.String())
	}
	m.PutStr(attr.DelegationDelegateeRun, e.To.String())
	putText(m, attr.Delegator, e.Delegator)
	putText(m, attr.DelegationDelegatee, e.Delegatee)
	span := e.DelegatingSpan
	if span.IsZero() {
		span = e.Linked
	}
	if !span.IsZero() {
		m.PutStr(attr.DelegationSpanTrace, hex.EncodeToString(span.Trace[:]))
		m.PutStr(attr.DelegationSpan, hex.EncodeToString(span.Span[:]))
	}
	putText(m, attr.DelegationID, e.DelegationID)
	putText(m, attr.DelegationGrade, string(e.Grade))
	m.PutStr(attr.DelegationAuthority, string(authorityOf(e)))
	putList(m, attr.DelegationScope, e.Scope)
	putText(m, attr.DelegationConstraints, e.Constraints)
	putTime(m, attr.DelegationNotBefore, e.NotBefore)
	putTime(m, attr.DelegationExpiresAt, e.ExpiresAt)
	putText(m, attr.DelegationGrantedBy, e.GrantedBy)
	putText(m, attr.DelegationApprovedBy, e.ApprovedBy)
	putText(m, attr.DelegationPurpose, e.Purpose)
	putText(m, attr.DelegationCredentialDigest, e.Credential)
	if e.Depth >= 0 {
		m.PutInt(attr.ChainDepth, int64(e.Depth))
	}
	writeCodes(m, e.Codes)
}

// authorityOf says whether the edge passes authority on. Of a delegator that is
// not known nobody can say.
func authorityOf(e *chain.EdgeView) chain.Authority {
	switch {
	case e.Authority:
		return chain.AuthorityRespected
	case e.From.IsZero():
		return chain.AuthorityUnknown
	default:
		return chain.AuthorityRefused
	}
}

func writeChain(m pcommon.Map, c *chain.ChainView, now time.Time) {
	m.PutStr(attr.ChainID, c.ID)
	putText(m, attr.TenantID, c.Tenant)
	m.PutInt(attr.DelegationRevision, int64(c.Revision))
	if c.Supersedes > 0 {
		m.PutStr(attr.DelegationSupersedes, strconv.Itoa(c.Supersedes))
	}
	m.PutStr(attr.ChainState, string(c.State))
	m.PutStr(attr.ChainVerdict, string(c.Verdict))
	putText(m, attr.ChainGrade, string(c.Grade))
	if !c.Root.IsZero() {
		m.PutStr(attr.ChainRootRun, c.Root.String())
	}
	if c.Depth >= 0 {
		m.PutInt(attr.ChainDepth, int64(c.Depth))
	}
	m.PutInt(attr.ChainRuns, int64(c.Runs))
	m.PutInt(attr.ChainEdges, int64(c.Edges))
	putTime(m, attr.ChainFirst, c.First)
	putTime(m, attr.ChainLast, c.Last)
	putTime(m, attr.ChainSettled, now.UnixNano())
	putText(m, attr.ChainSupersededBy, c.SupersededBy)
	writePrincipal(m, c.Principal)
	writeCodes(m, c.Reasons)
}

func writeAttribution(m pcommon.Map, a *attribution) {
	m.PutStr(attr.AttributionAction, hex.EncodeToString(a.id[:]))
	m.PutStr(attr.AttributionTrace, hex.EncodeToString(a.span.Trace[:]))
	m.PutStr(attr.AttributionSpan, hex.EncodeToString(a.span.Span[:]))
	m.PutStr(attr.RunID, a.Run.String())
	putText(m, attr.ChainID, a.Chain)
	if a.Depth >= 0 {
		m.PutInt(attr.ChainDepth, int64(a.Depth))
	}
	if d := a.Delegation; d != nil {
		putText(m, attr.DelegationID, d.ID)
	}
	putText(m, attr.AgentID, a.Agent)
	putText(m, attr.AgentName, a.Agent)
	putText(m, attr.SessionID, a.Session)
	writePrincipal(m, a.Principal)
}
