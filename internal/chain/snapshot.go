package chain

import (
	"bytes"
	"maps"
	"slices"
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
