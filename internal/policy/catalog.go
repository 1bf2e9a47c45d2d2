package policy

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// catalog says what tools do where neither span nor asker says.
type catalog struct {
	tools    []*catalogTool
	index    toolIndex
	aliases  map[string]string
	resolved []any
}

type catalogTool struct {
	place     Place
	tool      *glob
	operation string
	resource  *template
	data      []string
}

// template is a resource with {name} for an argument.
type template struct {
	source string
	parts  []templatePart
}

type templatePart struct {
	text string
	path []string // of an argument; nil for text
}

func (d *reader) catalogTools(c *catalog, n node) {
	for _, item := range d.list(n) {
		o, ok := d.object(item, []string{"tool", "aliases", "operation", "resource", "data", "description"})
		if !ok {
			continue
		}
		t := &catalogTool{place: Place{d.file, o.y.Line, o.y.Column}}
		for _, key := range o.keys {
			v := o.values[key]
			switch key {
			case "tool":
				t.tool = d.glob(v, canonicalTool)
			case "operation":
				t.operation = d.choice(v, operationNames...)
			case "resource":
				t.resource = d.template(v)
			case "data":
				t.data = d.classes(v)
			case "description":
				d.text(v)
			}
		}
		if _, ok := o.get("tool"); !ok {
			d.fail(o.node, "tool is missing")
		}
		if v, ok := o.get("aliases"); ok {
			d.aliases(c, t, v)
		}
		if t.tool != nil {
			c.tools = append(c.tools, t)
			c.index.add(t.tool, int32(len(c.tools)-1))
		}
		if len(d.errs) == 0 {
			c.resolved = append(c.resolved, plain(o.node))
		}
	}
}

// classes reads a class of data or a list of them.
func (d *reader) classes(n node) []string {
	if m, ok := d.visit(n); ok && m.y.Kind == yaml.SequenceNode {
		return d.texts(n)
	}
	return []string{d.text(n)}
}

func (d *reader) aliases(c *catalog, t *catalogTool, n node) {
	var names []string
	if t.tool != nil {
		names, _ = t.tool.literals()
	}
	if len(names) != 1 {
		d.fail(n, "an alias needs a tool without wildcards")
		return
	}
	for _, item := range d.list(n) {
		alias := canonicalTool(d.text(item))
		if old, taken := c.aliases[alias]; taken && old != names[0] {
			d.fail(item, "%q is an alias of %q already", alias, old)
			continue
		}
		if c.aliases == nil {
			c.aliases = map[string]string{}
		}
		c.aliases[alias] = names[0]
	}
}

func (d *reader) template(n node) *template {
	s := d.text(n)
	t := &template{source: s}
	for rest := s; rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			t.parts = append(t.parts, templatePart{text: rest})
			break
		}
		end := strings.IndexByte(rest[open:], '}')
		if end < 2 || strings.Contains(rest[open+1:open+end], "{") {
			d.fail(n, "%q: a { needs the name of an argument and a }", s)
			return nil
		}
		if open > 0 {
			t.parts = append(t.parts, templatePart{text: rest[:open]})
		}
		t.parts = append(t.parts, templatePart{path: strings.Split(rest[open+1:open+end], ".")})
		rest = rest[open+end+1:]
	}
	return t
}

// find returns the entry for a tool: the exact name, else the pattern with the
// longest text before its first wildcard, else the earlier one.
func (c *catalog) find(tool string) *catalogTool {
	if c == nil {
		return nil
	}
	if ids := c.index.exact[tool]; len(ids) > 0 {
		return c.tools[ids[0]]
	}
	for _, n := range slices.Backward(c.index.lengths) {
		if n > len(tool) {
			continue
		}
		for _, id := range c.index.prefixes[tool[:n]] {
			if c.tools[id].tool.match(tool) {
				return c.tools[id]
			}
		}
	}
	return nil
}

// maxResources bounds how many resources one action may name.
const maxResources = 64

// fill puts the arguments into the template. An argument that is a list gives
// one resource each. Truth is False where an argument is not there, Unknown
// where it cannot be read.
func (t *template) fill(args *value) ([]string, Truth) {
	out := []string{""}
	for _, p := range t.parts {
		texts := []string{p.text}
		if p.path != nil {
			var known Truth
			if texts, known = argTexts(args, p.path); known != True {
				return nil, known
			}
		}
		if len(out)*len(texts) > maxResources {
			return nil, Unknown
		}
		next := make([]string, 0, len(out)*len(texts))
		for _, head := range out {
			for _, text := range texts {
				next = append(next, head+text)
			}
		}
		out = next
	}
	return out, True
}

func argTexts(v *value, path []string) ([]string, Truth) {
	for _, name := range path {
		if v.kind == kindErased {
			return nil, Unknown
		}
		next, ok := v.member(name)
		if !ok {
			return nil, False
		}
		v = next
	}
	switch v.kind {
	case kindString, kindNumber:
		return []string{v.text}, True
	case kindBool:
		return []string{truthNames[truthOf(v.truth)]}, True
	case kindNull:
		return nil, False
	case kindArray:
		var out []string
		for i := range v.items {
			texts, known := argTexts(&v.items[i], nil)
			if known != True || v.items[i].kind == kindArray {
				return nil, Unknown
			}
			out = append(out, texts...)
		}
		if out == nil {
			return nil, False
		}
		return out, True
	default:
		return nil, Unknown
	}
}
