package chain

import "slices"

// joint is what is known under one protocol id.
type joint struct {
	asked   []Ref // spans that can be answered by it, in order of arrival
	answers []*trace
}

const maxJoint = 128

// watch makes changes of t known to the chain of by.
func (e *Engine) watch(t, by *trace) {
	if t == by || slices.Contains(t.watchers, by) {
		return
	}
	if len(t.watchers) >= e.opts.Limits.Watchers {
		e.Stats.WatchersRefused++
		by.group.cut = true
		return
	}
	t.watchers = append(t.watchers, by)
}

// named notes that a trace mentions an id of a grant or an approval.
func (e *Engine) named(id string, t *trace) {
	if id == "" {
		return
	}
	ts := e.mentions[id]
	if slices.Contains(ts, t) {
		return
	}
	if len(ts) >= maxJoint {
		e.crowded[id] = true // bounded as mentions is: what is said of it concerns everybody
		return
	}
	if len(ts) == 0 && len(e.mentions) >= 4*e.opts.Limits.Keys {
		e.Stats.KeysEvicted++
		t.cut = true
		return
	}
	e.mentions[id] = append(ts, t)
}

// forget drops a group and everything that points at it.
func (e *Engine) forget(g *group) {
	if g.queue != nil {
		g.queue.remove(g)
	}
	g.dirty = false
	for _, t := range g.traces {
		delete(e.traces, t.id)
		e.spans -= len(t.nodes)
		for i := range t.nodes {
			if t.nodes[i].size > 0 {
				rec := e.peek(t, int32(i))
				e.unindex(t, rec)
				e.unwatch(t, rec)
			}
		}
	}
	for _, t := range g.traces {
		t.group = nil
	}
	for _, c := range g.chains {
		if e.chainIDs[c.id] == g {
			delete(e.chainIDs, c.id)
		}
	}
	delete(e.views, g)
	g.traces = nil
}

func (e *Engine) unindex(t *trace, rec *Record) {
	drop := func(id string) {
		ts := e.mentions[id]
		if i := slices.Index(ts, t); i >= 0 {
			if ts = slices.Delete(ts, i, i+1); len(ts) == 0 && !e.crowded[id] {
				delete(e.mentions, id)
			} else {
				e.mentions[id] = ts
			}
		}
	}
	for _, id := range mentioned(rec) {
		drop(id)
	}
	for _, k := range rec.Asked {
		e.dropJoint(rec.Tenant+"\x00"+k, t, rec.Ref)
	}
	for _, k := range rec.Answers {
		e.dropJoint(rec.Tenant+"\x00"+k, t, rec.Ref)
	}
	if rec.Run != nil {
		e.dropIdentity(rec)
	}
}

// unwatch stops a trace that goes from looking into those its record refers to.
func (e *Engine) unwatch(t *trace, rec *Record) {
	drop := func(r Ref) {
		if o := e.traces[r.Trace]; o != nil {
			if i := slices.Index(o.watchers, t); i >= 0 {
				o.watchers = slices.Delete(o.watchers, i, i+1)
			}
		}
	}
	for k := range rec.Links {
		drop(rec.Links[k].To)
	}
	for _, h := range rec.Hints {
		drop(h.To)
	}
}

func (e *Engine) dropJoint(key string, t *trace, r Ref) {
	jt := e.joints[key]
	if jt == nil {
		return
	}
	if i := slices.Index(jt.asked, r); i >= 0 {
		jt.asked = slices.Delete(jt.asked, i, i+1)
	}
	if i := slices.Index(jt.answers, t); i >= 0 {
		jt.answers = slices.Delete(jt.answers, i, i+1)
	}
	if len(jt.asked)+len(jt.answers) == 0 {
		delete(e.joints, key)
	}
}

// mentioned returns the ids of grants, approvals and decisions that a record names.
func mentioned(rec *Record) []string {
	var out []string
	add := func(prefix, id string) {
		if id != "" {
			out = append(out, prefix+id)
		}
	}
	if rec.Run != nil {
		add("g:", rec.Run.DelegationID)
	}
	if rec.Act != nil {
		add("g:", rec.Act.DelegationID)
		add("a:", rec.Act.ApprovalID)
		add("d:", rec.Act.DecisionID)
	}
	for i := range rec.Links {
		add("g:", rec.Links[i].DelegationID)
		add("a:", rec.Links[i].ApprovalID)
	}
	return out
}
