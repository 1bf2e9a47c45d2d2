package audit

import (
	"math"
	"math/bits"
	"strconv"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// wideDecimalOf is decimalOf for numbers that are no money: they may be negative
// and as large as Decimal(38, 12) holds (10²⁶). What does not fit is unknown.
func wideDecimalOf(v float64) Decimal {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Decimal{}
	}
	if v == 0 {
		return proto.NewNullable(proto.Decimal128{})
	}
	var buf [32]byte
	digits, exp := shortest(strconv.AppendFloat(buf[:0], math.Abs(v), 'e', -1, 64))
	hi, lo, ok := uint64(0), digits, true
	if shift := exp + decimalPlaces; shift > 0 {
		hi, lo, ok = timesTen(digits, shift)
	} else if shift < 0 {
		lo, ok = scale(digits, shift)
	}
	if !ok {
		return Decimal{}
	}
	if v < 0 { // two's complement
		var carry uint64
		lo, carry = bits.Add64(^lo, 1, 0)
		hi, _ = bits.Add64(^hi, 0, carry)
	}
	return proto.NewNullable(proto.Decimal128{Low: lo, High: hi})
}

// maxDecimalHigh is the upper half of 10³⁸, which Decimal(38) cannot hold.
const maxDecimalHigh = 0x4b3b4ca85a86c47a

// timesTen returns digits × 10^n in 128 bits, and false where that has more than
// 38 digits.
func timesTen(digits uint64, n int) (hi, lo uint64, ok bool) {
	lo = digits
	for range n {
		over, mid := bits.Mul64(hi, 10)
		if over != 0 {
			return 0, 0, false
		}
		var carry uint64
		carry, lo = bits.Mul64(lo, 10)
		if hi, over = bits.Add64(mid, carry, 0); over != 0 || hi >= maxDecimalHigh {
			return 0, 0, false
		}
	}
	return hi, lo, true
}

// Time is a time in ns since 1970 that may be unknown, which is stored as NULL.
type Time = proto.Nullable[int64]

// timeOf is unknown for the zero time and for what DateTime64(9) cannot hold.
func timeOf(t time.Time) Time {
	if t.IsZero() || t.Before(time.Unix(0, 0)) || t.After(time.Unix(0, math.MaxInt64)) {
		return Time{}
	}
	return proto.NewNullable(t.UnixNano())
}

// colTime is Nullable(DateTime64(9, 'UTC')): the library's nullable column takes
// no raw values.
type colTime struct {
	nulls  proto.ColUInt8
	values *proto.ColDateTime64
}

func newColTime() *colTime {
	return &colTime{values: new(proto.ColDateTime64).WithPrecision(proto.PrecisionNano).WithLocation(time.UTC)}
}

func (c *colTime) append(t Time) {
	null := uint8(1)
	if t.Set {
		null = 0
	}
	c.nulls.Append(null)
	c.values.AppendRaw(proto.DateTime64(t.Value))
}

func (c *colTime) Type() proto.ColumnType { return "Nullable(" + c.values.Type() + ")" }
func (c *colTime) Rows() int              { return c.nulls.Rows() }

func (c *colTime) Reset() {
	c.nulls.Reset()
	c.values.Reset()
}

func (c *colTime) EncodeColumn(buf *proto.Buffer) {
	c.nulls.EncodeColumn(buf)
	c.values.EncodeColumn(buf)
}

func (c *colTime) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }

func instant[R any](name string, get func(*R) Time) column[R] {
	c := newColTime()
	return column[R]{name: name, data: c, add: func(r *R) { c.append(get(r)) }, seal: func(buf []byte, r *R) []byte {
		if t := get(r); t.Set {
			return netInt(buf, t.Value)
		}
		return netText(buf, "")
	}}
}
