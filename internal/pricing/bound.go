package pricing

import "math/bits"

// dearest are the highest standard token prices of a provider, ever listed: pico-USD
// a token, rounded up. A standard price is one that asks for no tier, speed,
// region or hour; every prompt size counts.
type dearest struct{ input, output uint64 }

func (d *dearest) raise(t *tariff) {
	for m := range MeterRequest {
		if !t.has(m) || t.rates[m].per == 0 {
			continue
		}
		price := (t.rates[m].pico + t.rates[m].per - 1) / t.rates[m].per
		switch partOf[m] {
		case partOutput:
			d.output = max(d.output, price)
		default:
			d.input = max(d.input, price)
		}
	}
}

// bounds finds the dearest standard prices of each provider, and of all of them
// under "". Entries in other currencies are left out.
func (b *Book) bounds() map[string]dearest {
	out := map[string]dearest{}
	for _, e := range b.entries {
		if e.currency != "" && e.currency != "USD" {
			continue
		}
		own, all := out[e.provider], out[""]
		for i := range e.rows {
			if e.rows[i].n > 0 {
				continue
			}
			own.raise(&e.rows[i].base)
			for j := range e.rows[i].levels {
				own.raise(&e.rows[i].levels[j].tariff)
			}
		}
		all.input, all.output = max(all.input, own.input), max(all.output, own.output)
		out[e.provider], out[""] = own, all
	}
	return out
}

// Bound returns what a call without a price can have cost at most, at the
// provider's dearest standard price; at the dearest of all where the provider is
// not known or has no token prices. It is unknown where no tokens are, and it is
// no upper bound for surcharges, fees and prices that no list has.
func (b *Book) Bound(q *Query) Amount {
	if q.Usage.Invalid || !q.Usage.has(MeterInput) && !q.Usage.has(MeterOutput) {
		return Amount{}
	}
	d := b.dearest[""]
	if f := b.resolve(q); f.provider != nil {
		if own := b.dearest[f.provider.id]; own != (dearest{}) {
			d = own
		}
	}
	in, ok1 := times(d.input, q.Usage.counts[MeterInput])
	out, ok2 := times(d.output, q.Usage.counts[MeterOutput])
	sum, carry := bits.Add64(in, out, 0)
	if !ok1 || !ok2 || carry != 0 {
		return Amount{}
	}
	return KnownAmount(Pico(sum))
}

func times(price uint64, n int64) (uint64, bool) {
	hi, lo := bits.Mul64(price, uint64(n))
	return lo, n >= 0 && hi == 0
}
