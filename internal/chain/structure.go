package chain

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// judge holds what is known while one group is judged. It is reused.
type judge struct {
	e         *Engine
	g         *group
	runs      []*run
	asks      []ask
	delegates map[Ref]bool // spans that some run answers, and so are no actions
	stamp     int
	actions   []*action
	comps     []*component
	findings  []Finding
	walk      []int32
	recs      []Record
	places    []*Record
	openings  []Opening
	acts      []Act
	runPool   pool[run]
	edgePool  pool[edge]
	actPool   pool[action]
	links     []int // scratch of components
	settling  bool  // time has passed: what has not come will not
	whole     bool  // nothing is waited for: settling would find the same
}

// ask is a delegating span within its run.
type ask struct {
	rec  *Record
	by   *run
	to   *run // that was found by order
	used bool
}

// ref is that of a node.
func (t *trace) ref(i int32) Ref { return Ref{t.id, t.nodes[i].id} }

// structure finds which spans open runs, and the run around every span. It is
// a function of the spans of the group alone.
func (j *judge) structure() {
	for _, t := range j.g.traces {
		t.gaps, t.awaited = false, false
		for i := range t.nodes {
			t.nodes[i].open = openUnset
		}
	}
	answered := j.answeredAsks()
	for _, t := range j.g.traces {
		if len(t.nodes) == 0 {
			continue
		}
		t.promote()
		works := t.worksBelow()
		for i := range t.nodes {
			j.resolve(t, int32(i), works, answered)
		}
	}
	slices.SortFunc(j.runs, func(a, b *run) int { return a.rec.Ref.Compare(b.rec.Ref) })
}

// promote finds the steps that stand for agents: those that bear the name of the
// agent which they, or steps at most three levels below, say they belong to.
func (t *trace) promote() {
	for i := range t.nodes {
		rec := t.recs[i]
		if rec == nil || rec.Role != Steps || rec.Agent == "" || rec.promoted {
			continue
		}
		for at, hops := int32(i), 0; at >= 0 && hops < 4; at, hops = t.find(t.nodes[at].parent), hops+1 {
			s := t.recs[at]
			if s == nil || s.Role != Steps {
				break
			}
			if s.Run != nil && plainName(s.Run.Name) == plainName(rec.Agent) {
				if !s.promoted || rec.Agent < s.Agent {
					s.Agent, s.promoted = rec.Agent, true
				}
				break
			}
		}
	}
}

// worksBelow says of every node whether work of an agent stands below it; nil
// where no span of the trace could be a run by that.
func (t *trace) worksBelow() []bool {
	asks := false
	for i := range t.nodes {
		if rec := t.recs[i]; rec != nil && rec.Role == Asks {
			asks = true
			break
		}
	}
	if !asks {
		return nil
	}
	below := make([]bool, len(t.nodes))
	for i := range t.nodes {
		if !t.nodes[i].works {
			continue
		}
		for at := t.find(t.nodes[i].parent); at >= 0 && !below[at]; at = t.find(t.nodes[at].parent) {
			below[at] = true
		}
	}
	return below
}

// answeredAsks finds the asking agent spans that a run of the named agent
// answers: below, linked or joined. Those are no runs themselves.
func (j *judge) answeredAsks() map[Ref]bool {
	var out map[Ref]bool
	note := func(r Ref) {
		if out == nil {
			out = map[Ref]bool{}
		}
		out[r] = true
	}
	lim := j.e.opts.Limits.Nesting
	for _, t := range j.g.traces {
		for i := range t.nodes {
			rec := t.recs[i]
			if rec == nil || rec.Role != Opens {
				continue
			}
			for at, hops := t.find(t.nodes[i].parent), 0; at >= 0 && hops < lim; at, hops = t.find(t.nodes[at].parent), hops+1 {
				if a := t.recs[at]; a != nil && a.Role == Asks && sameAgent(a, rec) {
					note(a.Ref)
				}
			}
			for k := range rec.Links {
				l := &rec.Links[k]
				if l.Type == "" || l.Type == Approve {
					continue
				}
				if a := j.record(l.To); a != nil && a.Role == Asks && sameAgent(a, rec) {
					note(a.Ref)
				}
			}
			for _, k := range rec.Answers {
				if jt := j.e.joints[rec.Tenant+"\x00"+k]; jt != nil {
					for _, r := range jt.asked {
						if a := j.record(r); a != nil && a.Role == Asks && sameAgent(a, rec) {
							note(a.Ref)
						}
					}
				}
			}
		}
	}
	return out
}

func sameAgent(a, b *Record) bool { return a.Agent == b.Agent || sameName(a.Agent, b) }

// record returns the record of a span of this group.
func (j *judge) record(r Ref) *Record {
	t := j.e.traces[r.Trace]
	if t == nil || t.group != j.g {
		return nil
	}
	if i := t.find(r.Span); i >= 0 {
		return t.recs[i]
	}
	return nil
}

// sameName compares names loosely: emitters write one agent as billing_agent,
// billing-agent and billingAgent in the tool that calls it.
func sameName(target string, rec *Record) bool {
	if target == "" {
		return false
	}
	n := plainName(target)
	return n != "" && (n == plainName(rec.Agent) || rec.Run != nil && rec.Run.Name != "" && n == plainName(rec.Run.Name))
}

func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// collectAsks lists the delegating spans of the group in time order.
func (j *judge) collectAsks() {
	for _, t := range j.g.traces {
		for i := range t.nodes {
			rec := t.recs[i]
			if rec == nil || rec.run != nil {
				continue
			}
			switch rec.Role {
			case Asks, Calls, HandsOver:
			case Acts:
				if rec.Agent == "" {
					continue
				}
			default:
				continue
			}
			by, _ := t.runAt(int32(i))
			if by == nil || rec.Role == Asks && rec.Agent == by.rec.Agent {
				continue // asked from outside any run, or a layer of the same run
			}
			j.asks = append(j.asks, ask{rec: rec, by: by})
		}
	}
	slices.SortFunc(j.asks, func(a, b ask) int {
		return cmp.Or(cmp.Compare(a.rec.Start, b.rec.Start), a.rec.Ref.Compare(b.rec.Ref))
	})
}
