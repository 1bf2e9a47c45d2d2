package policy

import (
	"maps"
	"slices"
)

// within says whether every value that fits s fits o too.
func (s *schema) within(o *schema) Truth {
	if values, ok := s.finite(); ok {
		out := True
		for i := range values {
			if t, _ := s.check(&values[i]); t != True {
				continue
			}
			t, _ := o.check(&values[i])
			out = out.And(t)
		}
		return out
	}
	if s.witness(o) {
		return False
	}
	out := s.typesWithin(o)
	for _, t := range []Truth{
		s.enumWithin(o), s.rangeWithin(o), s.lengthWithin(o), s.patternWithin(o), s.itemsWithin(o), s.propertiesWithin(o),
	} {
		out = out.And(t)
	}
	return out
}

// finite returns the values of a schema that has only a few.
func (s *schema) finite() ([]value, bool) {
	switch {
	case s.constant != nil:
		return []value{*s.constant}, true
	case s.enum != nil:
		return s.enum, true
	case s.types == nil:
		return nil, false
	}
	var out []value
	for _, t := range s.types {
		switch t {
		case "boolean":
			out = append(out, value{kind: kindBool}, value{kind: kindBool, truth: true})
		case "null":
			out = append(out, value{})
		default:
			return nil, false
		}
	}
	return out, true
}

// probes are values of many shapes; one that fits s and not o settles it.
var probes = func() []value {
	out := make([]value, 0, 32)
	out = append(out, value{}, value{kind: kindBool}, value{kind: kindBool, truth: true}, value{kind: kindArray}, value{kind: kindObject})
	for _, text := range []string{"", "a", "A", "0", "-", "\n", "aaaaaaaaaaaaaaaa", "\u00e4/ {"} {
		out = append(out, value{kind: kindString, text: text})
	}
	for _, n := range []string{"0", "1", "-1", "0.5", "1e9", "-1e9"} {
		v, _ := numberValue(n)
		out = append(out, v)
	}
	return out
}()

func (s *schema) witness(o *schema) bool {
	for i := range probes {
		if t, _ := s.check(&probes[i]); t != True {
			continue
		}
		if t, _ := o.check(&probes[i]); t == False {
			return true
		}
	}
	return false
}

// kinds returns the types a value of the schema can have; nil is any.
func (s *schema) kinds() []string {
	switch {
	case s.types != nil:
		return s.types
	case s.wantsNumber():
		return []string{"number"}
	case s.wantsString():
		return []string{"string"}
	case s.wantsArray():
		return []string{"array"}
	case s.wantsObject():
		return []string{"object"}
	default:
		return nil
	}
}

func (s *schema) typesWithin(o *schema) Truth {
	want := o.kinds()
	if want == nil {
		return True
	}
	have := s.kinds()
	if have == nil {
		return False
	}
	for _, t := range have {
		if !slices.Contains(want, t) && (t != "integer" || !slices.Contains(want, "number")) {
			return False
		}
	}
	return True
}

// enumWithin: what is not finite is in no list of values, unless its own bounds
// make it so.
func (s *schema) enumWithin(o *schema) Truth {
	switch {
	case o.enum == nil && o.constant == nil:
		return True
	case s.pattern != nil || s.maxLength >= 0 || s.min != nil && s.max != nil || s.maxItems >= 0 || s.properties != nil:
		return Unknown
	default:
		return False
	}
}

func (s *schema) rangeWithin(o *schema) Truth {
	if o.min != nil {
		if s.min == nil {
			return False
		}
		if c := s.min.cmp(*o.min); c < 0 || c == 0 && o.minOpen && !s.minOpen {
			return False
		}
	}
	if o.max != nil {
		if s.max == nil {
			return False
		}
		if c := s.max.cmp(*o.max); c > 0 || c == 0 && o.maxOpen && !s.maxOpen {
			return False
		}
	}
	if o.multiple == nil {
		return True
	}
	step := s.multiple
	if step == nil && slices.Equal(s.types, []string{"integer"}) {
		step = &decimal{digits: "1", exp: 1}
	}
	if step == nil {
		return False
	}
	yes, ok := step.multipleOf(*o.multiple)
	if ok && yes {
		return True
	}
	return Unknown
}

func (s *schema) lengthWithin(o *schema) Truth {
	out := True
	if o.minLength > 0 && s.minLength < o.minLength || o.maxLength >= 0 && (s.maxLength < 0 || s.maxLength > o.maxLength) {
		out = False
		if s.pattern != nil {
			out = Unknown // the pattern may bound the length
		}
	}
	if o.maxItems >= 0 && (s.maxItems < 0 || s.maxItems > o.maxItems) {
		out = False
	}
	return out
}

func (s *schema) patternWithin(o *schema) Truth {
	if o.pattern == nil || s.pattern != nil && s.pattern.String() == o.pattern.String() {
		return True
	}
	return Unknown
}

func (s *schema) itemsWithin(o *schema) Truth {
	switch {
	case o.items == nil || s.maxItems == 0:
		return True
	case s.items == nil:
		return (&schema{minLength: -1, maxLength: -1, maxItems: -1}).within(o.items)
	default:
		return s.items.within(o.items)
	}
}

func (s *schema) propertiesWithin(o *schema) Truth {
	for _, name := range o.required {
		if !slices.Contains(s.required, name) {
			return False
		}
	}
	out := True
	for _, name := range slices.Sorted(maps.Keys(o.properties)) {
		have := s.properties[name]
		if have == nil {
			have = &schema{minLength: -1, maxLength: -1, maxItems: -1}
		}
		out = out.And(have.within(o.properties[name]))
	}
	return out
}
