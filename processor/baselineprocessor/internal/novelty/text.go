// Package novelty judges which values an agent passes to its tools, and where
// they came from: a value that this argument never had, taken from what a tool
// returned, is what an injected instruction looks like. Content is hashed under a
// secret key and never kept in clear. Pure: time is a parameter, nothing is
// locked.
package novelty

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxValue bounds what is read of one value, in bytes.
	maxValue = 200
	// maxText bounds what is read of one prompt or result, in bytes. What follows
	// is not searched for where values came from.
	maxText = 32 << 10
)

// canonical appends the value in lower case, white space collapsed, cut to
// maxValue bytes.
func canonical(dst []byte, s string) []byte {
	from, space := len(dst), false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = len(dst) > from
			continue
		}
		if len(dst)-from >= maxValue {
			break
		}
		if space {
			dst = append(dst, ' ')
			space = false
		}
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
	}
	return dst
}

// entity tells an e-mail address, and shortens a URL or a bare host to the host.
// Other values are themselves. It takes canonical text.
func entity(v string) (kind, name string) {
	if local, domain, ok := strings.Cut(v, "@"); ok && local != "" && isHost(domain) && !strings.ContainsAny(local, " /:,;") {
		return "email@", v // not the domain alone: a new address at a known one is a new recipient
	}
	rest, url := v, false
	if scheme, after, ok := strings.Cut(v, "://"); ok && scheme != "" && !strings.ContainsAny(scheme, " ./") {
		rest, url = after, true
	}
	host, bare := rest, true
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host, bare = host[:i], false
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 && url {
		host = host[i+1:]
	}
	if h, port, ok := strings.Cut(host, ":"); ok && digitsOnly(port) {
		host = h
	}
	switch {
	case url && host != "" && !strings.ContainsRune(host, ' '):
		return "host:", strings.TrimPrefix(host, "www.")
	case isHost(host) && (strings.HasPrefix(host, "www.") || bare && !looksLikeFile(host)):
		return "host:", strings.TrimPrefix(host, "www.")
	}
	return "", v
}

func digitsOnly(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// isHost tells a dotted name whose last label is of two or more letters.
func isHost(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	if dot <= 0 || len(s)-dot < 3 || s[0] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z'
		if !letter && (i > dot || c != '.' && c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// looksLikeFile tells names such as report.pdf from hosts, which end alike.
func looksLikeFile(s string) bool {
	switch s[strings.LastIndexByte(s, '.')+1:] {
	case "txt", "pdf", "csv", "json", "yaml", "yml", "xml", "html", "htm", "md", "log", "py", "go", "js", "ts", "sh", "java", "rs",
		"doc", "docx", "xls", "xlsx", "ppt", "pptx", "png", "jpg", "jpeg", "gif", "svg", "zip", "tar", "gz", "sql", "db", "toml", "ini", "cfg", "conf", "exe", "bin":
		return true
	}
	return strings.IndexByte(s, '.') == strings.LastIndexByte(s, '.') && len(s) < 4
}

// words calls visit with the hash of every word of the text and reports whether
// all was read. A word is a run of letters and digits, in lower case.
func words(seed uint64, text string, visit func(uint64)) bool {
	whole := len(text) <= maxText
	if !whole {
		text = text[:maxText]
	}
	h, in := seed, false
	end := func() {
		if in {
			visit(mix(h))
			h, in = seed, false
		}
	}
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c >= 'A' && c <= 'Z':
				c += 'a' - 'A'
			case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			case c == '\\' && i < len(text) && (text[i] == 'n' || text[i] == 't' || text[i] == 'r'):
				i++ // an escaped line break within JSON parts words
				end()
				continue
			default:
				end()
				continue
			}
			h, in = (h^uint64(c))*wordPrime, true
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			end()
			continue
		}
		h, in = (h^uint64(unicode.ToLower(r)))*wordPrime, true
	}
	end()
	return whole
}

const wordPrime = 0x9e3779b97f4a7c15

// mix spreads what changed in the low bits over all bits (the finaliser of
// MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// pair is the hash of two words in a row.
func pair(a, b uint64) uint64 { return mix(a*3 + b) }
