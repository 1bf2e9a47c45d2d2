package chain

// judgeGroup judges a group from scratch. It reads nothing that depends on the
// order of arrival. settling says that time has passed: what is missing will not
// come.
func (e *Engine) judgeGroup(g *group, settling bool) *judge {
	j := &e.j
	*j = judge{
		e: e, g: g, settling: settling, stamp: 1, runs: j.runs[:0], asks: j.asks[:0], actions: j.actions[:0], comps: j.comps[:0],
		findings: j.findings[:0], walk: j.walk, delegates: j.delegates, answered: j.answered, compOf: j.compOf,
	}
	if j.delegates == nil {
		j.delegates, j.answered, j.compOf = map[Ref]bool{}, map[Ref]bool{}, map[*run]*component{}
	}
	clear(j.delegates)
	clear(j.answered)
	clear(j.compOf)
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
	for _, c := range j.comps {
		for _, r := range c.runs {
			j.compOf[r] = c
		}
	}
	j.collectActions()
	for _, a := range j.actions {
		j.judgeAction(a)
	}
	j.verdicts()
	return j
}

// load decodes the records of the group; unload forgets them again. What was
// decoded lives as long as something points at it.
func (j *judge) load() {
	n := 0
	for _, t := range j.g.traces {
		for i := range t.nodes {
			if t.nodes[i].size > 0 {
				n++
			}
		}
	}
	recs := make([]Record, n)
	n = 0
	for _, t := range j.g.traces {
		for i := range t.nodes {
			if t.nodes[i].size == 0 {
				continue
			}
			head := t.data[t.nodes[i].off+1]
			var run *Opening
			var act *Act
			if head&hasRun != 0 {
				run = &Opening{}
			}
			if head&hasAct != 0 {
				act = &Act{}
			}
			j.e.decode(t, int32(i), &recs[n], run, act)
			t.nodes[i].rec = &recs[n]
			n++
		}
	}
}

func (j *judge) unload() {
	for _, t := range j.g.traces {
		for i := range t.nodes {
			t.nodes[i].rec = nil
		}
	}
}
