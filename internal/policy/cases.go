package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Case is one test beside a registry: an action and what must become of it. What
// it does not say of rates is that nothing was used, of the agent's version that
// the entry holds for it; lost: [rate, agent.version] makes them unknown.
type Case struct {
	Place Place
	Name  string
	// Agent is the id of the entry; an id that has none is not registered.
	Agent   string
	Request Request
	Want    Expectation
}

// Expectation is what a case asks for; an empty field asks for nothing.
type Expectation struct {
	Effect, Answer Effect
	Verdict        Verdict
	Reason         Reason
	Finding        string
	// Rule is the deciding rule; "-" is none.
	Rule    string
	Missing []string
}

var (
	caseKeys = []string{
		"name", "agent", "version", "source", "principal", "principal_grade", "delegated", "tool", "operation", "resource", "resources",
		"args", "data", "model", "delegatee", "purpose", "at", "used", "approval", "lost", "erased", "context", "subject", "action",
		"resource_properties", "expect", "rule",
	}
	expectKeys = []string{"effect", "answer", "verdict", "reason", "finding", "missing"}
	approvals  = []string{"missing", "fits", "mismatch", "self", "unknown"}
)

// ParseCases reads a file of tests: cases, a list. It is as strict as Load.
func ParseCases(f File) ([]Case, error) {
	d := &reader{file: f.Name}
	dec := yaml.NewDecoder(bytes.NewReader(f.Data))
	var out []Case
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return out, d.err()
		}
		if err != nil {
			d.syntax(err)
			return nil, d.err()
		}
		if len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null" {
			continue
		}
		o, _ := d.object(node{y: doc.Content[0]}, []string{"cases", "description"})
		if v, ok := o.get("cases"); ok {
			for _, item := range d.list(v) {
				out = append(out, d.testCase(item))
			}
		} else {
			d.fail(o.node, "cases is missing")
		}
	}
}

// ParseAction reads one action, YAML or JSON: the keys of a case without what it
// expects.
func ParseAction(f File) (agent string, q Request, err error) {
	d := &reader{file: f.Name}
	var doc yaml.Node
	if err := yaml.Unmarshal(f.Data, &doc); err != nil {
		d.syntax(err)
		return "", q, d.err()
	}
	if len(doc.Content) == 0 {
		return "", q, fmt.Errorf("%s: is empty, want an action", f.Name)
	}
	o, _ := d.object(node{y: doc.Content[0]}, caseKeys[:len(caseKeys)-2])
	c := Case{Request: Request{Source: FromRequest}}
	for _, key := range o.keys {
		d.caseKey(&c, key, o.values[key])
	}
	if c.Agent == "" {
		d.fail(o.node, "agent is missing")
	}
	c.Request.Assume()
	return c.Agent, c.Request, d.err()
}

func (d *reader) testCase(n node) Case {
	o, _ := d.object(n, caseKeys)
	c := Case{Request: Request{Source: FromRequest}}
	if o.y != nil {
		c.Place = Place{d.file, o.y.Line, o.y.Column}
	}
	for _, key := range o.keys {
		d.caseKey(&c, key, o.values[key])
	}
	for _, key := range []string{"agent", "expect"} {
		if _, ok := o.get(key); !ok {
			d.fail(o.node, "%s is missing", key)
		}
	}
	if c.Name == "" {
		c.Name = strings.Join(strings.Fields(c.Agent+" "+c.Request.Operation+" "+c.Request.Tool+" "+c.Request.Resource), " ")
	}
	return c
}

func (d *reader) caseKey(c *Case, key string, v node) {
	q := &c.Request
	switch key {
	case "name":
		c.Name = d.text(v)
	case "agent":
		c.Agent = d.text(v)
	case "version":
		q.Actor.Version = d.text(v)
	case "source":
		if d.choice(v, "request", "span") == "span" {
			q.Source = FromSpan
		}
	case "principal":
		if s, ok := d.scalar(v, "a string", "!!str"); ok && s != "" {
			kind, id, ok := strings.Cut(s, ":")
			if !ok {
				d.fail(v, "%q is no type:id such as user:alice@acme.example", s)
			}
			q.Principal.Type, q.Principal.ID = kind, id
		}
	case "principal_grade":
		q.Principal.Grade = d.text(v)
	case "delegated":
		if d.boolean(v) {
			q.Check = PrincipalIfKnown
		}
	case "at":
		q.Time = d.instant(v)
	case "expect":
		d.expect(&c.Want, v)
	case "rule":
		c.Want.Rule = d.text(v)
	default:
		d.caseFact(q, key, v)
	}
}

func (d *reader) caseFact(q *Request, key string, v node) {
	switch key {
	case "tool":
		q.Tool, _ = d.scalar(v, "a string", "!!str")
	case "operation":
		q.Operation, _ = d.scalar(v, "a string", "!!str")
	case "resource":
		q.Resource, _ = d.scalar(v, "a string", "!!str")
	case "resources":
		q.Resources = d.texts(v)
	case "args":
		q.Args = d.caseArgs(v)
	case "data":
		q.Data = d.classes(v)
	case "model":
		q.Model = d.text(v)
	case "delegatee":
		q.Delegatee = d.text(v)
	case "purpose":
		q.Purpose = d.text(v)
	case "used":
		n := d.whole(v, 1<<40)
		q.Counter = func(*Rule, time.Duration) (int64, bool) { return n, true }
	case "approval":
		have := Approval(max(slices.Index(approvals, d.choice(v, approvals...)), 0))
		q.Approval = func(*Rule) Approval { return have }
	case "lost":
		q.Lost = d.fields(v)
	case "erased":
		for _, item := range d.list(v) {
			if !q.Args.Erase(d.text(item)) {
				d.fail(item, "is no argument of the case; args must come first")
			}
		}
	case "context":
		q.Context = d.anyMap(v)
	case "subject":
		q.SubjectProperties = d.anyMap(v)
	case "action":
		q.ActionProperties = d.anyMap(v)
	case "resource_properties":
		q.ResourceProperties = d.anyMap(v)
	}
}

// caseArgs takes a mapping, or a string that is read as an emitter's JSON text.
func (d *reader) caseArgs(n node) Args {
	n, ok := d.visit(n)
	if !ok {
		return Args{}
	}
	if n.y.Kind == yaml.ScalarNode {
		s, _ := d.scalar(n, "a mapping or JSON text", "!!str")
		return ParseArgs([]byte(s))
	}
	if _, ok := d.object(n, nil); !ok {
		return Args{}
	}
	return Args{state: argsKnown, v: d.json(n, 0)}
}

func (d *reader) anyMap(n node) map[string]any {
	if _, ok := d.object(n, nil); !ok {
		return nil
	}
	v := d.json(n, 0)
	out, _ := v.native()
	m, _ := out.(map[string]any)
	return m
}

func (d *reader) fields(n node) Fields {
	var f Fields
	for _, item := range d.list(n) {
		if i := slices.Index(fieldNames, d.choice(item, fieldNames...)); i >= 0 {
			f |= 1 << i
		}
	}
	return f
}

// expect takes an effect, or a mapping of what is expected.
func (d *reader) expect(e *Expectation, n node) {
	n, ok := d.visit(n)
	if !ok {
		return
	}
	effects := []string{string(Allow), string(Deny), string(Ask)}
	if n.y.Kind == yaml.ScalarNode {
		e.Effect = Effect(d.choice(n, effects...))
		return
	}
	o, _ := d.object(n, expectKeys)
	for _, key := range o.keys {
		v := o.values[key]
		switch key {
		case "effect":
			e.Effect = Effect(d.choice(v, effects...))
		case "answer":
			e.Answer = Effect(d.choice(v, effects...))
		case "verdict":
			e.Verdict = Verdict(d.choice(v, string(Respected), string(Violation), string(NotEvaluated), string(Unregistered)))
		case "reason":
			e.Reason = Reason(d.text(v))
		case "finding":
			e.Finding, _ = d.scalar(v, "a string", "!!str")
		case "missing":
			e.Missing = d.texts(v)
		}
	}
}
