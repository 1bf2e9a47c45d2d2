package delegationprocessor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/finding"
)

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
			m := w.event(attr.DelegationEdgeEvent, ev.Edge.To)
			writeEdge(m, ev.Edge)
			putText(m, attr.TenantID, p.tenantOf(ev.Edge.To))
			counts[kindEdge]++
		case chain.ChainSettled, chain.ChainSuperseded:
			writeChain(w.event(attr.DelegationChainEvent, ev.Chain.Root), ev.Chain, p.now())
			counts[kindChain]++
		case chain.ActionJudged:
			writeJudged(w.event(attr.AttributionEvent, ev.Action.Span), ev.Action, p.tenantOf(ev.Action.Run))
			counts[kindAttribution]++
		case chain.FindingFired, chain.FindingResolved:
			p.find(&w, ev)
		default: // parked chains are the extension's
		}
	}
	for i := range late {
		writeAttribution(w.event(attr.AttributionEvent, late[i].span), &late[i])
		counts[kindAttribution]++
	}
	return counts
}

// tenantOf returns the tenant of a run.
func (p *delegationProcessor) tenantOf(run chain.Ref) string {
	return p.chains.Resolve([]chain.Ref{run}, nil)[0].Tenant
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
	severity := finding.Severity(c.Severity)
	if c.Code == chain.IncompleteEvidence && p.chains.Policies().Len() == 0 {
		// Without a registry no action can be judged, which is no news of a chain.
		severity = finding.Info
	}
	f := finding.New(finding.Type(c.Type), c.Tenant, "chain/"+c.Chain+"/"+string(c.Code), c.Chain, c.Accused.String(), c.Cause)
	f.State, f.Severity, f.At = stateOf(ev.Type), severity, p.now()
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
