package policy

import (
	"slices"
	"strings"
)

// isEverything reports whether a pattern matches any text.
func isEverything(alt []token) bool { return len(alt) == 1 && alt[0].kind == tokAny }

// altWithin says whether every text of one pattern is one of others. It knows
// exact texts, equal patterns, prefixes and sub-paths; other pairs of patterns
// are Unknown, unless their beginnings differ.
func altWithin(p []token, of [][]token) Truth {
	out := False
	for _, q := range of {
		out = out.Or(patternWithin(p, q))
	}
	return out
}

func patternWithin(p, q []token) Truth {
	if text, ok := literal(p); ok {
		return truthOf(matchTokens(q, text))
	}
	if isEverything(q) || slices.Equal(p, q) {
		return True
	}
	have, want := prefix(p), prefix(q)
	if !strings.HasPrefix(have, want) && !strings.HasPrefix(want, have) {
		return False
	}
	if _, ok := literal(q); ok {
		return False // many texts in one
	}
	if q[len(q)-1].kind == tokAny && matchTokens(q, have) || q[0].kind == tokAny && matchTokens(q, suffix(p)) {
		return True // the ** takes whatever p adds
	}
	inside := strings.HasPrefix(have, want)
	pKind, qKind := afterPrefix(p), afterPrefix(q)
	switch {
	case qKind == tokAny && inside:
		return True
	case qKind == tokSegment && inside && strings.Contains(have[len(want):], "/"):
		return False // each text of p has a slash that * does not cross
	case qKind == tokSegment && inside && pKind == tokSegment:
		return True
	case pKind == tokAny && (qKind == tokAny || qKind == tokSegment):
		return False // p takes texts that lack q's prefix, or have a slash more
	case pKind == tokSegment && (qKind == tokAny || qKind == tokSegment) && !inside:
		return False
	default:
		return Unknown
	}
}

// suffix returns the text every match of the pattern ends with.
func suffix(p []token) string {
	if last := len(p) - 1; last >= 0 && p[last].kind == tokText {
		return p[last].text
	}
	return ""
}

// afterPrefix returns how a pattern "prefix**" or "prefix*" goes on after its
// prefix; tokText is any other pattern.
func afterPrefix(p []token) tokenKind {
	if len(p) > 0 && p[0].kind == tokText {
		p = p[1:]
	}
	if len(p) == 1 && (p[0].kind == tokAny || p[0].kind == tokSegment) {
		return p[0].kind
	}
	return tokText
}
