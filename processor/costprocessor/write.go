package costprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/pricing"
)

const costPrefix = attr.Prefix + "cost."

// forget removes what an agent, or an earlier hop, stated as our cost: a stale
// amount beside a new status would be a wrong one.
func forget(span pcommon.Map) {
	span.RemoveIf(func(key string, _ pcommon.Value) bool { return strings.HasPrefix(key, costPrefix) })
}

// write puts the answer on the span. An unknown amount has no attribute.
func write(span pcommon.Map, r *pricing.Result) {
	putText(span, attr.CostStatus, string(r.Status))
	putText(span, attr.CostReason, string(r.Reason))
	putText(span, attr.CostPriceID, r.PriceID)
	putText(span, attr.CostPriceFrom, r.PriceFrom)
	putText(span, attr.CostBook, r.Book)
	putText(span, attr.CostContractID, r.ContractID)
	putText(span, attr.CostMatch, string(r.Match))
	putText(span, attr.CostConditions, r.Conditions.String())
	putAmount(span, attr.CostUSD, r.Total)
	putAmount(span, attr.CostInputUSD, r.Input)
	putAmount(span, attr.CostOutputUSD, r.Output)
	putAmount(span, attr.CostCacheReadUSD, r.CacheRead)
	putAmount(span, attr.CostCacheWriteUSD, r.CacheWrite)
	putAmount(span, attr.CostOtherUSD, r.Other)
	putAmount(span, attr.CostListUSD, r.List)
	putAmount(span, attr.CostReportedUSD, r.Reported)
}

func putText(span pcommon.Map, key, value string) {
	if value != "" {
		span.PutStr(key, value)
	}
}

func putAmount(span pcommon.Map, key string, a pricing.Amount) {
	if usd, known := a.USD(); known {
		span.PutDouble(key, usd)
	}
}
