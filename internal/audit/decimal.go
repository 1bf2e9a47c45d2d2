package audit

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/ClickHouse/ch-go/proto"
)

// decimalPlaces is the scale of all stored decimals: pico-USD.
const decimalPlaces = 12

// decimalOf returns the decimal number that the double v is written as: 0.1 is
// ten cents, not the binary fraction nearest to it. NaN, infinities, negative
// numbers and what does not fit 64 bits of picos are unknown, never 0.
func decimalOf(v float64) Decimal {
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return Decimal{}
	}
	if v == 0 {
		return proto.NewNullable(proto.Decimal128{})
	}
	var buf [32]byte
	digits, exp := shortest(strconv.AppendFloat(buf[:0], v, 'e', -1, 64))
	unscaled, ok := scale(digits, exp+decimalPlaces)
	if !ok {
		return Decimal{}
	}
	return proto.NewNullable(proto.Decimal128{Low: unscaled})
}

// shortest reads strconv's "d.ddde±dd" as digits × 10^exp. At most 17 digits.
func shortest(b []byte) (digits uint64, exp int) {
	i, point := 0, false
	for ; b[i] != 'e'; i++ {
		if b[i] == '.' {
			point = true
			continue
		}
		digits = digits*10 + uint64(b[i]-'0')
		if point {
			exp--
		}
	}
	e := 0
	for _, c := range b[i+2:] {
		e = e*10 + int(c-'0')
	}
	if b[i+1] == '-' {
		e = -e
	}
	return digits, exp + e
}

var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// scale returns digits × 10^shift rounded half to even, and whether it fits.
func scale(digits uint64, shift int) (uint64, bool) {
	switch {
	case shift >= len(pow10):
		return 0, false
	case shift >= 0:
		hi, lo := bits.Mul64(digits, pow10[shift])
		return lo, hi == 0
	case -shift >= len(pow10):
		return 0, true // far below half a pico: digits have 17 places at most
	}
	unit := pow10[-shift]
	q, r := digits/unit, digits%unit
	if half := unit - r; r > half || (r == half && q%2 == 1) {
		q++
	}
	return q, true
}
