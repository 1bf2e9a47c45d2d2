package genai

import (
	"encoding/json"
	"strings"
)

// object walks the fields of one JSON object without allocating. It is lenient:
// malformed input ends the walk, what was read before stays read.
type object struct {
	rest string
	key  string // as written, without quotes; escapes are not decoded
	raw  string // the value as written
}

// parseObject begins at the first field of s; anything but an object has none.
func parseObject(s string) object {
	s = strings.TrimLeft(s, " \t\r\n")
	if s == "" || s[0] != '{' {
		return object{}
	}
	return object{rest: s[1:]}
}

// next moves to the next field and reports whether there is one.
func (o *object) next() bool {
	s := strings.TrimLeft(o.rest, " \t\r\n,")
	o.rest = ""
	if s == "" || s[0] != '"' {
		return false
	}
	end := stringEnd(s)
	if end < 0 {
		return false
	}
	o.key = s[1 : end-1]
	s = strings.TrimLeft(s[end:], " \t\r\n")
	if s == "" || s[0] != ':' {
		return false
	}
	s = strings.TrimLeft(s[1:], " \t\r\n")
	end = valueEnd(s)
	if end <= 0 {
		return false
	}
	o.raw, o.rest = strings.TrimRight(s[:end], " \t\r\n"), s[end:]
	return true
}

// stringEnd returns the index after the closing quote of a string at s[0].
func stringEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// valueEnd returns the index after the value that begins at s[0].
func valueEnd(s string) int {
	if s == "" {
		return -1
	}
	if s[0] == '"' {
		return stringEnd(s)
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			n := stringEnd(s[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of the enclosing object
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// field finds a value by a path of object keys.
func field(s string, path ...string) string {
	for _, name := range path {
		o, found := parseObject(s), false
		for o.next() {
			if o.key == name {
				s, found = o.raw, true
				break
			}
		}
		if !found {
			return ""
		}
	}
	return s
}

// element returns the first element of a JSON array.
func element(s string) string {
	s = strings.TrimLeft(s, " \t\r\n")
	if s == "" || s[0] != '[' {
		return ""
	}
	s = strings.TrimLeft(s[1:], " \t\r\n")
	if end := valueEnd(s); end > 0 {
		return s[:end]
	}
	return ""
}

// unquote reads a JSON string; other values are "".
func unquote(raw string) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if strings.IndexByte(raw, '\\') < 0 {
		return clean(raw[1 : len(raw)-1])
	}
	if len(raw) > 4*maxName {
		return ""
	}
	var s string
	if json.Unmarshal([]byte(raw), &s) != nil {
		return ""
	}
	return clean(s)
}

// jsonCount reads a count that stands in JSON, as number or string.
func (r *reader) jsonCount(raw string) Count {
	if len(raw) >= 2 && raw[0] == '"' {
		raw = raw[1 : len(raw)-1]
	}
	n, state := parseCount(raw)
	if state == countBad {
		r.malformed++
		r.invalid = true
	}
	return Count{N: n, Known: state == countKnown}
}
