package chain

// group is a set of traces that are judged together: those that typed links and
// protocol ids bind. Chains are found within it.
type group struct {
	traces         []*trace
	runs           int // spans that may open a run
	opened, active int64
	settledAt      int64
	judgedAt       int64
	dirty, settled bool
	evicted        bool
	cut            bool // a union was refused
	chains         []*chainState
	firing         []Finding
	ready          []byte // what settling will tell, if nothing happens before
	queue          *queue
	prev, next     *group
}

// chainState is what is remembered of a chain between judgements.
type chainState struct {
	id        string
	root      Ref
	digest    uint64 // of the last settled revision
	revisions []Revision
	first     int // the number of revisions[0]
}

const maxRevisions = 16

// queue is a list of groups, the one that was idle longest first.
type queue struct {
	head, tail *group
	len        int
}

func (q *queue) push(g *group) {
	g.prev, g.next, g.queue = q.tail, nil, q
	if q.tail != nil {
		q.tail.next = g
	} else {
		q.head = g
	}
	q.tail = g
	q.len++
}

func (q *queue) remove(g *group) {
	if g.queue != q {
		return
	}
	if g.prev != nil {
		g.prev.next = g.next
	} else {
		q.head = g.next
	}
	if g.next != nil {
		g.next.prev = g.prev
	} else {
		q.tail = g.prev
	}
	g.prev, g.next, g.queue = nil, nil, nil
	q.len--
}

// touch notes that something about a group has changed.
func (e *Engine) touch(now int64, g *group) {
	g.ready = nil
	if !g.dirty {
		g.dirty = true
		e.dirty = append(e.dirty, g)
	}
	if now > g.active {
		g.active = now
	}
	if g.settled {
		g.settled, g.opened = false, now
	}
	if g.queue != &e.open || e.open.tail != g {
		if g.queue != nil {
			g.queue.remove(g)
		}
		e.open.push(g)
	}
}

// touchTrace does so for a trace and for those that look into it.
func (e *Engine) touchTrace(now int64, t *trace) {
	e.touch(now, t.group)
	for _, w := range t.watchers {
		if w.group != nil && w.group != t.group {
			e.touch(now, w.group)
		}
	}
}

// unite puts the groups of two traces together. It refuses to make a group of
// more runs than a chain may have.
func (e *Engine) unite(now int64, a, b *trace) {
	g, h := a.group, b.group
	if g == h {
		return
	}
	if g.runs+h.runs > e.opts.Limits.RunsPerChain || len(g.traces)+len(h.traces) > 4*e.opts.Limits.RunsPerChain {
		e.Stats.ChainsRefused++
		g.cut, h.cut = true, true
		return
	}
	if len(g.traces) < len(h.traces) {
		g, h = h, g
	}
	for _, t := range h.traces {
		t.group = g
	}
	g.traces = append(g.traces, h.traces...)
	g.runs += h.runs
	g.opened = min(g.opened, h.opened)
	g.chains = append(g.chains, h.chains...)
	g.firing = append(g.firing, h.firing...)
	g.evicted = g.evicted || h.evicted
	g.cut = g.cut || h.cut
	h.traces, h.ready = nil, nil
	if h.queue != nil {
		h.queue.remove(h)
	}
	for _, c := range h.chains {
		e.chainIDs[c.id] = g
	}
	delete(e.views, h)
	e.touch(now, g)
}

// stir notes that a group is not idle although nothing about it has changed.
func (e *Engine) stir(now int64, g *group) {
	g.active = max(g.active, now)
	if g.queue == &e.open && e.open.tail != g {
		e.open.remove(g)
		e.open.push(g)
	}
}
