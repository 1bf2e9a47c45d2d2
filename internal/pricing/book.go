package pricing

import (
	"strings"
	"time"
)

// Book is an immutable snapshot of prices, safe for concurrent use.
type Book struct {
	version   string
	strict    bool
	entries   map[string]*entry
	providers map[string]*provider // by every spelling
	hosts     map[string]*provider
	domains   map[string]*provider
	vendors   []*provider // whose own models need no provider's name
	contracts []contract
	fx        map[string][]fxRate
	reported  reportedMode
	dearest   map[string]dearest // by provider id; "" for all of them
}

// Version names the book and its content, as spanwarden.cost.book writes it:
// "genai-prices/0.1.8+overlay.1#sha256:ab12cd34".
func (b *Book) Version() string { return b.version }

// Size is the number of price entries.
func (b *Book) Size() int { return len(b.entries) }

// Price prices q into r, overwriting all of it. It does not allocate.
func (b *Book) Price(q *Query, r *Result) { b.price(q, r, nil) }

func (b *Book) price(q *Query, r *Result, lines *[]Line) {
	*r = Result{Status: StatusUnpriced, Book: b.version}
	f := b.resolve(q)
	if f.provider != nil {
		r.Provider = f.provider.id
	}
	if q.Usage.Invalid {
		r.Reason = ReasonInvalidUsage
		return
	}
	if f.entry != nil {
		r.PriceID, r.Match = f.entry.id, f.match
	}
	var c call
	describe(&c, q)
	k := b.contractFor(q, &f)
	switch {
	case f.entry == nil && k == nil:
		r.Reason = f.reason
	case !q.Usage.Any():
		r.Reason = ReasonNoUsage
	default:
		b.charge(q, r, &f, k, &c, lines)
	}
	b.takeReported(q, r, f.provider)
	if r.Status == StatusUnpriced && r.PriceID != "" && r.Reason != ReasonNone {
		r.PriceFrom = ""
	}
}

// charge bills the call by the entry, and by the contract where there is one.
func (b *Book) charge(q *Query, r *Result, f *found, k *contract, c *call, lines *[]Line) {
	var list bill
	var chosen *row
	if f.entry != nil {
		chosen = f.entry.pick(c)
		if chosen == nil && k == nil {
			r.Reason = ReasonNoRateAtTime
			return
		}
	}
	if chosen != nil {
		r.PriceFrom = chosen.fromText
		if !b.prepare(&list, q, f.entry, chosen, c, r) {
			r.Reason = ReasonNoRateAtTime
			return
		}
		if k == nil {
			list.lines = lines
		}
		list.run()
		if list.invalid {
			r.Reason = ReasonInvalidUsage
			return
		}
		if total, ok := list.total(); ok && list.priced {
			r.List = KnownAmount(total)
		}
	}
	if k == nil {
		list.finish(q, r)
		return
	}
	if f.entry == nil {
		r.Match = MatchContract
	}
	k.charge(&list, q, r, lines)
}

// finish writes the amounts of a bill into the result.
func (b *bill) finish(q *Query, r *Result) {
	b.conditions(r)
	total, ok := b.total()
	switch {
	case !ok:
		r.Reason = ReasonInvalidUsage // no call costs 18 million USD
		r.List = Amount{}
		return
	case !b.priced || (b.missing != 0 && total == 0):
		r.Reason = ReasonNoRateForUsage
		r.List = Amount{}
		return
	}
	r.Status = StatusPriced
	if b.missing != 0 || q.Usage.Estimated {
		r.Status = StatusPartial
	}
	r.Total = KnownAmount(total)
	r.Input, r.Output = KnownAmount(b.parts[partInput]), KnownAmount(b.parts[partOutput])
	r.CacheRead, r.CacheWrite = KnownAmount(b.parts[partCacheRead]), KnownAmount(b.parts[partCacheWrite])
	r.Other = KnownAmount(b.parts[partOther])
}

// prepare picks the tariff and the factors of a row and writes down what decided.
func (b *Book) prepare(out *bill, q *Query, e *entry, chosen *row, c *call, r *Result) bool {
	out.usage, out.tariff, out.minimum = &q.Usage, &chosen.base, &chosen.minimum
	for i := range chosen.levels {
		if l := &chosen.levels[i]; q.Usage.counts[MeterInput] > l.above {
			if r.Conditions.n > 0 {
				r.Conditions.n-- // the next size replaces the one before
			}
			r.Conditions.add(l.label)
			if l.marginal {
				out.above = l
			} else {
				out.tariff = &l.tariff
			}
		}
	}
	for i := range chosen.conds {
		r.Conditions.add(chosen.conds[i].labels[chosen.conds[i].index(c)])
	}
	if chosen.clock != nil {
		r.Conditions.add(chosen.clock.label)
	}
	if e.currency != "" {
		f, ok := b.rateOf(e.currency, c.unix)
		if !ok {
			return false
		}
		out.always(f)
		r.Conditions.add(b.fx[e.currency][0].label)
	}
	matched := chosen.asks(whenTier)
	speed := chosen.asks(whenSpeed)
	for i := range e.factors {
		m := &e.factors[i]
		if !m.holds(c) {
			continue
		}
		matched, speed = matched || m.asks(whenTier), speed || m.asks(whenSpeed)
		out.tokens(m.multiply)
		for j := range m.conds {
			r.Conditions.add(m.conds[j].labels[m.conds[j].index(c)])
		}
	}
	if len(c.vals[whenTier]) > 0 && !matched {
		r.Conditions.add("assumed:service_tier")
	}
	if len(c.vals[whenSpeed]) > 0 && !speed {
		r.Conditions.add("assumed:speed")
	}
	return true
}

func (r *row) asks(key whenKey) bool {
	for i := range r.conds {
		if r.conds[i].key == key {
			return true
		}
	}
	return false
}

// always adds a factor for everything. All of these come before those for tokens.
func (b *bill) always(f factor) { b.tokens(f); b.nAlways = b.nFactors }

func (b *bill) tokens(f factor) {
	if b.nFactors < maxFactors {
		b.factors[b.nFactors] = f
		b.nFactors++
	} else {
		b.overflow = true
	}
}

// describe collects what rows may ask for. Words that mean "as usual" become "".
func describe(c *call, q *Query) {
	c.at, c.unix = q.Time, q.Time.Unix()
	c.vals[whenTier] = usual(q.ServiceTier)
	c.vals[whenSpeed] = usual(q.Speed)
	c.vals[whenRegion] = q.Region
	if q.Region == "" && len(q.Host) > len(openaiHost) {
		c.vals[whenRegion] = hostRegion(q.Host)
	}
	c.vals[whenPlatform] = q.Provider
}

const openaiHost = "api.openai.com"

// hostRegion reads the region that OpenAI's regional hosts carry in their name,
// as in "eu.api.openai.com".
func hostRegion(host string) string {
	if _, after, ok := strings.Cut(host, "://"); ok {
		host = after
	}
	region, rest, _ := strings.Cut(host, ".")
	if !strings.HasPrefix(rest, openaiHost) || (len(rest) > len(openaiHost) && rest[len(openaiHost)] != '/' && rest[len(openaiHost)] != ':') {
		return ""
	}
	return region
}

// usual returns "" for every word that means the standard price.
func usual(s string) string {
	if s == "" {
		return ""
	}
	for _, word := range [...]string{"auto", "default", "standard", "on_demand", "traffic_type_unspecified", "normal"} {
		if strings.EqualFold(s, word) {
			return ""
		}
	}
	return s
}

// fxRate is a dated exchange rate.
type fxRate struct {
	from  int64
	usd   factor
	label string
}

func (b *Book) rateOf(currency string, unix int64) (factor, bool) {
	var out factor
	for _, r := range b.fx[currency] {
		if r.from <= unix {
			out = r.usd
		}
	}
	return out, out.den != 0
}

// reportedMode says what to do with a cost that the emitter states.
type reportedMode uint8

const (
	reportedInherit reportedMode = iota // whatever the default is
	reportedCompare
	reportedPrefer
	reportedIgnore
)

func (b *Book) takeReported(q *Query, r *Result, p *provider) {
	if !q.Reported.Known {
		return
	}
	mode := b.reported
	if p != nil && p.reported != reportedInherit {
		mode = p.reported
	}
	if mode == reportedIgnore {
		return
	}
	amount, ok := b.toUSD(q)
	if !ok {
		return
	}
	r.Reported = KnownAmount(amount)
	// A stated 0 for a call with tokens is a field nobody filled in.
	if mode != reportedPrefer || (amount == 0 && q.Usage.Any()) {
		return
	}
	r.Status, r.Reason = StatusReported, ReasonNone
	r.Total = r.Reported
	r.Input, r.Output, r.CacheRead, r.CacheWrite, r.Other = Amount{}, Amount{}, Amount{}, Amount{}, Amount{}
}

func (b *Book) toUSD(q *Query) (Pico, bool) {
	amount, ok := picoFromFloat(q.Reported.Amount)
	if c := q.Reported.Currency; ok && c != "" && c != "USD" && c != "usd" {
		f, known := b.rateOf(c, q.Time.Unix())
		if !known {
			return 0, false
		}
		return charge(1, uint64(amount), 1, []factor{f})
	}
	return amount, ok
}

// valid reports whether t is in the half-open span.
func valid(from, to int64, t time.Time) bool { return from <= t.Unix() && t.Unix() < to }
