package policy

import (
	"maps"

	"cel.dev/cel-go/cel"
)

// celVars are the variables conditions see of one request, each made when the
// first condition asks. It is CEL's partial activation: patterns are the paths
// that the condition at hand reads and nobody knows.
type celVars struct {
	q                                        *Request
	subject, action, resource, context, args map[string]any
	patterns                                 []*cel.AttributePatternType
}

var _ cel.PartialActivation = (*celVars)(nil)

// ResolveName returns a variable.
func (v *celVars) ResolveName(name string) (any, bool) {
	if name == "now" {
		return v.q.Time, true
	}
	m := v.object(name)
	return m, m != nil
}

// Parent returns nil: there are no other variables.
func (v *celVars) Parent() cel.Activation { return nil }

// UnknownAttributePatterns returns the paths whose values are not known.
func (v *celVars) UnknownAttributePatterns() []*cel.AttributePatternType { return v.patterns }

// AsPartialActivation is how CEL finds out that patterns are to be asked for; a
// type that only has UnknownAttributePatterns is silently taken as complete.
func (v *celVars) AsPartialActivation() (cel.PartialActivation, bool) { return v, true }

func (q *Request) celVars() *celVars {
	if q.res.evaluation == nil {
		q.res.evaluation = &celVars{}
	}
	q.res.evaluation.q = q
	return q.res.evaluation
}

// object returns a variable that is a mapping, nil if there is none of the name.
func (v *celVars) object(name string) map[string]any {
	var at *map[string]any
	var build func(*Request) map[string]any
	switch name {
	case "subject":
		at, build = &v.subject, (*Request).celSubject
	case "action":
		at, build = &v.action, (*Request).celAction
	case "resource":
		at, build = &v.resource, (*Request).celResource
	case "context":
		at, build = &v.context, (*Request).celContext
	case "args":
		at, build = &v.args, (*Request).celArgs
	default:
		return nil
	}
	if *at == nil {
		*at = build(v.q)
	}
	return *at
}

func (q *Request) celSubject() map[string]any {
	return entity(firstOf(q.SubjectType, q.Principal.Type), firstOf(q.SubjectID, q.Principal.ID), q.SubjectProperties)
}

func (q *Request) celAction() map[string]any {
	m := map[string]any{"properties": properties(q.ActionProperties)}
	if name := firstOf(q.ActionName, q.res.operation); name != "" {
		m["name"] = name
	}
	if q.res.operation != "" {
		m["operation"] = q.res.operation
	}
	return m
}

func (q *Request) celResource() map[string]any {
	m := entity(q.ResourceType, firstOf(q.ResourceID, q.res.resource), q.ResourceProperties)
	if q.res.resource != "" {
		m["uri"] = q.res.resource
	}
	if q.res.tool != "" {
		m["tool"] = q.res.tool
	}
	return m
}

func (q *Request) celArgs() map[string]any {
	m := map[string]any{}
	if q.argsReadable() {
		for i, name := range q.Args.v.names {
			if x, ok := q.Args.v.items[i].native(); ok {
				m[name] = x
			}
		}
	}
	return m
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
	maps.Copy(out, q.Context)
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
		known = depth(v.object("context"), r.path)
	case len(r.path) > 0 && r.path[0] == "properties":
		if !q.propertiesUnknown(r.root) {
			return nil // what a caller gives of properties is all there is
		}
	default:
		known = depth(v.object(r.root), r.path)
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
