package pricing

import (
	"math/big"
	"strconv"
	"strings"
)

// Rate is what one unit of a meter costs: Num/Den pico-USD, both decimal integers,
// every factor included. An amount is quantity × Num ÷ Den, rounded half to even to
// whole pico-USD.
type Rate struct {
	Meter    Meter
	Num, Den string
}

// PerMillion is the price of a million units in USD, with up to 12 places.
func (r Rate) PerMillion() string {
	num, _ := new(big.Int).SetString(r.Num, 10)
	den, _ := new(big.Int).SetString(r.Den, 10)
	if num == nil || den == nil || den.Sign() == 0 {
		return ""
	}
	rat := new(big.Rat).SetFrac(num.Mul(num, big.NewInt(1_000_000)), den.Mul(den, big.NewInt(PicoPerUSD)))
	return strings.TrimSuffix(strings.TrimRight(rat.FloatString(12), "0"), ".")
}

// Tariff is the price that a call was billed by, as far as it concerns tokens.
type Tariff struct {
	Rates []Rate
	// Marginal means that the tokens beyond a size cost another price: the rates
	// alone do not give the amount.
	Marginal                 bool
	Provider, Model          string
	SourceName, SourceURL    string
	SourceVersion, SourceDay string
}

// columns are the meters that stand beside every call: what it cost follows from
// them where nothing else was billed.
var columns = [...]Meter{MeterInput, MeterOutput, MeterCacheRead, MeterCacheWrite, MeterCacheWrite1h, MeterReasoning}

const columnMask = 1<<MeterInput | 1<<MeterOutput | 1<<MeterCacheRead | 1<<MeterCacheWrite | 1<<MeterCacheWrite1h | 1<<MeterReasoning

// Tariff returns the price that q is billed by, and whether there is one. It
// allocates.
func (b *Book) Tariff(q *Query) (Tariff, bool) {
	var r Result
	var c call
	describe(&c, q)
	f := b.resolve(q)
	k := b.contractFor(q, &f)
	list, own, ok := bill{}, bill{}, false
	t := Tariff{}
	if f.provider != nil {
		t.Provider = f.provider.id
	}
	if f.entry != nil {
		e := f.entry
		t.Model, t.SourceName, t.SourceVersion, t.SourceURL, t.SourceDay = e.model, e.source.Name, e.source.Version, e.source.URL, e.source.Checked
		if chosen := e.pick(&c); chosen != nil {
			if ok = b.prepare(&list, q, e, chosen, &c, &r); !ok {
				return t, false
			}
		}
	}
	billed := &list
	if k != nil {
		if own, ok = k.bill(&list, q); !ok {
			return t, false
		}
		billed = &own
	}
	if !ok {
		return t, false
	}
	t.Marginal = billed.above != nil
	for _, m := range columns {
		if rate, ok := billed.rateOf(m); ok {
			t.Rates = append(t.Rates, rate)
		}
	}
	return t, true
}

// rateOf is the meter's own rate or its parent's. Reasoning without a rate of its
// own has none: it is billed within the output.
func (b *bill) rateOf(m Meter) (Rate, bool) {
	from := m
	for !b.tariff.has(from) {
		if parent[from] == from || m == MeterReasoning {
			return Rate{}, false
		}
		from = parent[from]
	}
	r := b.tariff.rates[from]
	num, den := new(big.Int).SetUint64(r.pico), new(big.Int).SetUint64(r.per)
	for _, f := range b.factors[:b.nFactors] {
		num.Mul(num, new(big.Int).SetUint64(f.num))
		den.Mul(den, new(big.Int).SetUint64(f.den))
	}
	return Rate{m, num.String(), den.String()}, true
}

// Beyond lists what q was billed for beside the token counts of every call, such as
// "audio_in=12,request=1"; "" where nothing was. It allocates where there is any.
func (b *Book) Beyond(q *Query, r *Result) string {
	if other, _ := r.Other.Pico(); other == 0 && q.Usage.known&^columnMask == 0 {
		return ""
	}
	var again Result
	var lines []Line
	b.price(q, &again, &lines)
	var parts []string
	for _, l := range lines {
		if 1<<l.Meter&columnMask == 0 && l.Quantity > 0 {
			parts = append(parts, l.Meter.String()+"="+strconv.FormatInt(l.Quantity, 10))
		}
	}
	return strings.Join(parts, ",")
}
