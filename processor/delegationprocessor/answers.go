package delegationprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/governance/lineage"
	"github.com/spanwarden/spanwarden/internal/policy"
)

func refOf(span ptrace.Span) chain.Ref {
	return chain.Ref{Trace: chain.TraceID(span.TraceID()), Span: chain.SpanID(span.SpanID())}
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
		grades[gradeOf(it)]++
	}
	for grade, n := range grades {
		p.tel.ProcessorDelegationActions.Add(ctx, n, metric.WithAttributeSet(attribute.NewSet(attribute.String("grade", grade))))
	}
}

// gradeOf says how well the principal of an action is known now.
func gradeOf(it *genai.Item) string {
	if v, ok := it.Span.Attributes().Get(attr.PrincipalGrade); ok {
		return v.AsString()
	}
	return string(it.Action.Principal.Grade)
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
