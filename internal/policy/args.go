package policy

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Bounds of arguments. Beyond them arguments are unknown.
const (
	maxArgsSize  = 1 << 20
	maxArgsDepth = 64
)

type valueKind uint8

const (
	kindNull valueKind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
	kindErased
)

var valueKinds = [...]string{"null", "boolean", "number", "string", "array", "object", "unknown"}

// value is one JSON value, decoded once and exactly.
type value struct {
	kind  valueKind
	truth bool
	num   decimal
	text  string // of a string; of a number as it was written
	items []value
	names []string // of an object, beside items
}

func (v *value) member(name string) (*value, bool) {
	for i, n := range v.names {
		if n == name {
			return &v.items[i], true
		}
	}
	return nil, false
}

// Args are the arguments of a tool call. The zero value is absent, which means
// unknown in a request from a span and none in a request that asks.
type Args struct {
	state argsState
	v     value
}

type argsState uint8

const (
	argsAbsent argsState = iota
	argsKnown
	argsUnknown
)

// NoArgs are arguments that are known to be none.
func NoArgs() Args { return Args{state: argsKnown, v: value{kind: kindObject}} }

// UnknownArgs are arguments that were there and cannot be read.
func UnknownArgs() Args { return Args{state: argsUnknown} }

// Known reports whether the arguments can be read.
func (a Args) Known() bool { return a.state == argsKnown }

// ParseArgs reads arguments: a JSON object, or a JSON string that holds one,
// as some emitters write it. Empty input and null are absent. What is cut off,
// too big or deep, not UTF-8, not an object, or names a member twice is
// unknown: two readers could take it differently.
func ParseArgs(raw []byte) Args {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return Args{}
	}
	v, err := parseJSON(raw)
	if err == nil && v.kind == kindString {
		inner := bytes.TrimSpace([]byte(v.text))
		if len(inner) == 0 || string(inner) == "null" {
			return Args{}
		}
		v, err = parseJSON(inner)
	}
	if err != nil || v.kind != kindObject {
		return UnknownArgs()
	}
	return Args{state: argsKnown, v: v}
}

// ArgsOf takes arguments that are decoded already, as encoding/json does into
// any, with or without UseNumber. nil is absent.
func ArgsOf(m map[string]any) Args {
	if m == nil {
		return Args{}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return UnknownArgs()
	}
	return ParseArgs(raw)
}

// Equal compares two sets of arguments as JSON: order does not count, 1.0 is 1.
// Absent equals none. What cannot be read is Unknown.
func (a Args) Equal(b Args) Truth {
	if a.state == argsUnknown || b.state == argsUnknown {
		return Unknown
	}
	a.v.kind, b.v.kind = kindObject, kindObject
	return a.v.equal(&b.v)
}

// Canonical returns the arguments as RFC 8785 (JCS) JSON, so that equal ones have
// one digest; absent ones are {}. ok is false where a part of them is unknown. A
// number that no double holds is written as a string.
func (a Args) Canonical() (text []byte, ok bool) {
	if a.state == argsUnknown {
		return nil, false
	}
	a.v.kind = kindObject
	v, ok := a.v.plain()
	if !ok {
		return nil, false
	}
	return canonicalJSON(nil, v), true
}

// plain returns the value as canonicalJSON takes it.
func (v *value) plain() (any, bool) {
	switch v.kind {
	case kindNumber:
		return v.num, true
	case kindArray:
		out := make([]any, len(v.items))
		for i := range v.items {
			var ok bool
			if out[i], ok = v.items[i].plain(); !ok {
				return nil, false
			}
		}
		return out, true
	case kindObject:
		out := make(map[string]any, len(v.items))
		for i := range v.items {
			x, ok := v.items[i].plain()
			if !ok {
				return nil, false
			}
			out[v.names[i]] = x
		}
		return out, true
	default:
		return v.native()
	}
}

// Erase makes one member of the arguments unknown: it was there, its value was
// taken out. Path is dotted, as in "payee.iban". It reports whether it was
// there to be erased.
func (a *Args) Erase(path string) bool {
	if a.state != argsKnown {
		return false
	}
	a.v = a.v.clone()
	at := &a.v
	for name := range strings.SplitSeq(path, ".") {
		next, ok := at.member(name)
		if !ok {
			return false
		}
		at = next
	}
	*at = value{kind: kindErased}
	return true
}

func (v *value) clone() value {
	c := *v
	c.items = make([]value, len(v.items))
	for i := range v.items {
		c.items[i] = v.items[i].clone()
	}
	return c
}

// equal compares two values; unknown is part of neither.
func (v *value) equal(o *value) Truth {
	if v.kind == kindErased || o.kind == kindErased {
		return Unknown
	}
	if v.kind != o.kind || len(v.items) != len(o.items) {
		return False
	}
	switch v.kind {
	case kindBool:
		return truthOf(v.truth == o.truth)
	case kindNumber:
		return truthOf(v.num.cmp(o.num) == 0)
	case kindString:
		return truthOf(v.text == o.text)
	default:
	}
	t := True
	for i := range v.items {
		other := &o.items[i]
		if v.kind == kindObject {
			var ok bool
			if other, ok = o.member(v.names[i]); !ok {
				return False
			}
		}
		t = t.And(v.items[i].equal(other))
	}
	return t
}

// native returns the value as CEL and JSON take it: numbers are float64. The
// second result is false where a part of it is erased or no such number is.
func (v *value) native() (any, bool) {
	switch v.kind {
	case kindNull:
		return nil, true
	case kindBool:
		return v.truth, true
	case kindNumber:
		f, err := json.Number(v.text).Float64()
		return f, err == nil
	case kindString:
		return v.text, true
	case kindArray:
		out := make([]any, len(v.items))
		for i := range v.items {
			var ok bool
			if out[i], ok = v.items[i].native(); !ok {
				return nil, false
			}
		}
		return out, true
	case kindObject:
		out := make(map[string]any, len(v.items))
		for i := range v.items {
			x, ok := v.items[i].native()
			if !ok {
				return nil, false
			}
			out[v.names[i]] = x
		}
		return out, true
	default:
		return nil, false
	}
}
