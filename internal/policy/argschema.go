package policy

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// schema is the subset of JSON Schema that arguments are held to. Unlike there,
// a keyword for one type refuses a value of another: a pattern is not fulfilled
// by a number.
type schema struct {
	name     string // of a rule's argument: its path, "/amount"
	optional bool
	types    []string
	enum     []value
	constant *value
	min, max *decimal // inclusive unless the flags below say otherwise
	minOpen  bool
	maxOpen  bool
	multiple *decimal

	minLength, maxLength int // code points; -1 is no bound
	pattern              *regexp.Regexp
	items                *schema
	maxItems             int
	names                []string // of properties, in the file's order
	properties           map[string]*schema
	required             []string
}

var (
	schemaKeys = []string{
		"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
		"minLength", "maxLength", "pattern", "items", "maxItems", "properties", "required",
	}
	argKeys     = append(slices.Clone(schemaKeys), "optional")
	schemaTypes = []string{"string", "number", "integer", "boolean", "null", "array", "object"}
)

func (d *reader) schema(n node, keys []string) *schema {
	s := &schema{minLength: -1, maxLength: -1, maxItems: -1}
	o, ok := d.object(n, keys)
	if !ok {
		return s
	}
	for _, key := range o.keys {
		v := o.values[key]
		switch key {
		case "optional":
			s.optional = d.boolean(v)
		case "type":
			s.types = d.types(v)
		case "enum":
			items := d.list(v)
			for _, item := range items {
				s.enum = append(s.enum, d.json(item, 0))
			}
			if len(items) == 0 {
				d.fail(v, "is empty: nothing could ever fit")
			}
		case "const":
			c := d.json(v, 0)
			s.constant = &c
		case "multipleOf":
			s.multiple = d.decimal(v)
			if s.multiple != nil && s.multiple.sign() <= 0 {
				d.fail(v, "must be above 0")
			}
		case "minLength":
			s.minLength = int(d.whole(v, 1<<30))
		case "maxLength":
			s.maxLength = int(d.whole(v, 1<<30))
		case "maxItems":
			s.maxItems = int(d.whole(v, 1<<30))
		case "pattern":
			s.pattern = d.regexp(v)
		case "items":
			s.items = d.schema(v, schemaKeys)
		case "properties":
			s.names, s.properties = d.schemas(v, schemaKeys)
		case "required":
			s.required = d.texts(v)
		default:
			d.bound(s, key, v)
		}
	}
	return s
}

// bound reads one of the four bounds.
func (d *reader) bound(s *schema, key string, v node) {
	n := d.decimal(v)
	if n == nil {
		return
	}
	open := strings.HasPrefix(key, "exclusive")
	low := strings.HasSuffix(strings.ToLower(key), "minimum")
	side, isOpen := &s.max, &s.maxOpen
	if low {
		side, isOpen = &s.min, &s.minOpen
	}
	if *side == nil {
		*side, *isOpen = n, open
		return
	}
	// Both bounds of one side: the narrower one holds.
	c := n.cmp(**side)
	if low && c > 0 || !low && c < 0 || c == 0 && open {
		*side, *isOpen = n, open
	}
}

// pointerEscapes writes a name as a step of a JSON Pointer (RFC 6901).
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func (d *reader) schemas(n node, keys []string) ([]string, map[string]*schema) {
	o, ok := d.object(n, nil)
	if !ok {
		return nil, nil
	}
	out := make(map[string]*schema, len(o.keys))
	for _, name := range o.keys {
		out[name] = d.schema(o.values[name], keys)
		out[name].name = "/" + pointerEscapes.Replace(name)
	}
	return o.keys, out
}

func (d *reader) types(n node) []string {
	if m, ok := d.visit(n); ok && m.y.Kind == yaml.SequenceNode {
		items := d.list(n)
		out := make([]string, 0, len(items))
		for _, item := range items {
			out = append(out, d.choice(item, schemaTypes...))
		}
		return out
	}
	return []string{d.choice(n, schemaTypes...)}
}

func (d *reader) decimal(n node) *decimal {
	s, ok := d.scalar(n, "a number", "!!int", "!!float")
	if !ok {
		return nil
	}
	v, ok := yamlDecimal(s)
	if !ok {
		d.fail(n, "%s is no decimal number", s)
		return nil
	}
	return &v
}

func yamlDecimal(s string) (decimal, bool) {
	return parseDecimal(strings.TrimPrefix(strings.ReplaceAll(s, "_", ""), "+"))
}

func (d *reader) regexp(n node) *regexp.Regexp {
	s := d.text(n)
	re, err := regexp.Compile(s)
	if err != nil {
		d.fail(n, "%q is no RE2 pattern: %v", s, err)
		return nil
	}
	return re
}

// json reads any YAML value that JSON can hold.
func (d *reader) json(n node, depth int) value {
	n, ok := d.visit(n)
	if !ok {
		return value{}
	}
	if depth > maxArgsDepth {
		d.fail(n, "is nested more than %d deep", maxArgsDepth)
		return value{}
	}
	switch n.y.Kind {
	case yaml.SequenceNode:
		v := value{kind: kindArray}
		for _, item := range d.list(n) {
			v.items = append(v.items, d.json(item, depth+1))
		}
		return v
	case yaml.MappingNode:
		o, _ := d.object(n, nil)
		v := value{kind: kindObject, names: o.keys}
		for _, k := range o.keys {
			v.items = append(v.items, d.json(o.values[k], depth+1))
		}
		return v
	default:
	}
	switch n.y.ShortTag() {
	case "!!null":
		return value{}
	case "!!bool":
		return value{kind: kindBool, truth: strings.EqualFold(n.y.Value, "true")}
	case "!!int", "!!float":
		v, ok := yamlDecimal(n.y.Value)
		if !ok {
			d.fail(n, "%s is no decimal number", n.y.Value)
		}
		return value{kind: kindNumber, num: v, text: n.y.Value}
	default:
		return value{kind: kindString, text: n.y.Value}
	}
}

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
