package audit

import (
	"encoding/binary"

	"github.com/ClickHouse/ch-go/proto"
)

// colLow is LowCardinality(String). It differs from the library's column in that
// it numbers values as they come and keeps runs of equal ones: most rows repeat
// the value of the row before, which costs one comparison and one addition.
type colLow struct {
	values colText
	number map[string]uint32
	runs   []lowRun
	rows   int
	last   string
}

// lowRun is a number of rows with the same value.
type lowRun struct {
	key uint32
	n   int
}

func newColLow() *colLow { return &colLow{number: map[string]uint32{}} }

// Append adds a row. The column refers to v until it is reset.
func (c *colLow) Append(v string) {
	if c.rows == 0 || v != c.last {
		c.begin(v)
	}
	c.rows++
	c.runs[len(c.runs)-1].n++
}

// begin starts a run. It is apart so that Append is inlined.
func (c *colLow) begin(v string) {
	c.last = v
	c.runs = append(c.runs, lowRun{key: c.find(v)})
}

func (c *colLow) find(v string) uint32 {
	if k, ok := c.number[v]; ok {
		return k
	}
	k := uint32(len(c.number))
	c.number[v] = k
	c.values.Append(v)
	return k
}

// Reset forgets all rows and values.
func (c *colLow) Reset() {
	clear(c.number)
	c.values.Reset()
	c.runs, c.rows, c.last = c.runs[:0], 0, ""
}

// Type is the column's ClickHouse type.
func (*colLow) Type() proto.ColumnType { return "LowCardinality(String)" }

// Rows is the number of rows.
func (c *colLow) Rows() int { return c.rows }

// EncodeState writes the version of the key serialisation.
func (*colLow) EncodeState(b *proto.Buffer) { b.PutInt64(1) }

// The flags and key widths of ClickHouse's SerializationLowCardinality.
const (
	lowHasKeys    = 1 << 9
	lowUpdateDict = 1 << 10
	lowUint8      = 0
	lowUint16     = 1
	lowUint32     = 2
)

// EncodeColumn writes the dictionary and then one key a row.
func (c *colLow) EncodeColumn(b *proto.Buffer) {
	if c.rows == 0 {
		return
	}
	width := int64(lowUint32)
	switch n := c.values.Rows(); {
	case n <= 1<<8:
		width = lowUint8
	case n <= 1<<16:
		width = lowUint16
	}
	b.PutInt64(lowHasKeys | lowUpdateDict | width)
	b.PutInt64(int64(c.values.Rows()))
	c.values.EncodeColumn(b)
	b.PutInt64(int64(c.rows))
	for _, r := range c.runs {
		b.Buf = r.append(b.Buf, width)
	}
}

// append writes the run's key once a row.
func (r lowRun) append(buf []byte, width int64) []byte {
	switch width {
	case lowUint8:
		for range r.n {
			buf = append(buf, byte(r.key))
		}
	case lowUint16:
		for range r.n {
			buf = binary.LittleEndian.AppendUint16(buf, uint16(r.key))
		}
	default:
		for range r.n {
			buf = binary.LittleEndian.AppendUint32(buf, r.key)
		}
	}
	return buf
}

// WriteColumn writes the column to a native connection.
func (c *colLow) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }
