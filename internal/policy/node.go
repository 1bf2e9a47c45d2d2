package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of what is loaded. A registry that is beyond them is refused.
const (
	maxErrors     = 100
	maxNodes      = 4 << 20
	maxAliases    = 10_000
	maxNodeDepth  = 64
	maxStringSize = 64 << 10
)

// LoadError is one fault of a registry and its place.
type LoadError struct {
	File         string
	Line, Column int
	// Key is the path of the key within its document, such as
	// spec.allow[0].tool.
	Key     string
	Message string
}

// Error returns "file:line:column: key: message".
func (e *LoadError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// reader walks decoded YAML strictly and keeps every fault it meets.
type reader struct {
	file             string
	errs             []error
	more             int
	nodes, aliasUses int
	exhausted        bool
	// conditions are those compiled so far, by their text.
	conditions map[string]*condition
}

// node is one value of a document and the path that leads to it.
type node struct {
	y    *yaml.Node
	path string
}

func (d *reader) fail(n node, format string, args ...any) {
	p := Place{File: d.file}
	if n.y != nil {
		p.Line, p.Column = n.y.Line, n.y.Column
	}
	d.failAt(p, n.path, format, args...)
}

func (d *reader) failAt(p Place, key, format string, args ...any) {
	if len(d.errs) >= maxErrors {
		d.more++
		return
	}
	d.errs = append(d.errs, &LoadError{File: p.File, Line: p.Line, Column: p.Column, Key: key, Message: fmt.Sprintf(format, args...)})
}

func (d *reader) err() error {
	errs := d.errs
	if d.more > 0 {
		errs = append(slices.Clone(errs), fmt.Errorf("and %d more faults", d.more))
	}
	return errors.Join(errs...)
}

// visit counts a node, so that aliases of aliases cannot make a small file
// endless, and follows an alias.
func (d *reader) visit(n node) (node, bool) {
	for {
		d.nodes++
		if n.y != nil && n.y.Kind == yaml.AliasNode {
			d.aliasUses++
		}
		if d.nodes > maxNodes || d.aliasUses > maxAliases {
			if !d.exhausted {
				d.exhausted = true
				d.fail(n, "the registry has more than %d values or %d uses of aliases", maxNodes, maxAliases)
			}
			return n, false
		}
		if n.y == nil || n.y.Kind != yaml.AliasNode {
			return n, n.y != nil
		}
		n.y = n.y.Alias
	}
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!int", "!!float":
			return "the number " + n.Value
		case "!!bool":
			return "the boolean " + n.Value
		case "!!null":
			return "nothing"
		case "!!timestamp":
			return "the time " + n.Value
		}
		return strconv.Quote(n.Value)
	default:
		return "nothing"
	}
}

// object is a mapping whose keys have been checked.
type object struct {
	node
	keys   []string
	values map[string]node
}

func (o object) get(key string) (node, bool) {
	n, ok := o.values[key]
	return n, ok
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// object reads a mapping. Of known nil every key is allowed; one given twice
// never is.
func (d *reader) object(n node, known []string) (object, bool) {
	o := object{node: n, values: map[string]node{}}
	n, ok := d.visit(n)
	if !ok {
		return o, false
	}
	o.y = n.y
	if n.y.Kind != yaml.MappingNode {
		d.fail(n, "is %s, want a mapping", kindName(n.y))
		return o, false
	}
	for i := 0; i+1 < len(n.y.Content); i += 2 {
		k := n.y.Content[i]
		at := node{k, join(n.path, k.Value)}
		switch {
		case k.Kind != yaml.ScalarNode:
			d.fail(node{k, n.path}, "a key must be a string")
			continue
		case known != nil && !slices.Contains(known, k.Value):
			d.fail(at, "unknown key; known are %s", strings.Join(known, ", "))
			continue
		}
		if first, dup := o.values[k.Value]; dup {
			d.fail(at, "is given twice, first on line %d", first.y.Line)
			continue
		}
		o.values[k.Value] = node{n.y.Content[i+1], at.path}
		o.keys = append(o.keys, k.Value)
	}
	return o, true
}

// list reads a sequence; of null it is empty.
func (d *reader) list(n node) []node {
	n, ok := d.visit(n)
	if !ok {
		return nil
	}
	if n.y.Kind != yaml.SequenceNode {
		d.fail(n, "is %s, want a list", kindName(n.y))
		return nil
	}
	out := make([]node, len(n.y.Content))
	for i, c := range n.y.Content {
		out[i] = node{c, n.path + "[" + strconv.Itoa(i) + "]"}
	}
	return out
}

// scalar reads one value with one of the tags.
func (d *reader) scalar(n node, want string, tags ...string) (string, bool) {
	n, ok := d.visit(n)
	if !ok {
		return "", false
	}
	if n.y.Kind != yaml.ScalarNode || !slices.Contains(tags, n.y.ShortTag()) {
		hint := ""
		if n.y.Kind == yaml.ScalarNode && want == "a string" {
			hint = "; quote it"
		}
		d.fail(n, "is %s, want %s%s", kindName(n.y), want, hint)
		return "", false
	}
	if len(n.y.Value) > maxStringSize {
		d.fail(n, "is longer than %d bytes", maxStringSize)
		return "", false
	}
	return n.y.Value, true
}
