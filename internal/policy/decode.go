package policy

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// decodeOnce takes percent-encoding off once. What is no encoding stays.
func decodeOnce(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, controls(s)
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c, ok := hexPair(s, i); ok {
			out = append(out, c)
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	text := string(out)
	if !utf8.ValidString(text) {
		return text, true
	}
	if !ascii(text) {
		text = norm.NFC.String(text)
	}
	return text, controls(text) || stillEncoded(text)
}

func hexPair(s string, i int) (byte, bool) {
	if s[i] != '%' || i+2 >= len(s) {
		return 0, false
	}
	hi, lo := unhex(s[i+1]), unhex(s[i+2])
	return hi<<4 | lo, hi < 16 && lo < 16
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	default:
		return 255
	}
}

// stillEncoded reports whether a second decoding would change what the path
// means: dots, slashes, backslashes, NUL, or encodings of percent signs.
func stillEncoded(s string) bool {
	for i := range len(s) {
		if c, ok := hexPair(s, i); ok && (c == '.' || c == '/' || c == '\\' || c == '%' || c < 0x20) {
			return true
		}
	}
	return false
}

func controls(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// canonicalPattern brings the literal parts of a resource pattern into the form
// of canonicalResource: scheme and host in lower case, no default port, a
// rooted path as a file URL, encodings taken off once.
func canonicalPattern(p string) string {
	if !ascii(p) {
		p = norm.NFC.String(p)
	}
	if strings.HasPrefix(p, "/") {
		p = "file://" + p
	}
	scheme, rest := splitScheme(p)
	if scheme == "" {
		return decodePattern(p)
	}
	after, ok := strings.CutPrefix(rest, "//")
	if !ok {
		at := strings.LastIndexByte(rest, '@') + 1
		if scheme != "mailto" {
			at = len(rest)
		}
		return scheme + ":" + decodePattern(rest[:at]+strings.ToLower(rest[at:]))
	}
	end := strings.IndexByte(after, '/')
	if end < 0 {
		end = len(after)
	}
	host := strings.ToLower(after[:end])
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	if port, ok := defaultPorts[scheme]; ok {
		host = strings.TrimSuffix(host, ":"+port)
	}
	if !strings.HasSuffix(host, "*.") {
		host = strings.TrimSuffix(host, ".")
	}
	return scheme + "://" + host + decodePattern(after[end:])
}

func decodePattern(p string) string {
	if strings.IndexByte(p, '%') < 0 {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		c, ok := hexPair(p, i)
		if !ok {
			b.WriteByte(p[i])
			continue
		}
		if strings.IndexByte(`*?{},\`, c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String()
}
