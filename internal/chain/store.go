package chain

import "slices"

// node is one span inside its trace.
type node struct {
	id, parent SpanID
	off, size  uint32 // of the encoded record in the trace's data; size 0 is none
	open       int32  // the node that opens the run around it; see the constants
	told       uint32 // digest of what was last told about it
	revision   uint16 // how often something else was told about it
	works      bool
	lost       bool // counted as outside any run
}

// What node.open may hold besides an index.
const (
	openNone    int32 = -1 // nothing above opens a run
	openMissing int32 = -2 // a span above has not come
	openUnset   int32 = -3
	openOnPath  int32 = -4 // being resolved
)

// trace holds the spans of one trace id. One that nobody has sent spans of stands
// for a trace that others link to.
type trace struct {
	id    TraceID
	nodes []node
	recs  []*Record        // decoded, by node, while the group is judged; nil for plumbing and work
	data  []byte           // encoded records; only ever appended to
	index map[SpanID]int32 // nil while the trace is small
	group *group
	// watchers are traces whose chains look into this one without being part of it.
	watchers  []*trace
	decisions []*Decision
	asks      bool // some span may turn out to be a run by the work below it
	gaps      bool // some span has a parent that has not come
	cut       bool // spans were refused, or contradict each other
}

const smallTrace = 16

func (t *trace) find(id SpanID) int32 {
	if t.index != nil {
		if i, ok := t.index[id]; ok {
			return i
		}
		return -1
	}
	for i := range t.nodes {
		if t.nodes[i].id == id {
			return int32(i)
		}
	}
	return -1
}

func (t *trace) insert(id, parent SpanID) int32 {
	i := int32(len(t.nodes))
	if len(t.nodes) == cap(t.nodes) {
		t.nodes = append(make([]node, 0, max(4, i+i/2)), t.nodes...)
	}
	t.nodes = append(t.nodes, node{id: id, parent: parent, open: openUnset})
	if t.index != nil {
		t.index[id] = i
	} else if len(t.nodes) > smallTrace {
		t.index = make(map[SpanID]int32, 2*len(t.nodes))
		for k := range t.nodes {
			t.index[t.nodes[k].id] = int32(k)
		}
	}
	return i
}

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
	gone      bool
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

// joint is what is known under one protocol id.
type joint struct {
	asked   []Ref // spans that can be answered by it, in order of arrival
	answers []*trace
}

const maxJoint = 128

// trace returns the trace of an id, with a group of its own if it is new.
func (e *Engine) trace(now int64, id TraceID) *trace {
	if t := e.traces[id]; t != nil {
		return t
	}
	t := &trace{id: id}
	g := &group{traces: []*trace{t}, opened: now, active: now}
	t.group = g
	e.traces[id] = t
	e.open.push(g)
	return t
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

// watch makes changes of t known to the chain of by.
func (e *Engine) watch(t, by *trace) {
	if t == by || slices.Contains(t.watchers, by) {
		return
	}
	if len(t.watchers) >= e.opts.Limits.Watchers {
		e.Stats.WatchersRefused++
		by.group.cut = true
		return
	}
	t.watchers = append(t.watchers, by)
}

// named notes that a trace mentions an id of a grant or an approval.
func (e *Engine) named(id string, t *trace) {
	if id == "" {
		return
	}
	ts := e.mentions[id]
	if slices.Contains(ts, t) || len(ts) >= maxJoint {
		return
	}
	if len(ts) == 0 && len(e.mentions) >= 4*e.opts.Limits.Keys {
		e.Stats.KeysEvicted++
		t.cut = true
		return
	}
	e.mentions[id] = append(ts, t)
}

// forget drops a group and everything that points at it.
func (e *Engine) forget(g *group) {
	if g.queue != nil {
		g.queue.remove(g)
	}
	g.dirty = false
	for _, t := range g.traces {
		delete(e.traces, t.id)
		e.spans -= len(t.nodes)
		for i := range t.nodes {
			if t.nodes[i].size > 0 {
				e.unindex(t, e.peek(t, int32(i)))
			}
		}
	}
	for _, t := range g.traces {
		t.group = nil
	}
	for _, c := range g.chains {
		if e.chainIDs[c.id] == g {
			delete(e.chainIDs, c.id)
		}
	}
	delete(e.views, g)
	g.traces = nil
}

// peek decodes one record; it is valid until the next.
func (e *Engine) peek(t *trace, i int32) *Record {
	e.decode(t, i, &e.tmp.rec, &e.tmp.run, &e.tmp.act)
	return &e.tmp.rec
}

func (e *Engine) decode(t *trace, i int32, rec *Record, run *Opening, act *Act) {
	n := &t.nodes[i]
	d := dec{b: t.data[n.off : n.off+n.size : n.off+n.size]}
	d.record(rec, run, act)
	rec.Ref, rec.Parent = Ref{t.id, n.id}, n.parent
}

// keep stores a record in the trace's data.
func (t *trace) keep(i int32, data []byte) {
	if free := cap(t.data) - len(t.data); free < len(data) {
		t.data = append(make([]byte, 0, len(t.data)+len(data)+max(128, len(t.data)/4)), t.data...)
	}
	n := &t.nodes[i]
	n.off, n.size = uint32(len(t.data)), uint32(len(data))
	t.data = append(t.data, data...)
}

func (e *Engine) unindex(t *trace, rec *Record) {
	drop := func(id string) {
		ts := e.mentions[id]
		if i := slices.Index(ts, t); i >= 0 {
			if ts = slices.Delete(ts, i, i+1); len(ts) == 0 {
				delete(e.mentions, id)
			} else {
				e.mentions[id] = ts
			}
		}
	}
	for _, id := range mentioned(rec) {
		drop(id)
	}
	for _, k := range rec.Asked {
		e.dropJoint(rec.Tenant+"\x00"+k, t, rec.Ref)
	}
	for _, k := range rec.Answers {
		e.dropJoint(rec.Tenant+"\x00"+k, t, rec.Ref)
	}
	if rec.Run != nil {
		e.dropIdentity(rec)
	}
	for k := range rec.Links {
		l := &rec.Links[k]
		if o := e.traces[l.To.Trace]; o != nil {
			if i := slices.Index(o.watchers, t); i >= 0 {
				o.watchers = slices.Delete(o.watchers, i, i+1)
			}
		}
	}
}

func (e *Engine) dropJoint(key string, t *trace, r Ref) {
	jt := e.joints[key]
	if jt == nil {
		return
	}
	if i := slices.Index(jt.asked, r); i >= 0 {
		jt.asked = slices.Delete(jt.asked, i, i+1)
	}
	if i := slices.Index(jt.answers, t); i >= 0 {
		jt.answers = slices.Delete(jt.answers, i, i+1)
	}
	if len(jt.asked)+len(jt.answers) == 0 {
		delete(e.joints, key)
	}
}

// mentioned returns the ids of grants, approvals and decisions that a record names.
func mentioned(rec *Record) []string {
	var out []string
	add := func(prefix, id string) {
		if id != "" {
			out = append(out, prefix+id)
		}
	}
	if rec.Run != nil {
		add("g:", rec.Run.DelegationID)
	}
	if rec.Act != nil {
		add("g:", rec.Act.DelegationID)
		add("a:", rec.Act.ApprovalID)
		add("d:", rec.Act.DecisionID)
	}
	for i := range rec.Links {
		add("g:", rec.Links[i].DelegationID)
		add("a:", rec.Links[i].ApprovalID)
	}
	return out
}

// stir notes that a group is not idle although nothing about it has changed.
func (e *Engine) stir(now int64, g *group) {
	g.active = max(g.active, now)
	if g.queue == &e.open && e.open.tail != g {
		e.open.remove(g)
		e.open.push(g)
	}
}
