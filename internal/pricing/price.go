package pricing

import "math/bits"

// parts of a Result, by what they sum up.
type part uint8

const (
	partInput part = iota
	partOutput
	partCacheRead
	partCacheWrite
	partOther
	numParts
)

// partOf says into which part of the result a meter's amount goes.
var partOf = [numMeters]part{
	MeterInput: partInput, MeterAudioIn: partInput, MeterImageIn: partInput, MeterVideoIn: partInput,
	MeterOutput: partOutput, MeterReasoning: partOutput, MeterCitation: partOutput,
	MeterAudioOut: partOutput, MeterImageOut: partOutput, MeterVideoOut: partOutput,
	MeterCacheRead: partCacheRead, MeterAudioCached: partCacheRead, MeterImageCached: partCacheRead, MeterVideoCached: partCacheRead,
	MeterCacheWrite: partCacheWrite, MeterCacheWrite1h: partCacheWrite,
	MeterRequest: partOther, MeterWebSearch: partOther, MeterFileSearch: partOther, MeterPage: partOther,
	MeterAnnotatedPage: partOther, MeterTextMessage: partOther, MeterAudioTime: partOther, MeterVideoTime: partOther,
}

// parent is whose price a meter takes where it has none.
var parent = [numMeters]Meter{
	MeterInput: MeterInput, MeterOutput: MeterOutput,
	MeterCacheRead: MeterInput, MeterCacheWrite: MeterInput, MeterCacheWrite1h: MeterCacheWrite,
	MeterReasoning: MeterOutput, MeterCitation: MeterOutput,
	MeterAudioIn: MeterInput, MeterAudioCached: MeterCacheRead, MeterAudioOut: MeterOutput,
	MeterImageIn: MeterInput, MeterImageCached: MeterCacheRead, MeterImageOut: MeterOutput,
	MeterVideoIn: MeterInput, MeterVideoCached: MeterCacheRead, MeterVideoOut: MeterOutput,
	MeterRequest: MeterRequest, MeterWebSearch: MeterWebSearch, MeterFileSearch: MeterFileSearch, MeterPage: MeterPage,
	MeterAnnotatedPage: MeterAnnotatedPage, MeterTextMessage: MeterTextMessage,
	MeterAudioTime: MeterAudioTime, MeterVideoTime: MeterVideoTime,
}

// modalities are the meters of one modality: whole, cached, generated.
var modalities = [3][3]Meter{
	{MeterAudioIn, MeterAudioCached, MeterAudioOut},
	{MeterImageIn, MeterImageCached, MeterImageOut},
	{MeterVideoIn, MeterVideoCached, MeterVideoOut},
}

var assumedLabels, missingLabels = labels("assumed:"), labels("missing:")

func labels(prefix string) (out [numMeters]string) {
	for m := range out {
		out[m] = prefix + meterNames[m]
	}
	return out
}

// Line is one component of a price, for Explain.
type Line struct {
	Meter    Meter
	Quantity int64
	// Price is in pico-USD for Per units, before the multipliers.
	Price, Per uint64
	Amount     Pico
	Assumed    bool
}

// maxFactors: region-like multipliers, a contract and an exchange rate.
const maxFactors = 6

// bill adds up one call.
type bill struct {
	usage    *Usage
	tariff   *tariff
	fees     *tariff // for fees the tariff has not; nil mostly
	above    *level  // the tokens beyond its size cost its price; nil mostly
	factors  [maxFactors]factor
	nFactors int // for tokens
	nAlways  int // of these, the first apply to fees too
	minimum  *[numMeters]int64

	parts    [numParts]Pico
	assumed  uint32
	missing  uint32
	priced   bool
	invalid  bool
	overflow bool
	ttl      bool // the lifetime of cache writes is assumed
	lines    *[]Line
}

// charge bills a quantity of one meter by its own price or its parent's.
func (b *bill) charge(m Meter, quantity int64) {
	if quantity < 0 {
		b.invalid = true
		return
	}
	from, assumed := m, false
	for !b.tariff.has(from) {
		if m >= MeterRequest && b.fees != nil && b.fees.has(m) {
			b.priced = true
			b.add(m, quantity, b.fees.rates[m], false)
			return
		}
		if parent[from] == from {
			if quantity > 0 {
				b.missing |= 1 << m
			}
			return
		}
		from, assumed = parent[from], true
	}
	b.priced = true
	if quantity == 0 {
		return
	}
	if assumed = assumed || b.tariff.assumed&(1<<from) != 0; assumed {
		b.assumed |= 1 << m
	}
	b.add(m, quantity, b.tariff.rates[from], assumed)
}

func (b *bill) add(m Meter, quantity int64, r rate, assumed bool) {
	n := b.nFactors
	if m >= MeterRequest {
		n = b.nAlways
	}
	var amount Pico
	ok := true
	if hi, lo := bits.Mul64(uint64(quantity), r.pico); n == 0 && hi == 0 && r.per == 1 {
		amount = Pico(lo)
	} else {
		amount, ok = charge(uint64(quantity), r.pico, r.per, b.factors[:n])
	}
	sum, fits := b.parts[partOf[m]].add(amount)
	b.parts[partOf[m]] = sum
	b.overflow = b.overflow || !ok || !fits
	if b.lines != nil {
		*b.lines = append(*b.lines, Line{m, quantity, r.pico, r.per, amount, assumed})
	}
}

// run bills the whole usage.
func (b *bill) run() {
	u := b.usage
	in, read, write := u.counts[MeterInput], u.counts[MeterCacheRead], u.counts[MeterCacheWrite]
	w1h := u.counts[MeterCacheWrite1h]
	rest := in - read - write
	if rest < 0 || w1h > write {
		b.invalid = true
		return
	}
	out := u.counts[MeterOutput]
	if u.known&modalityMask != 0 {
		rest, read, out = b.modalities(rest, read, out)
	}
	for _, m := range [2]Meter{MeterReasoning, MeterCitation} {
		n := u.counts[m]
		if n == 0 {
			continue
		}
		if !b.tariff.has(m) {
			b.assumed |= 1 << m // billed within the output
			continue
		}
		b.charge(m, n)
		out -= n
	}
	if u.has(MeterInput) {
		b.input(rest)
		b.charge(MeterCacheRead, read)
		b.charge(MeterCacheWrite, write-w1h)
		b.charge(MeterCacheWrite1h, w1h)
		b.ttl = write > 0 && !u.has(MeterCacheWrite1h) && b.tariff.has(MeterCacheWrite1h)
	} else if b.tariff.rates[MeterInput].pico > 0 && u.known&tokenMask != 0 {
		b.missing |= 1 << MeterInput
	}
	if u.has(MeterOutput) {
		b.charge(MeterOutput, out)
	} else if b.tariff.rates[MeterOutput].pico > 0 && u.known&tokenMask != 0 {
		b.missing |= 1 << MeterOutput
	}
	if b.tariff.has(MeterRequest) || (b.fees != nil && b.fees.has(MeterRequest)) {
		b.charge(MeterRequest, 1)
	}
	for known := u.known & feeMask; known != 0; known &= known - 1 {
		m := Meter(bits.TrailingZeros32(known))
		n := u.counts[m]
		switch {
		case m == MeterPage && b.tariff.has(MeterAnnotatedPage):
			n -= u.counts[MeterAnnotatedPage] // a page is billed once, annotated or not
		case m == MeterAnnotatedPage && !b.tariff.has(m) && u.has(MeterPage):
			continue // billed as plain pages
		}
		if n > 0 {
			n = max(n, b.minimum[m])
		}
		b.charge(m, n)
	}
}

const (
	modalityMask = 1<<MeterRequest - 1<<MeterAudioIn
	tokenMask    = 1<<MeterRequest - 1
	feeMask      = 1<<numMeters - 1<<MeterWebSearch
)

// input bills the uncached input. With a marginal level only what lies beyond its
// size costs its price.
func (b *bill) input(rest int64) {
	if b.above != nil && rest > 0 {
		beyond := min(rest, b.usage.counts[MeterInput]-b.above.above)
		b.add(MeterInput, beyond, b.above.tariff.rates[MeterInput], false)
		rest -= beyond
	}
	b.charge(MeterInput, rest)
}

// modalities bills what has its own price by modality, and returns what is left
// of uncached input, cache reads and output.
func (b *bill) modalities(rest, read, out int64) (restLeft, readLeft, outLeft int64) {
	u, cachedTokens := b.usage, read
	for _, m := range modalities {
		whole, cached := u.counts[m[0]], u.counts[m[1]]
		if whole > u.counts[MeterInput] && b.tariff.has(m[0]) || cached > whole || cached > cachedTokens {
			b.invalid = true
		}
		switch {
		case whole == 0:
		case !b.tariff.has(m[0]):
			b.assumed |= 1 << m[0] // billed within the input
		default:
			if b.tariff.has(m[1]) && cachedTokens > 0 && !u.has(m[1]) {
				b.invalid = true // the two prices differ, and nobody says which tokens are which
			}
			b.charge(m[0], whole-cached)
			b.charge(m[1], cached)
			rest -= whole - cached
			read -= cached
		}
		if n := u.counts[m[2]]; n > 0 {
			if b.tariff.has(m[2]) {
				b.charge(m[2], n)
				out -= n
			} else {
				b.assumed |= 1 << m[2]
			}
		}
	}
	return rest, read, out
}

// total returns the sum of the parts.
func (b *bill) total() (Pico, bool) {
	var sum Pico
	for _, p := range b.parts {
		s, ok := sum.add(p)
		if !ok {
			return 0, false
		}
		sum = s
	}
	return sum, !b.overflow
}

// conditions lists what the bill assumed or lacked.
func (b *bill) conditions(r *Result) {
	if b.ttl {
		r.Conditions.add("assumed:cache_ttl")
	}
	for a := b.assumed; a != 0; a &= a - 1 {
		r.Conditions.add(assumedLabels[bits.TrailingZeros32(a)])
	}
	for a := b.missing; a != 0; a &= a - 1 {
		r.Conditions.add(missingLabels[bits.TrailingZeros32(a)])
	}
}
