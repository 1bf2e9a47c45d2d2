package policy

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// canonicalTool returns the one spelling of a tool's name: Unicode NFC, and
// mcp/<server>/<tool> for mcp__<server>__<tool>. Nothing else is folded: tools
// whose names differ in a single byte are different tools.
func canonicalTool(name string) string {
	if !ascii(name) {
		name = norm.NFC.String(name)
	}
	rest, ok := strings.CutPrefix(name, "mcp__")
	if !ok {
		return name
	}
	server, tool, ok := strings.Cut(rest, "__")
	if !ok || server == "" || tool == "" {
		return name
	}
	return "mcp/" + server + "/" + tool
}

// CanonicalTool returns the one spelling of a tool's name that rules are held to.
func CanonicalTool(name string) string { return canonicalTool(name) }

// CanonicalResource returns the one spelling of a resource that rules are held to.
// ambiguous says that it may still be read as another resource.
func CanonicalResource(s string) (canonical string, ambiguous bool) { return canonicalResource(s) }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// slashed are the schemes in whose paths a backslash is a slash.
var slashed = map[string]bool{"file": true, "http": true, "https": true, "ws": true, "wss": true, "ftp": true}

var defaultPorts = map[string]string{
	"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21", "ssh": "22", "sftp": "22",
	"postgres": "5432", "postgresql": "5432", "mysql": "3306", "redis": "6379", "mongodb": "27017", "amqp": "5672", "amqps": "5671",
}

// canonicalResource returns the one spelling of a resource. Percent-encoding is
// taken off exactly once; scheme and host are lower case, without default port,
// trailing dot and user; paths have no dot segments, doubled slashes or (where
// the scheme says so) backslashes; a file path is a file URL. Links in a file
// system are not resolved.
//
// ambiguous says that another reader might still take it for another resource:
// encoded dots or slashes are left after decoding, a relative path climbs out,
// or it holds control characters. Such a resource is never known to be allowed.
func canonicalResource(s string) (canonical string, ambiguous bool) {
	if isCanonical(s) {
		return s, false
	}
	if !ascii(s) {
		s = norm.NFC.String(s)
	}
	scheme, rest := splitScheme(s)
	switch {
	case scheme == "" && windowsPath(s):
		return canonicalURL("file", "///"+s)
	case scheme == "" && strings.HasPrefix(s, "/"):
		return canonicalURL("file", "//"+s)
	case scheme == "":
		return canonicalRelative(s)
	case strings.HasPrefix(rest, "//") || slashed[scheme]:
		return canonicalURL(scheme, rest)
	case scheme == "mailto":
		return canonicalMail(rest)
	default:
		text, ambiguous := decodeOnce(rest)
		return scheme + ":" + text, ambiguous
	}
}

// otherReading returns a file URL up to its first ? or #, "" where it has none. To
// a reader of URLs the rest is no part of the path, to one that takes the path
// as it stands it is: both files count as touched.
func otherReading(s string) string {
	if len(s) < 5 || !strings.EqualFold(s[:5], "file:") {
		return ""
	}
	cut := strings.IndexAny(s, "?#")
	if cut < 0 {
		return ""
	}
	return s[:cut]
}

// canonicalRelative takes what has neither scheme nor root. What has one only
// once it is decoded is ambiguous, and matched as what it then is.
func canonicalRelative(s string) (string, bool) {
	path, ambiguous := canonicalPath(s, false)
	if scheme, _ := splitScheme(path); scheme != "" || strings.HasPrefix(path, "/") || windowsPath(path) {
		path, _ = canonicalResource(path)
		return path, true
	}
	return path, ambiguous
}

// isCanonical recognises without work what canonicalResource would not change:
// lower-case text of harmless characters with no doubled slash, dot segment or
// port. It may say no of what is canonical.
func isCanonical(s string) bool {
	_, rest, found := strings.Cut(s, "://")
	if !found || strings.HasPrefix(s, "file:") != strings.HasPrefix(rest, "/") {
		return false
	}
	scheme := s[:len(s)-len(rest)-3]
	for i := range len(scheme) {
		if scheme[i] < 'a' || scheme[i] > 'z' {
			return false
		}
	}
	host := true
	for i := range len(rest) {
		c := rest[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		case c == '/':
			if i > 0 && (rest[i-1] == '/' || host && rest[i-1] == '.') || i+1 < len(rest) && rest[i+1] == '.' {
				return false
			}
			host = false
		case c == '.':
		case c >= 'A' && c <= 'Z', c == '=', c == '&', c == ',', c == '+', c == '~':
			if host {
				return false
			}
		default:
			return false
		}
	}
	return !host
}

// splitScheme splits "scheme:rest"; the scheme is lower case. A single letter
// is a drive, no scheme.
func splitScheme(s string) (scheme, rest string) {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		case c == ':' && i > 1:
			return strings.ToLower(s[:i]), s[i+1:]
		default:
			return "", s
		}
	}
	return "", s
}

func windowsPath(s string) bool {
	return len(s) > 2 && s[1] == ':' && (s[2] == '\\' || s[2] == '/') && (s[0]|0x20) >= 'a' && (s[0]|0x20) <= 'z'
}

func canonicalURL(scheme, rest string) (string, bool) {
	if slashed[scheme] {
		rest = strings.ReplaceAll(rest, `\`, "/")
	}
	switch {
	case scheme != "file" && slashed[scheme]:
		rest = "//" + strings.TrimLeft(rest, "/") // as browsers read http:/host
	case scheme == "file" && !strings.HasPrefix(rest, "//"):
		rest = "///" + strings.TrimPrefix(rest, "/") // file:/path
	}
	authority, path, tail := "", rest, ""
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		end := strings.IndexAny(after, "/?#")
		if end < 0 {
			end = len(after)
		}
		authority, path = after[:end], after[end:]
	}
	if cut := strings.IndexAny(path, "?#"); cut >= 0 && scheme != "file" {
		path, tail = path[:cut], path[cut:]
	}
	host, bad := canonicalHost(scheme, authority)
	bad = bad || host == "" && scheme != "file" && slashed[scheme]
	path, worse := canonicalPath(path, true)
	tail, worst := decodeOnce(tail)
	return scheme + "://" + host + path + tail, bad || worse || (worst && controls(tail))
}

// canonicalHost takes user, default port, trailing dot and case off. Full-width
// and other compatibility characters are folded, as a resolver does; look-alikes
// of other alphabets are not: they are other hosts.
func canonicalHost(scheme, authority string) (string, bool) {
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	host, ambiguous := decodeOnce(authority)
	ambiguous = ambiguous || strings.ContainsAny(host, "/?#@\\ ")
	if !ascii(host) {
		host = strings.ReplaceAll(norm.NFKC.String(host), "\u3002", ".")
	}
	host = strings.ToLower(host)
	port := ""
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && !strings.HasSuffix(host, "]") {
		host, port = host[:colon], host[colon+1:]
	}
	ambiguous = ambiguous || strings.Contains(host, ":") && !strings.HasPrefix(host, "[")
	host = strings.TrimRight(host, ".")
	if scheme == "file" && host == "localhost" {
		host = ""
	}
	if port != "" && port != defaultPorts[scheme] {
		host += ":" + port
	}
	return host, ambiguous
}

// canonicalMail lowers the case of the domain. More than one recipient, or a
// header, is ambiguous: the pattern for the last would let the first pass.
func canonicalMail(rest string) (string, bool) {
	text, ambiguous := decodeOnce(rest)
	at := strings.LastIndexByte(text, '@') + 1
	return "mailto:" + text[:at] + strings.ToLower(text[at:]), ambiguous || strings.ContainsAny(text, ",;?&<> ")
}

// canonicalPath decodes once and removes empty and dot segments. A rooted path
// cannot climb above its root; one without a root that climbs out of where it
// began is ambiguous.
func canonicalPath(s string, rooted bool) (string, bool) {
	s, ambiguous := decodeOnce(s)
	if !strings.Contains(s, "//") && !strings.Contains(s, "/.") && !strings.HasPrefix(s, ".") {
		return s, ambiguous
	}
	kept := make([]string, 0, strings.Count(s, "/")+1)
	climbs := 0
	parts := strings.Split(s, "/")
	for i, p := range parts {
		last := i == len(parts)-1
		switch p {
		case "", ".":
		case "..":
			switch {
			case len(kept) > climbs:
				kept = kept[:len(kept)-1]
			case rooted: // the root is its own parent
			default:
				ambiguous = true
				climbs++
				kept = append(kept, p)
			}
		default:
			kept = append(kept, p)
			last = false
		}
		if last && len(kept) > 0 {
			kept = append(kept, "") // a trailing slash stays
		}
	}
	out := strings.Join(kept, "/")
	if strings.HasPrefix(s, "/") {
		out = "/" + out
	}
	return out, ambiguous
}
