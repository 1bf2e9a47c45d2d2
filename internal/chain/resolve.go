package chain

import (
	"slices"
)

// resolve finds the run around node i, walking up to what is known and down
// again. Parents in a circle are parents that never came.
func (j *judge) resolve(t *trace, i int32, works []bool, answered map[Ref]bool) {
	up := j.walk[:0]
	at, state := i, openNone
	for {
		n := &t.nodes[at]
		if n.open == openOnPath {
			j.e.Stats.ParentCycles++
			k := slices.Index(up, at)
			for _, c := range up[k:] {
				j.settleNode(t, c, openMissing, works, answered)
			}
			state, up = t.nodes[at].open, up[:k]
			break
		}
		if n.open != openUnset {
			state = n.open
			break
		}
		n.open = openOnPath
		up = append(up, at)
		if n.parent == (SpanID{}) {
			break
		}
		if at = t.find(n.parent); at < 0 {
			t.gaps, state = true, openMissing
			break
		}
	}
	for _, i := range slices.Backward(up) {
		state = j.settleNode(t, i, state, works, answered)
	}
	j.walk = up
}

// settleNode says what is open below a node, given what is above it.
func (j *judge) settleNode(t *trace, i, above int32, works []bool, answered map[Ref]bool) int32 {
	n := &t.nodes[i]
	n.open = above
	if t.recs[i] != nil && opens(t, above, works, i, answered) {
		j.newRun(t, i, above)
		n.open = i
	}
	return n.open
}

// opens reports whether a node opens a run, given the state above it.
func opens(t *trace, above int32, works []bool, i int32, answered map[Ref]bool) bool {
	rec := t.recs[i]
	switch rec.Role {
	case Opens:
	case Steps:
		if !rec.promoted {
			return false
		}
	case Asks:
		if !works[i] || answered[rec.Ref] {
			return false
		}
	default:
		return false
	}
	if above < 0 {
		return true
	}
	for k := range rec.Links {
		if lt := rec.Links[k].Type; lt != "" && lt != Approve {
			return true
		}
	}
	p := t.recs[above]
	return rec.Agent != "" && rec.Agent != p.Agent || rec.Tenant != p.Tenant
}

func (j *judge) newRun(t *trace, i, above int32) {
	rec := t.recs[i]
	r := j.runPool.get()
	*r = run{rec: rec, tr: t, node: i, depth: -1, edges: r.edges[:0]}
	if above >= 0 {
		if up := t.recs[above]; up.Tenant == rec.Tenant {
			r.up = up.run
		} else {
			j.e.Stats.TenantsCrossed++
		}
	}
	r.upMissing = above == openMissing
	rec.run = r
	j.runs = append(j.runs, r)
}

// runAt returns the run around a node of this group; missing is true if that
// cannot be known yet.
func (t *trace) runAt(i int32) (r *run, missing bool) {
	switch o := t.nodes[i].open; {
	case o >= 0:
		return t.recs[o].run, false
	case o == openNone:
		return nil, false
	default:
		return nil, true
	}
}
