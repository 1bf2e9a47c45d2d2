package chain

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// tell compares what was found with what was told before.
func (e *Engine) tell(now int64, j *judge, v *groupView) {
	for i, r := range j.runs {
		e.tellRun(j, r, &v.runs[i].RunView)
	}
	for _, a := range j.actions {
		e.tellAction(j, a)
	}
	e.tellFindings(j)
	e.tellChains(now, j)
}

// changed reports whether a digest is not the one told last.
func (n *node) changed(b []byte) bool {
	sum := uint32(2166136261) // FNV-1a
	for _, c := range b {
		sum = (sum ^ uint32(c)) * 16777619
	}
	sum = max(sum, 1)
	if n.told == sum {
		return false
	}
	n.told = sum
	if n.revision < 1<<16-1 {
		n.revision++
	}
	return true
}

func (e *Engine) tellRun(j *judge, r *run, v *RunView) {
	if !r.resolved && !j.settling {
		return
	}
	e.buf = j.runDigest(e.buf[:0], r)
	if !r.tr.nodes[r.node].changed(e.buf) {
		return
	}
	v.Revision = int(r.tr.nodes[r.node].revision)
	e.pending = append(e.pending, Event{Type: RunResolved, Run: v})
	for _, ed := range r.all() {
		v := j.edgeView(ed)
		v.Revision = int(r.tr.nodes[r.node].revision)
		e.pending = append(e.pending, Event{Type: EdgeFound, Edge: &v})
	}
}

// runDigest is what makes a run, and the edges into it, different.
func (j *judge) runDigest(b []byte, r *run) []byte {
	w := enc{b}
	w.s(r.chain)
	w.ref(r.rec.Ref)
	w.ref(r.segment.rec.Ref)
	w.i(int64(r.depth))
	w.principal(r.principal)
	w.s(r.rec.Agent)
	w.i(r.rec.End)
	for _, c := range r.codes {
		w.s(string(c))
	}
	for _, e := range r.all() {
		w.b = e.digest(w.b)
	}
	for _, a := range j.agentsAbove(r) {
		w.s(a)
	}
	return w.b
}

func (e *edge) digest(b []byte) []byte {
	w := enc{b}
	w.ref(e.source())
	w.ref(e.asked)
	w.ref(e.linked)
	w.ref(e.abroad)
	w.s(string(e.kind))
	w.s(string(e.grade))
	w.s(e.id)
	w.s(e.grant.source)
	w.bit(e.authority)
	w.bit(e.missing)
	w.i(e.grant.until)
	w.i(e.grant.revoked)
	for _, c := range e.codes {
		w.s(string(c))
	}
	return w.b
}

func (e *Engine) tellAction(j *judge, a *action) {
	if a.authority == "" || a.authority == AuthorityUnknown && !a.run.resolved && !j.settling {
		return
	}
	w := enc{e.buf[:0]}
	w.b = a.digest(w.b)
	w.s(a.run.chain)
	e.buf = w.b
	t := j.e.traces[a.rec.Ref.Trace]
	i := t.find(a.rec.Ref.Span)
	if !t.nodes[i].changed(e.buf) {
		return
	}
	v := j.actionView(a)
	v.Revision = int(t.nodes[i].revision)
	e.pending = append(e.pending, Event{Type: ActionJudged, Action: &v})
}

func (a *action) digest(b []byte) []byte {
	w := enc{b}
	w.ref(a.rec.Ref)
	w.ref(a.run.rec.Ref)
	w.s(string(a.boundary))
	w.s(string(a.authority))
	w.s(a.note)
	w.s(a.decision)
	w.s(a.approval)
	for _, c := range a.codes {
		w.s(string(c))
	}
	w.list(a.refusedBy)
	for _, r := range a.same {
		w.ref(r)
	}
	return w.b
}

// tellFindings tells what began and what ended. What only time proves begins when
// the chain settles.
func (e *Engine) tellFindings(j *judge) {
	firing := j.g.firing
	if len(firing) == 0 && len(j.findings) == 0 {
		return
	}
	before := make(map[findingKey]int, len(firing))
	for i := range firing {
		before[firing[i].key()] = i
	}
	var next []Finding
	for i := range j.findings {
		f := &j.findings[i]
		k := f.key()
		if _, was := before[k]; was {
			delete(before, k)
			next = append(next, *f)
			continue
		}
		if f.Code.OnlyTimeProves() && !j.settling {
			continue
		}
		f2 := *f
		next = append(next, f2)
		e.pending = append(e.pending, Event{Type: FindingFired, Finding: &f2})
	}
	ended := make([]int, 0, len(before))
	for _, i := range before {
		ended = append(ended, i)
	}
	slices.Sort(ended)
	for _, i := range ended {
		f := firing[i]
		e.pending = append(e.pending, Event{Type: FindingResolved, Finding: &f})
	}
	j.g.firing = next
}

// tellChains tells new revisions of settled chains, and which chains are no more.
func (e *Engine) tellChains(now int64, j *judge) {
	g := j.g
	taken := make([]*chainState, 0, len(j.comps))
	for _, c := range j.comps {
		s := g.state(c.id, c.root.rec.Ref, taken)
		if s == nil {
			s = &chainState{id: strings.Clone(c.id), first: 1}
			g.chains = append(g.chains, s)
		}
		s.root = c.root.rec.Ref
		taken = append(taken, s)
		e.chainIDs[s.id] = g
		if j.settling {
			v := j.chainView(c, s)
			e.settleChain(now, j.chainDigest(c), &v, s)
		}
	}
	g.chains = slices.DeleteFunc(g.chains, func(s *chainState) bool {
		if slices.Contains(taken, s) {
			return false
		}
		e.superseded(j, s)
		return true
	})
}

// settleChain makes a new revision of a chain if it says anything new.
func (e *Engine) settleChain(now int64, sum [32]byte, v *ChainView, s *chainState) {
	d := binary.BigEndian.Uint64(sum[:])
	if len(s.revisions) > 0 && s.digest == d {
		return
	}
	e.Stats.Settled++
	s.digest = d
	s.revisions = append(s.revisions, Revision{
		Number: s.first + len(s.revisions), At: now, Verdict: v.Verdict, Digest: hex.EncodeToString(sum[:16]),
	})
	if len(s.revisions) > maxRevisions {
		s.revisions = slices.Delete(s.revisions, 0, 1)
		s.first++
	}
	v.revised(s)
	e.pending = append(e.pending, Event{Type: ChainSettled, Chain: v})
}

// chainDigest is over all that a revision says.
func (j *judge) chainDigest(c *component) [32]byte {
	w := enc{j.e.buf[:0]}
	w.s(c.id)
	w.s(string(c.verdict))
	for _, r := range c.reasons {
		w.s(string(r))
	}
	w.list(c.missing)
	for _, r := range c.runs {
		w.b = j.runDigest(w.b, r)
	}
	acts := slices.Clone(c.actions)
	slices.SortFunc(acts, func(a, b *action) int { return cmp.Compare(0, b.rec.Ref.Compare(a.rec.Ref)) })
	for _, a := range acts {
		w.b = a.digest(w.b)
	}
	j.e.buf = w.b
	return sha256.Sum256(w.b)
}

// superseded tells that a chain is now part of another one.
func (e *Engine) superseded(j *judge, s *chainState) {
	if e.chainIDs[s.id] == j.g {
		delete(e.chainIDs, s.id)
	}
	if len(s.revisions) == 0 {
		return // nobody was told of it
	}
	v := ChainView{ID: s.id, Root: s.root, State: Superseded, Depth: -1, Revision: s.first + len(s.revisions) - 1}
	for _, c := range j.comps {
		for _, r := range c.runs {
			if r.rec.Ref == s.root {
				v.SupersededBy, v.Tenant = c.id, c.tenant
			}
		}
	}
	e.pending = append(e.pending, Event{Type: ChainSuperseded, Chain: &v})
}

// all are the edges into a run with the hints.
func (r *run) all() []*edge {
	if len(r.hints) == 0 {
		return r.edges
	}
	return append(slices.Clip(r.edges), r.hints...)
}
