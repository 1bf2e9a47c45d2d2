package chain

import (
	"slices"
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
		traces: map[TraceID]*trace{}, joints: map[string]*joint{}, mentions: map[string][]*trace{},
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
		return gaps || t.asks && n.works
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

// again takes a span whose id is known: sent again, told in parts, or forged.
func (e *Engine) again(now int64, t *trace, i int32, in *Record) {
	n := &t.nodes[i]
	if n.size == 0 || in.bare() {
		e.againBare(now, t, i, in)
		return
	}
	next := *in
	if next.Run == nil && next.opening() {
		next.Run = &Opening{}
	}
	if len(next.Links) > e.opts.Limits.Links {
		o := Opening{}
		if next.Run != nil {
			o = *next.Run
			o.Dropped += uint32(len(next.Links) - e.opts.Limits.Links)
			next.Run = &o
		}
		next.Links = next.Links[:e.opts.Limits.Links]
	}
	old := string(t.data[n.off : n.off+n.size])
	e.buf = appendRecord(e.buf[:0], &next)
	if old == string(e.buf) {
		e.Stats.Duplicates++
		return
	}
	was := *e.peek(t, i)
	if was.Partial && next.Partial {
		next = mergeParts(&was, &next)
		if old == string(appendRecord(e.buf[:0], &next)) {
			e.Stats.Duplicates++
			return
		}
	} else {
		e.conflict(t)
		e.touchTrace(now, t)
		if string(e.buf) >= old {
			return
		}
	}
	e.unindex(t, &was)
	if was.opening() {
		t.group.runs--
	}
	n.size = 0
	e.fill(now, t, i, &next)
	e.touchTrace(now, t)
}

// againBare takes a span of which one telling or both have nothing to keep. What
// says more stands; of two that say nothing the smaller parent, and work if
// either says so.
func (e *Engine) againBare(now int64, t *trace, i int32, in *Record) {
	n := &t.nodes[i]
	switch {
	case n.size > 0: // the one that says more is there
		e.conflict(t)
	case in.bare() && n.parent == in.Parent && n.works == in.worked():
		e.Stats.Duplicates++
		return
	case in.bare():
		e.conflict(t)
		if less(in.Parent, n.parent) {
			n.parent = in.Parent
		}
		n.works = n.works || in.worked()
	default:
		e.conflict(t)
		e.fill(now, t, i, in)
	}
	e.touchTrace(now, t)
}

// conflict notes that one span id came with different contents: the smaller
// encoding stands, so that the order of arrival does not decide.
func (e *Engine) conflict(t *trace) {
	e.Stats.Conflicts++
	t.cut = true
}

func less(a, b SpanID) bool { return string(a[:]) < string(b[:]) }

// mergeParts joins two records that describe one span: the earliest start, the
// latest end, and of everything else what is known.
func mergeParts(a, b *Record) Record {
	m := *a
	switch {
	case m.Start == 0 || b.Start != 0 && b.Start < m.Start:
		m.Start = b.Start
	default:
	}
	m.End = max(m.End, b.End)
	m.Role = max(m.Role, b.Role)
	m.Agent, m.Session, m.Tenant = max(m.Agent, b.Agent), max(m.Session, b.Session), max(m.Tenant, b.Tenant)
	m.Mode = max(m.Mode, b.Mode)
	if m.Parent == (SpanID{}) {
		m.Parent = b.Parent
	}
	if b.Run != nil && (m.Run == nil || fuller(appendOpening(nil, b.Run), appendOpening(nil, m.Run))) {
		m.Run = b.Run
	}
	if b.Act != nil {
		if m.Act == nil {
			m.Act = b.Act
		} else {
			act := *m.Act
			x := b.Act
			act.Tool, act.Operation, act.Resource = max(act.Tool, x.Tool), max(act.Operation, x.Operation), max(act.Resource, x.Resource)
			act.Args, act.CallID, act.Purpose = max(act.Args, x.Args), max(act.CallID, x.CallID), max(act.Purpose, x.Purpose)
			act.DelegationID, act.ApprovalID = max(act.DelegationID, x.DelegationID), max(act.ApprovalID, x.ApprovalID)
			act.DecisionID = max(act.DecisionID, x.DecisionID)
			if len(act.Data) == 0 {
				act.Data = x.Data
			}
			m.Act = &act
		}
	}
	m.Links = mergeList(m.Links, b.Links)
	m.Asked, m.Answers = mergeStrings(m.Asked, b.Asked), mergeStrings(m.Answers, b.Answers)
	return m
}

// fuller orders encodings by length, then content.
func fuller(a, b []byte) bool {
	return len(a) > len(b) || len(a) == len(b) && string(a) > string(b)
}

func mergeList(a, b []Link) []Link {
	if len(b) > len(a) {
		return b
	}
	return a
}

func mergeStrings(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}
