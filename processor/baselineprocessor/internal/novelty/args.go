package novelty

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// visitor takes the values of a call one by one: the argument they belong to and
// the text as written in JSON, quotes and escapes resolved.
type visitor func(argument, value string)

// maxValues bounds how many values of one call are looked at.
const maxValues = 64

// values walks the arguments of a call: a JSON object. Of strings the text, of
// lists the elements, of objects the keys, truth values and null as words;
// numbers not at all: they have levels. Anything but an object is the one value
// of the argument "". Malformed JSON ends the walk; what was read stays read. It
// returns whether all values were visited.
func values(arguments string, visit visitor) bool {
	s := strings.TrimLeft(arguments, jsonSpace)
	if s == "" {
		return true
	}
	left := maxValues
	if s[0] != '{' {
		value("", s, &left, visit, 0)
		return left >= 0
	}
	object(s, func(key, raw string) bool {
		value(unquote(key), raw, &left, visit, 0)
		return left >= 0
	})
	return left >= 0
}

const jsonSpace = " \t\r\n"

// value visits what stands in raw, a JSON value.
func value(argument, raw string, left *int, visit visitor, depth int) {
	if *left < 0 || raw == "" || depth > 4 {
		return
	}
	emit := func(v string) {
		if *left--; *left >= 0 && v != "" {
			visit(argument, v)
		}
	}
	switch c := raw[0]; {
	case c == '"':
		emit(unquote(raw))
	case c == '[':
		list(raw, func(element string) bool {
			value(argument, element, left, visit, depth+1)
			return *left >= 0
		})
	case c == '{':
		object(raw, func(key, _ string) bool {
			emit(unquote(key))
			return *left >= 0
		})
	case c == '-' || c >= '0' && c <= '9':
	case depth == 0 && argument == "":
		emit(raw) // plain text instead of JSON
	default:
		emit(strings.TrimRight(raw, jsonSpace)) // true, false, null
	}
}

// object calls visit with every key, as written, and its raw value.
func object(s string, visit func(key, raw string) bool) {
	s = s[1:]
	for {
		s = strings.TrimLeft(s, jsonSpace+",")
		if s == "" || s[0] != '"' {
			return
		}
		end := stringEnd(s)
		if end < 0 {
			return
		}
		key := s[:end]
		s = strings.TrimLeft(s[end:], jsonSpace)
		if s == "" || s[0] != ':' {
			return
		}
		s = strings.TrimLeft(s[1:], jsonSpace)
		end = valueEnd(s)
		if end <= 0 || !visit(key, strings.TrimRight(s[:end], jsonSpace)) {
			return
		}
		s = s[end:]
	}
}

// list calls visit with every raw element.
func list(s string, visit func(raw string) bool) {
	s = s[1:]
	for {
		s = strings.TrimLeft(s, jsonSpace+",")
		end := valueEnd(s)
		if end <= 0 || !visit(strings.TrimRight(s[:end], jsonSpace)) {
			return
		}
		s = s[end:]
	}
}

// stringEnd returns the index after the closing quote of the string at s[0].
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

// valueEnd returns the index after the value that begins at s[0], at most where
// the enclosing value ends.
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
				return i
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
	if depth == 0 {
		return len(s)
	}
	return -1
}

// unquote resolves a JSON string. Of a long one only the beginning is read: no
// more than canonical keeps, whatever the escapes.
func unquote(raw string) string {
	if len(raw) < 2 || raw[0] != '"' {
		return raw
	}
	const most = 6 * maxValue * 2
	inner := raw[1 : len(raw)-1]
	if len(inner) > most {
		inner = cut(inner, most)
	}
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if json.Unmarshal([]byte(`"`+inner+`"`), &s) != nil {
		return inner
	}
	return s
}

// cut shortens s to at most n bytes without splitting a rune or an escape.
func cut(s string, n int) string {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	s = s[:n]
	if i := strings.LastIndexByte(s, '\\'); i >= 0 && i >= n-6 {
		for i > 0 && s[i-1] == '\\' {
			i--
		}
		s = s[:i]
	}
	return s
}
