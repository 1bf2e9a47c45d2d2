package chain

import (
	"cmp"
	"slices"
	"strings"
)

// action is one tool call, in however many layers it shows.
type action struct {
	rec                       *Record
	act                       Act
	run                       *run
	same                      []Ref
	boundary                  Boundary
	authority                 Authority
	codes                     []Code
	refusedBy                 []string
	note                      string
	rule, why, above          string
	tool, operation, resource string // as resolved
	finding                   string
	approval                  string
	decision                  string
	decided                   *Decision
	version                   string
}

// collectActions lists the tool calls of the group, each once.
func (j *judge) collectActions() {
	for _, t := range j.g.traces {
		for i := range t.nodes {
			rec := t.recs[i]
			if rec == nil || rec.Role != Acts || rec.Act == nil || rec.Agent != "" || j.delegates[rec.Ref] || rec.Act.Operation == "delegate" {
				continue
			}
			r, missing := t.runAt(int32(i))
			if r == nil {
				if n := &t.nodes[i]; !n.lost && (!missing || j.settling) {
					n.lost = true
					j.e.Stats.Unattributed++
				}
				continue
			}
			if outer := t.sameCallAbove(int32(i), r); outer != nil {
				continue
			}
			a := j.actPool.get()
			*a = action{rec: rec, act: *rec.Act, run: r, codes: a.codes[:0]}
			j.actions = append(j.actions, a)
			rec.layer = a
		}
	}
	for _, t := range j.g.traces {
		for i := range t.nodes {
			if rec := t.recs[i]; rec != nil && rec.Role == Acts && rec.Act != nil && rec.layer == nil {
				j.addLayer(t, int32(i), rec)
			}
		}
	}
	for _, a := range j.actions {
		slices.SortFunc(a.same, Ref.Compare)
		a.rec.layer = nil
	}
	slices.SortFunc(j.actions, func(a, b *action) int {
		return cmp.Or(cmp.Compare(a.rec.Start, b.rec.Start), a.rec.Ref.Compare(b.rec.Ref))
	})
}

// addLayer joins an inner layer to the action it is part of. The layers together
// tell what was done: the server's name, the arguments.
func (j *judge) addLayer(t *trace, i int32, rec *Record) {
	r, _ := t.runAt(i)
	if r == nil {
		return
	}
	outer := t.sameCallAbove(i, r)
	for hops := 0; outer != nil && outer.layer == nil && hops < 8; hops++ {
		outer = t.sameCallAbove(t.find(outer.Ref.Span), r)
	}
	if outer == nil || outer.layer == nil {
		return
	}
	a := outer.layer
	a.same = append(a.same, rec.Ref)
	if !strings.HasPrefix(a.act.Tool, "mcp/") && strings.HasPrefix(rec.Act.Tool, "mcp/") {
		a.act.Tool = rec.Act.Tool
	}
	fill := func(to *string, v string) {
		if *to == "" {
			*to = v
		}
	}
	fill(&a.act.Operation, rec.Act.Operation)
	fill(&a.act.Resource, rec.Act.Resource)
	fill(&a.act.Args, rec.Act.Args)
	fill(&a.act.CallID, rec.Act.CallID)
	fill(&a.act.DelegationID, rec.Act.DelegationID)
	fill(&a.act.ApprovalID, rec.Act.ApprovalID)
	fill(&a.act.DecisionID, rec.Act.DecisionID)
}

// sameCallAbove returns the tool call above that is the same call in an outer
// layer: through at most four spans of transport, inside the same run, with the
// same call id or, where one of them has none, the same tool.
func (t *trace) sameCallAbove(i int32, r *run) *Record {
	rec := t.recs[i]
	at := i
	for range 5 {
		if at = t.find(t.nodes[at].parent); at < 0 || at == r.node {
			return nil
		}
		o := t.recs[at]
		if o == nil || o.Role == Plumbing {
			if t.nodes[at].works {
				return nil
			}
			continue
		}
		if o.Role != Acts || o.Act == nil || t.nodes[at].open != r.node {
			return nil
		}
		if a, b := o.Act.CallID, rec.Act.CallID; a != "" && b != "" {
			if a == b {
				return o
			}
			return nil
		}
		if baseTool(o.Act.Tool) == baseTool(rec.Act.Tool) && o.Act.Tool != "" {
			return o
		}
		return nil
	}
	return nil
}

// baseTool is a tool's name without its server.
func baseTool(name string) string {
	if rest, ok := strings.CutPrefix(name, "mcp/"); ok {
		if _, tool, ok := strings.Cut(rest, "/"); ok {
			return tool
		}
	}
	return name
}
