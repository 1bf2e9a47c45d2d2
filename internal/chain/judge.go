package chain

// judgeGroup judges a group from scratch. It reads nothing that depends on the
// order of arrival. settling says that time has passed: what is missing will not
// come.
func (e *Engine) judgeGroup(g *group, settling bool) *judge {
	j := &e.j
	j.e, j.g, j.settling, j.stamp = e, g, settling, 1
	j.runs, j.asks, j.actions, j.comps, j.findings = j.runs[:0], j.asks[:0], j.actions[:0], j.comps[:0], j.findings[:0]
	j.runPool.reset()
	j.edgePool.reset()
	j.actPool.reset()
	if j.delegates == nil {
		j.delegates = map[Ref]bool{}
	}
	clear(j.delegates)
	e.Stats.Judged++
	j.load()
	j.structure()
	j.connect()
	j.ancestry()
	for _, r := range j.runs {
		for _, ed := range r.edges {
			j.checkScope(ed)
		}
	}
	j.components()
	j.collectActions()
	for _, a := range j.actions {
		if settling || a.run.resolved || len(g.firing) > 0 {
			j.judgeAction(a)
		} // else its path is not known yet, and nothing was ever said about it
	}
	j.whole = !settling && j.complete()
	j.verdicts()
	return j
}

// load decodes the records of the group into room that is used again; unload
// forgets them. Strings of theirs live on in the data of their trace.
func (j *judge) load() {
	n := 0
	for _, t := range j.g.traces {
		for i := range t.nodes {
			if t.nodes[i].size > 0 {
				n++
			}
		}
	}
	if n > cap(j.recs) || cap(j.recs) > 1024 && n < cap(j.recs)/8 {
		j.recs, j.openings, j.acts = make([]Record, n+n/2), make([]Opening, n+n/2), make([]Act, n+n/2)
	}
	j.recs = j.recs[:cap(j.recs)]
	spans := 0
	for _, t := range j.g.traces {
		spans += len(t.nodes)
	}
	if spans > cap(j.places) || cap(j.places) > 4096 && spans < cap(j.places)/8 {
		j.places = make([]*Record, spans+spans/2)
	}
	j.places = j.places[:cap(j.places)]
	clear(j.places[:spans])
	n, spans = 0, 0
	for _, t := range j.g.traces {
		t.recs = j.places[spans : spans+len(t.nodes)]
		spans += len(t.nodes)
		for i := range t.nodes {
			if t.nodes[i].size == 0 {
				continue
			}
			j.e.decode(t, int32(i), &j.recs[n], &j.openings[n], &j.acts[n])
			t.recs[i] = &j.recs[n]
			n++
		}
	}
}

func (j *judge) unload() {
	for _, t := range j.g.traces {
		t.recs = nil
	}
	j.g = nil
}

// pool hands out values that are used again for the next group.
type pool[T any] struct {
	all  []*T
	used int
}

func (p *pool[T]) get() *T {
	if p.used == len(p.all) {
		p.all = append(p.all, new(T))
	}
	v := p.all[p.used]
	p.used++
	return v
}

// maxPooled bounds what is kept for the next group.
const maxPooled = 4096

func (p *pool[T]) reset() {
	if len(p.all) > maxPooled {
		p.all = p.all[:maxPooled]
	}
	p.used = 0
}
