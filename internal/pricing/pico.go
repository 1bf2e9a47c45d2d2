package pricing

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
)

// Pico is an amount of money in pico-USD, 10⁻¹² USD. The largest amount is about
// 18.4 million USD, far beyond any single model call; sums over many calls need
// a wider accumulator.
type Pico uint64

// PicoPerUSD is the number of pico-USD in one USD.
const PicoPerUSD = 1_000_000_000_000

// USD returns the amount as the nearest double, in USD. It keeps each single
// pico-USD up to about 2,000 USD.
func (p Pico) USD() float64 {
	// Whole and fraction are both exact as doubles, so only the sum rounds.
	return float64(p/PicoPerUSD) + float64(p%PicoPerUSD)/PicoPerUSD
}

// String returns the exact amount in USD, without trailing zeros: "0.00725".
func (p Pico) String() string { return string(p.appendUSD(nil)) }

func (p Pico) appendUSD(b []byte) []byte {
	b = strconv.AppendUint(b, uint64(p/PicoPerUSD), 10)
	frac := uint64(p % PicoPerUSD)
	if frac == 0 {
		return b
	}
	b = append(b, '.')
	for div := uint64(PicoPerUSD / 10); frac > 0; div /= 10 {
		b = append(b, byte('0'+frac/div))
		frac %= div
	}
	return b
}

// Amount is an amount of money that may be unknown. The zero value is unknown:
// there is no way to read it as 0 by mistake.
type Amount struct {
	pico  Pico
	known bool
}

// KnownAmount returns a known amount.
func KnownAmount(p Pico) Amount { return Amount{pico: p, known: true} }

// Pico returns the amount and whether it is known.
func (a Amount) Pico() (Pico, bool) { return a.pico, a.known }

// USD returns the amount in USD as the nearest double and whether it is known.
func (a Amount) USD() (float64, bool) { return a.pico.USD(), a.known }

// Known reports whether the amount is known. A known 0 is a free call.
func (a Amount) Known() bool { return a.known }

// String returns the exact amount in USD, or "unknown".
func (a Amount) String() string {
	if !a.known {
		return "unknown"
	}
	return a.pico.String()
}

// errDecimal is returned for text that is no plain non-negative decimal number.
var errDecimal = errors.New("want a non-negative decimal number")

// ParseUSD reads a non-negative decimal amount of USD, with an optional exponent
// as in "2.5e-06", and rounds it half to even to whole pico-USD.
func ParseUSD(s string) (Pico, error) {
	d, err := parseDecimal(s)
	if err != nil {
		return 0, err
	}
	p, ok := d.scaled(12)
	if !ok {
		return 0, errDecimal
	}
	return Pico(p), nil
}

// decimal is digits × 10^exp, exactly as written.
type decimal struct {
	digits uint64
	exp    int
}

// maxDigits is what fits into a uint64 whatever the digits are.
const maxDigits = 19

// parseDecimal reads a decimal number exactly. Digits beyond the nineteenth
// significant one are refused rather than rounded, unless they are zeros.
func parseDecimal[T string | []byte](s T) (decimal, error) {
	var d decimal
	seen, point, digits := false, false, 0
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.' && !point:
			point = true
			continue
		case c < '0' || c > '9':
		default:
			seen = true
			if point {
				d.exp--
			}
			if digits > 0 || c != '0' {
				digits++
			}
			if digits > maxDigits {
				if c != '0' {
					return decimal{}, errDecimal
				}
				d.exp++
				continue
			}
			d.digits = d.digits*10 + uint64(c-'0')
			continue
		}
		break
	}
	if !seen {
		return decimal{}, errDecimal
	}
	if i < len(s) {
		exp, ok := parseExponent(s[i:])
		if !ok {
			return decimal{}, errDecimal
		}
		d.exp += exp
	}
	return d, nil
}

// parseExponent reads "e-06" and the like. Three digits are plenty: a double
// ends at 10^308.
func parseExponent[T string | []byte](s T) (int, bool) {
	if len(s) < 2 || (s[0] != 'e' && s[0] != 'E') {
		return 0, false
	}
	i, negative := 1, false
	if s[i] == '-' || s[i] == '+' {
		negative = s[i] == '-'
		i++
	}
	if i == len(s) || len(s)-i > 3 {
		return 0, false
	}
	exp := 0
	for ; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		exp = exp*10 + int(s[i]-'0')
	}
	if negative {
		exp = -exp
	}
	return exp, true
}

// scaled returns d × 10^places, rounded half to even, and whether it fits.
func (d decimal) scaled(places int) (uint64, bool) {
	shift := d.exp + places
	if d.digits == 0 {
		return 0, true
	}
	if shift >= 0 {
		if shift > maxDigits {
			return 0, false
		}
		hi, lo := bits.Mul64(d.digits, pow10(shift))
		return lo, hi == 0
	}
	if -shift > maxDigits {
		return 0, true // below half a unit: digits < 10^19 ≤ ½ × 10^20
	}
	q, r := d.digits/pow10(-shift), d.digits%pow10(-shift)
	return roundHalfEven(q, r, pow10(-shift)), true
}

// exactly reports whether d × 10^places is a whole number.
func (d decimal) exactly(places int) bool {
	shift := d.exp + places
	return d.digits == 0 || shift >= 0 || (-shift <= maxDigits && d.digits%pow10(-shift) == 0)
}

func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// roundHalfEven returns q + r/den rounded to a whole number, ties to even.
func roundHalfEven(q, r, den uint64) uint64 {
	half := den - r // compared instead of 2r, which might overflow
	if r > half || (r == half && q%2 == 1) {
		q++
	}
	return q
}

// picoFromFloat returns the decimal that the double v is written as, in
// pico-USD: 0.1 means ten cents, not the binary fraction nearest to it.
func picoFromFloat(v float64) (Pico, bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0, false
	}
	var buf [32]byte
	d, err := parseDecimal(strconv.AppendFloat(buf[:0], v, 'e', -1, 64))
	if err != nil {
		return 0, false
	}
	p, ok := d.scaled(12)
	return Pico(p), ok
}

// factor is a multiplier num/den of a price: a discount, a regional surcharge,
// an exchange rate. The zero value is no factor at all and is never applied.
type factor struct{ num, den uint64 }

// uint128 is an unsigned integer of 128 bits.
type uint128 struct{ hi, lo uint64 }

// mul returns x × y and whether it fits.
func (x uint128) mul(y uint64) (uint128, bool) {
	h1, l1 := bits.Mul64(x.hi, y)
	h0, l0 := bits.Mul64(x.lo, y)
	hi, carry := bits.Add64(l1, h0, 0)
	return uint128{hi, l0}, h1 == 0 && carry == 0
}

// divHalfEven returns x/y rounded half to even and whether it fits into 64 bits.
func (x uint128) divHalfEven(y uint64) (uint64, bool) {
	if x.hi >= y { // also y == 0
		return 0, false
	}
	q, r := bits.Div64(x.hi, x.lo, y)
	rounded := roundHalfEven(q, r, y)
	return rounded, rounded >= q
}

// charge returns quantity × pico ÷ per × factors, rounded once, half to even.
// It reports false where the amount does not fit into a Pico.
func charge(quantity, pico, per uint64, factors []factor) (Pico, bool) {
	x := uint128{lo: quantity}
	x, ok := x.mul(pico)
	den := per
	for _, f := range factors {
		var fits bool
		x, fits = x.mul(f.num)
		hi, lo := bits.Mul64(den, f.den)
		ok = ok && fits && hi == 0
		den = lo
	}
	p, fits := x.divHalfEven(den)
	return Pico(p), ok && fits
}

// add returns a + b and whether the sum fits.
func (p Pico) add(b Pico) (Pico, bool) {
	sum, carry := bits.Add64(uint64(p), uint64(b), 0)
	return Pico(sum), carry == 0
}
