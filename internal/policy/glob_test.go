package policy

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGlob(t *testing.T) {
	for pattern, texts := range map[string]struct{ yes, no []string }{
		"a*c":                {[]string{"ac", "abc", "abbc"}, []string{"a/c", "abcd", "xabc", ""}},
		"a?c":                {[]string{"abc", "aäc"}, []string{"ac", "a/c", "abbc"}},
		"*?":                 {[]string{"a", "é", "€", "ab"}, []string{"", "/"}},
		"*??":                {[]string{"ab", "éa"}, []string{"é", "€", "a"}},
		"**":                 {[]string{"", "a", "a/b", "/"}, nil},
		"erp://**":           {[]string{"erp://", "erp://a/b"}, []string{"erp:/a", "xerp://a"}},
		"file:///**/.ssh/**": {[]string{"file:///.ssh/x", "file:///a/.ssh/x", "file:///a/b/.ssh/c/d"}, []string{"file:///a.ssh/x", "file:///.ssh"}},
		"**/secrets/**":      {[]string{"secrets/x", "a/secrets/x", "erp://a/secrets/"}, []string{"xsecrets/a", "a/secrets"}},
		"{get,list}_in*":     {[]string{"get_in", "list_inv"}, []string{"put_in", "get_/in"}},
		"{a,{b,c}d}e":        {[]string{"ae", "bde", "cde"}, []string{"ce", "ade"}},
		`a\*b\{`:             {[]string{"a*b{"}, []string{"axb{"}},
		"a/*/c":              {[]string{"a/b/c"}, []string{"a/c", "a/b/b/c"}},
	} {
		g, err := compileGlob(pattern)
		require.NoError(t, err, pattern)
		for _, s := range texts.yes {
			assert.True(t, g.match(s), "%s of %q", pattern, s)
		}
		for _, s := range texts.no {
			assert.False(t, g.match(s), "%s of %q", pattern, s)
		}
	}
	for _, bad := range []string{"", "{a", "a}", `a\`, "\xff", strings.Repeat("{a,b}", 9)} {
		_, err := compileGlob(bad)
		assert.Error(t, err, bad)
	}
}

// slowMatch is the definition of a match, one token at a time.
func slowMatch(toks []token, s string) bool {
	if len(toks) == 0 {
		return s == ""
	}
	rest := toks[1:]
	switch toks[0].kind {
	case tokText:
		after, ok := strings.CutPrefix(s, toks[0].text)
		return ok && slowMatch(rest, after)
	case tokOne:
		_, n := utf8.DecodeRuneInString(s)
		return s != "" && s[0] != '/' && slowMatch(rest, s[n:])
	default:
	}
	for i := 0; ; {
		if (toks[0].kind != tokDirs || i == 0 || s[i-1] == '/') && slowMatch(rest, s[i:]) {
			return true
		}
		if i == len(s) || toks[0].kind == tokSegment && s[i] == '/' {
			return false
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
}

// FuzzGlob holds the matcher against its definition, and both halves of a pair
// against the whole.
func FuzzGlob(f *testing.F) {
	for _, s := range [][2]string{
		{"a**b*c?d", "axxbyycd"},
		{"**/x/**/y", "a/x/y"},
		{"*/x*y", "a/xb/xy"},
		{"{a,b/**/c}*", "b/c"},
		{"user:*@x", "user:a@x"},
		{"**/a*/**/b?", "q/a1/b/b2"},
		{"*a*b*a*", "abababa"},
		{"**a**b**", "xxabyy"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 24 || len(text) > 40 || !utf8.ValidString(text) {
			return
		}
		g, err := compileGlob(pattern)
		if err != nil {
			return
		}
		want := false
		for _, alt := range g.alts {
			want = want || slowMatch(alt, text)
		}
		if got := g.match(text); got != want {
			t.Fatalf("%q of %q: %v, want %v", pattern, text, got, want)
		}
		if head, tail, ok := strings.Cut(text, ":"); ok && g.matchPair(head, tail) != want {
			t.Fatalf("%q of the pair %q, %q: %v, want %v", pattern, head, tail, !want, want)
		}
		if texts, ok := g.literals(); ok && want != slices.Contains(texts, text) {
			t.Fatalf("%q stands for %q, which %q is not held to", pattern, texts, text)
		}
	})
}
