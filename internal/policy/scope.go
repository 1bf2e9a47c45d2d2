package policy

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Scope is what a grant passes on: rules of its delegator, or tool:operation
// pairs, each narrowed by the constraints of the grant. It is immutable.
type Scope struct {
	items  []scopeItem
	narrow *Rule // nil: no constraints
}

type scopeItem struct {
	text string
	pair *Rule // what tool:operation means; nil where the text cannot be one
}

// ParseScope reads the items of a scope. An item is a rule id of the delegator's
// entry; where there is none of that id, and it has a colon, it is
// tool:operation, cut at the last colon. Whether a rule exists is asked of the
// entry in force when the scope is used.
func ParseScope(items []string) *Scope {
	s := &Scope{}
	for _, text := range items {
		s.items = append(s.items, scopeItem{text, pairRule(text)})
	}
	return s
}

func pairRule(text string) *Rule {
	cut := strings.LastIndexByte(text, ':')
	if cut <= 0 {
		return nil
	}
	op := opBit(text[cut+1:])
	if op == 0 {
		return nil
	}
	g, err := compileGlob(canonicalTool(text[:cut]))
	if err != nil {
		return nil
	}
	return &Rule{id: text, list: inAllow, tool: g, operations: op}
}

// ParseConstraints reads constraints, a mapping of args, resources, data and
// purpose, and returns the scope narrowed by them. An argument that is not
// listed does not matter; one that is must be there unless it is optional. name
// stands in errors.
func (s *Scope) ParseConstraints(name string, constraints yaml.Node) (*Scope, error) {
	if constraints.IsZero() || constraints.ShortTag() == "!!null" {
		return s, nil
	}
	d := &reader{file: name}
	r := &Rule{id: "constraints", list: inAllow, openArgs: true}
	o, _ := d.object(node{&constraints, "constraints"}, []string{"args", "resources", "data", "purpose"})
	for _, key := range o.keys {
		v := o.values[key]
		switch key {
		case "args":
			r.hasArgs = true
			r.argNames, r.args = d.schemas(v, argKeys)
		case "resources":
			r.resources = d.globs(v, canonicalPattern)
		case "data":
			r.hasData, r.data = true, d.classes(v)
		case "purpose":
			r.purposes = d.purposes(v)
		}
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return &Scope{items: s.items, narrow: r}, nil
}

func (d *reader) purposes(n node) []*glob {
	if m, ok := d.visit(n); ok && m.y.Kind == yaml.SequenceNode {
		return d.globs(n, same)
	}
	if g := d.glob(n, same); g != nil {
		return []*glob{g}
	}
	return []*glob{}
}

// Items returns the items as they were written.
func (s *Scope) Items() []string {
	out := make([]string, len(s.items))
	for i := range s.items {
		out[i] = s.items[i].text
	}
	return out
}

// rule returns what an item stands for under the delegator's entry; nil stands
// for nothing.
func (s *Scope) rule(i int, delegator *Agent) *Rule {
	if delegator != nil {
		if r := delegator.byID[s.items[i].text]; r != nil {
			if r.list == inDeny {
				return nil
			}
			return r
		}
	}
	return s.items[i].pair
}

// Covers holds one action against the scope: true where any item allows it and
// the constraints hold. delegator is the entry of the delegator in force; nil
// has no rules. Of a refusal the outcome is that of the item that got furthest.
func (s *Scope) Covers(delegator *Agent, q *Request) Outcome {
	if delegator != nil {
		delegator.catalog.resolve(q)
	} else {
		(&catalog{}).resolve(q)
	}
	best := Outcome{Truth: False, Failed: PartTool, Reason: ReasonToolNotAllowed}
	for i := range s.items {
		r := s.rule(i, delegator)
		if r == nil {
			continue
		}
		o := r.eval(q)
		if s.narrow != nil && o.Truth != False {
			o = o.and(s.narrow.eval(q))
		}
		best = best.or(o)
	}
	return best
}

// and is the conjunction of two outcomes.
func (o Outcome) and(p Outcome) Outcome {
	switch {
	case o.Truth == False:
		return o
	case p.Truth == False:
		return p
	default:
		return Outcome{Truth: o.Truth.And(p.Truth), Missing: o.Missing | p.Missing, Arg: firstOf(o.Arg, p.Arg)}
	}
}

// or is the disjunction of two outcomes; of two refusals the one that got
// further is kept.
func (o Outcome) or(p Outcome) Outcome {
	switch {
	case o.Truth == Unknown && p.Truth == Unknown:
		o.Missing |= p.Missing
		return o
	case p.Truth > o.Truth, p.Truth == False && o.Truth == False && p.further(o):
		return p
	default:
		return o
	}
}
