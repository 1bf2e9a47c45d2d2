package costprocessor

import (
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/pricing"
)

// maxPrices bounds how many prices are remembered as told. When it is full all are
// forgotten: a price that is told again is the same row.
const maxPrices = 10_000

// priceKey names one way in which calls were priced.
type priceKey struct{ book, id, from, contract, conditions string }

// toldPrices knows which prices are on record. It is safe for concurrent use.
type toldPrices struct {
	mu   sync.Mutex
	told map[priceKey]struct{}
}

func newToldPrices() *toldPrices { return &toldPrices{told: map[priceKey]struct{}{}} }

func (t *toldPrices) knows(k priceKey) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.told[k]
	return ok
}

// took remembers prices that the next consumer has taken; what it refused is told
// again.
func (t *toldPrices) took(keys []priceKey) {
	if len(keys) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		if len(t.told) >= maxPrices {
			clear(t.told)
		}
		t.told[k] = struct{}{}
	}
}

// rates puts the price on the span that is the first to be priced by it, and what
// the call was billed for beside its tokens.
func (p *costProcessor) rates(w *work, book *pricing.Book, span ptrace.Span, r *pricing.Result) {
	if r.Status != pricing.StatusPriced && r.Status != pricing.StatusPartial {
		return
	}
	q := &w.pricer.query // it still holds this call
	putText(span.Attributes(), attr.CostMeters, book.Beyond(q, r))
	k := priceKey{r.Book, r.PriceID, r.PriceFrom, r.ContractID, r.Conditions.String()}
	if p.toldPrices.knows(k) {
		return
	}
	t, ok := book.Tariff(q)
	if !ok {
		return
	}
	w.told = append(w.told, k)
	e := span.Events().AppendEmpty()
	e.SetName(attr.PriceEvent)
	e.SetTimestamp(span.EndTimestamp())
	m := e.Attributes()
	for _, kv := range [...][2]string{
		{attr.CostBook, k.book},
		{attr.CostPriceID, k.id},
		{attr.CostPriceFrom, k.from},
		{attr.CostContractID, k.contract},
		{attr.CostConditions, k.conditions},
		{attr.PriceProvider, t.Provider},
		{attr.PriceModel, t.Model},
		{attr.PriceSource, strings.Join(strings.Fields(t.SourceName+" "+t.SourceVersion+" "+t.SourceURL+" "+t.SourceDay), " ")},
	} {
		putText(m, kv[0], kv[1])
	}
	putRates(m.PutEmptySlice(attr.PriceRates), t.Rates)
	if t.Marginal {
		m.PutBool(attr.PriceMarginal, true)
	}
}

func putRates(s pcommon.Slice, rates []pricing.Rate) {
	for _, r := range rates {
		s.AppendEmpty().SetStr(r.Meter.String() + " " + r.Num + " " + r.Den + " " + r.PerMillion())
	}
}
