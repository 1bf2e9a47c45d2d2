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

// slowMatch is the definition of a match, token by token: every place that each
// token can end at.
func slowMatch(toks []token, s string) bool {
	at := map[int]bool{0: true}
	for _, tok := range toks {
		next := map[int]bool{}
		for i := range at {
			for _, end := range ends(tok, s, i) {
				next[end] = true
			}
		}
		at = next
	}
	return at[len(s)]
}

// ends lists where a token that begins at i can end.
func ends(tok token, s string, i int) []int {
	if tok.kind == tokText {
		if strings.HasPrefix(s[i:], tok.text) {
			return []int{i + len(tok.text)}
		}
		return nil
	}
	var out []int
	if tok.kind != tokOne {
		out = append(out, i)
	}
	for k := i; k < len(s); {
		c, n := utf8.DecodeRuneInString(s[k:])
		k += n
		if c == '/' && (tok.kind == tokOne || tok.kind == tokSegment) {
			break
		}
		if tok.kind != tokDirs || c == '/' {
			out = append(out, k)
		}
		if tok.kind == tokOne {
			break
		}
	}
	return out
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
