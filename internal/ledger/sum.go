package ledger

import (
	"math"
	"math/big"
	"math/bits"
	"strings"
	"time"
)

// Sum is an exact unsigned amount of 128 bits, in ledger units.
type Sum struct{ Hi, Lo uint64 }

// SumOf returns v as a Sum.
func SumOf(v uint64) Sum { return Sum{Lo: v} }

// Plus returns s + v. It stops at the largest Sum rather than wrap; 10¹⁹
// charges of the largest amount are needed to get there.
func (s Sum) Plus(v Sum) Sum {
	lo, carry := bits.Add64(s.Lo, v.Lo, 0)
	hi, over := bits.Add64(s.Hi, v.Hi, carry)
	if over != 0 {
		return Sum{math.MaxUint64, math.MaxUint64}
	}
	return Sum{hi, lo}
}

// Cmp returns -1, 0 or 1 as s is less than, equal to or more than v.
func (s Sum) Cmp(v Sum) int {
	switch {
	case s == v:
		return 0
	case s.Hi < v.Hi || (s.Hi == v.Hi && s.Lo < v.Lo):
		return -1
	default:
		return 1
	}
}

// Minus returns s - v, or 0 where v is more than s.
func (s Sum) Minus(v Sum) Sum {
	if s.Cmp(v) <= 0 {
		return Sum{}
	}
	lo, borrow := bits.Sub64(s.Lo, v.Lo, 0)
	hi, _ := bits.Sub64(s.Hi, v.Hi, borrow)
	return Sum{hi, lo}
}

// Float returns the amount as the nearest double.
func (s Sum) Float() float64 { return math.Ldexp(float64(s.Hi), 64) + float64(s.Lo) }

// Big returns the exact amount.
func (s Sum) Big() *big.Int {
	b := new(big.Int).SetUint64(s.Hi)
	return b.Add(b.Lsh(b, 64), new(big.Int).SetUint64(s.Lo))
}

// In returns the amount in the units people read, as the nearest double.
func (s Sum) In(u Unit) float64 { return s.Float() / u.Scale() }

// Text returns the exact amount with its unit, as people read it: "87 USD".
func (s Sum) Text(u Unit) string {
	switch u {
	case USD:
		const places = 12
		digits := s.Big().String()
		if len(digits) <= places {
			digits = strings.Repeat("0", places+1-len(digits)) + digits
		}
		whole, rest := digits[:len(digits)-places], strings.TrimRight(digits[len(digits)-places:], "0")
		if rest != "" {
			whole += "." + rest
		}
		return whole + " USD"
	case WallClock:
		return time.Duration(min(s.capped(), math.MaxInt64)).String()
	case Tokens, Calls, ToolCalls:
		return s.Big().String() + " " + strings.ReplaceAll(u.String(), "_", " ")
	default:
		return s.Big().String()
	}
}

// capped returns the amount, at most the largest uint64.
func (s Sum) capped() uint64 {
	if s.Hi > 0 {
		return math.MaxUint64
	}
	return s.Lo
}
