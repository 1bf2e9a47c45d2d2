package pricing

import (
	"maps"
	"slices"
	"strings"
)

// contract is a negotiated price.
type contract struct {
	id       string
	provider string   // "" is any
	models   []string // globs, "*" crosses "/"
	keys     []string // sorted
	values   []string
	from, to int64
	factor   factor // of the list price; zero if prices are given
	prices   tariff
	rank     int
}

// contractFor returns the most specific contract that covers the call.
func (b *Book) contractFor(q *Query, f *found) *contract {
	for i := range b.contracts {
		if k := &b.contracts[i]; k.covers(q, f) {
			return k
		}
	}
	return nil
}

func (k *contract) covers(q *Query, f *found) bool {
	if !valid(k.from, k.to, q.Time) {
		return false
	}
	if k.provider != "" && (f.provider == nil || f.provider.id != k.provider) {
		return false
	}
	if k.factor.den != 0 && f.entry == nil {
		return false // a discount of nothing known
	}
	if !k.names(q, f) {
		return false
	}
	for i, key := range k.keys {
		if q.Select == nil {
			return false
		}
		if v, ok := q.Select(key); !ok || v != k.values[i] {
			return false
		}
	}
	return true
}

func (k *contract) names(q *Query, f *found) bool {
	for _, model := range [2]string{q.ResponseModel, q.RequestModel} {
		var buf [maxName]byte
		name := lower(&buf, model)
		if len(name) == 0 {
			continue
		}
		for _, g := range k.models {
			if glob(g, name) {
				return true
			}
			var buf [maxName]byte // name must stay
			if f.entry != nil && glob(g, lower(&buf, f.entry.model)) {
				return true
			}
		}
	}
	return false
}

// glob matches a pattern in which only "*" is special. It takes time in the
// product of both lengths at most.
func glob(pattern string, s []byte) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

var noMinimum [numMeters]int64

// charge bills the call by the contract: by its own prices, or by the list's with
// one factor more. list has no tariff where the book does not know the model.
func (k *contract) charge(list *bill, q *Query, r *Result, lines *[]Line) {
	r.ContractID = k.id
	own, ok := k.bill(list, q)
	if !ok {
		r.Reason = ReasonNoRateAtTime // a share of a price that is not known
		return
	}
	own.lines = lines
	own.run()
	if own.invalid {
		r.Reason = ReasonInvalidUsage
		return
	}
	own.finish(q, r)
}

// bill is what the contract bills by, ok whether it can.
func (k *contract) bill(list *bill, q *Query) (own bill, ok bool) {
	own = bill{usage: &q.Usage, tariff: &k.prices, minimum: &noMinimum}
	if list.tariff != nil {
		own.minimum = list.minimum
	}
	switch {
	case k.factor.den == 0:
		own.fees = list.tariff // fees that the contract does not name stay as listed
	case list.tariff != nil:
		own.tariff, own.above = list.tariff, list.above
		own.always(k.factor)
		for i, f := range list.factors[:list.nFactors] {
			own.tokens(f)
			if i < list.nAlways {
				own.nAlways = own.nFactors
			}
		}
	default:
		return own, false
	}
	return own, true
}

func (c *compiler) contracts(file string, defs []contractDef) {
	for i := range defs {
		d := &defs[i]
		k := contract{id: d.ID, from: minTime, to: maxTime}
		if d.ID == "" || len(d.Models) == 0 {
			c.fail(file, d.line, "contracts: id and models are needed, have %q and %q", d.ID, d.Models)
		}
		if d.Provider != "*" && d.Provider != "" {
			k.provider = c.knownProvider(d.Provider)
		}
		for _, m := range d.Models {
			k.models = append(k.models, strings.ToLower(m))
			k.rank = max(k.rank, len(strings.ReplaceAll(m, "*", "")))
		}
		slices.Sort(k.models)
		k.keys = slices.Sorted(maps.Keys(d.Select))
		for _, key := range k.keys {
			k.values = append(k.values, d.Select[key])
		}
		k.rank += 1000 * len(k.keys)
		if k.provider != "" {
			k.rank += 500
		}
		if d.Effective.From.set {
			k.from = d.Effective.From.t.Unix()
		}
		if d.Effective.To.set {
			k.to = d.Effective.To.t.Unix()
		}
		if k.from >= k.to {
			c.fail(file, d.line, "contracts.effective of %q: to is not after from", d.ID)
		}
		c.contractPrice(file, d, &k)
		for j := range c.book.contracts {
			if o := &c.book.contracts[j]; o.id == k.id || k.sameCalls(o) {
				c.fail(file, d.line, "contracts: %q and %q have the same id, or select the same calls at the same time", o.id, k.id)
			}
		}
		c.book.contracts = append(c.book.contracts, k)
	}
	slices.SortStableFunc(c.book.contracts, func(a, b contract) int {
		if a.rank != b.rank {
			return b.rank - a.rank
		}
		return strings.Compare(a.id, b.id)
	})
}

func (k *contract) sameCalls(o *contract) bool {
	return k.provider == o.provider && slices.Equal(k.models, o.models) && slices.Equal(k.keys, o.keys) &&
		slices.Equal(k.values, o.values) && k.from < o.to && o.from < k.to
}

// contractPrice reads the one way in which a contract states its price.
func (c *compiler) contractPrice(file string, d *contractDef, k *contract) {
	ways := 0
	var err error
	if d.Discount != nil {
		ways++
		pct, perr := parseDecimal(d.Discount.Percent.text)
		off, ok := pct.scaled(7) // of 10⁹
		if perr != nil || !ok || off > 1e9 || !pct.exactly(7) {
			c.fail(file, d.line, "contracts.discount.percent of %q: %q; want 0 to 100", d.ID, d.Discount.Percent.text)
		}
		k.factor = factor{1e9 - min(off, 1e9), 1e9}
	}
	if d.Multiply.text != "" {
		ways++
		if k.factor, err = parseFactor(d.Multiply.text); err != nil {
			c.fail(file, d.line, "contracts.multiply of %q: %q: %v", d.ID, d.Multiply.text, err)
		}
	}
	if d.Prices != nil {
		ways++
		for name, n := range d.Prices {
			m, _ := meterNamed(name)
			places, per := 6, uint64(1)
			switch kindOf(m) {
			case "per_k":
				places, per = 12, 1000
			case "per_hour":
				places, per = 12, 3_600_000
			}
			c.prices(file, d.line, kindOf(m), map[string]number{name: n}, &k.prices, places, per)
		}
	}
	if ways != 1 {
		c.fail(file, d.line, "contracts: %q needs exactly one of discount, multiply and prices", d.ID)
	}
	if d.Amortize != nil && d.Amortize.By != "token_share" {
		c.fail(file, d.line, "contracts.amortize.by of %q: %q; want token_share", d.ID, d.Amortize.By)
	}
}

// knownProvider folds a name; one that nothing knows becomes a provider of its
// own, such as an on-premises server.
func (c *compiler) knownProvider(name string) string {
	var buf [maxName]byte
	if p, _ := c.book.providerNamed(lower(&buf, name)); p != nil {
		return p.id
	}
	return c.provider(strings.ToLower(name)).id
}
