package chain

import "bytes"

// A chain that is complete when it is judged is, unless more comes, the same
// chain when it settles. What is to be told then is kept, so that settling does
// not judge it again.

// settled reports whether judging again at the end would find the same: every
// run is resolved, nothing is waited for, and every delegating span is answered.
func (j *judge) complete() bool {
	if len(j.comps) == 0 || len(j.comps) > 4 || len(j.g.firing) > 0 {
		return false
	}
	for _, t := range j.g.traces {
		if t.gaps || len(t.nodes) == 0 || len(t.decisions) > 0 {
			return false
		}
	}
	for _, r := range j.runs {
		if !r.resolved {
			return false
		}
	}
	for k := range j.asks {
		if !j.asks[k].used && !j.delegates[j.asks[k].rec.Ref] {
			return false
		}
	}
	return true
}

// keepReady notes what settling will tell.
func (j *judge) keepReady() {
	g := j.g
	g.ready = nil
	if !j.whole || len(j.findings) > 8 {
		return
	}
	w := enc{j.e.buf2[:0]}
	w.u(uint64(len(j.comps)))
	for _, c := range j.comps {
		sum := j.chainDigest(c)
		w.raw(sum[:])
		w.chain(j.chainView(c, nil))
	}
	late := 0
	for i := range j.findings {
		if j.findings[i].Code.OnlyTimeProves() {
			late++
		}
	}
	w.u(uint64(late))
	for i := range j.findings {
		if j.findings[i].Code.OnlyTimeProves() {
			w.finding(&j.findings[i])
		}
	}
	j.e.buf2, g.ready = w.b, bytes.Clone(w.b)
}

// settleReady settles a group that nothing has happened to since it was judged.
func (e *Engine) settleReady(now int64, g *group) {
	d := &dec{b: g.ready}
	g.ready = nil
	var taken []*chainState
	for range d.count(32) {
		var sum [32]byte
		copy(sum[:], d.raw(32))
		v := d.chain()
		s := g.state(v.ID, v.Root, taken)
		if s == nil {
			continue
		}
		taken = append(taken, s)
		v.State = Settled
		e.settleChain(now, sum, &v, s)
	}
	for range d.count(32) {
		f := d.finding()
		g.firing = append(g.firing, f)
		e.pending = append(e.pending, Event{Type: FindingFired, Finding: &f})
	}
	e.rest(now, g)
}

func (w *enc) chain(v ChainView) {
	w.s(v.ID)
	w.ref(v.Root)
	w.bit(v.RootResolved)
	w.s(v.Tenant)
	w.u(uint64(len(v.Segments)))
	for _, s := range v.Segments {
		w.ref(s.Root)
		w.principal(s.Principal)
	}
	w.principal(v.Principal)
	for _, n := range [...]int{v.Runs, v.Edges, v.Actions, v.Depth} {
		w.i(int64(n))
	}
	w.i(v.First)
	w.i(v.Last)
	w.s(string(v.Grade))
	w.s(string(v.Verdict))
	w.u(uint64(len(v.Reasons)))
	for _, c := range v.Reasons {
		w.s(string(c))
	}
	w.list(v.Missing)
}

func (d *dec) chain() (v ChainView) {
	v.ID, v.Root, v.RootResolved, v.Tenant = d.s(), d.ref(), d.bit(), d.s()
	for range d.count(25) {
		v.Segments = append(v.Segments, Segment{d.ref(), d.principalOr()})
	}
	v.Principal = d.principalOr()
	for _, p := range [...]*int{&v.Runs, &v.Edges, &v.Actions, &v.Depth} {
		*p = int(d.i())
	}
	v.First, v.Last, v.Grade, v.Verdict = d.i(), d.i(), Grade(d.s()), Code(d.s())
	for range d.count(1) {
		v.Reasons = append(v.Reasons, Code(d.s()))
	}
	v.Missing = d.list()
	return v
}

// principalOr reads a principal where an absent one is a missing one.
func (d *dec) principalOr() Principal {
	p := d.principal()
	if p.ID == "" {
		p.Grade = Missing
	}
	return p
}
