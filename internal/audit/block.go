package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"time"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
)

// MaxBlockRows is how many rows one insert may hold and still be one block on
// the server, which is what makes it all or nothing.
const MaxBlockRows = 1_048_449

// column is one column of a table and how a row fills it. R is the row type.
type column[R any] struct {
	name string
	data interface {
		proto.ColInput
		Reset()
	}
	add func(r *R)
	// seal appends the netstring of the value, as the row hash wants it. There is none
	// where low is set.
	seal func(buf []byte, r *R) []byte
	// low is set where the column is a LowCardinality of a field of R, which is at
	// offset; then there is no add.
	low    *colLow
	offset uintptr
}

// lowField is a field that goes into a LowCardinality column. Half of all columns
// are of this kind: they are filled without a call for each.
type lowField struct {
	column *colLow
	offset uintptr
}

// block collects rows of one table as typed columns, reused from batch to batch.
// Its first hashed columns are the content that the batch digest covers; the
// others say when and where it was written.
type block[R any] struct {
	table   string
	columns []column[R]
	hashed  int
	rows    int
	lows    []lowField
	adds    []func(r *R) // of the other columns
	raw     []byte       // content that is hashed but not stored, see Row.Start
	seals   sealer[R]
	buf     proto.Buffer
	batchID *proto.ColFixedStr16
	rowIx   *proto.ColUInt32
}

// Encoded is one insert, ready to be sent. It is valid until its block is reset.
type Encoded struct {
	Table   string
	Columns string // "(`a`, `b`)"
	Rows    int
	Native  []byte      // the block in the format Native, revision 0
	Input   proto.Input // the same block for a native connection
	Digest  [32]byte    // of a sealed block D, else over content only: equal whenever it was observed
	Token   string      // for insert_deduplication_token
	Seal    *Seal       // nil where nobody seals the table
}

func (b *block[R]) reset() {
	b.rows, b.raw = 0, b.raw[:0]
	b.seals.reset()
	b.batchID.Reset() // not a column of every table
	b.rowIx.Reset()
	for i := range b.columns {
		b.columns[i].data.Reset()
	}
}

func (b *block[R]) append(r *R) {
	for i := range b.lows {
		f := &b.lows[i]
		f.column.Append(*(*string)(unsafe.Add(unsafe.Pointer(r), f.offset)))
	}
	for _, add := range b.adds {
		add(r)
	}
	if b.seals.writer.ID != "" {
		b.seals.add(r)
	}
	b.rows++
}

// ready is called once, when the block has its columns.
func (b *block[R]) ready() *block[R] {
	for i := range b.columns {
		if c := &b.columns[i]; c.low != nil {
			b.lows = append(b.lows, lowField{c.low, c.offset})
		} else {
			b.adds = append(b.adds, c.add)
		}
	}
	return b
}

// finish encodes the block, gives every row its ledger coordinates and returns
// the insert. The token is derived from the content, never from a counter: the
// server drops other rows under a token it has seen.
func (b *block[R]) finish() (*Encoded, error) {
	b.buf.Reset()
	b.buf.PutInt(len(b.columns))
	b.buf.PutInt(b.rows)
	start := len(b.buf.Buf)
	for i := range b.columns[:b.hashed] {
		if err := encodeColumn(&b.buf, b.columns[i].name, b.columns[i].data, b.rows); err != nil {
			return nil, err
		}
	}
	e := &Encoded{Table: b.table, Rows: b.rows}
	if b.seals.writer.ID != "" {
		e.Seal = b.seals.seal()
		e.Seal.Hint = b.hint(start)
		e.Digest = e.Seal.Digest
		e.Token = sealedToken(b.table, b.seals.writer, e.Digest)
	} else {
		h := sha256.New()
		h.Write(b.buf.Buf[start:])
		h.Write(b.raw)
		h.Sum(e.Digest[:0])
		e.Token = token(b.table, e.Digest)
	}
	for i := range b.rows {
		b.batchID.Append([16]byte(e.Digest[:16]))
		b.rowIx.Append(uint32(i))
	}
	for i := range b.columns[b.hashed:] {
		c := &b.columns[b.hashed+i]
		if err := encodeColumn(&b.buf, c.name, c.data, b.rows); err != nil {
			return nil, err
		}
	}
	e.Native = b.buf.Buf
	var names strings.Builder
	for i := range b.columns {
		e.Input = append(e.Input, proto.InputColumn{Name: b.columns[i].name, Data: b.columns[i].data})
		if i > 0 {
			names.WriteString(", ")
		}
		names.WriteString(quote(b.columns[i].name))
	}
	e.Columns = "(" + names.String() + ")"
	return e, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// hint is equal for equal content, whenever it was observed, and nearly always
// another for other content. Hashing the content in earnest would cost a tenth of
// the encoding.
func (b *block[R]) hint(start int) string {
	sum := crc32.Update(crc32.Checksum(b.buf.Buf[start:], castagnoli), castagnoli, b.raw)
	return fmt.Sprintf("%s/%d/%d/%08x", b.table, b.rows, len(b.buf.Buf)-start, sum)
}

func token(table string, digest [32]byte) string {
	sum := sha256.Sum256(append([]byte(table), digest[:]...))
	return hex.EncodeToString(sum[:])
}

func encodeColumn(buf *proto.Buffer, name string, c proto.ColInput, rows int) error {
	if c.Rows() != rows {
		return fmt.Errorf("column %s has %d rows, not %d", name, c.Rows(), rows)
	}
	proto.InputColumn{Name: name, Data: c}.EncodeStart(buf, 0)
	if p, ok := c.(proto.Preparable); ok {
		if err := p.Prepare(); err != nil {
			return fmt.Errorf("preparing column %s: %w", name, err)
		}
	}
	if s, ok := c.(proto.StateEncoder); ok && rows > 0 {
		s.EncodeState(buf)
	}
	if rows > 0 {
		c.EncodeColumn(buf)
	}
	return nil
}

func (b *block[R]) hashUint64(v uint64) { b.raw = binary.LittleEndian.AppendUint64(b.raw, v) }

// The kinds of columns. Each takes the accessor that reads a row.

// lowCard takes an accessor that points at a field of the row.
func lowCard[R any](name string, field func(*R) *string) column[R] {
	c, row := newColLow(), new(R)
	offset := uintptr(unsafe.Pointer(field(row))) - uintptr(unsafe.Pointer(row))
	if offset >= unsafe.Sizeof(*row) {
		panic("column " + name + " does not point into its row") // a mistake in a list of columns
	}
	return column[R]{name: name, data: c, low: c, offset: offset}
}

// noText is a LowCardinality column that nothing fills yet.
func noText[R any](name string) column[R] {
	c := newColLow()
	return column[R]{name: name, data: c, add: func(*R) { c.Append("") }, seal: sealNothing[R]}
}

func text[R any](name string, get func(*R) string) column[R] {
	c := new(colText)
	return column[R]{name: name, data: c, add: func(r *R) { c.Append(get(r)) }, seal: func(buf []byte, r *R) []byte { return netText(buf, get(r)) }}
}

func fixed16[R any](name string, get func(*R) [16]byte) column[R] {
	c := new(proto.ColFixedStr16)
	return column[R]{name: name, data: c, add: func(r *R) { c.Append(get(r)) }, seal: func(buf []byte, r *R) []byte {
		id := get(r)
		var text [32]byte
		hex.Encode(text[:], id[:])
		return netBytes(buf, text[:])
	}}
}

func nanos[R any](name string, get func(*R) int64) column[R] {
	c := new(proto.ColDateTime64).WithPrecision(proto.PrecisionNano).WithLocation(time.UTC)
	return column[R]{name: name, data: c, add: func(r *R) { c.AppendRaw(proto.DateTime64(get(r))) }, seal: func(buf []byte, r *R) []byte { return netInt(buf, get(r)) }}
}

func millis[R any](name string, get func(*R) int64) column[R] {
	c := new(proto.ColDateTime64).WithPrecision(proto.PrecisionMilli).WithLocation(time.UTC)
	return column[R]{name: name, data: c, add: func(r *R) { c.AppendRaw(proto.DateTime64(get(r))) }, seal: func(buf []byte, r *R) []byte { return netInt(buf, get(r)) }}
}

func u64[R any](name string, get func(*R) uint64) column[R] {
	c := new(proto.ColUInt64)
	return column[R]{name: name, data: c, add: func(r *R) { c.Append(get(r)) }, seal: func(buf []byte, r *R) []byte { return netUint(buf, get(r)) }}
}

func u32[R any](name string, get func(*R) uint32) column[R] {
	c := new(proto.ColUInt32)
	return column[R]{name: name, data: c, add: func(r *R) { c.Append(get(r)) }, seal: func(buf []byte, r *R) []byte { return netUint(buf, uint64(get(r))) }}
}

func u16[R any](name string, get func(*R) uint16) column[R] {
	c := new(proto.ColUInt16)
	return column[R]{name: name, data: c, add: func(r *R) { c.Append(get(r)) }, seal: func(buf []byte, r *R) []byte { return netUint(buf, uint64(get(r))) }}
}

func flag[R any](name string, get func(*R) bool) column[R] {
	c := new(proto.ColUInt8)
	return column[R]{name: name, data: c, add: func(r *R) {
		var v uint8
		if get(r) {
			v = 1
		}
		c.Append(v)
	}, seal: func(buf []byte, r *R) []byte {
		if get(r) {
			return netUint(buf, 1)
		}
		return netUint(buf, 0)
	}}
}

func count[R any](name string, get func(*R) Count) column[R] {
	c := proto.NewColNullable[uint64](new(proto.ColUInt64))
	return column[R]{name: name, data: c, add: func(r *R) { c.Append(get(r)) }, seal: func(buf []byte, r *R) []byte {
		if n := get(r); n.Set {
			return netUint(buf, n.Value)
		}
		return netText(buf, "")
	}}
}

func decimal[R any](name string, get func(*R) Decimal) column[R] {
	c := &colDecimal{ColNullable: *proto.NewColNullable[proto.Decimal128](new(proto.ColDecimal128))}
	return column[R]{name: name, data: c, add: func(r *R) { c.Append(get(r)) }, seal: func(buf []byte, r *R) []byte { return netDecimal(buf, get(r)) }}
}

func mapping[R any](name string, get func(*R) []Attr) column[R] {
	c := &colMap{keys: newColLow()}
	return column[R]{name: name, data: c, add: func(r *R) { c.append(get(r)) }, seal: func(buf []byte, r *R) []byte { return netPairs(buf, get(r)) }}
}

// colDecimal is Nullable(Decimal(38, 12)): the library's Decimal128 does not
// state its scale.
type colDecimal struct {
	proto.ColNullable[proto.Decimal128]
}

func (*colDecimal) Type() proto.ColumnType { return "Nullable(Decimal(38, 12))" }

// colMap is Map(LowCardinality(String), String) filled from sorted pairs.
type colMap struct {
	offsets proto.ColUInt64
	keys    *colLow
	values  colText
}

func (c *colMap) append(kv []Attr) {
	for i := range kv {
		c.keys.Append(kv[i].Key)
		c.values.Append(kv[i].Value)
	}
	c.offsets.Append(uint64(c.values.Rows()))
}

func (*colMap) Type() proto.ColumnType          { return "Map(LowCardinality(String), String)" }
func (c *colMap) Rows() int                     { return c.offsets.Rows() }
func (c *colMap) EncodeState(buf *proto.Buffer) { c.keys.EncodeState(buf) }

func (c *colMap) Reset() {
	c.offsets.Reset()
	c.keys.Reset()
	c.values.Reset()
}

func (c *colMap) EncodeColumn(buf *proto.Buffer) {
	c.offsets.EncodeColumn(buf)
	c.keys.EncodeColumn(buf)
	c.values.EncodeColumn(buf)
}

func (c *colMap) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }
