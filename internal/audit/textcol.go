package audit

import (
	"encoding/binary"

	"github.com/ClickHouse/ch-go/proto"
)

// colText is String. It differs from the library's column in that it holds the
// values as they are sent, so that they are copied once a row and once a block.
type colText struct {
	buf  []byte
	rows int
}

// Append adds a row and keeps no reference to v.
func (c *colText) Append(v string) {
	if v == "" {
		c.buf = append(c.buf, 0)
	} else {
		c.buf = binary.AppendUvarint(c.buf, uint64(len(v)))
		c.buf = append(c.buf, v...)
	}
	c.rows++
}

// Type is the column's ClickHouse type.
func (*colText) Type() proto.ColumnType { return proto.ColumnTypeString }

// Rows is the number of rows.
func (c *colText) Rows() int { return c.rows }

// Reset forgets all rows.
func (c *colText) Reset() { c.buf, c.rows = c.buf[:0], 0 }

// EncodeColumn writes all rows.
func (c *colText) EncodeColumn(b *proto.Buffer) { b.Buf = append(b.Buf, c.buf...) }

// WriteColumn writes all rows to a native connection.
func (c *colText) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }
