package policy

import (
	"slices"
	"unicode/utf8"
)

// check holds v against the schema. The reason is the code of a refusal.
func (s *schema) check(v *value) (Truth, Reason) {
	if v.kind == kindErased {
		return Unknown, ReasonNone
	}
	whole, reason := s.checkValue(v)
	if whole == False {
		return whole, reason
	}
	var t Truth
	switch v.kind {
	case kindNumber:
		t, reason = s.checkNumber(v)
	case kindString:
		t, reason = s.checkString(v)
	case kindArray:
		t, reason = s.checkArray(v)
	case kindObject:
		t, reason = s.checkObject(v)
	default:
		t, reason = s.unless(s.wantsNumber() || s.wantsString() || s.wantsArray() || s.wantsObject())
	}
	return t.And(whole), reason
}

func (s *schema) wantsNumber() bool { return s.min != nil || s.max != nil || s.multiple != nil }
func (s *schema) wantsString() bool {
	return s.pattern != nil || s.minLength >= 0 || s.maxLength >= 0
}
func (s *schema) wantsArray() bool  { return s.items != nil || s.maxItems >= 0 }
func (s *schema) wantsObject() bool { return s.properties != nil || s.required != nil }

func (s *schema) unless(wrong bool) (Truth, Reason) {
	if wrong {
		return False, ReasonArgNotAllowed
	}
	return True, ReasonNone
}

// checkValue holds v against type, enum and const.
func (s *schema) checkValue(v *value) (Truth, Reason) {
	if s.types != nil && !slices.ContainsFunc(s.types, v.is) {
		return False, ReasonArgNotAllowed
	}
	if s.enum != nil {
		found := False
		for i := range s.enum {
			found = found.Or(s.enum[i].equal(v))
		}
		if found != True {
			return found, ReasonArgNotInEnum
		}
	}
	if s.constant != nil {
		if t := s.constant.equal(v); t != True {
			return t, ReasonArgNotInEnum
		}
	}
	return True, ReasonNone
}

func (v *value) is(name string) bool {
	if name == "integer" {
		return v.kind == kindNumber && v.num.integer()
	}
	return valueKinds[v.kind] == name
}

func (s *schema) checkNumber(v *value) (Truth, Reason) {
	if s.wantsString() || s.wantsArray() || s.wantsObject() {
		return False, ReasonArgNotAllowed
	}
	if s.min != nil {
		if c := v.num.cmp(*s.min); c < 0 || c == 0 && s.minOpen {
			return False, ReasonArgOutOfRange
		}
	}
	if s.max != nil {
		if c := v.num.cmp(*s.max); c > 0 || c == 0 && s.maxOpen {
			return False, ReasonArgOutOfRange
		}
	}
	if s.multiple != nil {
		yes, ok := v.num.multipleOf(*s.multiple)
		switch {
		case !ok:
			return Unknown, ReasonNone
		case !yes:
			return False, ReasonArgOutOfRange
		}
	}
	return True, ReasonNone
}

func (s *schema) checkString(v *value) (Truth, Reason) {
	if s.wantsNumber() || s.wantsArray() || s.wantsObject() {
		return False, ReasonArgNotAllowed
	}
	if s.minLength >= 0 || s.maxLength >= 0 {
		n := utf8.RuneCountInString(v.text)
		if n < s.minLength || s.maxLength >= 0 && n > s.maxLength {
			return False, ReasonArgOutOfRange
		}
	}
	return s.unless(s.pattern != nil && !s.pattern.MatchString(v.text))
}

func (s *schema) checkArray(v *value) (Truth, Reason) {
	if s.wantsNumber() || s.wantsString() || s.wantsObject() {
		return False, ReasonArgNotAllowed
	}
	if s.maxItems >= 0 && len(v.items) > s.maxItems {
		return False, ReasonArgOutOfRange
	}
	all := True
	for i := range v.items {
		if s.items == nil {
			break
		}
		t, reason := s.items.check(&v.items[i])
		if t == False {
			return t, reason
		}
		all = all.And(t)
	}
	return all, ReasonNone
}

func (s *schema) checkObject(v *value) (Truth, Reason) {
	if s.wantsNumber() || s.wantsString() || s.wantsArray() {
		return False, ReasonArgNotAllowed
	}
	for _, name := range s.required {
		if _, ok := v.member(name); !ok {
			return False, ReasonArgMissing
		}
	}
	all := True
	for i, name := range v.names {
		p := s.properties[name]
		if p == nil {
			continue
		}
		t, reason := p.check(&v.items[i])
		if t == False {
			return t, reason
		}
		all = all.And(t)
	}
	return all, ReasonNone
}
