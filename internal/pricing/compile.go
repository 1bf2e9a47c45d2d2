package pricing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// compiler turns definitions into a Book. It collects all errors.
type compiler struct {
	book *Book
	errs []error
}

func (c *compiler) fail(file string, line int, format string, args ...any) {
	c.errs = append(c.errs, errorAt(file, line, format, args...))
}

// layer puts the definitions of upper over those of lower. An entry keeps its
// names and gets those of the upper one too, less the dropped ones; a rate row
// of the upper one replaces all rows with the same conditions.
func layer(lower, upper []entryDef) []entryDef {
	at := make(map[string]int, len(lower))
	for i := range lower {
		at[lower[i].ID] = i
	}
	for _, u := range upper {
		i, ok := at[u.ID]
		if !ok {
			at[u.ID] = len(lower)
			lower = append(lower, u)
			continue
		}
		lower[i] = merge(lower[i], u)
	}
	return lower
}

func merge(l, u entryDef) entryDef {
	drop := func(n string) bool { return slices.Contains(u.Match.Drop, n) }
	join := func(a, b []string) []string { return append(slices.DeleteFunc(slices.Clone(a), drop), b...) }
	l.Match = matchDef{
		Exact: join(l.Match.Exact, u.Match.Exact), Dated: join(l.Match.Dated, u.Match.Dated),
		Alias: join(l.Match.Alias, u.Match.Alias), Loose: join(l.Match.Loose, u.Match.Loose),
	}
	replaced := map[string]bool{}
	for i := range u.Rates {
		replaced[u.Rates[i].When.key()] = true
	}
	l.Rates = append(slices.DeleteFunc(slices.Clone(l.Rates), func(r rateDef) bool { return replaced[r.When.key()] }), u.Rates...)
	if u.Currency != "" {
		l.Currency = u.Currency
	}
	if len(u.Rates) > 0 {
		l.Source = u.Source
		l.file, l.line = u.file, u.line
	}
	return l
}

func (w *whenDef) key() string {
	key := fmt.Sprint(w.ServiceTier, w.Speed, w.Region, w.Platform)
	if w.Clock != nil {
		key += fmt.Sprint(*w.Clock)
	}
	return key
}

// entries compiles all definitions and fills the look-up tables.
func (c *compiler) entries(defs []entryDef) {
	for i := range defs {
		d := &defs[i]
		if d.ID == "" || d.Provider == "" {
			c.fail(d.file, d.line, "entry: id and provider are needed, have %q and %q", d.ID, d.Provider)
			continue
		}
		e := c.entry(d)
		if c.book.entries[e.id] != nil {
			c.fail(d.file, d.line, "id %q is given twice", e.id)
			continue
		}
		c.book.entries[e.id] = e
		c.names(c.provider(d.Provider), e, d)
	}
}

// provider returns the provider with an id, making it if the book is the first
// to name it.
func (c *compiler) provider(id string) *provider {
	if p := c.book.providers[id]; p != nil {
		return p
	}
	p := &provider{id: id, names: map[string]ref{}, dated: map[string]*entry{}, aliases: map[string]*entry{}}
	c.book.providers[id] = p
	return p
}

// providerTable fills in what providerDefs knows.
func (c *compiler) providerTable() {
	for i := range providerDefs {
		d := &providerDefs[i]
		p := c.provider(d.id)
		p.def, p.native = d, d.native
		for _, s := range d.spelt {
			c.book.providers[s] = p
		}
		for _, h := range d.hosts {
			if domain, ok := strings.CutPrefix(h, "*."); ok {
				c.book.domains[domain] = p
			} else {
				c.book.hosts[h] = p
			}
		}
		if len(d.native) > 0 {
			c.book.vendors = append(c.book.vendors, p)
		}
	}
	for i := range providerDefs {
		p := c.provider(providerDefs[i].id)
		for _, f := range providerDefs[i].fallback {
			p.fallback = append(p.fallback, c.provider(f))
		}
	}
}

// names files an entry under its names. Two entries of one provider must not
// claim the same name: file order never decides.
func (c *compiler) names(p *provider, e *entry, d *entryDef) {
	add := func(list []string, how Match) {
		for _, n := range list {
			n = strings.ToLower(strings.TrimSpace(n))
			if old, ok := p.names[n]; ok && old.entry != e && old.match != MatchNormalised {
				c.fail(d.file, d.line, "match: both %q and %q claim the name %q", old.entry.id, e.id, n)
				continue
			}
			if old, ok := p.names[n]; !ok || old.match == MatchNormalised {
				p.names[n] = ref{e, how}
				e.names = append(e.names, n)
			}
			if other := otherDate(n); other != "" {
				if _, taken := p.names[other]; !taken {
					p.names[other] = ref{e, MatchNormalised}
				}
			}
		}
	}
	add(d.Match.Exact, MatchExact)
	add(d.Match.Alias, MatchAlias)
	for _, n := range d.Match.Dated {
		n = strings.ToLower(n)
		if old := p.dated[n]; old != nil && old != e {
			c.fail(d.file, d.line, "match.dated: both %q and %q claim %q", old.id, e.id, n)
		}
		p.dated[n] = e
	}
	for _, n := range d.Match.Loose {
		text := strings.ToLower(n)
		l := loosePattern{entry: e, start: strings.HasPrefix(text, "*"), end: strings.HasSuffix(text, "*")}
		l.text = []byte(strings.Trim(text, "*"))
		p.loose = append(p.loose, l)
	}
}

func (c *compiler) entry(d *entryDef) *entry {
	e := &entry{id: d.ID, provider: d.Provider, source: d.Source, currency: strings.ToUpper(d.Currency)}
	if e.currency == "USD" {
		e.currency = ""
	}
	if _, model, ok := strings.Cut(d.ID, "/"); ok {
		e.model = model
	}
	var special []row
	for i := range d.Rates {
		r := c.row(d, &d.Rates[i])
		switch {
		case r.multiply.den != 0:
			e.factors = append(e.factors, r)
		case r.n == 0:
			e.rows = append(e.rows, r)
		default:
			special = append(special, r)
		}
	}
	standard := len(e.rows)
	for i := range special {
		e.rows = append(e.rows, inherit(special[i], e.rows[:standard])...)
	}
	c.checkTies(d, e.rows)
	return e
}

// inherit splits a special row by the validity of the standard rows and fills in
// from each what the special row does not price. Fees are simply the same; token
// prices are assumed to be.
func inherit(r row, standard []row) []row {
	var out []row
	for i := range standard {
		s := &standard[i]
		part := r
		part.levels = slices.Clone(r.levels)
		if s.from > part.from {
			part.from, part.fromText = s.from, s.fromText
		}
		part.to = min(part.to, s.to)
		if part.from >= part.to {
			continue
		}
		part.base.borrow(&s.base)
		for l := range part.levels {
			part.levels[l].tariff.borrow(&part.base)
		}
		for m := range part.minimum {
			if part.minimum[m] == 0 {
				part.minimum[m] = s.minimum[m]
			}
		}
		out = append(out, part)
	}
	if len(standard) == 0 {
		return []row{r}
	}
	return out
}

func (t *tariff) borrow(from *tariff) {
	for m := range numMeters {
		if t.has(m) || !from.has(m) {
			continue
		}
		t.rates[m] = from.rates[m]
		t.own |= 1 << m
		if m < MeterRequest {
			t.assumed |= 1 << m
		}
	}
}

// checkTies refuses two rows that could both be the best for one call.
func (c *compiler) checkTies(d *entryDef, rows []row) {
	for i := range rows {
		for j := range i {
			a, b := &rows[i], &rows[j]
			if a.n == b.n && a.from < b.to && b.from < a.to && a.overlaps(b) {
				c.fail(d.file, d.line, "rates of %q: two rows with %d conditions hold at the same time", d.ID, a.n)
				return
			}
		}
	}
}

func (r *row) overlaps(o *row) bool {
	for _, x := range r.conds {
		for _, y := range o.conds {
			if x.key == y.key && !slices.ContainsFunc(x.values, func(v string) bool { return slices.Contains(y.values, v) }) {
				return false
			}
		}
	}
	if r.clock == nil || o.clock == nil {
		return true
	}
	for _, x := range r.clock.ranges {
		for _, y := range o.clock.ranges {
			if x[0] < y[1] && y[0] < x[1] {
				return true
			}
		}
	}
	return false
}

func (c *compiler) row(d *entryDef, def *rateDef) row {
	line := def.line
	if line == 0 {
		line = d.line
	}
	r := row{from: minTime, to: maxTime, sourceRow: line}
	if def.From.set {
		r.from, r.fromText = def.From.t.Unix(), def.From.t.Format(time.RFC3339)
	}
	if def.To.set {
		r.to = def.To.t.Unix()
	}
	if r.from >= r.to {
		c.fail(d.file, line, "to: %s is not after from", def.To.t.Format(time.RFC3339))
	}
	c.conditions(d, line, &r, &def.When)
	if def.Multiply.text != "" {
		f, err := parseFactor(def.Multiply.text)
		if err != nil {
			c.fail(d.file, line, "multiply: %q: %v", def.Multiply.text, err)
		}
		r.multiply = f
		return r
	}
	c.prices(d.file, line, "per_mtok", def.PerMtok, &r.base, 6, 1)
	c.prices(d.file, line, "per_k", def.PerK, &r.base, 12, 1000)
	c.prices(d.file, line, "per_hour", def.PerHour, &r.base, 12, 3_600_000)
	c.prices(d.file, line, "per_second", def.PerSecond, &r.base, 12, 1000)
	for _, x := range def.Context {
		l := level{above: x.Above, marginal: x.Mode == "marginal", label: fmt.Sprintf("context>%d", x.Above), tariff: r.base}
		if x.Of != "" && x.Of != "prompt_total" {
			c.fail(d.file, line, "context.of: %q; want prompt_total", x.Of)
		}
		if x.Mode != "" && x.Mode != "whole_request" && x.Mode != "marginal" {
			c.fail(d.file, line, "context.mode: %q; want whole_request or marginal", x.Mode)
		}
		if x.Above < 0 {
			c.fail(d.file, line, "context.above: %d is negative", x.Above)
		}
		c.prices(d.file, line, "context.per_mtok", x.PerMtok, &l.tariff, 6, 1)
		r.levels = append(r.levels, l)
	}
	slices.SortFunc(r.levels, func(a, b level) int { return int(min(max(a.above-b.above, -1), 1)) })
	for name, n := range def.Minimum {
		m, ok := meterNamed(name)
		dec, err := parseDecimal(n.text)
		v, fits := dec.scaled(3)
		if !ok || m < MeterAudioTime || err != nil || !fits {
			c.fail(d.file, line, "minimum.%s: %q; want seconds of audio or video", name, n.text)
			continue
		}
		r.minimum[m] = int64(v)
	}
	return r
}

func meterNamed(name string) (Meter, bool) {
	i := slices.Index(meterNames[:], name)
	return Meter(max(i, 0)), i >= 0
}

// prices reads one map of prices. places makes a price whole pico-USD per unit.
func (c *compiler) prices(file string, line int, key string, prices map[string]number, t *tariff, places int, per uint64) {
	for name, n := range prices {
		at := line
		if n.line != 0 {
			at = n.line
		}
		m, ok := meterNamed(name)
		if !ok {
			c.fail(file, at, "%s.%s: no such component", key, name)
			continue
		}
		if kind := kindOf(m); kind != strings.TrimPrefix(key, "context.") && (kind != "per_hour" || key != "per_second") {
			c.fail(file, at, "%s.%s: this component is priced %s", key, name, kind)
			continue
		}
		dec, err := parseDecimal(n.text)
		fine := finer(dec, places, per)
		v, fits := dec.scaled(places + fine)
		if err != nil || !fits {
			c.fail(file, at, "%s.%s: %q: %v", key, name, n.text, errDecimal)
			continue
		}
		if usd, _ := dec.scaled(6); usd > 1000_000_000 || (dec.digits != 0 && usd < 100) {
			c.fail(file, at, "%s.%s: %q is outside 0.0001 to 1000 USD; prices are %s, 0 is free", key, name, n.text, kindOf(m))
			continue
		}
		t.set(m, rate{v, per * pow10(fine)})
	}
}

// finer returns by how many decimal places a rate must be kept finer than whole
// pico-USD per unit: none for nearly every price, nine for one such as
// 0.08333333333333334 USD per million tokens.
func finer(dec decimal, places int, per uint64) int {
	if per != 1 || dec.exactly(places) {
		return 0
	}
	return 9
}

func kindOf(m Meter) string {
	switch {
	case m < MeterRequest:
		return "per_mtok"
	case m < MeterAudioTime:
		return "per_k"
	default:
		return "per_hour"
	}
}

func (c *compiler) conditions(d *entryDef, line int, r *row, w *whenDef) {
	for key, values := range [numWhen][]string{w.ServiceTier, w.Speed, w.Region, w.Platform} {
		if len(values) == 0 {
			continue
		}
		x := condition{key: whenKey(key)}
		for _, v := range values {
			v = strings.ToLower(v)
			x.values = append(x.values, v)
			x.labels = append(x.labels, whenNames[key]+":"+v)
		}
		r.conds = append(r.conds, x)
		r.n++
	}
	if w.Clock == nil {
		return
	}
	r.n++
	k, err := compileClock(w.Clock)
	if err != nil {
		c.fail(d.file, line, "when.clock: %v", err)
		return
	}
	r.clock = k
}

func compileClock(d *clockDef) (*clock, error) {
	k := &clock{except: map[int]bool{}, label: "clock:" + strings.Join(d.UTC, "+")}
	if len(d.UTC) == 0 {
		k.ranges = append(k.ranges, [2]int{0, 86400})
	}
	for _, u := range d.UTC {
		var h1, m1, h2, m2 int
		if _, err := fmt.Sscanf(u, "%d:%d-%d:%d", &h1, &m1, &h2, &m2); err != nil {
			return nil, fmt.Errorf("utc: %q; want 01:00-04:00", u)
		}
		from, to := h1*3600+m1*60, h2*3600+m2*60
		if from < 0 || from >= 86400 || to <= 0 || to > 86400 || from == to {
			return nil, fmt.Errorf("utc: %q is no part of a day", u)
		}
		if from < to {
			k.ranges = append(k.ranges, [2]int{from, to})
		} else {
			k.ranges = append(k.ranges, [2]int{from, 86400}, [2]int{0, to})
		}
	}
	for _, w := range d.Weekdays {
		i := slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, strings.ToLower(w))
		if i < 0 {
			return nil, fmt.Errorf("weekdays: %q; want mon to sun", w)
		}
		k.days |= 1 << i
	}
	if d.TZ != "" {
		t, err := time.Parse("-07:00", d.TZ)
		if err != nil {
			return nil, fmt.Errorf("tz: %q; want an offset such as +08:00", d.TZ)
		}
		_, k.offset = t.Zone()
	}
	for _, x := range d.Except {
		t, err := time.Parse(time.DateOnly, x)
		if err != nil {
			return nil, fmt.Errorf("except: %q; want a date such as 2026-10-01", x)
		}
		k.except[dayOf(t)] = true
	}
	return k, nil
}

var errFactor = errors.New("want a decimal above 0 and at most 1000, with at most nine places")

// parseFactor reads a multiplier exactly.
func parseFactor(s string) (factor, error) {
	d, err := parseDecimal(s)
	if err != nil || !d.exactly(9) {
		return factor{}, errFactor
	}
	n, ok := d.scaled(9)
	if !ok || n == 0 || n > 1000*1e9 {
		return factor{}, errFactor
	}
	den := uint64(1e9)
	for n%10 == 0 && den > 1 {
		n, den = n/10, den/10
	}
	return factor{n, den}, nil
}
