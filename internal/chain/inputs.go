package chain

import "slices"

// remember adds an id to a table of bounded size; it returns the id that had to
// go, if any.
func (e *Engine) remember(table, id string) (gone string) {
	e.order[table] = append(e.order[table], id)
	ids := e.order[table]
	if len(ids) > e.opts.Limits.Keys {
		gone = ids[0]
		ids = slices.Delete(ids, 0, 1)
		e.Stats.KeysEvicted++
	}
	e.order[table] = ids
	return gone
}

func (e *Engine) touchNamed(now int64, id string) {
	if e.crowded[id] {
		e.RegistryChanged(now, 0)
		return
	}
	for _, t := range e.mentions[id] {
		e.touchTrace(now, t)
	}
	if e.parked[id] != "" {
		e.want(id)
	}
}

// AddGrants takes registered grants. The id of a grant is registered once: the
// same id with other contents changes nothing but RevokedAt, which only gets
// earlier.
func (e *Engine) AddGrants(now int64, gs ...Grant) {
	for _, g := range gs {
		if old := e.grants[g.ID]; old != nil {
			if g.RevokedAt != 0 {
				e.Revoke(now, g.ID, g.RevokedAt, g.RevokedBy)
			}
			e.Stats.Duplicates++
			continue
		}
		if gone := e.remember("grants", g.ID); gone != "" {
			e.dropGrant(gone)
		}
		if r, ok := e.revoked[g.ID]; ok && (g.RevokedAt == 0 || r.At < g.RevokedAt) {
			g.RevokedAt, g.RevokedBy = r.At, r.By
		}
		delete(e.revoked, g.ID)
		e.keepGrant(&g)
		e.touchNamed(now, "g:"+g.ID)
		if c := e.chainIDs[g.ChainID]; c != nil {
			e.touch(now, c)
		}
	}
}

func (e *Engine) keepGrant(g *Grant) {
	e.grants[g.ID] = g
	if g.ChainID != "" && len(e.granted[g.ChainID]) < maxJoint {
		e.granted[g.ChainID] = append(e.granted[g.ChainID], g.ID)
	}
}

func (e *Engine) dropGrant(id string) {
	c := e.grants[id].ChainID
	delete(e.grants, id)
	if i := slices.Index(e.granted[c], id); i >= 0 {
		if e.granted[c] = slices.Delete(e.granted[c], i, i+1); len(e.granted[c]) == 0 {
			delete(e.granted, c)
		}
	}
}

// Revoke ends a grant at a time. Of several the earliest counts.
func (e *Engine) Revoke(now int64, id string, at int64, by string) {
	g := e.grants[id]
	if g == nil {
		if r, known := e.revoked[id]; known && r.At <= at {
			return
		} else if !known && len(e.revoked) >= e.opts.Limits.Keys {
			e.Stats.KeysEvicted++
			return
		}
		e.revoked[id] = Revocation{id, at, by}
		return
	}
	if g.RevokedAt != 0 && g.RevokedAt <= at {
		return
	}
	g.RevokedAt, g.RevokedBy = at, by
	e.touchNamed(now, "g:"+id)
}

// AddApprovals takes approvals; an id counts once.
func (e *Engine) AddApprovals(now int64, as ...Approval) {
	for _, a := range as {
		if e.approvals[a.ID] != nil {
			e.Stats.Duplicates++
			continue
		}
		if gone := e.remember("approvals", a.ID); gone != "" {
			e.dropApproval(gone)
		}
		e.approvals[a.ID] = &a
		k := a.Tenant + "\x00" + a.Agent
		e.byAgent[k] = append(e.byAgent[k], &a)
		e.touchNamed(now, "a:"+a.ID)
		e.touchNamed(now, "w:"+k)
	}
}

func (e *Engine) dropApproval(id string) {
	a := e.approvals[id]
	delete(e.approvals, id)
	k := a.Tenant + "\x00" + a.Agent
	if i := slices.Index(e.byAgent[k], a); i >= 0 {
		if e.byAgent[k] = slices.Delete(e.byAgent[k], i, i+1); len(e.byAgent[k]) == 0 {
			delete(e.byAgent, k)
		}
	}
}

// AddDecisions takes answers of the decision receiver; an id counts once.
func (e *Engine) AddDecisions(now int64, ds ...Decision) {
	for _, d := range ds {
		if e.decisions[d.ID] != nil {
			e.Stats.Duplicates++
			continue
		}
		if gone := e.remember("decisions", d.ID); gone != "" {
			e.dropDecision(gone)
		}
		e.decisions[d.ID] = &d
		e.indexDecision(&d)
		if d.Span.Trace != (TraceID{}) {
			if t := e.traces[d.Span.Trace]; t != nil || len(e.traces) < 2*e.opts.Limits.OpenChains {
				t = e.trace(now, d.Span.Trace)
				t.decisions = append(t.decisions, &d)
				e.touchTrace(now, t)
			}
		}
		e.touchNamed(now, "d:"+d.ID)
		e.touchNamed(now, "g:"+d.DelegationID)
	}
}

// indexDecision makes a decision findable by call and by delegation. Of several
// about one call the latest counts, of two at one time the one with the greater id.
func (e *Engine) indexDecision(d *Decision) {
	if k := d.Tenant + "\x00" + d.CallID; d.CallID != "" {
		if old := e.byCall[k]; old == nil || d.At > old.At || d.At == old.At && d.ID > old.ID {
			e.byCall[k] = d
		}
	}
	if k := d.Tenant + "\x00" + d.DelegationID; d.DelegationID != "" && d.Principal.Grade == Verified && len(e.byGrant[k]) < maxJoint {
		e.byGrant[k] = append(e.byGrant[k], d)
	}
}

func (e *Engine) dropDecision(id string) {
	d := e.decisions[id]
	delete(e.decisions, id)
	if k := d.Tenant + "\x00" + d.CallID; e.byCall[k] == d {
		delete(e.byCall, k)
	}
	k := d.Tenant + "\x00" + d.DelegationID
	if i := slices.Index(e.byGrant[k], d); i >= 0 {
		if e.byGrant[k] = slices.Delete(e.byGrant[k], i, i+1); len(e.byGrant[k]) == 0 {
			delete(e.byGrant, k)
		}
	}
	if t := e.traces[d.Span.Trace]; t != nil {
		if i := slices.Index(t.decisions, d); i >= 0 {
			t.decisions = slices.Delete(t.decisions, i, i+1)
		}
	}
}

// AddHalts takes halts; one with the id of another replaces it. Every open chain
// is judged anew.
func (e *Engine) AddHalts(now int64, hs ...Halt) {
	for _, h := range hs {
		if _, known := e.halts[h.ID]; !known {
			if gone := e.remember("halts", h.ID); gone != "" {
				delete(e.halts, gone)
			}
		}
		e.halts[h.ID] = h
		e.RegistryChanged(now, h.At)
	}
}

// AddMarks takes what other processors found about actions.
func (e *Engine) AddMarks(now int64, ms ...Mark) {
	for _, m := range ms {
		if slices.Contains(e.marks[m.Span], m) {
			e.Stats.Duplicates++
			continue
		}
		if _, known := codeRank[m.Code]; !known {
			continue
		}
		if len(e.marks) >= e.opts.Limits.Keys {
			e.Stats.KeysEvicted++
			continue
		}
		e.marks[m.Span] = append(e.marks[m.Span], m)
		if t := e.traces[m.Span.Trace]; t != nil {
			e.touchTrace(now, t)
		}
	}
}

// RegistryChanged makes every chain in memory that was active at or after a
// time be judged anew.
func (e *Engine) RegistryChanged(now, from int64) {
	for _, q := range []*queue{&e.open, &e.kept} {
		var gs []*group
		for g := q.head; g != nil; g = g.next {
			if g.lastAct() >= from {
				gs = append(gs, g)
			}
		}
		for _, g := range gs {
			e.touch(now, g)
		}
	}
}

// lastAct is the latest start of an action or run of the group.
func (g *group) lastAct() int64 {
	var last int64
	for _, t := range g.traces {
		for i := range t.nodes {
			if n := &t.nodes[i]; n.size > 0 {
				d := dec{b: t.data[n.off+10 : n.off+n.size]} // after role, flags and parent
				last = max(last, d.i())
			}
		}
	}
	return last
}
