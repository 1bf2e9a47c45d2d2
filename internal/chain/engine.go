package chain

import (
	"strings"
)

// Engine keeps runs, edges and grants and judges chains. It has one owner.
type Engine struct {
	Stats Stats

	opts   Options
	rights Rights

	traces map[TraceID]*trace
	open   queue // by last activity
	kept   queue // settled, by when they settled
	dirty  []*group
	spans  int

	joints    map[string]*joint
	mentions  map[string][]*trace
	crowded   map[string]bool // ids that more traces mention than are remembered
	grants    map[string]*Grant
	approvals map[string]*Approval
	byAgent   map[string][]*Approval // tenant, agent
	decisions map[string]*Decision
	byCall    map[string]*Decision
	byGrant   map[string][]*Decision // delegation id → answers about its use, with a checked token
	granted   map[string][]string    // chain id → grants registered for it
	revoked   map[string]Revocation  // of grants that have not come
	halts     map[string]Halt
	marks     map[Ref][]Mark
	order     map[string][]string // ids by table, oldest first
	workloads map[string]*identity
	tokens    map[string]*identity
	names     map[string]string
	parked    map[string]string // key wanted → what it is parked under
	chainIDs  map[string]*group
	pending   []Event
	views     map[*group]*groupView
	seen      []*group // views, oldest first

	j         judge
	buf, buf2 []byte
	tmp       struct {
		rec Record
		run Opening
		act Act
	}
}

// New returns an empty engine.
func New(o Options, r Rights) *Engine {
	e := &Engine{opts: o.withDefaults(), rights: r}
	e.reset()
	return e
}

func (e *Engine) reset() {
	*e = Engine{
		Stats: e.Stats, opts: e.opts, rights: e.rights,
		traces: map[TraceID]*trace{}, joints: map[string]*joint{}, mentions: map[string][]*trace{}, crowded: map[string]bool{},
		grants: map[string]*Grant{}, approvals: map[string]*Approval{}, byAgent: map[string][]*Approval{},
		decisions: map[string]*Decision{}, byCall: map[string]*Decision{}, byGrant: map[string][]*Decision{}, granted: map[string][]string{},
		revoked: map[string]Revocation{}, halts: map[string]Halt{}, marks: map[Ref][]Mark{},
		order: map[string][]string{}, workloads: map[string]*identity{}, tokens: map[string]*identity{}, names: map[string]string{},
		parked: map[string]string{}, chainIDs: map[string]*group{}, views: map[*group]*groupView{},
	}
}

// Add takes records of spans, in any order and any number of times. now is the
// time of arrival in Unix nanoseconds.
func (e *Engine) Add(now int64, rs ...Record) {
	for i := range rs {
		e.add(now, &rs[i])
	}
}

func (e *Engine) add(now int64, in *Record) {
	e.Stats.Spans++
	t := e.trace(now, in.Ref.Trace)
	if k := "t:" + string(in.Ref.Trace[:]); len(e.parked) > 0 && e.parked[k] != "" {
		e.want(k)
	}
	if in.Start > now+int64(e.opts.Limits.Ahead) {
		e.Stats.Future++
		t.cut = true
	}
	i := t.find(in.Ref.Span)
	if i >= 0 {
		e.again(now, t, i, in)
		return
	}
	if len(t.nodes) >= e.opts.Limits.SpansPerTrace || e.spans >= e.opts.Limits.Spans {
		e.Stats.SpansRefused++
		t.cut = true
		e.touchTrace(now, t)
		return
	}
	i = t.insert(in.Ref.Span, in.Parent)
	e.spans++
	if e.fill(now, t, i, in) {
		e.touchTrace(now, t)
	} else {
		e.stir(now, t.group)
	}
}

// bare reports whether a span matters only as a parent of others.
func (r *Record) bare() bool {
	return (r.Role == Plumbing || r.Role == Work) && r.Act == nil && len(r.Links) == 0
}

func (r *Record) worked() bool { return r.Role == Work || r.Role == Acts || r.Role == HandsOver }

// fill puts a record in its place and binds what it refers to. It reports
// whether the group must be judged again.
func (e *Engine) fill(now int64, t *trace, i int32, in *Record) bool {
	n := &t.nodes[i]
	n.parent, n.works = in.Parent, in.worked()
	gaps := t.gaps
	if n.parent != (SpanID{}) && t.find(n.parent) < 0 {
		t.gaps = true
	}
	if in.bare() {
		return gaps || t.awaited || t.asks && n.works || len(t.watchers)+len(t.decisions) > 0
	}
	rec := *in
	if rec.opening() {
		t.group.runs++
		t.asks = t.asks || rec.Role == Asks
		if rec.Run == nil {
			rec.Run = &Opening{}
		}
	}
	if len(rec.Links) > e.opts.Limits.Links {
		e.Stats.LinksCut++
		if rec.Run != nil {
			o := *rec.Run
			o.Dropped += uint32(len(rec.Links) - e.opts.Limits.Links)
			rec.Run = &o
		}
		rec.Links = rec.Links[:e.opts.Limits.Links]
	}
	e.buf = appendRecord(e.buf[:0], &rec)
	t.keep(i, e.buf)
	e.index(now, t, &rec)
	return true
}

func (r *Record) opening() bool { return r.Role == Opens || r.Role == Asks }

func (e *Engine) index(now int64, t *trace, rec *Record) {
	for _, id := range mentioned(rec) {
		e.named(id, t)
		if e.parked[id] != "" {
			e.want(id)
		}
	}
	if rec.opening() {
		for k := range rec.Links {
			e.bind(now, t, &rec.Links[k])
		}
		for _, h := range rec.Hints {
			if o := e.place(now, t, h.To.Trace); o != nil {
				e.watch(o, t)
			}
		}
		e.identify(now, t, rec)
	}
	for _, k := range rec.Asked {
		if jt := e.joint(rec.Tenant, k, t); jt != nil && len(jt.asked) < maxJoint {
			jt.asked = append(jt.asked, rec.Ref)
			for _, o := range jt.answers {
				e.unite(now, t, o)
			}
		}
	}
	for _, k := range rec.Answers {
		if strings.HasPrefix(k, "call:") || strings.HasPrefix(k, "name:") {
			continue // looked for within the group
		}
		if jt := e.joint(rec.Tenant, k, t); jt != nil && len(jt.answers) < maxJoint {
			jt.answers = append(jt.answers, t)
			for _, r := range jt.asked {
				if o := e.traces[r.Trace]; o != nil {
					e.unite(now, t, o)
				}
			}
		}
		if e.parked["k:"+k] != "" {
			e.want("k:" + k)
		}
	}
}

func (e *Engine) bind(now int64, t *trace, l *Link) {
	if l.To.IsZero() || l.Type == "" || l.Type == Approve {
		return
	}
	if e.parked["t:"+string(l.To.Trace[:])] != "" {
		e.want("t:" + string(l.To.Trace[:]))
	}
	o := e.place(now, t, l.To.Trace)
	if o == nil {
		return
	}
	if o.find(l.To.Span) < 0 {
		o.awaited = true
	}
	if l.Type == Join {
		e.watch(o, t)
		return
	}
	e.unite(now, t, o)
}

// place returns the trace that by refers to, and holds a place for one that has
// not come; nil if there is no room for another.
func (e *Engine) place(now int64, by *trace, id TraceID) *trace {
	if t := e.traces[id]; t != nil {
		return t
	}
	if len(e.traces) >= 4*e.opts.Limits.OpenChains {
		e.Stats.PlacesRefused++
		by.cut = true
		return nil
	}
	return e.trace(now, id)
}

func (e *Engine) joint(tenant, key string, t *trace) *joint {
	k := tenant + "\x00" + key
	jt := e.joints[k]
	if jt == nil {
		if len(e.joints) >= e.opts.Limits.Keys {
			e.Stats.KeysEvicted++
			t.cut = true
			return nil
		}
		jt = &joint{}
		e.joints[k] = jt
	}
	return jt
}
