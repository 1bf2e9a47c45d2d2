package genai

import (
	"hash/maphash"
	"time"
)

// Limits bound a Memory. A zero field takes its default.
type Limits struct {
	Spans     int           // spans remembered for their descendants; default 50,000
	Responses int           // response and tool call ids remembered; default 50,000
	TTL       time.Duration // how long an id is remembered; default 24 h
	Learned   int           // emitters learned to count beside the input; default 4,096
	Waiting   int           // spans that wait for one missing ancestor; default 1,024
}

func (l Limits) withDefaults() Limits {
	l.Spans = orDefault(l.Spans, 50_000)
	l.Responses = orDefault(l.Responses, 50_000)
	l.Learned = orDefault(l.Learned, 4_096)
	l.Waiting = orDefault(l.Waiting, 1_024)
	if l.TTL <= 0 {
		l.TTL = 24 * time.Hour
	}
	return l
}

func orDefault(n, d int) int {
	if n <= 0 {
		return d
	}
	return n
}

// MemoryStats counts what a Memory had to forget or refuse because of its
// limits, and what it decided. All only grow.
type MemoryStats struct {
	SpansEvicted   int
	IDsEvicted     int
	LearnedRefused int
	WaitingRefused int
	Duplicates     int
	Relearned      int // calls read as exclusive because their emitter was learned
	Settled        int
}

// Memory remembers across batches, within bounds. Not safe for concurrent use.
type Memory struct {
	Stats MemoryStats

	limits  Limits
	nodes   map[spanKey]*node
	order   []*node // ring, oldest at next once full
	next    int
	ids     map[idKey]idEntry
	idOrder []idKey
	idNext  int
	learned map[string]struct{}
	names   map[string]string
	facts   map[facts]*facts
	seed    maphash.Seed
	sorted  []int // scratch
	tick    uint64
}

type spanKey struct {
	trace [16]byte
	span  [8]byte
}

// node is what later spans may need to know of a span. A node that was not seen
// stands for a parent that others named.
type node struct {
	key    spanKey
	parent spanKey
	seen   bool
	root   bool
	batch  uint64 // the Resolve that saw it

	kind     Kind
	tenant   string
	said     *facts // by the span itself
	project  string
	model    string
	tool     string
	callID   string
	scope    string
	usage    bool
	failed   bool
	actionID [16]byte

	decided   bool
	relearned bool
	duplicate bool
	inner     innerCalls
	// What left with the span after resolving, and who waits for it.
	sent      *facts
	settledBy spanKey
	waiting   []spanKey
}

// innerCalls says which counted calls of the same layer pair stand right below.
type innerCalls struct {
	ok, withUsage, failed bool
	tool                  string
	toolID                string
}

type facts struct {
	agent   Agent
	session string
	person  Principal
}

// idKey is a hash of a tenant and an id: 128 bits, of which an accidental match
// is not to be expected.
type idKey [2]uint64

type idEntry struct {
	span  spanKey
	scope string
	at    time.Time
}

// NewMemory returns an empty Memory.
func NewMemory(l Limits) *Memory {
	return &Memory{
		limits:  l.withDefaults(),
		nodes:   map[spanKey]*node{},
		ids:     map[idKey]idEntry{},
		learned: map[string]struct{}{},
		names:   map[string]string{},
		facts:   map[facts]*facts{},
		seed:    maphash.MakeSeed(),
	}
}

// place returns the node of a key, making room for it if it is new.
func (m *Memory) place(k spanKey) *node {
	if n := m.nodes[k]; n != nil {
		return n
	}
	var n *node
	if len(m.order) < m.limits.Spans {
		n = &node{}
		m.order = append(m.order, n)
	} else {
		n = m.order[m.next]
		m.next = (m.next + 1) % len(m.order)
		delete(m.nodes, n.key)
		m.Stats.SpansEvicted++
		*n = node{waiting: n.waiting[:0]}
	}
	n.key = k
	m.nodes[k] = n
	return n
}

// remember notes an id. It returns the span that had it before, if any.
func (m *Memory) remember(k idKey, e idEntry) (before idEntry, known bool) {
	if old, ok := m.ids[k]; ok && e.at.Sub(old.at) <= m.limits.TTL {
		return old, true
	} else if ok {
		m.ids[k] = e
		return idEntry{}, false
	}
	if len(m.idOrder) < m.limits.Responses {
		m.idOrder = append(m.idOrder, k)
	} else {
		delete(m.ids, m.idOrder[m.idNext])
		m.Stats.IDsEvicted++
		m.idOrder[m.idNext] = k
		m.idNext = (m.idNext + 1) % len(m.idOrder)
	}
	m.ids[k] = e
	return idEntry{}, false
}

// idOf hashes parts unambiguously.
func (m *Memory) idOf(parts ...string) idKey {
	var k idKey
	for i := range k {
		var h maphash.Hash
		h.SetSeed(m.seed)
		_ = h.WriteByte(byte(i))
		for _, p := range parts {
			_, _ = h.WriteString(p)
			_ = h.WriteByte(0)
		}
		k[i] = h.Sum64()
	}
	return k
}

// hold returns a copy of f that does not share memory with a span. The spans of a
// session say the same, so one copy serves all.
func (m *Memory) hold(f facts) *facts {
	if held, ok := m.facts[f]; ok {
		return held
	}
	if len(m.facts) >= m.limits.Spans {
		clear(m.facts)
	}
	for _, s := range [...]*string{&f.agent.ID, &f.agent.Name, &f.agent.Version, &f.session, &f.person.ID, &f.person.Type} {
		*s = m.keep(*s)
	}
	m.facts[f] = &f
	return &f
}

// keep returns a copy of s that does not share memory with a span. Names repeat,
// so one copy serves all spans; the table starts over when it is full.
func (m *Memory) keep(s string) string {
	if s == "" {
		return ""
	}
	if k, ok := m.names[s]; ok {
		return k
	}
	if len(m.names) >= m.limits.Spans {
		clear(m.names)
	}
	k := string([]byte(s))
	m.names[k] = k
	return k
}
