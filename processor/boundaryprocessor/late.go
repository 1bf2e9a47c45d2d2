package boundaryprocessor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/judge"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/pending"
)

// waiting is an action whose span has left before it was known who acted.
type waiting struct {
	facts    *judge.Facts
	resource pcommon.Resource
	told     judge.Judgement // what was said of it last
	later    bool            // said after its span had left
	found    *finding.Finding
}

// What is kept of an action that waits.
const (
	maxArgs  = 64 << 10
	maxText  = 1024
	maxAttr  = 512
	maxAttrs = 128
)

// wait keeps what is needed to judge an action later.
func (p *boundaryProcessor) wait(item *genai.Item, f *judge.Facts, j *judge.Judgement) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, there := p.waiting.Get(pending.ID(f.ID)); there {
		return
	}
	attrs := map[string]string{}
	size := keep(attrs, item.Resource.Attributes()) // the span's own win
	resource := pcommon.NewResource()
	for k, v := range attrs {
		resource.Attributes().PutStr(k, v)
	}
	size += size + keep(attrs, item.Span.Attributes())
	own := f.Own(maxArgs, attrs)
	p.waiting.Put(pending.ID(f.ID), &waiting{facts: own, resource: resource, told: *j}, size+own.Size(), time.Now())
}

// keep copies what an entry may be bound by: short attributes that are nobody's
// words. It returns about how many bytes that takes.
func keep(to map[string]string, m pcommon.Map) (size int) {
	for k, v := range m.All() {
		if len(to) >= maxAttrs {
			break
		}
		if len(k) > maxAttr || genai.IsContent(k) || v.Type() == pcommon.ValueTypeMap || v.Type() == pcommon.ValueTypeSlice || v.Type() == pcommon.ValueTypeBytes {
			continue
		}
		text := v.AsString()
		if len(text) > maxAttr {
			continue
		}
		to[string([]byte(k))] = string([]byte(text))
		size += len(k) + len(text) + 64
	}
	return size
}

// learn judges earlier actions again of which this batch tells who acted: found
// by this processor itself, or by a genai processor in front of it.
func (p *boundaryProcessor) learn(w *work, h policy.History) {
	for i := range w.batch.Items {
		item := &w.batch.Items[i]
		for n := range item.Settled {
			at := &item.Settled[n]
			p.settle(w, h, &news{id: at.ActionID, agent: at.Agent, session: at.Session, principal: at.Principal}, item.Span)
		}
		if !item.Action.Canonical && !item.Settle() {
			continue
		}
		for e := range item.Span.Events().Len() { // judging adds events, which are none of these
			event := item.Span.Events().At(e)
			if event.Name() != attr.AttributionEvent {
				continue
			}
			if n, ok := readNews(event.Attributes()); ok {
				p.settle(w, h, &n, item.Span)
			}
		}
	}
}

// news is what became known of an earlier action.
type news struct {
	id        [16]byte
	agent     genai.Agent
	session   string
	principal genai.Principal
	chain     string
	depth     int64
}

// readNews reads an event of our genai or delegation processor.
func readNews(m pcommon.Map) (n news, ok bool) {
	id := text(m, attr.AttributionAction)
	if len(id) != hex.EncodedLen(len(n.id)) {
		return n, false
	}
	if _, err := hex.Decode(n.id[:], []byte(id)); err != nil {
		return n, false
	}
	n.agent = genai.Agent{ID: text(m, attr.AgentID), Name: text(m, attr.AgentName), Version: text(m, attr.AgentVersion)}
	n.session = text(m, attr.SessionID)
	n.principal = genai.Principal{ID: text(m, attr.PrincipalID), Type: text(m, attr.PrincipalType), Grade: genai.Grade(text(m, attr.PrincipalGrade))}
	n.chain = text(m, attr.ChainID)
	if depth, ok := m.Get(attr.ChainDepth); ok && depth.Type() == pcommon.ValueTypeInt {
		n.depth = depth.Int()
	}
	return n, true
}

func text(m pcommon.Map, key string) string {
	v, ok := m.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeStr || len(v.Str()) > maxText {
		return ""
	}
	return v.Str()
}

// settle judges one earlier action and lets the result ride on the span that made
// it possible.
func (p *boundaryProcessor) settle(w *work, h policy.History, n *news, by ptrace.Span) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x, there := p.waiting.Get(pending.ID(n.id))
	if !there {
		return
	}
	learned := *x.facts
	learned.Learn(n.agent, n.session, n.principal)
	if n.chain != "" {
		learned.ChainID, learned.ChainDepth = n.chain, n.depth
		learned.Delegated = learned.Delegated || n.depth > 0
	}
	x.facts = learned.Own(maxArgs, nil)
	x.facts.Attr = learned.Attr
	found, ok := p.again(w.tally, h, x, true)
	if !x.told.Open {
		w.told = append(w.told, p.deeds.later(x.facts, &x.told, time.Now())...)
	}
	if !ok {
		return
	}
	for i := range found {
		p.put(w.tally, &found[i], by)
	}
	writeJudgement(by, x.facts, &x.told)
	w.haltOn(&x.told, x.facts, by)
}

// again judges an action that waits. It returns false where nothing is different
// from what was told before. Repeat tells again what was told after its span had
// left, so that a span that is sent again says the same.
func (p *boundaryProcessor) again(t *tally, h policy.History, x *waiting, repeat bool) (found []finding.Finding, ok bool) {
	before := x.told
	j := p.late.Of(h, x.facts)
	if same(&j, &before) && (!x.later || !repeat) {
		return nil, false
	}
	p.uses.used(&j, x.facts)
	if !x.later || !same(&j, &before) {
		t.corrected[outcomeOf(&j)]++
		if before.Verdict == policy.NotEvaluated && j.Verdict != policy.NotEvaluated {
			t.gained++
		}
	}
	x.told, x.later = j, true
	f, told := p.find(&j, x.facts)
	if old := x.found; old != nil && (!told || old.ID != f.ID) {
		// It was not this agent after all.
		old.State = finding.Resolved
		found = append(found, *old)
		x.found = nil
	}
	if told {
		x.found = &f
		found = append(found, f)
	}
	return found, true
}

func same(a, b *judge.Judgement) bool {
	return a.Verdict == b.Verdict && a.Rule == b.Rule && a.Version == b.Version && a.Missing == b.Missing && a.Finding == b.Finding &&
		(a.Entry == nil) == (b.Entry == nil) && (a.Entry == nil || a.Entry.ID() == b.Entry.ID())
}

// run looks after actions that wait, until the processor stops.
func (p *boundaryProcessor) run() {
	const most = 10 * time.Second
	ticker := time.NewTicker(min(p.cfg.Late.Grace, most))
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.tick(context.Background())
		}
	}
}

// tick judges what has waited long enough, by what is known, and forgets what is
// old.
func (p *boundaryProcessor) tick(ctx context.Context) {
	h, t := p.history(), newTally()
	p.mu.Lock()
	var halts []haltOrder
	p.waiting.Tick(time.Now(), func(_ pending.ID, x *waiting) { halts = append(halts, p.ripe(t, h, x)...) })
	p.tellDeeds(p.unsent, p.deeds.lapsed(time.Now()))
	evicted, dropped := p.waiting.Stats.Evicted, p.dropped
	p.mu.Unlock()
	p.daily.mu.Lock()
	forgot := p.daily.forgot
	p.daily.mu.Unlock()
	uses := p.uses.stats()
	p.counts.record(ctx, t)
	p.counts.limits(ctx, [6]int{evicted, uses.Dropped, uses.Evicted, forgot, dropped, p.deeds.lost()})
	if err := p.orderAll(ctx, halts); err != nil {
		p.log.Error("a halt could not be ordered", errField(err))
	}
	if err := p.send(ctx); err != nil {
		p.log.Warn("what was judged late waits to be sent", errField(err))
	}
}

// ripe judges an action that nobody told more of, onto a settle span.
func (p *boundaryProcessor) ripe(t *tally, h policy.History, x *waiting) []haltOrder {
	x.facts.Final = true
	found, ok := p.again(t, h, x, false)
	p.tellDeeds(p.unsent, p.deeds.later(x.facts, &x.told, time.Now()))
	if !ok {
		return nil
	}
	span := p.settleSpan(x)
	writeJudgement(span, x.facts, &x.told)
	for i := range found {
		p.put(t, &found[i], span)
	}
	return haltsOf(&x.told, x.facts, span)
}

func (p *boundaryProcessor) settleSpan(x *waiting) ptrace.Span {
	span := finding.SettleSpans(p.unsent, x.resource).AppendEmpty()
	sum := sha256.Sum256([]byte(attr.JudgementEvent + "\x00" + string(x.facts.ID[:])))
	span.SetName(attr.SettleSpan)
	span.SetTraceID(x.facts.TraceID)
	span.SetSpanID(pcommon.SpanID(sum[:8]))
	at := pcommon.NewTimestampFromTime(x.facts.End)
	if x.facts.End.IsZero() {
		at = pcommon.NewTimestampFromTime(x.facts.Start)
	}
	span.SetStartTimestamp(at)
	span.SetEndTimestamp(at)
	return span
}

// maxUnsent bounds settle spans that nobody takes; the oldest go first.
const maxUnsent = 50_000

// send hands on the settle spans; they wait where they are refused.
func (p *boundaryProcessor) send(ctx context.Context) error {
	p.mu.Lock()
	td := p.unsent
	p.unsent = ptrace.NewTraces()
	p.mu.Unlock()
	if td.SpanCount() == 0 {
		return nil
	}
	kept := ptrace.NewTraces()
	td.CopyTo(kept) // next may change what it gets
	if err := p.next.ConsumeTraces(ctx, td); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.unsent.ResourceSpans().MoveAndAppendTo(kept.ResourceSpans())
		over := kept.ResourceSpans().Len() - maxUnsent
		p.dropped += max(over, 0)
		kept.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { over--; return over >= 0 })
		p.unsent = kept
		return fmt.Errorf("sending late judgements: %w", err)
	}
	return nil
}

// drain judges all that waits: nobody will tell more.
func (p *boundaryProcessor) drain(ctx context.Context) error {
	h, t := p.history(), newTally()
	p.mu.Lock()
	var halts []haltOrder
	p.waiting.Drain(func(_ pending.ID, x *waiting) { halts = append(halts, p.ripe(t, h, x)...) })
	p.mu.Unlock()
	p.counts.record(ctx, t)
	if err := p.orderAll(ctx, halts); err != nil {
		p.log.Error("a halt could not be ordered", errField(err))
	}
	return p.send(ctx)
}
