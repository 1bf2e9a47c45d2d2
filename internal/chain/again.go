package chain

import (
	"slices"
)

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
