package genai

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// maxDepth bounds the walk to ancestors: traces nest less, and a cycle of
// parents must end.
const maxDepth = 64

// Resolve fills in what single spans cannot tell. It must be called once for
// each decoded batch, under the owner's lock. now only serves to forget.
func (m *Memory) Resolve(b *Batch, now time.Time) {
	m.tick++
	for i := range b.Items {
		m.enter(&b.Items[i])
	}
	m.learn(b)
	for i := range b.Items {
		// A batch larger than the memory pushes its own first spans out.
		if it := &b.Items[i]; it.node != nil && it.node.key.span != it.Span.SpanID() {
			it.node = nil
		}
	}
	m.count(b, now)
	for i := range b.Items {
		m.attribute(&b.Items[i])
	}
	for i := range b.Items {
		m.settle(&b.Items[i])
	}
}

// learn notes emitters that prove to count beside the input, and rereads the
// calls of theirs that prove nothing themselves.
func (m *Memory) learn(b *Batch) {
	for i := range b.Items {
		it := &b.Items[i]
		if it.proof != proofExclusive {
			continue
		}
		k := learnKey(it)
		if _, known := m.learned[k]; known {
			continue
		}
		if len(m.learned) >= m.limits.Learned {
			m.Stats.LearnedRefused++
			continue
		}
		m.learned[k] = struct{}{}
	}
	if len(m.learned) == 0 {
		return
	}
	for i := range b.Items {
		it := &b.Items[i]
		a := &it.Action
		if a.Accounting != AccountingAssumed || a.Usage.Estimated || a.Canonical || it.cached == 0 {
			continue
		}
		if n := it.node; n != nil && n.batch != m.tick && !n.relearned {
			continue // sent again: it left before its emitter was learned
		}
		if _, known := m.learned[learnKey(it)]; known {
			if it.node != nil {
				it.node.relearned = true
			}
			a.Accounting = AccountingExclusive
			a.Usage.addCache()
			m.Stats.Relearned++
		}
	}
}

func learnKey(it *Item) string {
	return it.Scope.Name() + "\x00" + it.Scope.Version() + "\x00" + it.Action.Provider
}

// enter puts a span into memory.
func (m *Memory) enter(it *Item) {
	a := &it.Action
	id := it.Span.SpanID()
	if id.IsEmpty() {
		return
	}
	k := spanKey{it.Span.TraceID(), id}
	n := m.place(k)
	it.node = n
	if n.seen {
		return // sent again: what was decided then stands
	}
	n.seen, n.batch = true, m.tick
	n.root = it.Span.ParentSpanID().IsEmpty()
	n.parent = spanKey{k.trace, it.Span.ParentSpanID()}
	n.kind = a.SpanKind
	n.tenant = m.keep(it.tenant)
	n.said = m.hold(facts{agent: a.Agent, session: a.Session, person: a.Principal})
	n.project, n.model = m.keep(a.Project), m.keep(a.RequestModel)
	n.tool, n.callID = m.keep(baseTool(a.Tool.Name)), m.keep(a.Tool.CallID)
	n.scope = m.keep(it.Scope.Name())
	n.usage, n.failed = a.Usage.Any(), a.Outcome == OutcomeFailure
	n.actionID = it.ActionID()
}

// count decides, call by call, which span is the record of it.
func (m *Memory) count(b *Batch, now time.Time) {
	order := m.sorted[:0]
	for i := range b.Items {
		switch b.Items[i].Action.SpanKind {
		case KindInference, KindEmbedding, KindTool:
			if b.Items[i].node != nil {
				order = append(order, i)
			}
		default:
		}
	}
	m.sorted = order
	// Inner layers first, then the spans that say most: what stands in one batch
	// is decided alike in whatever order it stands there.
	slices.SortStableFunc(order, func(x, y int) int {
		p, q := &b.Items[x], &b.Items[y]
		return cmp.Or(
			cmp.Compare(m.layer(q.node), m.layer(p.node)),
			cmp.Compare(weight(&q.Action), weight(&p.Action)),
			bytes.Compare(p.node.key.span[:], q.node.key.span[:]),
		)
	})
	for _, i := range order {
		it := &b.Items[i]
		n, a := it.node, &it.Action
		if a.Canonical {
			n.duplicate = a.Duplicate
			continue
		}
		if n.batch == m.tick && !n.decided {
			n.decided = true
			n.duplicate = m.isDuplicate(it, now)
			if n.duplicate {
				m.Stats.Duplicates++
			}
			// A duplicate is reported too: three layers of a call are one call.
			m.report(n)
		}
		if n.duplicate {
			a.Duplicate, a.Accounting = true, AccountingRollup
		}
	}
}

// weight prefers the span that is best to count: with usage, with usage that is
// not assumed.
func weight(a *Action) int {
	switch {
	case !a.Usage.Any() || a.Usage.Invalid:
		return 0
	case a.Accounting == AccountingRollup:
		return 1
	case a.Accounting == AccountingAssumed:
		return 2
	}
	return 3
}

// layer counts the calls of the same sort right above a span.
func (m *Memory) layer(n *node) int {
	depth := 0
	for depth < maxDepth {
		p := m.sameCallAbove(n)
		if p == nil {
			break
		}
		n = p
		depth++
	}
	return depth
}

// sameCallAbove returns the span right above that may be the same call in an
// outer layer. Model calls must be direct parent and child; between the layers
// of a tool call may stand spans of the transport.
func (m *Memory) sameCallAbove(n *node) *node {
	p := m.parentOf(n)
	if isCall(n.kind) {
		if p != nil && isCall(p.kind) {
			return p
		}
		return nil
	}
	for hops := 0; p != nil && p.kind == KindOther && hops < 4; hops++ {
		p = m.parentOf(p)
	}
	if p != nil && p.kind == KindTool && sameTool(n, p.tool, p.callID) {
		return p
	}
	return nil
}

func isCall(k Kind) bool { return k == KindInference || k == KindEmbedding }

func (m *Memory) parentOf(n *node) *node {
	if n.root {
		return nil
	}
	p := m.nodes[n.parent]
	if p == nil || !p.seen || p == n || p.tenant != n.tenant {
		return nil
	}
	return p
}

func sameTool(n *node, tool, callID string) bool {
	if n.callID != "" && callID != "" {
		return n.callID == callID
	}
	return n.tool != "" && n.tool == tool
}

// isDuplicate decides about a span seen for the first time. Everything below it
// that arrived with it has been decided.
func (m *Memory) isDuplicate(it *Item, now time.Time) bool {
	n, a := it.node, &it.Action
	if isCall(n.kind) {
		// The emitter's own roll-up is no record of a call, nor a copy of one.
		if a.Accounting == AccountingRollup {
			return false
		}
		if n.coveredBelow() || m.coveredAbove(n) {
			m.known(it, now) // the id belongs to this call all the same
			return true
		}
		return m.known(it, now)
	}
	if n.inner.tool != "" || n.inner.toolID != "" {
		if sameTool(n, n.inner.tool, n.inner.toolID) {
			m.known(it, now)
			return true
		}
	}
	if p := m.sameCallAbove(n); p != nil && p.batch != m.tick && !p.duplicate {
		return true
	}
	return m.known(it, now)
}

// coveredBelow: an inner layer was counted that says as much about the outcome
// and about usage. A failed attempt below a call that succeeded is another call.
func (n *node) coveredBelow() bool {
	if n.failed {
		return n.inner.failed || n.inner.ok
	}
	return n.inner.ok && (n.inner.withUsage || !n.usage)
}

// coveredAbove: the outer layer was counted in an earlier batch, or stands in
// this one and alone has the usage.
func (m *Memory) coveredAbove(n *node) bool {
	p := m.sameCallAbove(n)
	if p == nil || n.failed && !p.failed {
		return false
	}
	if p.batch == m.tick {
		return p.usage && !n.usage && !n.failed
	}
	return !p.duplicate
}

// known notes the call's id and reports whether another span had it.
func (m *Memory) known(it *Item, now time.Time) bool {
	n, a := it.node, &it.Action
	var k idKey
	switch {
	case isCall(n.kind) && a.ResponseID != "":
		k = m.idOf(n.tenant, "r", a.ResponseID)
	case n.kind == KindTool && n.callID != "":
		k = m.idOf(n.tenant, "t", string(n.key.trace[:]), n.callID, n.tool)
	default:
		return false
	}
	before, had := m.remember(k, idEntry{span: n.key, scope: n.scope, at: now})
	if !had || before.span == n.key {
		return false
	}
	// A tool that one emitter reports twice, side by side, ran twice: it was
	// tried again. Layers of one call come from different emitters.
	return n.kind != KindTool || before.scope != n.scope
}

// report tells the span above that a call below it was counted.
func (m *Memory) report(n *node) {
	if n.root {
		return
	}
	p := m.place(n.parent)
	if isCall(n.kind) {
		if n.failed {
			p.inner.failed = true
		} else {
			p.inner.ok = true
			p.inner.withUsage = p.inner.withUsage || n.usage
		}
		return
	}
	p.inner.tool, p.inner.toolID = n.tool, n.callID
	for hops := 0; p.seen && p.kind == KindOther && !p.root && hops < 4; hops++ {
		p = m.place(p.parent)
		p.inner.tool, p.inner.toolID = n.tool, n.callID
	}
}
