package pricing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var at = time.Date(2026, 9, 24, 12, 0, 0, 0, time.UTC)

func usageOf(counts map[Meter]int64) (u Usage) {
	for m, n := range counts {
		u.Set(m, n)
	}
	return u
}

func BenchmarkPrice(b *testing.B) {
	book, err := Embedded()
	require.NoError(b, err)
	plain := usageOf(map[Meter]int64{MeterInput: 1000, MeterOutput: 100})
	cached := usageOf(map[Meter]int64{MeterInput: 300_000, MeterOutput: 100, MeterCacheRead: 200_000, MeterCacheWrite: 1000})
	for name, q := range map[string]Query{
		"exact":      {Provider: "openai", ResponseModel: "gpt-4o", Time: at, Usage: plain},
		"cached":     {Provider: "anthropic", ResponseModel: "claude-opus-5-20260724", Time: at, Usage: cached},
		"long":       {Provider: "openai", ResponseModel: "gpt-5.5", ServiceTier: "priority", Region: "eu", Time: at, Usage: cached},
		"normalised": {Provider: "aws.bedrock", ResponseModel: "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0", Time: at, Usage: plain},
		"clock":      {Provider: "deepseek", ResponseModel: "deepseek-v4-pro", Time: at.Add(-4 * time.Hour), Usage: cached},
		"fallback":   {Provider: "azure.ai.openai", ResponseModel: "gpt-5.4", Time: at, Usage: plain},
		"unknown":    {Provider: "aws", ResponseModel: "my-own-model", Time: at, Usage: plain},
		"vendor":     {ResponseModel: "gpt-4o", Time: at, Usage: plain},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var r Result
			for b.Loop() {
				book.Price(&q, &r)
			}
		})
	}
}
