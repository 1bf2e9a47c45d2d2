package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of patterns and of what is matched. A longer text matches nothing, in
// either direction: it is unknown.
const (
	maxAlternatives = 256
	maxMatchSize    = 8 << 10
)

type tokenKind uint8

const (
	tokText    tokenKind = iota // exactly these bytes
	tokOne                      // ?: one character, not /
	tokSegment                  // *: any characters but /
	tokAny                      // **: any characters
	tokDirs                     // **/ at the start of a segment: nothing, or anything that ends in /
)

type token struct {
	kind tokenKind
	text string
}

// glob is one anchored pattern, its alternatives expanded.
type glob struct {
	source string
	alts   [][]token
}

// compileGlob reads a pattern: * and ? stay inside one segment, ** crosses
// them, {a,b} alternates, a backslash takes the next character as it is. A **
// between slashes also stands for no segment at all.
func compileGlob(pattern string) (*glob, error) {
	if pattern == "" {
		return nil, errors.New("an empty pattern matches nothing")
	}
	if !utf8.ValidString(pattern) {
		return nil, errors.New("not UTF-8")
	}
	alts, err := expandBraces(pattern)
	if err != nil {
		return nil, err
	}
	g := &glob{source: pattern}
	for _, alt := range alts {
		g.alts = append(g.alts, tokenise(alt))
	}
	return g, nil
}

// expandBraces turns {a,b} into alternatives, outermost first.
func expandBraces(s string) ([]string, error) {
	open := -1
	depth := 0
	var cuts []int
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
			if i == len(s) {
				return nil, errors.New("a backslash at the end escapes nothing")
			}
		case '{':
			if depth == 0 {
				open = i
			}
			depth++
		case ',':
			if depth == 1 {
				cuts = append(cuts, i)
			}
		case '}':
			if depth == 0 {
				return nil, errors.New("} without {")
			}
			if depth--; depth == 0 {
				return joinAlternatives(s, append([]int{open}, append(cuts, i)...))
			}
		}
	}
	if depth > 0 {
		return nil, errors.New("{ without }")
	}
	return []string{s}, nil
}

func joinAlternatives(s string, cuts []int) ([]string, error) {
	var out []string
	for k := 1; k < len(cuts); k++ {
		more, err := expandBraces(s[:cuts[0]] + s[cuts[k-1]+1:cuts[k]] + s[cuts[len(cuts)-1]+1:])
		if err != nil {
			return nil, err
		}
		if out = append(out, more...); len(out) > maxAlternatives {
			return nil, fmt.Errorf("more than %d alternatives", maxAlternatives)
		}
	}
	return out, nil
}

func tokenise(s string) []token {
	var out []token
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			out = append(out, token{tokText, text.String()})
			text.Reset()
		}
	}
	segmentStart := true
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
			text.WriteByte(s[i])
		case '?':
			flush()
			out = append(out, token{kind: tokOne})
		case '*':
			flush()
			stars := 1
			for ; i+1 < len(s) && s[i+1] == '*'; i++ {
				stars++
			}
			switch {
			case stars == 1:
				out = append(out, token{kind: tokSegment})
			case segmentStart && i+1 < len(s) && s[i+1] == '/':
				out = append(out, token{kind: tokDirs})
				i++
			default:
				out = append(out, token{kind: tokAny})
			}
		default:
			text.WriteByte(s[i])
		}
		segmentStart = s[i] == '/'
	}
	flush()
	return out
}

// literals returns the texts the glob stands for where it has no wildcard.
func (g *glob) literals() ([]string, bool) {
	out := make([]string, 0, len(g.alts))
	for _, alt := range g.alts {
		s, ok := literal(alt)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func literal(alt []token) (string, bool) {
	switch {
	case len(alt) == 0:
		return "", true
	case len(alt) == 1 && alt[0].kind == tokText:
		return alt[0].text, true
	default:
		return "", false
	}
}

// prefix returns the text every match of the alternative begins with.
func prefix(alt []token) string {
	if len(alt) > 0 && alt[0].kind == tokText {
		return alt[0].text
	}
	return ""
}

// match reports whether s as a whole fits the pattern.
func (g *glob) match(s string) bool {
	for _, alt := range g.alts {
		if matchTokens(alt, s) {
			return true
		}
	}
	return false
}

// matchPair is match of head + ":" + tail, without putting them together where
// the pattern names the head.
func (g *glob) matchPair(head, tail string) bool {
	for _, alt := range g.alts {
		kind, rest, ok := strings.Cut(prefix(alt), ":")
		switch {
		case !ok || strings.Contains(head, ":"):
			if matchTokens(alt, head+":"+tail) {
				return true
			}
		case kind == head && strings.HasPrefix(tail, rest) && matchTokens(alt[1:], tail[len(rest):]):
			return true
		}
	}
	return false
}

// matchTokens needs two marks to return to: the last * and the last **. A
// later one never needs an earlier one of its kind, as it can take over all
// that the earlier one would have taken; and what stands behind a ** never
// needs the * before it. A * that ran into a slash or the end has been tried at
// every place up to there; starting it again before that place fails at once, so
// that a text cannot make a pattern take quadratic time.
func matchTokens(toks []token, s string) bool {
	var star, deep struct {
		tok, pos int
		dirs     bool
	}
	star.tok, deep.tok = -1, -1
	spent := struct{ tok, pos int }{-1, 0}
	t, i := 0, 0
	for {
		if t == len(toks) && i == len(s) {
			return true
		}
		if t < len(toks) {
			switch tok := &toks[t]; tok.kind {
			case tokText:
				if strings.HasPrefix(s[i:], tok.text) {
					t, i = t+1, i+len(tok.text)
					continue
				}
			case tokOne:
				if i < len(s) && s[i] != '/' {
					_, n := utf8.DecodeRuneInString(s[i:])
					t, i = t+1, i+n
					continue
				}
			case tokSegment:
				if t == spent.tok && i <= spent.pos {
					star.tok = -1
					break
				}
				star.tok, star.pos = t, i
				t++
				continue
			default:
				deep.tok, deep.pos, deep.dirs = t, i, tok.kind == tokDirs
				star.tok = -1
				t++
				continue
			}
		}
		switch {
		case star.tok >= 0 && star.pos < len(s) && s[star.pos] != '/':
			_, n := utf8.DecodeRuneInString(s[star.pos:])
			star.pos += n
			t, i = star.tok+1, star.pos
		case deep.tok >= 0 && deep.pos < len(s):
			if star.tok >= 0 {
				spent.tok, spent.pos = star.tok, star.pos
			}
			star.tok = -1
			_, step := utf8.DecodeRuneInString(s[deep.pos:])
			if deep.dirs {
				if step = strings.IndexByte(s[deep.pos:], '/') + 1; step == 0 {
					return false
				}
			}
			deep.pos += step
			t, i = deep.tok+1, deep.pos
		default:
			return false
		}
	}
}
