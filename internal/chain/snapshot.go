package chain

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// snapshotFormat is the first word of a snapshot, partFormat of a parked chain.
const (
	snapshotFormat = "spanwarden.chain/1"
	partFormat     = "spanwarden.chain.part/1"
)

// Snapshot returns the state as bytes: equal states give equal bytes. Everything
// that was added must have been flushed.
func (e *Engine) Snapshot() []byte {
	w := enc{}
	w.s(snapshotFormat)
	for _, table := range []string{"grants", "approvals", "decisions", "halts"} {
		ids := e.order[table]
		w.u(uint64(len(ids)))
		for _, id := range ids {
			switch table {
			case "grants":
				w.grant(e.grants[id])
			case "approvals":
				w.approval(e.approvals[id])
			case "decisions":
				w.decision(e.decisions[id])
			default:
				w.halt(e.halts[id])
			}
		}
	}
	refs := slices.SortedFunc(maps.Keys(e.marks), Ref.Compare)
	w.u(uint64(len(refs)))
	for _, r := range refs {
		w.u(uint64(len(e.marks[r])))
		for _, m := range e.marks[r] {
			w.ref(m.Span)
			w.s(string(m.Code))
			w.s(m.Note)
		}
	}
	revoked := slices.Sorted(maps.Keys(e.revoked))
	w.u(uint64(len(revoked)))
	for _, id := range revoked {
		w.s(id)
		w.i(e.revoked[id].At)
		w.s(e.revoked[id].By)
	}
	keys := slices.Sorted(maps.Keys(e.parked))
	w.u(uint64(len(keys)))
	for _, k := range keys {
		w.s(k)
		w.s(e.parked[k])
	}
	for _, q := range []*queue{&e.open, &e.kept} {
		gs := make([]*group, 0, q.len)
		for g := q.head; g != nil; g = g.next {
			gs = append(gs, g)
		}
		// By time, as the queue is; ids decide between equals.
		for _, g := range gs {
			slices.SortFunc(g.traces, func(a, b *trace) int { return bytes.Compare(a.id[:], b.id[:]) })
		}
		slices.SortFunc(gs, compareGroups)
		w.u(uint64(len(gs)))
		for _, g := range gs {
			w.group(g)
		}
	}
	return w.b
}

func compareGroups(a, b *group) int {
	if x, y := a.idleSince(), b.idleSince(); x != y {
		if x < y {
			return -1
		}
		return 1
	}
	return bytes.Compare(a.traces[0].id[:], b.traces[0].id[:])
}

func (g *group) idleSince() int64 {
	if g.settled {
		return g.settledAt
	}
	return g.active
}

// Restore replaces the state by that of a snapshot. After an error the engine is
// empty.
func (e *Engine) Restore(data []byte) error {
	e.reset()
	d := &dec{b: bytes.Clone(data)}
	if f := d.s(); f != snapshotFormat {
		return fmt.Errorf("chain snapshot: format %q is not %q", f, snapshotFormat)
	}
	for range d.count(4) {
		g := d.grant()
		e.keepGrant(g)
		e.order["grants"] = append(e.order["grants"], g.ID)
	}
	for range d.count(4) {
		a := d.approval()
		e.approvals[a.ID] = a
		e.order["approvals"] = append(e.order["approvals"], a.ID)
		k := a.Tenant + "\x00" + a.Agent
		e.byAgent[k] = append(e.byAgent[k], a)
	}
	for range d.count(4) {
		e.restoreDecision(d.decision())
	}
	for range d.count(4) {
		h := d.halt()
		e.halts[h.ID] = h
		e.order["halts"] = append(e.order["halts"], h.ID)
	}
	for range d.count(2) {
		for range d.count(24) {
			m := Mark{Span: d.ref(), Code: Code(d.s()), Note: d.s()}
			e.marks[m.Span] = append(e.marks[m.Span], m)
		}
	}
	for range d.count(3) {
		r := Revocation{ID: d.s(), At: d.i(), By: d.s()}
		e.revoked[r.ID] = r
	}
	for range d.count(2) {
		k := d.s()
		e.parked[k] = d.s()
	}
	for range 2 {
		for range d.count(16) {
			if d.err == nil {
				e.restoreGroup(0, d)
			}
		}
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	if d.err != nil {
		e.reset()
		return fmt.Errorf("chain snapshot: %w", d.err)
	}
	// Nothing has changed by being read: what is open is judged when it settles
	// or when more comes.
	for _, g := range e.dirty {
		g.dirty = false
	}
	e.dirty = nil
	return nil
}

func (e *Engine) restoreDecision(d *Decision) {
	e.decisions[d.ID] = d
	e.order["decisions"] = append(e.order["decisions"], d.ID)
	e.indexDecision(d)
}

// group writes a group with everything that its judgement rests on.
func (w *enc) group(g *group) {
	w.i(g.opened)
	w.i(g.active)
	w.i(g.settledAt)
	w.bit(g.settled)
	w.bit(g.evicted)
	w.bit(g.cut)
	w.u(uint64(len(g.chains)))
	chains := slices.Clone(g.chains)
	slices.SortFunc(chains, func(a, b *chainState) int { return a.root.Compare(b.root) })
	for _, c := range chains {
		w.s(c.id)
		w.ref(c.root)
		w.u(c.digest)
		w.u(uint64(c.first))
		w.u(uint64(len(c.revisions)))
		for _, r := range c.revisions {
			w.i(r.At)
			w.s(string(r.Verdict))
			w.s(r.Digest)
		}
	}
	w.u(uint64(len(g.firing)))
	firing := slices.Clone(g.firing)
	slices.SortFunc(firing, compareFindings)
	for i := range firing {
		w.finding(&firing[i])
	}
	w.u(uint64(len(g.traces)))
	for _, t := range g.traces {
		w.trace(t)
	}
}

func compareFindings(a, b Finding) int {
	if c := a.Accused.Compare(b.Accused); c != 0 {
		return c
	}
	return bytes.Compare([]byte(string(a.Code)+a.Cause+a.Chain), []byte(string(b.Code)+b.Cause+b.Chain))
}

func (w *enc) trace(t *trace) {
	w.raw(t.id[:])
	w.bit(t.cut)
	w.u(uint64(len(t.decisions)))
	for _, d := range t.decisions {
		w.s(d.ID)
	}
	order := make([]int32, len(t.nodes))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return bytes.Compare(t.nodes[a].id[:], t.nodes[b].id[:]) })
	w.u(uint64(len(order)))
	for _, i := range order {
		n := &t.nodes[i]
		w.raw(n.id[:])
		w.raw(n.parent[:])
		w.bit(n.works)
		w.bit(n.lost)
		w.u(uint64(n.told))
		w.u(uint64(n.revision))
		w.s(string(t.data[n.off : n.off+n.size]))
	}
}

// restoreGroup reads a group and puts it in its place. Traces that are in memory
// already get what they lack. now is 0 where the group comes back exactly as it
// was; else the time at which it is taken back, to be judged again.
func (e *Engine) restoreGroup(now int64, d *dec) {
	opened, active, settledAt := d.i(), d.i(), d.i()
	settled, evicted, cut := d.bit(), d.bit(), d.bit()
	var chains []*chainState
	for range d.count(40) {
		c := &chainState{id: strings.Clone(d.s()), root: d.ref(), digest: d.u(), first: int(d.u())}
		for k := range d.count(3) {
			c.revisions = append(c.revisions, Revision{Number: c.first + k, At: d.i(), Verdict: Code(e.intern(d.s())), Digest: d.s()})
		}
		chains = append(chains, c)
	}
	var firing []Finding
	for range d.count(40) {
		firing = append(firing, d.finding())
	}
	var first *trace
	for range d.count(18) {
		if d.err != nil {
			return
		}
		t := e.restoreTrace(max(now, active), d)
		if first == nil {
			first = t
		} else {
			e.unite(max(now, active), first, t)
		}
	}
	if first == nil || d.err != nil {
		return
	}
	g := first.group
	g.chains, g.firing = append(g.chains, chains...), append(g.firing, firing...)
	g.evicted, g.cut = g.evicted || evicted, g.cut || cut
	for _, c := range chains {
		e.chainIDs[c.id] = g
	}
	if now != 0 {
		e.touch(now, g)
		return
	}
	g.opened, g.active, g.settledAt = opened, active, settledAt
	if settled {
		g.settled = true
		g.queue.remove(g)
		e.kept.push(g)
	}
}

func (e *Engine) restoreTrace(now int64, d *dec) *trace {
	var id TraceID
	copy(id[:], d.raw(16))
	t := e.trace(now, id)
	t.cut = d.bit() || t.cut
	for range d.count(1) {
		if x := e.decisions[d.s()]; x != nil && !slices.Contains(t.decisions, x) {
			t.decisions = append(t.decisions, x)
		}
	}
	for range d.count(20) {
		var rec Record
		var run Opening
		var act Act
		n := node{open: openUnset}
		copy(n.id[:], d.raw(8))
		copy(n.parent[:], d.raw(8))
		n.works, n.lost = d.bit(), d.bit()
		n.told, n.revision = uint32(d.u()), uint16(d.u())
		data := d.s()
		if d.err != nil {
			return t
		}
		if data != "" {
			rd := dec{b: []byte(data)}
			if rd.record(&rec, &run, &act); rd.err != nil {
				d.fail()
				return t
			}
		} else if n.works {
			rec.Role = Work
		}
		if t.find(n.id) >= 0 {
			continue
		}
		rec.Ref, rec.Parent = Ref{id, n.id}, n.parent
		i := t.insert(n.id, n.parent)
		e.spans++
		e.fill(now, t, i, &rec)
		t.nodes[i].told, t.nodes[i].lost, t.nodes[i].works, t.nodes[i].revision = n.told, n.lost, n.works, n.revision
	}
	return t
}
