package chain

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

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

// restoreGroup reads a group and puts it in its place. Traces that are in memory
// already get what they lack. now is 0 where the group comes back exactly as it
// was; else the time at which it is taken back, to be judged again.
func (e *Engine) restoreGroup(now int64, d *dec) {
	opened, active, settledAt := d.i(), d.i(), d.i()
	settled, evicted, cut := d.bit(), d.bit(), d.bit()
	n := d.count(40)
	chains := make([]*chainState, 0, n)
	for range n {
		c := &chainState{id: strings.Clone(d.s()), root: d.ref(), digest: d.u(), first: int(d.u())}
		for k := range d.count(3) {
			c.revisions = append(c.revisions, Revision{Number: c.first + k, At: d.i(), Verdict: Code(e.intern(d.s())), Digest: d.s()})
		}
		chains = append(chains, c)
	}
	n = d.count(40)
	firing := make([]Finding, 0, n)
	for range n {
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
