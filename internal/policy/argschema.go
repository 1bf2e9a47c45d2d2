package policy

import (
	"regexp"
	"slices"
	"strings"

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
