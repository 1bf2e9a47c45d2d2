package pricing

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzMatch asserts what no name may break: a result never comes from a mere
// likeness, its provider is known, and an unpriced call has no amounts.
func FuzzMatch(f *testing.F) {
	for _, s := range [][3]string{
		{"openai", "gpt-4o", ""},
		{"aws.bedrock", "us.anthropic.claude-opus-5", ""},
		{"", "openai/gpt-4o", ""},
		{"azure", "azure/azure/gpt-4o", ""},
		{"", "gpt-4o", "https://api.openai.com:443/v1"},
		{"openai", "ft:gpt-4o-mini-2024-07-18:a:b:c", ""},
		{"google", "publishers/google/models/gemini-2.5-pro@20250101", ""},
		{"openai", "gpt-35", ""},
		{"openai", "gpt-35-turbo", "router.huggingface.co/groq"},
	} {
		f.Add(s[0], s[1], s[2], int64(1000), int64(10))
	}
	book, err := Embedded()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, provider, model, host string, in, out int64) {
		q := Query{Provider: provider, ResponseModel: model, Host: host, Time: at}
		q.Usage.Set(MeterInput, in)
		q.Usage.Set(MeterOutput, out)
		var r, again Result
		book.Price(&q, &r)
		book.Price(&q, &again)
		assert.Equal(t, r, again)
		checkResult(t, &r)
		assert.NotEqual(t, MatchLoose, r.Match)
		if r.Status != StatusUnpriced {
			e := book.entries[r.PriceID]
			require.NotNil(t, e)
			assert.NotNil(t, book.providers[r.Provider])
			if provider == "" && host == "" && r.Match == MatchExact && !strings.Contains(model, "/") {
				assert.Contains(t, e.names, strings.ToLower(strings.TrimSpace(model)))
			}
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("version: 1\nstrict: false\naliases: [{provider: azure, model: x, to: openai/gpt-4o}]\n"))
	f.Add([]byte("version: 1\nentries: [{id: a/b, provider: a, rates: [{per_mtok: {input: 1e3}}]}]\n"))
	f.Add([]byte("version: 1\ncontracts: [{id: a, provider: '*', models: ['*'], discount: {percent: 100}}]\n"))
	f.Add([]byte("version: 1\nentries: [{id: b, provider: a, match: {exact: [b]}, rates: [{per_mtok: {input: 1}}]}]\ncontracts: [{id: a, provider: a, models: ['x*'], discount: {percent: 10}}]\n"))
	f.Add([]byte("fx: {CNY: [{usd: 0.1}]}\nversion: 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := build(nil, "f.yaml", data, func(string) ([]byte, error) { return nil, errFactor })
		if err != nil {
			assert.NotEmpty(t, err.Error())
			return
		}
		q := Query{Provider: "a", ResponseModel: "b", Time: at, Usage: usageOf(map[Meter]int64{MeterInput: 5, MeterOutput: 1})}
		var r Result
		b.Price(&q, &r)
		checkResult(t, &r)
	})
}

// TestProperties: more tokens never cost less within one size, nothing panics,
// and every entry can be priced by some name of its own.
func TestProperties(t *testing.T) {
	book, err := Embedded()
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, e := range book.entries {
		for _, name := range e.names {
			q := Query{Provider: e.provider, ResponseModel: name, Time: at}
			n, more := rng.Int64N(50_000), rng.Int64N(40_000)
			var a, b Result
			q.Usage = usageOf(map[Meter]int64{MeterInput: n, MeterOutput: 7, MeterCacheRead: n / 2})
			book.Price(&q, &a)
			checkResult(t, &a)
			q.Usage = usageOf(map[Meter]int64{MeterInput: n + more, MeterOutput: 7, MeterCacheRead: n / 2})
			book.Price(&q, &b)
			checkResult(t, &b)
			assert.Equal(t, e.id, a.PriceID, name)
			x, ok := a.Total.Pico()
			y, ok2 := b.Total.Pico()
			if ok && ok2 {
				assert.LessOrEqual(t, x, y, e.id)
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	book, err := Embedded()
	require.NoError(t, err)
	q := Query{Provider: "azure.ai.openai", ResponseModel: "gpt-5.4-2026-03-05", ServiceTier: "flex", Time: at, Usage: usageOf(map[Meter]int64{MeterInput: 9, MeterOutput: 1})}
	var r Result
	assert.Zero(t, testing.AllocsPerRun(100, func() { book.Price(&q, &r) }))
	assert.Equal(t, StatusPriced, r.Status)
}
