package chain

import (
	"slices"
	"time"
)

// Flush judges what changed, settles what has been idle, makes room, and returns
// what follows. The views in events are the caller's.
func (e *Engine) Flush(now int64) []Event {
	var later []*group
	budget := maxJudged
	for len(e.dirty) > 0 {
		gs := e.dirty
		e.dirty = nil
		for _, g := range gs {
			if !g.dirty || len(g.traces) == 0 {
				continue
			}
			if budget--; budget < 0 || g.tooSoon(now) {
				e.Stats.Deferred++
				later = append(later, g)
				continue
			}
			settling := now-g.opened >= int64(e.opts.MaxOpen)
			if !settling && g.pointless() {
				g.dirty = false
				delete(e.views, g)
				continue
			}
			e.judged(now, g, settling)
		}
	}
	e.dirty = later
	e.clockBack(now)
	for g := e.open.head; g != nil && now-g.active >= int64(e.opts.Settle); g = e.open.head {
		if g.ready != nil && !g.dirty {
			e.settleReady(now, g)
		} else {
			e.judged(now, g, true)
		}
	}
	e.makeRoom(now)
	for g := e.kept.head; g != nil && now-g.settledAt >= int64(e.opts.Retain); g = e.kept.head {
		e.park(now, g)
		e.forget(g)
	}
	out := e.pending
	e.pending = make([]Event, 0, len(out))
	return out
}

// clockBack takes times that lie ahead for now. The clock was ahead and was set
// right: the chain at the head of a queue would hold up all others until that time
// has come.
func (e *Engine) clockBack(now int64) {
	if g := e.open.head; g != nil && g.active-now > int64(e.opts.Settle) {
		for ; g != nil; g = g.next {
			g.active, g.opened = min(g.active, now), min(g.opened, now)
		}
	}
	if g := e.kept.head; g != nil && g.settledAt-now > int64(e.opts.Retain) {
		for ; g != nil; g = g.next {
			g.settledAt = min(g.settledAt, now)
		}
	}
}

// judged judges a group and tells what is new.
func (e *Engine) judged(now int64, g *group, settling bool) {
	g.dirty, g.judgedAt = false, now
	j := e.judgeGroup(g, settling)
	v := j.view()
	e.tell(now, j, v)
	if !settling {
		j.keepReady()
		e.cache(g, v)
		j.unload()
		return
	}
	g.ready = nil
	delete(e.views, g)
	j.unload()
	e.rest(now, g)
}

// rest puts a group among those that have settled.
func (e *Engine) rest(now int64, g *group) {
	g.settled, g.settledAt = true, now
	if g.queue != nil {
		g.queue.remove(g)
	}
	e.kept.push(g)
}

// A chain of many spans is judged as often as takes a twentieth of the time at
// most: judging costs about 5 µs a span.
const (
	largeGroup    = 512
	pauseEachSpan = int64(100 * time.Microsecond)
)

// tooSoon reports whether a large group was judged a short while ago.
func (g *group) tooSoon(now int64) bool {
	spans := 0
	for _, t := range g.traces {
		spans += len(t.nodes)
	}
	return spans > largeGroup && g.judgedAt != 0 && now >= g.judgedAt && now-g.judgedAt < int64(spans)*pauseEachSpan
}

// maxJudged bounds how many chains one Flush judges before they settle: a new
// registry makes all of them dirty at once. The others are judged by the next.
const maxJudged = 8192

// pointless reports whether judging a group can tell nothing yet: its only run
// waits for a span above or for what it links to, and nothing was said of it
// before.
func (g *group) pointless() bool {
	if g.runs > 1 || len(g.firing) > 0 || len(g.chains) > 0 {
		return false
	}
	if g.runs == 0 {
		return true
	}
	for _, t := range g.traces {
		if len(t.nodes) == 0 {
			return true
		}
	}
	return false
}

// makeRoom forgets settled chains, then settles open ones, until the number of
// chains is within bounds. What is settled early is called incomplete.
func (e *Engine) makeRoom(now int64) {
	for e.open.len+e.kept.len > e.opts.Limits.OpenChains {
		g := e.kept.head
		if g == nil {
			g = e.open.head
			g.evicted = true
			e.Stats.ChainsEvicted++
			e.judged(now, g, true)
		}
		e.park(now, g)
		e.forget(g)
	}
}

// groupView is what questions between judgements are answered from.
type groupView struct{ runs []Answer }

const maxViews = 8192

func (e *Engine) cache(g *group, v *groupView) {
	if e.views[g] == nil {
		if len(e.seen) >= maxViews {
			drop := len(e.seen) / 4
			for _, old := range e.seen[:drop] {
				delete(e.views, old)
			}
			e.seen = slices.Delete(e.seen, 0, drop)
		}
		e.seen = append(e.seen, g)
	}
	e.views[g] = v
}

func (v *groupView) find(r Ref) *Answer {
	i, ok := slices.BinarySearchFunc(v.runs, r, func(a Answer, r Ref) int { return a.Run.Compare(r) })
	if !ok {
		return nil
	}
	return &v.runs[i]
}

// Resolve tells the run of a span as of the last Flush; ok is false if the span
// is not known or no run stands around it.
func (e *Engine) Resolve(span Ref) (a Answer, ok bool) {
	t := e.traces[span.Trace]
	if t == nil {
		return Answer{}, false
	}
	v := e.views[t.group]
	if v == nil {
		j := e.judgeGroup(t.group, t.group.settled)
		v = j.view()
		j.unload()
		e.cache(t.group, v)
	}
	i := t.find(span.Span)
	for hops := 0; i >= 0 && t.nodes[i].open == openUnset && hops < e.opts.Limits.Nesting; hops++ {
		i = t.find(t.nodes[i].parent) // came since, and changed nothing
	}
	if i < 0 || t.nodes[i].open < 0 {
		return Answer{}, false
	}
	if got := v.find(t.ref(t.nodes[i].open)); got != nil {
		return *got, true
	}
	return Answer{}, false
}

// Chain returns the page of a chain that is in memory, as it would be judged if
// nothing more came.
func (e *Engine) Chain(id string) (p Page, ok bool) {
	g := e.chainIDs[id]
	if g == nil {
		return Page{}, false
	}
	j := e.judgeGroup(g, true)
	defer j.unload()
	for _, c := range j.comps {
		if c.id == id {
			return j.page(c), true
		}
	}
	return Page{}, false
}

// Pages returns the page of every chain in memory, in the order of their root
// runs: for tools and tests.
func (e *Engine) Pages() []Page {
	var out []Page
	for _, q := range []*queue{&e.open, &e.kept} {
		for g := q.head; g != nil; g = g.next {
			j := e.judgeGroup(g, true)
			for _, c := range j.comps {
				out = append(out, j.page(c))
			}
			j.unload()
		}
	}
	slices.SortFunc(out, func(a, b Page) int { return a.Chain.Root.Compare(b.Chain.Root) })
	return out
}

// ChainOf returns the id of the chain of a span's run.
func (e *Engine) ChainOf(span Ref) (id string, ok bool) {
	a, ok := e.Resolve(span)
	return a.Chain, ok
}

// Chains returns the ids of the chains in memory, sorted.
func (e *Engine) Chains() []string {
	out := make([]string, 0, len(e.chainIDs))
	for id := range e.chainIDs {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// Sizes returns how many chains are open, how many are settled and kept, and how
// many spans are held.
func (e *Engine) Sizes() (open, settled, spans int) { return e.open.len, e.kept.len, e.spans }
