package policy

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"
)

// maxExponent bounds the exponents of numbers: beyond it a number is not read.
const maxExponent = 1 << 20

// decimal is an exact decimal number in a normal form: 0.digits × 10^exp, no
// zero at either end of digits; 0 has no digits.
type decimal struct {
	neg    bool
	digits string
	exp    int
}

// parseDecimal reads a number as JSON writes it. It does not allocate for an
// integer without zeros at its ends.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	s, d.neg = strings.CutPrefix(s, "-")
	if e := strings.IndexAny(s, "eE"); e >= 0 {
		n, err := strconv.Atoi(strings.TrimPrefix(s[e+1:], "+"))
		if err != nil || n > maxExponent || n < -maxExponent {
			return d, false
		}
		d.exp, s = n, s[:e]
	}
	whole, frac, dot := strings.Cut(s, ".")
	if whole == "" || dot && frac == "" || !allDigits(whole) || !allDigits(frac) {
		return d, false
	}
	d.exp += len(whole)
	if frac != "" {
		whole += frac
	}
	trimmed := strings.TrimLeft(whole, "0")
	d.exp -= len(whole) - len(trimmed)
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// cmp compares exactly: -1, 0 or +1.
func (d decimal) cmp(o decimal) int {
	if s, t := d.sign(), o.sign(); s != t {
		return cmp.Compare(s, t)
	}
	c := cmp.Compare(d.exp, o.exp)
	if c == 0 {
		c = cmp.Compare(d.digits, o.digits)
	}
	if d.neg {
		return -c
	}
	return c
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.neg:
		return -1
	default:
		return 1
	}
}

// integer reports whether d is a whole number, as JSON Schema counts 1.0.
func (d decimal) integer() bool { return len(d.digits) <= d.exp || d.digits == "" }

// multipleOf reports whether d is a whole multiple of m; ok is false where the
// numbers are too far apart to tell cheaply.
func (d decimal) multipleOf(m decimal) (yes, ok bool) {
	switch {
	case m.digits == "":
		return false, true
	case d.digits == "":
		return true, true
	}
	low := min(d.exp-len(d.digits), m.exp-len(m.digits))
	if max(d.exp, m.exp)-low > 1000 {
		return false, false
	}
	a, b := d.scaled(low), m.scaled(low)
	return new(big.Int).Rem(a, b).Sign() == 0, true
}

// scaled returns |d| × 10^-low, which must be whole.
func (d decimal) scaled(low int) *big.Int {
	n, _ := new(big.Int).SetString(d.digits, 10)
	return n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.exp-len(d.digits)-low)), nil))
}
