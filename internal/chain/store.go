package chain

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
	awaited   bool // some link leads to a span that has not come
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
