package policy

// Contains says whether everything an item of the scope allows, under the entry
// of its delegator, is allowed by the entry of holder: the delegator itself or
// an agent above it. It is Unknown where that cannot be decided: a pattern in
// another pattern, conditions. An item that stands for nothing is contained in
// nothing. Time, depth and rates are no part of it, nor are deny rules: they
// stay in force below.
func (s *Scope) Contains(i int, delegator, holder *Agent) Truth {
	r := s.rule(i, delegator)
	switch {
	case r == nil || holder == nil:
		return False
	case r.agent != nil && r.agent == holder:
		return True
	}
	return s.within(r, append(append([]*Rule{}, holder.lists[inAllow]...), holder.lists[inAsk]...), nil)
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
	return s.within(r, of, outer.narrow)
}

// Len returns how many items the scope has.
func (s *Scope) Len() int { return len(s.items) }

func (s *Scope) within(*Rule, []*Rule, *Rule) Truth { return Unknown }
