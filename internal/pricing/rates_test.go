package pricing

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recompute is what an auditor does: tokens × rates, rounded half to even.
func recompute(t *testing.T, rates []Rate, u *Usage) Pico {
	t.Helper()
	of := map[Meter]Rate{}
	for _, r := range rates {
		of[r.Meter] = r
	}
	sum := new(big.Int)
	add := func(m Meter, n int64) {
		r, ok := of[m]
		if !ok {
			require.Zero(t, n, m)
			return
		}
		num, _ := new(big.Int).SetString(r.Num, 10)
		den, _ := new(big.Int).SetString(r.Den, 10)
		q, rest := new(big.Int).QuoRem(num.Mul(num, big.NewInt(n)), den, new(big.Int))
		if c := rest.Lsh(rest, 1).Cmp(den); c > 0 || c == 0 && q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
		sum.Add(sum, q)
	}
	c := func(m Meter) int64 { n, _ := u.Count(m); return n }
	out := c(MeterOutput)
	if _, ok := of[MeterReasoning]; ok {
		add(MeterReasoning, c(MeterReasoning))
		out -= c(MeterReasoning)
	}
	add(MeterInput, c(MeterInput)-c(MeterCacheRead)-c(MeterCacheWrite))
	add(MeterCacheRead, c(MeterCacheRead))
	add(MeterCacheWrite, c(MeterCacheWrite)-c(MeterCacheWrite1h))
	add(MeterCacheWrite1h, c(MeterCacheWrite1h))
	add(MeterOutput, out)
	return Pico(sum.Uint64())
}

// reproduces holds that tokens × rates give the price, wherever rates are said to
// give it. It reports whether they were.
func reproduces(t *testing.T, b *Book, q *Query, r *Result) bool {
	t.Helper()
	if r.Status != StatusPriced {
		return false
	}
	tariff, ok := b.Tariff(q)
	require.True(t, ok)
	if tariff.Marginal || b.Beyond(q, r) != "" {
		return false
	}
	total, _ := r.Total.Pico()
	return assert.Equal(t, total, recompute(t, tariff.Rates, &q.Usage), "%+v of %+v", tariff, q.Usage)
}

func TestRatesOfTheBook(t *testing.T) {
	b, err := Embedded()
	require.NoError(t, err)
	n := 0
	for id, e := range b.entries {
		for _, size := range []int64{0, 1, 1001, 199_999, 400_001} {
			q := Query{Provider: e.provider, ResponseModel: e.model, Time: at}
			q.Usage.Set(MeterInput, size)
			q.Usage.Set(MeterOutput, size/3)
			q.Usage.Set(MeterCacheRead, size/2)
			q.Usage.Set(MeterCacheWrite, size/5)
			q.Usage.Set(MeterCacheWrite1h, size/7)
			q.Usage.Set(MeterReasoning, size/9)
			var r Result
			b.Price(&q, &r)
			if r.PriceID == id && reproduces(t, b, &q, &r) {
				n++
			}
		}
	}
	assert.Greater(t, n, 1000, "most prices are rates and nothing else")
	t.Logf("%d prices of %d entries reproduced", n, len(b.entries))
}

func TestPerMillion(t *testing.T) {
	for _, c := range []struct {
		rate Rate
		want string
	}{
		{Rate{MeterInput, "3000000", "1"}, "3"},
		{Rate{MeterInput, "37500", "1"}, "0.0375"},
		{Rate{MeterInput, "0", "1"}, "0"},
		{Rate{MeterInput, "10", "3"}, "0.000003333333"},
		{Rate{MeterInput, "30000000", "1"}, "30"},
		{Rate{MeterInput, "x", "1"}, ""},
		{Rate{MeterInput, "1", "0"}, ""},
	} {
		assert.Equal(t, c.want, c.rate.PerMillion(), "%+v", c.rate)
	}
}

// The rates of whatever can be asked for give the price.
func FuzzRates(f *testing.F) {
	b, err := Embedded()
	require.NoError(f, err)
	f.Add("anthropic", "claude-sonnet-4-5", "priority", "fast", "eu", int64(300_000), int64(100), int64(20), int64(3), int64(2), int64(1))
	f.Add("openai", "gpt-5-mini", "flex", "", "", int64(1), int64(1), int64(0), int64(0), int64(0), int64(1))
	f.Fuzz(func(t *testing.T, provider, model, tier, speed, region string, in, out, read, write, w1h, reasoning int64) {
		q := Query{Provider: provider, ResponseModel: model, ServiceTier: tier, Speed: speed, Region: region, Time: at}
		for m, n := range map[Meter]int64{MeterInput: in, MeterOutput: out, MeterCacheRead: read, MeterCacheWrite: write, MeterCacheWrite1h: w1h, MeterReasoning: reasoning} {
			q.Usage.Set(m, n)
		}
		var r Result
		b.Price(&q, &r)
		reproduces(t, b, &q, &r)
	})
}
