package policy

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	errNotUTF8   = errors.New("not UTF-8")
	errTooBig    = errors.New("too big")
	errTooDeep   = errors.New("too deep")
	errTwice     = errors.New("a member is named twice")
	errNumber    = errors.New("a number is out of bounds")
	errSyntax    = errors.New("not JSON")
	errAfterJSON = errors.New("something follows the value")
)

// jsonReader reads JSON as strictly as encoding/json, and refuses a member that
// is named twice. Texts without escapes are parts of the input, not copies.
type jsonReader struct {
	s string
	i int
}

// parseJSON reads one value.
func parseJSON(raw []byte) (value, error) {
	switch {
	case len(raw) > maxArgsSize:
		return value{}, errTooBig
	case !utf8.Valid(raw):
		return value{}, errNotUTF8
	}
	r := jsonReader{s: string(raw)}
	v, err := r.value(0)
	if err != nil {
		return value{}, err
	}
	if r.space(); r.i < len(r.s) {
		return value{}, errAfterJSON
	}
	return v, nil
}

func (r *jsonReader) space() {
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

// next takes one byte if it is c, white space before it.
func (r *jsonReader) next(c byte) bool {
	r.space()
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

func (r *jsonReader) word(w string, v value) (value, error) {
	if !strings.HasPrefix(r.s[r.i:], w) {
		return value{}, errSyntax
	}
	r.i += len(w)
	return v, nil
}

func (r *jsonReader) value(depth int) (value, error) {
	if depth > maxArgsDepth {
		return value{}, errTooDeep
	}
	r.space()
	if r.i == len(r.s) {
		return value{}, errSyntax
	}
	switch c := r.s[r.i]; {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '"':
		text, err := r.text()
		return value{kind: kindString, text: text}, err
	case c == 't':
		return r.word("true", value{kind: kindBool, truth: true})
	case c == 'f':
		return r.word("false", value{kind: kindBool})
	case c == 'n':
		return r.word("null", value{})
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	default:
		return value{}, errSyntax
	}
}

func (r *jsonReader) array(depth int) (value, error) {
	v := value{kind: kindArray}
	r.i++
	if r.next(']') {
		return v, nil
	}
	for {
		item, err := r.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.items = append(v.items, item)
		if r.next(']') {
			return v, nil
		}
		if !r.next(',') {
			return v, errSyntax
		}
	}
}

// manyNames is from how many members on a map finds those that are named twice.
const manyNames = 16

func (r *jsonReader) object(depth int) (value, error) {
	v := value{kind: kindObject}
	var seen map[string]bool
	r.i++
	if r.next('}') {
		return v, nil
	}
	for {
		if r.space(); r.i == len(r.s) || r.s[r.i] != '"' {
			return v, errSyntax
		}
		name, err := r.text()
		if err != nil {
			return v, err
		}
		if len(v.names) == manyNames {
			seen = make(map[string]bool, 2*manyNames)
			for _, n := range v.names {
				seen[n] = true
			}
		}
		if seen[name] || seen == nil && slices.Contains(v.names, name) {
			return v, errTwice
		}
		if seen != nil {
			seen[name] = true
		}
		if !r.next(':') {
			return v, errSyntax
		}
		item, err := r.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.names, v.items = append(v.names, name), append(v.items, item)
		if r.next('}') {
			return v, nil
		}
		if !r.next(',') {
			return v, errSyntax
		}
	}
}

// text reads a string; what has escapes is left to encoding/json.
func (r *jsonReader) text() (string, error) {
	start := r.i
	escaped := false
	for r.i++; r.i < len(r.s); r.i++ {
		switch c := r.s[r.i]; {
		case c == '"':
			r.i++
			if !escaped {
				return r.s[start+1 : r.i-1], nil
			}
			var out string
			if json.Unmarshal([]byte(r.s[start:r.i]), &out) != nil {
				return "", errSyntax
			}
			return out, nil
		case c == '\\':
			escaped = true
			r.i++
		case c < 0x20:
			return "", errSyntax
		}
	}
	return "", errSyntax
}

// number reads -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
func (r *jsonReader) number() (value, error) {
	start := r.i
	r.take('-')
	if !r.take('0') && !r.digits() {
		return value{}, errSyntax
	}
	if r.take('.') && !r.digits() {
		return value{}, errSyntax
	}
	if r.take('e') || r.take('E') {
		if !r.take('+') {
			r.take('-')
		}
		if !r.digits() {
			return value{}, errSyntax
		}
	}
	return numberValue(r.s[start:r.i])
}

func (r *jsonReader) take(c byte) bool {
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

func (r *jsonReader) digits() bool {
	start := r.i
	for r.i < len(r.s) && r.s[r.i] >= '0' && r.s[r.i] <= '9' {
		r.i++
	}
	return r.i > start
}

func numberValue(s string) (value, error) {
	d, ok := parseDecimal(s)
	if !ok {
		return value{}, errNumber
	}
	return value{kind: kindNumber, num: d, text: s}, nil
}
