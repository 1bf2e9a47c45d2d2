package policy

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseArgs(t *testing.T) {
	for in, want := range map[string]argsState{
		``: argsAbsent, ` `: argsAbsent, `null`: argsAbsent, `""`: argsAbsent, `"null"`: argsAbsent,
		`{}`: argsKnown, `{"a": 1}`: argsKnown, `"{\"a\": 1}"`: argsKnown,
		`[]`: argsUnknown, `1`: argsUnknown, `"x"`: argsUnknown, `{"a": 1`: argsUnknown, `{"a": 1} x`: argsUnknown, `{"a": 1}{}`: argsUnknown,
		`{"a": 1, "a": 2}`: argsUnknown, `{"a": {"b": 1, "b": 1}}`: argsUnknown, "{\"a\": \"\xff\"}": argsUnknown,
		`{"a": 1e99999999}`: argsUnknown, `"\"{}\""`: argsUnknown,
		`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`: argsUnknown,
		`{"a": "` + strings.Repeat("x", maxArgsSize) + `"}`:                 argsUnknown,
	} {
		assert.Equal(t, want, ParseArgs([]byte(in)).state, "%.40s", in)
	}
	assert.Equal(t, argsKnown, ArgsOf(map[string]any{"a": 1, "b": []string{"x"}}).state)
	assert.Equal(t, argsAbsent, ArgsOf(nil).state)
	assert.Equal(t, argsUnknown, ArgsOf(map[string]any{"a": func() {}}).state)
}

func TestEraseLeavesTheOriginal(t *testing.T) {
	a := ParseArgs([]byte(`{"payee": {"iban": "DE1", "name": "x"}, "n": [1]}`))
	b := a
	require.True(t, b.Erase("payee.iban"))
	assert.False(t, b.Erase("payee.bic"))
	whole, _ := a.v.native()
	_, ok := b.v.native()
	assert.False(t, ok)
	assert.Equal(t, "DE1", whole.(map[string]any)["payee"].(map[string]any)["iban"])
}

func TestArgsEqual(t *testing.T) {
	parse := func(s string) Args { return ParseArgs([]byte(s)) }
	a := parse(`{"amount": 2500, "account": "DE-1"}`)
	for text, want := range map[string]Truth{
		`{"account": "DE-1", "amount": 2500.0}`: True, `"{\"account\": \"DE-1\", \"amount\": 25e2}"`: True, `{"account": "DE-1"}`: False,
		`{"account": "DE-1", "amount": "2500"}`: False, `{"account": "DE-1", "amount": 2500, "x": null}`: False, `{"account"`: Unknown, ``: False,
	} {
		b := parse(text)
		assert.Equal(t, want, a.Equal(b), text)
		assert.Equal(t, want, b.Equal(a), text)
		one, _ := a.Canonical()
		other, ok := b.Canonical()
		assert.Equal(t, want != Unknown, ok)
		assert.Equal(t, want == True, string(one) == string(other), text)
	}
	assert.Equal(t, True, Args{}.Equal(NoArgs()))
	text, ok := Args{}.Canonical()
	assert.True(t, ok)
	exactly(t, "{}", string(text))
	erased := a
	require.True(t, erased.Erase("amount"))
	assert.Equal(t, Unknown, a.Equal(erased))
	_, ok = erased.Canonical()
	assert.False(t, ok)
}

// schemaOf compiles a schema written in YAML.
func schemaOf(tb testing.TB, text string) *schema {
	tb.Helper()
	d := &reader{file: "schema"}
	s := d.schema(parseNode(tb, text), schemaKeys)
	require.NoError(tb, d.err(), text)
	return s
}

func TestSchema(t *testing.T) {
	for schema, values := range map[string]struct{ yes, no []string }{
		`{type: number}`:                                   {[]string{`1`, `1.5`, `-0`}, []string{`"1"`, `null`, `true`, `[]`, `{}`}},
		`{type: integer}`:                                  {[]string{`1`, `1.0`, `10e-1`, `0`, `-3`, `1e3`}, []string{`1.5`, `1e-1`, `"1"`}},
		`{type: [string, "null"]}`:                         {[]string{`"x"`, `null`}, []string{`1`}},
		`{minimum: 5}`:                                     {[]string{`5`, `5.0`, `1e9`}, []string{`4.999999999999999999999`, `"7"`, `null`, `-9`}},
		`{exclusiveMinimum: 0, exclusiveMaximum: 1}`:       {[]string{`0.5`, `1e-30`}, []string{`0`, `1`, `1.0`, `-0.0`}},
		`{minimum: 1, exclusiveMinimum: 3}`:                {[]string{`4`}, []string{`3`, `2`}},
		`{multipleOf: 0.01}`:                               {[]string{`12.34`, `0`, `1`}, []string{`12.345`}},
		`{enum: [EUR, 1, 1.50, true, null]}`:               {[]string{`"EUR"`, `1.0`, `1.5`, `true`, `null`}, []string{`"eur"`, `"1"`, `2`, `false`}},
		`{const: {a: [1, 2]}}`:                             {[]string{`{"a": [1, 2.0]}`}, []string{`{"a": [2, 1]}`, `{"a": [1, 2], "b": 0}`}},
		`{pattern: "^DE[0-9]{2}$"}`:                        {[]string{`"DE12"`}, []string{`"DE123"`, `12`, `"xDE12"`}},
		`{pattern: "b"}`:                                   {[]string{`"abc"`}, []string{`"ac"`}},
		`{minLength: 2, maxLength: 3}`:                     {[]string{`"ab"`, `"äöü"`}, []string{`"a"`, `"abcd"`, `22`}},
		`{items: {type: string}, maxItems: 2}`:             {[]string{`[]`, `["a", "b"]`}, []string{`["a", 1]`, `["a", "b", "c"]`, `"a"`}},
		`{properties: {a: {type: number}}, required: [a]}`: {[]string{`{"a": 1}`, `{"a": 1, "b": 2}`}, []string{`{}`, `{"a": "x"}`, `[]`}},
		`{type: array, maxItems: 0}`:                       {[]string{`[]`}, []string{`[1]`}},
	} {
		s := schemaOf(t, schema)
		for want, list := range map[Truth][]string{True: values.yes, False: values.no} {
			for _, text := range list {
				v, err := parseJSON([]byte(text))
				require.NoError(t, err)
				got, reason := s.check(&v)
				assert.Equal(t, want, got, "%s against %s", text, schema)
				assert.Equal(t, want == False, reason != ReasonNone, "%s against %s: %q", text, schema, reason)
			}
		}
	}
}

// FuzzDecimal holds comparison and multiples against big.Rat.
func FuzzDecimal(f *testing.F) {
	for _, s := range [][2]string{{"1", "1.0"}, {"-0", "0"}, {"1e3", "999.999"}, {"0.1", "1e-1"}, {"-12.50", "-12.5"}, {"100", "0.01"}, {"100000010", "0"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 40 || len(b) > 40 || !json.Valid([]byte(a)) || !json.Valid([]byte(b)) {
			return
		}
		x, ok1 := parseDecimal(a)
		y, ok2 := parseDecimal(b)
		if !ok1 || !ok2 || x.exp > 500 || y.exp > 500 || x.exp < -500 || y.exp < -500 {
			return
		}
		p, _ := new(big.Rat).SetString(a)
		q, _ := new(big.Rat).SetString(b)
		if got, want := x.cmp(y), p.Cmp(q); got != want {
			t.Fatalf("%s against %s: %d, want %d", a, b, got, want)
		}
		if x.integer() != p.IsInt() {
			t.Fatalf("%s: integer is %v", a, x.integer())
		}
		if back, ok := parseDecimal(x.String()); !ok || back.cmp(x) != 0 {
			t.Fatalf("%s is written %s", a, x)
		}
		if yes, ok := x.multipleOf(y); ok && y.sign() > 0 {
			if want := new(big.Rat).Quo(p, q).IsInt(); yes != want {
				t.Fatalf("%s multiple of %s: %v", a, b, yes)
			}
		}
	})
}

// FuzzParseArgs: what is known is exactly what encoding/json reads, and what that
// reads as an object is known unless a member is named twice or it is too deep.
func FuzzParseArgs(f *testing.F) {
	for _, s := range []string{
		`{"a": 1, "b": [true, null, "x"]}`, `"{\"a\": 1}"`, `{"a": 1, "a": 2}`, `{"a":`, `[1]`, `{"é": "\ud800"}`, `{"a": -0.5e+10}`, `{"a": 01}`,
		`{"a": "\u0000\n"}`, "{\"a\": \"\n\"}", `{"a": [1,]}`, `{,}`, `{"a": tru}`, `{"a" : { "b" :[ ] } } `, `{"a": 1.}`, `{"": {}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a := ParseArgs(raw)
		var want map[string]any
		text := raw
		var inner string
		if json.Unmarshal(raw, &inner) == nil {
			text = []byte(inner)
		}
		err := json.Unmarshal(text, &want)
		if !a.Known() {
			if err == nil && want != nil && utf8.Valid(raw) && len(raw) < 1000 && !strings.Contains(string(text), "e") && !strings.Contains(string(text), "E") && membersAreUnique(text) {
				t.Fatalf("%q is not known", raw)
			}
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q is known, but %v", raw, err)
		}
		got, ok := a.v.native()
		if !ok {
			return // a number beyond float64, which encoding/json does not take either
		}
		assert.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

// membersAreUnique counts the members of all objects before and after decoding.
func membersAreUnique(text []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(text))
	var paths []map[string]bool
	key := []bool{}
	for depth := 0; ; {
		tok, err := dec.Token()
		if err != nil {
			return true
		}
		top := len(paths) - 1
		switch d, ok := tok.(json.Delim); {
		case ok && (d == '{' || d == '['):
			if depth++; depth > maxArgsDepth {
				return false
			}
			var names map[string]bool
			if d == '{' {
				names = map[string]bool{}
			}
			if top >= 0 {
				key[top] = true
			}
			paths, key = append(paths, names), append(key, true)
		case ok:
			depth--
			paths, key = paths[:top], key[:top]
		case top >= 0 && paths[top] != nil && key[top]:
			name, _ := tok.(string)
			if paths[top][name] {
				return false
			}
			paths[top][name], key[top] = true, false
		case top >= 0:
			key[top] = true
		}
	}
}
