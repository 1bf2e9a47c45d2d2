package policy

import (
	"cel.dev/cel-go/cel"
)

// celVars are the variables conditions see of one request, made when the first
// condition asks. It is CEL's partial activation: patterns are the paths that
// the condition at hand reads and nobody knows.
type celVars struct {
	subject, action, resource, context, args map[string]any
	now                                      any
	patterns                                 []*cel.AttributePatternType
}

var _ cel.PartialActivation = (*celVars)(nil)

// ResolveName returns a variable.
func (v *celVars) ResolveName(name string) (any, bool) {
	switch name {
	case "subject":
		return v.subject, true
	case "action":
		return v.action, true
	case "resource":
		return v.resource, true
	case "context":
		return v.context, true
	case "args":
		return v.args, true
	case "now":
		return v.now, true
	default:
		return nil, false
	}
}

// Parent returns nil: there are no other variables.
func (v *celVars) Parent() cel.Activation { return nil }

// UnknownAttributePatterns returns the paths whose values are not known.
func (v *celVars) UnknownAttributePatterns() []*cel.AttributePatternType { return v.patterns }

// AsPartialActivation is how CEL finds out that patterns are to be asked for; a
// type that only has UnknownAttributePatterns is silently taken as complete.
func (v *celVars) AsPartialActivation() (cel.PartialActivation, bool) { return v, true }

func (q *Request) celVars() *celVars {
	if q.res.evaluation != nil {
		return q.res.evaluation
	}
	s := &q.res
	v := &celVars{
		subject:  entity(firstOf(q.SubjectType, q.Principal.Type), firstOf(q.SubjectID, q.Principal.ID), q.SubjectProperties),
		action:   map[string]any{"properties": properties(q.ActionProperties)},
		resource: entity(q.ResourceType, firstOf(q.ResourceID, s.resource), q.ResourceProperties),
		context:  q.celContext(),
		args:     map[string]any{},
		now:      q.Time,
	}
	if name := firstOf(q.ActionName, s.operation); name != "" {
		v.action["name"] = name
	}
	if s.operation != "" {
		v.action["operation"] = s.operation
	}
	if s.resource != "" {
		v.resource["uri"] = s.resource
	}
	if s.tool != "" {
		v.resource["tool"] = s.tool
	}
	if q.argsReadable() {
		for i, name := range q.Args.v.names {
			if x, ok := q.Args.v.items[i].native(); ok {
				v.args[name] = x
			}
		}
	}
	s.evaluation = v
	return v
}

func properties(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func entity(kind, id string, props map[string]any) map[string]any {
	m := make(map[string]any, 5)
	m["properties"] = properties(props)
	if kind != "" {
		m["type"] = kind
	}
	if id != "" {
		m["id"] = id
	}
	return m
}

func (q *Request) celContext() map[string]any {
	out := make(map[string]any, len(q.Context)+3)
	for k, v := range q.Context {
		out[k] = v
	}
	if _, ok := out["principal"]; !ok && q.Principal.ID != "" {
		out["principal"] = graded(q.Principal.Type, q.Principal.ID, q.Principal.Grade, "")
	}
	if _, ok := out["actor"]; !ok && q.Actor.ID != "" {
		out["actor"] = graded("", q.Actor.ID, q.Actor.Grade, q.Actor.Version)
	}
	return out
}

func graded(kind, id, grade, version string) map[string]any {
	m := map[string]any{"id": id}
	for _, kv := range [...][2]string{{"type", kind}, {"grade", grade}, {"version", version}} {
		if kv[1] != "" {
			m[kv[0]] = kv[1]
		}
	}
	return m
}

// unknown returns the part of a path that is not known, nil if all of it is:
// known to be there, or known to be absent.
func (v *celVars) unknown(r *celRef, q *Request) *cel.AttributePatternType {
	switch r.root {
	case "now":
		if q.res.unknown&FieldTime != 0 {
			return cel.AttributePattern("now")
		}
		return nil
	case "args":
		return q.unknownArg(r.path)
	}
	known := 0
	switch {
	case q.Lost&r.needs != 0:
	case q.Source == FromRequest:
		return nil
	case r.root == "context":
		known = depth(v.context, r.path)
	case len(r.path) > 0 && r.path[0] == "properties":
		if !q.propertiesUnknown(r.root) {
			return nil // what a caller gives of properties is all there is
		}
	default:
		m, _ := v.ResolveName(r.root)
		object, _ := m.(map[string]any)
		known = depth(object, r.path)
	}
	if known == len(r.path) && known > 0 {
		return nil
	}
	p := cel.AttributePattern(r.root)
	for _, name := range r.path[:min(known+1, len(r.path))] {
		p = p.QualString(name)
	}
	return p
}

func (q *Request) propertiesUnknown(root string) bool {
	switch root {
	case "subject":
		return q.SubjectProperties == nil
	case "action":
		return q.ActionProperties == nil
	default:
		return q.ResourceProperties == nil
	}
}

// depth returns how much of a path is there. Below what is no mapping all is
// there: reading on is an error, which is unknown of itself.
func depth(m map[string]any, path []string) int {
	for i, name := range path {
		v, ok := m[name]
		if !ok {
			return i
		}
		if m, ok = v.(map[string]any); !ok {
			break
		}
	}
	return len(path)
}

// unknownArg returns what is unknown of the arguments along a path.
func (q *Request) unknownArg(path []string) *cel.AttributePatternType {
	if !q.argsReadable() {
		return cel.AttributePattern("args")
	}
	if len(path) == 0 {
		if _, ok := q.Args.v.native(); !ok {
			return cel.AttributePattern("args")
		}
		return nil
	}
	v, ok := q.Args.v.member(path[0])
	if !ok {
		return nil
	}
	if _, whole := v.native(); whole {
		return nil
	}
	return cel.AttributePattern("args").QualString(path[0])
}
