package loop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

type testCase struct {
	Name     string `yaml:"name"`
	Calls    string `yaml:"calls"`
	Want     Rule   `yaml:"want"`
	Repeats  int    `yaml:"repeats"`
	Critical bool   `yaml:"critical"`
	Near     bool   `yaml:"near"`
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var cases []testCase
		require.NoError(t, yaml.Unmarshal(raw, &cases))
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				p := Defaults()
				var r Ring
				var v Verdict
				for word := range strings.FieldsSeq(c.Calls) {
					v = play(&r, &p, word)
				}
				assert.Equal(t, c.Want, v.Rule)
				assert.Equal(t, c.Repeats, v.Repeats)
				assert.Equal(t, c.Critical, v.Critical)
				assert.Equal(t, c.Near, v.Near)
			})
		}
	}
}

func play(r *Ring, p *Params, word string) Verdict {
	if said, ok := strings.CutPrefix(word, "m:"); ok {
		return r.Message(p, Hash(1, said))
	}
	call, result, _ := strings.Cut(word, ":")
	call, failed := strings.CutSuffix(call, "!")
	args, known := "", false
	if !strings.HasSuffix(call, "?") {
		args, known = fmt.Sprintf(`{"id": %s}`, call[1:]), true
	}
	c := Call{Tool: Hash(1, call[:1]), Failed: failed, Known: known}
	c.Exact, c.Near = Arguments(1, call[:1], args)
	if result != "" {
		c.Result = Hash(1, result)
	}
	return r.Add(p, c)
}

// A model that keeps everything: the longest run of equal calls and results that
// ends here, and of failures.
func FuzzRing(f *testing.F) {
	f.Add([]byte{1, 1, 1, 1, 1})
	f.Add([]byte{129, 129, 129, 1, 2, 1, 2, 1, 2})
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := Defaults()
		a, b := &Ring{}, &Ring{}
		all := make([]Call, 0, len(raw))
		for i, x := range raw {
			c := Call{Tool: 1, Exact: 1 + uint32(x&3), Near: 1, Result: 1 + uint32(x>>2&1), Failed: x >= 128, Known: true}
			if i%5 == 3 {
				w := codec.Writer(nil)
				b.Describe(w)
				b = &Ring{}
				r := codec.Reader(w.Bytes())
				b.Describe(r)
				require.False(t, r.Bad())
			}
			va, vb := a.Add(&p, c), b.Add(&p, c)
			require.Equal(t, va, vb, "restored, it goes on as before")
			all = append(all, c)
			results, failures := runs(all)
			switch {
			case failures >= p.Errors:
				require.Equal(t, Verdict{Rule: SameError, Repeats: failures, Critical: failures >= p.Critical}, va)
			case results >= p.Results:
				require.Equal(t, Verdict{Rule: SameResult, Repeats: results, Critical: results >= p.Critical}, va)
			default:
				require.NotContains(t, []Rule{SameError, SameResult}, va.Rule)
			}
		}
	})
}

func runs(all []Call) (results, failures int) {
	last := all[len(all)-1]
	for i := len(all) - 1; i >= 0 && all[i].Exact == last.Exact && all[i].Result == last.Result; i-- {
		results++
	}
	for i := len(all) - 1; i >= 0 && all[i].Exact == last.Exact && all[i].Failed; i-- {
		failures++
	}
	return results, failures
}

func TestArguments(t *testing.T) {
	same := func(a, b string) (exact, near bool) {
		e1, n1 := Arguments(7, "t", a)
		e2, n2 := Arguments(7, "t", b)
		return e1 == e2, n1 == n2
	}
	for _, c := range []struct {
		a, b        string
		exact, near bool
	}{
		{`{"a": 1, "b": "x y"}`, `{"b":"x y","a":1}`, true, true},
		{`{"a": 1}`, `{"a": 2}`, false, true},
		{`{"id": "user-17", "q": "open orders"}`, `{"id": "user-18", "q": "open orders"}`, false, true},
		{`{"q": "open orders"}`, `{"q": "closed orders"}`, false, false},
		{`{"q": "a,b"}`, `{"q": "a", "b": ""}`, false, false},
		{`{"q": "a b"}`, `{"q": "ab"}`, false, false},
		{`plain 1`, `plain 2`, false, true},
	} {
		exact, near := same(c.a, c.b)
		assert.Equal(t, c.exact, exact, "%s and %s, exact", c.a, c.b)
		assert.Equal(t, c.near, near, "%s and %s, near", c.a, c.b)
	}
	e1, _ := Arguments(7, "t", "{}")
	e2, _ := Arguments(7, "u", "{}")
	e3, _ := Arguments(8, "t", "{}")
	assert.NotEqual(t, e1, e2, "the tool counts")
	assert.NotEqual(t, e1, e3, "the key counts")
}

// FuzzArguments: the order of the fields never matters.
func FuzzArguments(f *testing.F) {
	f.Add("a", `"x"`, "b", "[1,2]")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		for _, s := range []string{k1, v1, k2, v2} {
			if strings.ContainsAny(s, "\"\\{}[],") || strings.TrimSpace(s) != s {
				return
			}
		}
		e1, n1 := Arguments(1, "t", fmt.Sprintf(`{"%s":"%s","%s":"%s"}`, k1, v1, k2, v2))
		e2, n2 := Arguments(1, "t", fmt.Sprintf(`{ "%s": "%s", "%s" : "%s" }`, k2, v2, k1, v1))
		require.Equal(t, e1, e2)
		require.Equal(t, n1, n2)
		require.NotZero(t, e1)
	})
}
