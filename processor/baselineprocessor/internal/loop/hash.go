package loop

import "strings"

const prime = 0x9e3779b97f4a7c15

func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Hash is a keyed hash of a text, never 0.
func Hash(key uint64, text string) uint32 {
	h := key
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	return max(1, uint32(mix(h)))
}

// Arguments hashes the arguments of a call of a tool: exact, whatever the order
// of the keys and the white space between tokens of the JSON; and near, without
// words that contain a digit.
func Arguments(key uint64, tool, arguments string) (exact, near uint32) {
	base := uint64(Hash(key, tool))
	e, n := base, base
	parts(arguments, func(part string) {
		a, b := part2(key, part)
		e += mix(a)
		n += mix(b)
	})
	return max(1, uint32(mix(e))), max(1, uint32(mix(n)))
}

// parts calls visit with each field of a JSON object, or with all of anything
// else.
func parts(s string, visit func(string)) {
	t := strings.TrimSpace(s)
	if len(t) < 2 || t[0] != '{' || t[len(t)-1] != '}' {
		visit(t)
		return
	}
	depth, quoted, from := 0, false, 1
	for i := 1; i < len(t)-1; i++ {
		switch c := t[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			visit(t[from:i])
			from = i + 1
		}
	}
	visit(t[from : len(t)-1])
}

// part2 hashes one field: bytes outside strings without white space, and words
// without digits.
func part2(key uint64, s string) (exact, near uint64) {
	exact, near = key, key
	quoted, word, hasDigit := false, key, false
	flush := func() {
		if word != key && !hasDigit {
			near = (near ^ mix(word)) * prime
		}
		word, hasDigit = key, false
	}
	for i := range len(s) {
		c := s[i]
		if c == '"' && (i == 0 || s[i-1] != '\\') {
			quoted = !quoted
		}
		if !quoted && (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
			continue
		}
		exact = (exact ^ uint64(c)) * prime
		switch {
		case c >= '0' && c <= '9':
			hasDigit = true
			word = (word ^ uint64(c)) * prime
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 || c == '-' || c == '_':
			word = (word ^ uint64(c)) * prime
		default:
			flush()
			near = (near ^ uint64(c)) * prime
		}
	}
	flush()
	return exact, near
}
