// Package cedartest holds the decisions of internal/policy against those of
// cedar-go. It is a module of its own, so that nobody who takes a component of
// ours gets Cedar with it:
//
//	cd internal/policy/cedartest && go test ./...
//
// The translation reads the registry's YAML by itself and shares no code with
// internal/policy. It covers what both can say: no conditions, rates, regular
// expressions or unknown facts; whole numbers; patterns with either ** or one *.
package cedartest

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

type entry struct {
	Spec struct {
		Valid struct {
			From  time.Time
			Until time.Time
		}
		Principals struct {
			Required bool
			Allow    []string
		}
		Deny   []rule
		Ask    []rule
		Allow  []rule
		Models *struct{ Allow, Deny []string }
		Data   *struct{ Read, Write []string }
		Deleg  struct{ To []string } `yaml:"delegation"`
	}
}

type rule struct {
	ID         string
	Tool       string
	Operations []string
	Resources  []string
	Args       map[string]arg
}

type arg struct {
	Type     string
	Minimum  *int64
	Maximum  *int64
	Above    *int64 `yaml:"exclusiveMinimum"`
	Below    *int64 `yaml:"exclusiveMaximum"`
	Enum     []string
	Optional bool
}

// Policies are Cedar policies for one agent: Allow permits what its allow rules,
// models and delegation permit, Ask what its ask rules match. Both forbid what
// the deny rules and the blocks of the entry forbid.
type Policies struct{ Allow, Ask string }

// Translate turns a document of kind AgentPermissions into Cedar.
func Translate(document []byte) (Policies, error) {
	var e entry
	if err := yaml.Unmarshal(document, &e); err != nil {
		return Policies{}, err
	}
	s := &e.Spec
	forbid := e.blocks()
	for _, r := range s.Deny {
		forbid += statement("forbid", r.ID, "(!model() && ("+r.condition(false)+"))")
	}
	out := Policies{Allow: forbid, Ask: forbid}
	for _, r := range s.Ask {
		out.Ask += statement("permit", r.ID, "!model() && "+r.condition(false))
	}
	for _, r := range s.Allow {
		out.Allow += statement("permit", r.ID, "!model() && !handover() && "+r.condition(true))
	}
	model := "true"
	if s.Models != nil {
		model = "context has model && !(" + anyLike("context.model", s.Models.Deny) + ")"
		if s.Models.Allow != nil {
			model += " && (" + anyLike("context.model", s.Models.Allow) + ")"
		}
	}
	out.Allow += statement("permit", "models", "model() && "+model)
	out.Allow += statement("permit", "delegation", "handover() && context has delegatee && ("+anyLike("context.delegatee", s.Deleg.To)+")")
	return out, nil
}

// statement writes one policy; model() and handover() stand for what the action is.
func statement(effect, id, condition string) string {
	condition = strings.ReplaceAll(condition, "model()", `(context has operation && context.operation == "invoke_model")`)
	condition = strings.ReplaceAll(condition, "handover()", `(context has operation && context.operation == "delegate")`)
	return fmt.Sprintf("@id(%q)\n%s(principal, action, resource) when { %s };\n", id, effect, condition)
}

// blocks forbid what valid, principals and data do not let pass.
func (e *entry) blocks() string {
	var out string
	s := &e.Spec
	if !s.Valid.From.IsZero() {
		out += statement("forbid", "valid.from", fmt.Sprintf("context.time < %d", s.Valid.From.UnixMilli()))
	}
	if !s.Valid.Until.IsZero() {
		out += statement("forbid", "valid.until", fmt.Sprintf("context.time >= %d", s.Valid.Until.UnixMilli()))
	}
	if s.Principals.Required {
		out += statement("forbid", "principals.required", "!(context has principal)")
	}
	if s.Principals.Allow != nil {
		out += statement("forbid", "principals.allow", "context has principal && !("+anyLike("context.principal", s.Principals.Allow)+")")
	}
	if s.Data != nil {
		for _, side := range []struct {
			name, when string
			classes    []string
		}{{"read", "(!(context has operation) || context.operation == \"read\")", s.Data.Read}, {"write", "(!(context has operation) || context.operation != \"read\")", s.Data.Write}} {
			if side.classes != nil {
				out += statement("forbid", "data."+side.name, "!model() && !handover() && "+side.when+
					" && !("+list(side.classes)+".containsAll(context.data))")
			}
		}
	}
	return out
}

// condition is the conjunction of a rule's parts; closed says that arguments it
// does not list refuse it.
func (r rule) condition(closed bool) string {
	parts := []string{"true"}
	if r.Tool != "" {
		parts = append(parts, "context has tool", "("+like("context.tool", r.Tool)+")")
	}
	if r.Operations != nil {
		parts = append(parts, "context has operation", list(r.Operations)+".contains(context.operation)")
	}
	if r.Resources != nil {
		parts = append(parts, "context has uri", "("+anyLike("context.uri", r.Resources)+")")
	}
	if r.Args != nil {
		names := make([]string, 0, len(r.Args))
		for name := range r.Args {
			names = append(names, name)
		}
		sort.Strings(names)
		if closed {
			parts = append(parts, list(names)+".containsAll(context.names)")
		}
		for _, name := range names {
			parts = append(parts, r.Args[name].condition(name))
		}
	}
	return strings.Join(parts, " && ")
}

func (a arg) condition(name string) string {
	at := "context.args." + name
	parts := []string{"context.args has " + name}
	add := func(op string, n *int64) {
		if n != nil {
			parts = append(parts, fmt.Sprintf("%s %s %d", at, op, *n))
		}
	}
	// Cedar has no test of a type: one that is wrong is an error, which makes a
	// policy not apply, as a wrong type does a rule.
	switch a.Type {
	case "number", "integer":
		parts = append(parts, at+" <= 9223372036854775807")
	case "string":
		parts = append(parts, at+` like "*"`)
	case "boolean":
		parts = append(parts, "("+at+" || !"+at+")")
	}
	add(">=", a.Minimum)
	add("<=", a.Maximum)
	add(">", a.Above)
	add("<", a.Below)
	if a.Enum != nil {
		parts = append(parts, list(a.Enum)+".contains("+at+")")
	}
	all := strings.Join(parts, " && ")
	if a.Optional {
		return "(!(context.args has " + name + ") || (" + all + "))"
	}
	return "(" + all + ")"
}

func list(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func anyLike(attr string, patterns []string) string {
	parts := []string{"false"}
	for _, p := range patterns {
		parts = append(parts, like(attr, p))
	}
	return strings.Join(parts, " || ")
}

// like is a pattern of ours in Cedar's, whose * crosses everything.
func like(attr, pattern string) string {
	var parts []string
	for _, alt := range expand(pattern) {
		parts = append(parts, likeOne(attr, alt))
	}
	return strings.Join(parts, " || ")
}

func likeOne(attr, p string) string {
	if at := strings.Index(p, "**/"); at == 0 || at > 0 && p[at-1] == '/' {
		return "(" + likeOne(attr, p[:at]+p[at+3:]) + " || " + likeOne(attr, p[:at]+"\x00/"+p[at+3:]) + ")"
	}
	p = strings.ReplaceAll(p, "**", "\x00")
	single := strings.Count(p, "*")
	wide := strings.ReplaceAll(strings.ReplaceAll(p, "*", "\x00"), "\x00", "*")
	cond := fmt.Sprintf("%s like %q", attr, wide)
	switch {
	case single == 0:
		return cond
	case single == 1 && !strings.Contains(p, "\x00"):
		return fmt.Sprintf("(%s && !(%s like %q))", cond, attr, strings.Replace(p, "*", "*/*", 1))
	default:
		panic("no translation of " + p)
	}
}

// expand writes out {a,b}, innermost first.
func expand(p string) []string {
	end := strings.IndexByte(p, '}')
	if end < 0 {
		return []string{p}
	}
	start := strings.LastIndexByte(p[:end], '{')
	var out []string
	for _, alt := range strings.Split(p[start+1:end], ",") {
		out = append(out, expand(p[:start]+alt+p[end+1:])...)
	}
	return out
}
