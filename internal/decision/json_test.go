package decision

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		`{"b":1,"a":[true,null,"x\u0000\n"]}`: `{"a":[true,null,"x\u0000\n"],"b":1}`,
		`{"n":1.0}`:                           `{"n":1}`,
		`{"n":1e21}`:                          `{"n":1e+21}`,
		`{"n":0.0000001}`:                     `{"n":1e-7}`,
		`{"n":-0}`:                            `{"n":0}`,
		`{"n":9007199254740993}`:              `{"n":"9007199254740993"}`,
		`{"n":1e-999999999}`:                  `{"n":"1e-999999999"}`,
		`{"n":333333333.33333329}`:            `{"n":"333333333.33333329"}`,
		`{"\ufb33":1,"\ud83d\ude00":2,"é":3}`: "{\"é\":3,\"\U0001F600\":2,\"\ufb33\":1}",
		`{"€":"$","\r":1}`:                    `{"\r":1,"€":"$"}`,
	} {
		m, err := ParseObject([]byte(in))
		require.NoError(t, err, in)
		assert.Equal(t, want, string(Canonical(nil, m)), in)
	}
}

func TestParseObjectRefuses(t *testing.T) {
	for in, want := range map[string]string{
		``:                      "empty",
		`[]`:                    "not a JSON object",
		`{} {}`:                 "more than one",
		`{"a":1,"a":2}`:         "/a: the member is named twice",
		`{"a":{"b":1,"b":2}}`:   "/a/b: the member is named twice",
		`{"a":[{"b":1,"b":2}]}`: "/a/0/b",
		"{\"a\":\"\xff\"}":      "UTF-8",
		`{"a":`:                 "ends too early",
		strings.Repeat(`[`, 99): "deeper",
	} {
		_, err := ParseObject([]byte(in))
		require.ErrorContains(t, err, want, in)
	}
}

// FuzzCanonical: what is read and written is read again as the same, and written
// again byte for byte; the standard library agrees on what is JSON.
func FuzzCanonical(f *testing.F) {
	f.Add(`{"a":[1,2.5e10,"x"],"b":{"c":null,"d":true}}`)
	f.Add(`{"a":1.`)
	f.Add(`{"a":"\`)
	f.Add(`{"a":-0.5E+7,"b":[],"c":{}} `)
	f.Add(`{"a":01}`)
	f.Add(`{"\u00e9":"\ud83d\ude00","n":12345678901234567890}`)
	f.Fuzz(func(t *testing.T, in string) {
		m, err := ParseObject([]byte(in))
		dec := json.NewDecoder(strings.NewReader(in))
		dec.UseNumber()
		var std map[string]any
		stdErr := dec.Decode(&std)
		if err != nil {
			// What only we refuse is what two readers could take differently.
			if stdErr == nil && std != nil && json.Valid([]byte(in)) && utf8.ValidString(in) {
				assert.Regexp(t, "named twice|deeper", err.Error(), in)
			}
			return
		}
		require.NoError(t, stdErr, in)
		assert.True(t, json.Valid([]byte(in)), in)
		assert.Equal(t, std, m, in)
		once := Canonical(nil, m)
		again, err := ParseObject(once)
		require.NoError(t, err, "%s", once)
		assert.Equal(t, string(once), string(Canonical(nil, again)))
	})
}

// Rates against a list of all uses.
func TestRatesModel(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		rates, now := NewRates(4), t0
		limit, window := int64(1+r.IntN(4)), time.Duration(1+r.IntN(10))*time.Second
		var uses []time.Time
		for range 60 {
			now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
			if r.IntN(10) == 0 {
				limit = int64(1 + r.IntN(4)) // the rule is edited
			}
			n := int64(0)
			for _, at := range uses {
				if at.After(now.Add(-window)) {
					n++
				}
			}
			got := rates.Take("a", "r", limit, window, now)
			if n < limit != got {
				require.Equal(t, n < limit, got, "seed %d", seed)
			}
			if got {
				uses = append(uses, now)
				uses = uses[max(0, len(uses)-int(limit)):]
			}
		}
	}
	rates := NewRates(1)
	assert.True(t, rates.Take("a", "r", 1, time.Hour, t0))
	assert.False(t, rates.Take("a", "other", 1, time.Hour, t0), "what cannot be counted is not allowed")
	assert.False(t, rates.Take("a", "r", MaxRate+1, time.Hour, t0))
}

func BenchmarkParse(b *testing.B) {
	raw := []byte(`{"subject":{"type":"user","id":"alice"},"action":{"name":"tools/call","properties":{"arguments":{"amount":12.5,"currency":"EUR"}}},` +
		`"resource":{"type":"tool","id":"mcp/bank/transfer","properties":{"uri":"bank://acct/7"}},"context":{"agent":"bot","session_id":"s1"}}`)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseObject(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			dec := json.NewDecoder(bytes.NewReader(raw))
			dec.UseNumber()
			var m map[string]any
			if err := dec.Decode(&m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
