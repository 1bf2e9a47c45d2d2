package pricing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A bound is never below a price that the book has for the same tokens.
func TestBoundCoversEveryStandardPrice(t *testing.T) {
	book, err := Embedded()
	require.NoError(t, err)
	priced := 0
	for id, e := range book.entries {
		if e.currency != "" && e.currency != "USD" {
			continue
		}
		for _, tokens := range []int64{1, 1000, 300_000} {
			q := Query{Provider: e.provider, RequestModel: e.model, Time: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
			q.Usage.Set(MeterInput, tokens)
			q.Usage.Set(MeterOutput, tokens)
			var r Result
			book.Price(&q, &r)
			if r.Status != StatusPriced || r.PriceID != id || r.Conditions.n > 1 {
				continue
			}
			priced++
			total, _ := r.Total.Pico()
			bound, known := book.Bound(&q).Pico()
			require.True(t, known, id)
			other, _ := r.Other.Pico()
			assert.GreaterOrEqual(t, bound, total-other, "%s: %d tokens", id, tokens)
		}
	}
	assert.Greater(t, priced, 500)
}

func TestBoundIsUnknownWithoutTokens(t *testing.T) {
	book, err := Embedded()
	require.NoError(t, err)
	assert.False(t, book.Bound(&Query{Provider: "openai"}).Known())
	q := Query{Provider: "nobody-knows-them", RequestModel: "x"}
	q.Usage.Set(MeterInput, 1000)
	assert.True(t, book.Bound(&q).Known(), "an unknown provider is bounded by the dearest of all")
	q.Usage.Set(MeterInput, 1<<62)
	assert.False(t, book.Bound(&q).Known(), "an amount beyond 18 million USD is no amount")
}
