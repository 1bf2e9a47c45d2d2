package policy

import "slices"

// Contains says whether everything an item of the scope allows, under the entry
// of its delegator, is allowed by the entry of holder: the delegator itself or
// an agent above it. It is Unknown where that cannot be decided: a pattern in
// another pattern, conditions, rules that only together may cover it. An item
// that stands for nothing is contained in nothing. Time, depth and rates are no
// part of it, nor are deny rules: they stay in force below.
func (s *Scope) Contains(i int, delegator, holder *Agent) Truth {
	r := s.rule(i, delegator)
	switch {
	case r == nil || holder == nil:
		return False
	case r.agent != nil && r.agent == holder:
		return True
	}
	return region{r, s.narrow}.within(slices.Concat(holder.lists[inAllow], holder.lists[inAsk]), nil)
}

// ContainsIn says whether everything an item of the scope allows is allowed by
// another grant: outer, given by outerDelegator.
func (s *Scope) ContainsIn(i int, delegator *Agent, outer *Scope, outerDelegator *Agent) Truth {
	r := s.rule(i, delegator)
	if r == nil {
		return False
	}
	var of []*Rule
	for k := range outer.items {
		if o := outer.rule(k, outerDelegator); o != nil {
			of = append(of, o)
		}
	}
	return region{r, s.narrow}.within(of, outer.narrow)
}

// Passable says whether an item may be passed on by the delegator: what it
// allows lies within the rules of delegation.scope.
func (s *Scope) Passable(i int, delegator *Agent) Truth {
	r := s.rule(i, delegator)
	if r == nil || delegator == nil || delegator.delegation == nil {
		return False
	}
	var of []*Rule
	for _, id := range delegator.delegation.Scope {
		if o := delegator.byID[id]; o != nil {
			if o == r {
				return True
			}
			of = append(of, o)
		}
	}
	return region{r, s.narrow}.within(of, nil)
}

// Len returns how many items the scope has.
func (s *Scope) Len() int { return len(s.items) }

// region is the set of actions that a rule allows and constraints leave.
type region struct{ rule, narrow *Rule }

// coverage is how far one rule covers a region.
type coverage struct {
	truth Truth
	// apart says that a False is final: no other rule can make up for it.
	apart bool
}

// within says whether each tool and operation of the region is covered by one
// of the rules, each narrowed by outer.
func (g region) within(of []*Rule, outer *Rule) Truth {
	out := True
	for _, tool := range g.tools() {
		for _, op := range g.ops() {
			best, partly := False, 0
			for _, s := range of {
				c := g.coveredBy(tool, op, s, outer)
				best = best.Or(c.truth)
				if c.truth == False && !c.apart {
					partly++
				}
			}
			if best == False && partly > 1 {
				best = Unknown // together they may cover it
			}
			if out = out.And(best); out == False {
				return False
			}
		}
	}
	return out
}

// tools returns the alternatives of the tool; a single nil is any tool.
func (g region) tools() [][]token {
	if g.rule.tool == nil {
		return [][]token{nil}
	}
	return g.rule.tool.alts
}

// ops returns the operations one by one; a single 0 is any operation.
func (g region) ops() []opSet {
	if g.rule.operations == 0 {
		return []opSet{0}
	}
	var out []opSet
	for bit := opSet(1); bit <= opAdmin; bit <<= 1 {
		if g.rule.operations&bit != 0 {
			out = append(out, bit)
		}
	}
	return out
}

func (g region) coveredBy(tool []token, op opSet, s, outer *Rule) coverage {
	t := toolWithin(tool, s.tool)
	if t == False || s.operations != 0 && (op == 0 || s.operations&op == 0) {
		return coverage{False, true}
	}
	out := coverage{truth: t}
	for _, limit := range []*Rule{s, outer} {
		if limit == nil {
			continue
		}
		for _, c := range []coverage{
			g.resourcesWithin(limit), g.argsWithin(limit), g.dataWithin(limit), g.purposeWithin(limit), g.whenWithin(limit),
		} {
			out.apart = out.apart || c.truth == False && c.apart
			out.truth = out.truth.And(c.truth)
		}
	}
	return out
}

func toolWithin(tool []token, of *glob) Truth {
	switch {
	case of == nil:
		return True
	case tool == nil && slices.ContainsFunc(of.alts, isEverything):
		return Unknown // any tool at all, but not an action without one
	case tool == nil:
		return False
	default:
		return altWithin(tool, of.alts)
	}
}

// either combines what the rule and what the constraints say of one part: both
// bound the region, so either is enough; where neither is, their overlap may be.
func either(known []Truth) coverage {
	switch len(known) {
	case 0:
		return coverage{False, true} // nothing bounds the region here
	case 1:
		return coverage{truth: known[0]}
	default:
		return coverage{truth: max(known[0], known[1], Unknown)}
	}
}

func (g region) bounds(f func(*Rule) (Truth, bool)) coverage {
	var known []Truth
	for _, r := range []*Rule{g.rule, g.narrow} {
		if r == nil {
			continue
		}
		if t, ok := f(r); ok {
			known = append(known, t)
		}
	}
	return either(known)
}

func (g region) resourcesWithin(s *Rule) coverage {
	if s.resources == nil {
		return coverage{truth: True}
	}
	return g.bounds(func(r *Rule) (Truth, bool) { return globsWithin(r.resources, s.resources), r.resources != nil })
}

func globsWithin(in, of []*glob) Truth {
	var alts [][]token
	for _, g := range of {
		alts = append(alts, g.alts...)
	}
	out := True
	for _, g := range in {
		for _, alt := range g.alts {
			out = out.And(altWithin(alt, alts))
		}
	}
	return out
}

func (g region) argsWithin(s *Rule) coverage {
	if !s.hasArgs {
		return coverage{truth: True}
	}
	if !s.openArgs {
		// The holder lists all arguments there may be; so must the region.
		if !g.rule.hasArgs || g.rule.openArgs {
			return coverage{False, true}
		}
		for name := range g.rule.args {
			if s.args[name] == nil {
				return coverage{False, true}
			}
		}
	}
	out := coverage{truth: True}
	for name, want := range s.args {
		c := g.bounds(func(r *Rule) (Truth, bool) {
			have := r.args[name]
			if have == nil || have.optional && !want.optional {
				return False, false
			}
			return have.within(want), true
		})
		if !g.mayHave(name, s) && want.optional {
			continue
		}
		out.apart = out.apart || c.truth == False && c.apart
		out.truth = out.truth.And(c.truth)
	}
	return out
}

// mayHave reports whether an action of the region can carry the argument.
func (g region) mayHave(name string, s *Rule) bool {
	return s.openArgs || g.rule.args[name] != nil
}

func (g region) dataWithin(s *Rule) coverage {
	if !s.hasData {
		return coverage{truth: True}
	}
	return g.bounds(func(r *Rule) (Truth, bool) {
		for _, class := range r.data {
			if !slices.Contains(s.data, class) {
				return False, true
			}
		}
		return True, r.hasData
	})
}

func (g region) purposeWithin(s *Rule) coverage {
	if s.purposes == nil {
		return coverage{truth: True}
	}
	return g.bounds(func(r *Rule) (Truth, bool) { return globsWithin(r.purposes, s.purposes), r.purposes != nil })
}

func (g region) whenWithin(s *Rule) coverage {
	if s.when == nil || g.rule.when != nil && g.rule.when.source == s.when.source {
		return coverage{truth: True}
	}
	return coverage{truth: Unknown}
}
