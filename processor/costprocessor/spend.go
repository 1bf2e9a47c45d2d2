package costprocessor

import (
	"context"
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/pricing"
)

// spending is what one batch asks of the governance extension. It is reused and
// has one owner.
type spending struct {
	charges  []governance.Charge
	items    []*genai.Item // of each charge
	outcomes []outcome     // likewise
	verdicts []governance.Verdict
	late     []governance.Late
	lateBy   []ptrace.Span // that made it known
}

func (s *spending) reset() {
	clear(s.charges)
	clear(s.items)
	clear(s.verdicts)
	clear(s.lateBy)
	s.charges, s.items, s.verdicts = s.charges[:0], s.items[:0], s.verdicts[:0]
	s.outcomes = s.outcomes[:0]
	s.late, s.lateBy = s.late[:0], s.lateBy[:0]
}

// add notes the item's charge, if it is an action that counts: one that no other
// span is the record of. r is what a model call costs, nil for anything else.
func (s *spending) add(book *pricing.Book, p *pricer, item *genai.Item, r *pricing.Result) {
	a := &item.Action
	if a.Kind == genai.KindOther || a.Kind == genai.KindDecision || a.Duplicate {
		return
	}
	c := governance.Charge{TraceID: item.Span.TraceID(), SpanID: item.Span.SpanID()}
	c.Action = item.ActionID()
	c.Scopes = scopes(item)
	c.Start, c.End = item.Span.StartTimestamp().AsTime(), item.Span.EndTimestamp().AsTime()
	c.Trace = ledger.ID(c.TraceID)
	o := outcome{}
	switch {
	case a.IsModelCall() && r != nil:
		o = outcome{r.Status, r.Reason, r.Provider}
		c.Kind, c.Cost = ledger.ModelCall, r.Total
		c.Tokens = tokens(&a.Usage)
		c.Response = ledger.ResponseID(a.Tenant, a.ResponseID)
		if !r.Total.Known() {
			c.Bound = book.Bound(&p.query) // it still holds this item's call
			putAmount(item.Span.Attributes(), attr.CostBoundUSD, c.Bound)
		}
	case a.Kind == genai.KindTool:
		c.Kind = ledger.ToolCall
	}
	s.charges, s.items, s.outcomes = append(s.charges, c), append(s.items, item), append(s.outcomes, o)
}

// scopes names the keys that an action belongs to. What the delegation processor
// knows of its run and chain stands on the span.
func scopes(item *genai.Item) ledger.Scopes {
	a, span := &item.Action, item.Span.Attributes()
	s := ledger.Scopes{
		Tenant: a.Tenant, Project: a.Project, Agent: a.Agent.ID, Session: a.Session, Principal: a.Principal.ID,
	}
	s.Run, _ = text(span, attr.RunID)
	s.Root, _ = text(span, attr.ChainID)
	if list, ok := span.Get(attr.AgentAncestors); ok && list.Type() == pcommon.ValueTypeSlice {
		for _, v := range list.Slice().All() {
			s.Ancestors = append(s.Ancestors, v.AsString())
		}
	}
	return s
}

func tokens(u *genai.Usage) uint64 {
	n := uint64(0)
	for _, c := range []genai.Count{u.Input, u.Output} {
		if c.Known && c.N > 0 {
			n += uint64(c.N)
		}
	}
	return n
}

// settled notes what the item made known of earlier actions: found by this
// processor itself, or by a genai processor in front of it.
func (s *spending) settled(item *genai.Item) {
	for i := range item.Settled {
		at := &item.Settled[i]
		s.learn(item.Span, governance.Late{Action: at.ActionID, Agent: at.Agent.ID, Session: at.Session, Principal: at.Principal.ID})
	}
	if !item.Action.Canonical {
		return
	}
	for _, e := range item.Span.Events().All() {
		if e.Name() != attr.AttributionEvent {
			continue
		}
		var l governance.Late
		id, _ := text(e.Attributes(), attr.AttributionAction)
		raw, err := hex.DecodeString(id)
		if err != nil || len(raw) != len(l.Action) {
			continue // not written by our genai processor
		}
		copy(l.Action[:], raw)
		l.Agent, _ = text(e.Attributes(), attr.AgentID)
		l.Session, _ = text(e.Attributes(), attr.SessionID)
		l.Principal, _ = text(e.Attributes(), attr.PrincipalID)
		s.learn(item.Span, l)
	}
}

func (s *spending) learn(by ptrace.Span, l governance.Late) {
	s.late, s.lateBy = append(s.late, l), append(s.lateBy, by)
}

// settle charges the batch and puts what that proved on the spans. On error the
// batch must not go on.
func (p *costProcessor) settle(ctx context.Context, w *work, tally map[outcome]int64) (err error) {
	s := &w.spend
	s.verdicts, err = p.gov.Charge(ctx, s.charges, s.verdicts)
	if err != nil {
		return err
	}
	for i := range s.verdicts {
		v, item := &s.verdicts[i], s.items[i]
		if v.Duplicate {
			demote(item)
			tally[s.outcomes[i]]--
			tally[outcome{status: pricing.StatusDuplicate}]++
		}
		for _, f := range v.Findings {
			p.put(f, item.Span)
		}
	}
	if len(s.late) == 0 {
		return nil
	}
	found, err := p.gov.Attribute(ctx, s.late)
	for _, f := range found {
		p.put(f, s.lateBy[0])
	}
	return err
}

// demote makes a call that another span is the record of a duplicate.
func demote(item *genai.Item) {
	span := item.Span.Attributes()
	forget(span)
	write(span, &pricing.Result{Status: pricing.StatusDuplicate})
}

func (p *costProcessor) put(f finding.Finding, span ptrace.Span) {
	if err := f.AddTo(span); err != nil {
		p.log.Error("a finding could not be written down", errField(err))
	}
}
