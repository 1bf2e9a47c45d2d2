package policy

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// resolve brings the request into the form rules are matched against, once:
// canonical names, then the catalog for what nobody said.
func (c *catalog) resolve(q *Request) {
	if q.res.done {
		return
	}
	q.res = resolution{done: true, unknown: q.Lost}
	s := &q.res
	s.tool = c.canonicalTool(q.Tool)
	s.principal = normal(q.Principal.ID)
	if q.Principal.ID == "" && q.Principal.Grade != "missing" {
		q.markAbsent(FieldPrincipal)
	}
	q.markIf(q.Args.state == argsUnknown, FieldArgs)
	q.markIf(len(q.Tool) > maxMatchSize, FieldTool)
	if s.tool == "" {
		q.markAbsent(FieldTool)
	}
	if q.Args.state == argsAbsent {
		q.markAbsent(FieldArgs)
	}
	t := c.find(s.tool)
	q.resolveOperation(t)
	q.resolveResource(t)
	q.resolveData(t)
	s.delegatee = q.Delegatee
	if s.delegatee == "" && s.op == opDelegate {
		if id, ok := strings.CutPrefix(s.resource, "agent/"); ok && len(s.more) == 0 {
			s.delegatee = id
		}
	}
	s.delegatee = normal(s.delegatee)
	if s.delegatee == "" {
		q.markAbsent(FieldDelegatee)
	}
	if q.Model == "" {
		q.markAbsent(FieldModel)
	}
	if q.Purpose == "" {
		q.markAbsent(FieldPurpose)
	}
	q.markIf(q.Time.IsZero(), FieldTime)
}

func normal(s string) string {
	if ascii(s) {
		return s
	}
	return norm.NFC.String(s)
}

func (c *catalog) canonicalTool(name string) string {
	name = canonicalTool(name)
	if to, ok := c.aliases[name]; ok {
		return to
	}
	return name
}

// markAbsent makes an absent fact unknown where absence means that.
func (q *Request) markAbsent(f Fields) { q.markIf(q.Source == FromSpan && q.Absent&f == 0, f) }

func (q *Request) markIf(yes bool, f Fields) {
	if yes {
		q.res.unknown |= f
	}
}

func (q *Request) resolveOperation(t *catalogTool) {
	s := &q.res
	s.operation = q.Operation
	if op, ok := OperationOf(q.Operation); ok {
		s.operation = op
	} else if t != nil && t.operation != "" && (q.Operation == "" || q.Operation == "tools/call") {
		s.operation = t.operation
	} else if q.Operation == "tools/call" {
		s.operation = "execute"
	}
	s.op = opBit(s.operation)
	if s.operation == "" {
		q.markAbsent(FieldOperation)
	}
}

func (q *Request) resolveResource(t *catalogTool) {
	s := &q.res
	first, rest := q.Resource, q.Resources
	if first == "" && len(rest) > 0 {
		first, rest = rest[0], rest[1:]
	}
	if first == "" && t != nil && t.resource != nil && q.Lost&FieldResource == 0 {
		if !q.argsReadable() {
			q.markIf(true, FieldResource)
			s.needsArgs = true
			return
		}
		filled, known := t.resource.fill(&q.Args.v)
		if known == Unknown {
			q.markIf(true, FieldResource)
			s.needsArgs = true
		}
		if known == True {
			first, rest = filled[0], filled[1:]
		}
	}
	if first == "" {
		q.markAbsent(FieldResource)
		return
	}
	q.markIf(len(rest) >= maxResources, FieldResource)
	s.resource = q.canonical(first)
	for _, r := range rest[:min(len(rest), maxResources)] {
		s.more = append(s.more, q.canonical(r))
	}
}

func (q *Request) canonical(resource string) string {
	if len(resource) > maxMatchSize {
		q.markIf(true, FieldResource)
		return ""
	}
	out, ambiguous := canonicalResource(resource)
	q.res.ambiguous = q.res.ambiguous || ambiguous
	if cut := otherReading(resource); cut != "" {
		also, _ := canonicalResource(cut)
		q.res.more = append(q.res.more, also)
	}
	return out
}

// argsReadable reports whether the arguments are known; absent ones of a
// request are known to be none.
func (q *Request) argsReadable() bool {
	return q.res.unknown&FieldArgs == 0
}

func (q *Request) resolveData(t *catalogTool) {
	s := &q.res
	s.data, s.dataKnown = q.Data, q.Data != nil
	if !s.dataKnown && t != nil && t.data != nil {
		s.data, s.dataKnown = t.data, true
	}
	if !s.dataKnown {
		q.markAbsent(FieldData)
	}
}

// missing returns Unknown and the fact where it is not known, else what its
// known absence is worth: False.
func (q *Request) missing(f Fields) (Truth, Fields) {
	switch {
	case q.res.unknown&f == 0:
		return False, 0
	case f == FieldResource && q.res.needsArgs:
		return Unknown, f | FieldArgs
	default:
		return Unknown, f
	}
}
