package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"slices"
	"strconv"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
)

// HashVersion names the fields that a row hash covers, and their order. It rises
// when a table gets a column; see sealedSince.
const HashVersion = 1

// Writer is who writes rows: one log of the tamper-evident ledger. The zero value
// writes rows that nothing seals.
type Writer struct {
	ID    string
	Epoch uint64 // ms since 1970 when the log was begun
}

// Seal is what the ledger has to know of an insert: README.md, "Row hash", gives
// the format. It is valid as long as its Encoded.
type Seal struct {
	Digest       [32]byte // D, over every stored column but the coordinates
	HashVersion  uint8
	MinTS, MaxTS int64 // ns since 1970, of the table's own time
	// Hint finds a batch that was encoded before as of another time. It proves
	// nothing: only an equal Digest does.
	Hint string
}

// netText appends the netstring of s: its length in bytes, a colon, s, a comma.
func netText(buf []byte, s string) []byte {
	if s == "" {
		return append(buf, "0:,"...)
	}
	buf = appendLength(buf, len(s))
	buf = append(buf, ':')
	buf = append(buf, s...)
	return append(buf, ',')
}

func appendLength(buf []byte, n int) []byte {
	switch {
	case n < 10:
		return append(buf, byte('0'+n))
	case n < 100:
		return append(buf, byte('0'+n/10), byte('0'+n%10))
	default:
		return strconv.AppendInt(buf, int64(n), 10)
	}
}

// netLen is the length of the netstring of n bytes.
func netLen(n int) int {
	digits := 1
	for v := n; v >= 10; v /= 10 {
		digits++
	}
	return digits + n + 2
}

func netUint(buf []byte, v uint64) []byte {
	if v < 10 {
		return append(buf, '1', ':', byte('0'+v), ',')
	}
	var text [20]byte
	return netBytes(buf, strconv.AppendUint(text[:0], v, 10))
}

func netInt(buf []byte, v int64) []byte {
	var text [20]byte
	return netBytes(buf, strconv.AppendInt(text[:0], v, 10))
}

func netBytes(buf, text []byte) []byte {
	buf = appendLength(buf, len(text))
	buf = append(buf, ':')
	buf = append(buf, text...)
	return append(buf, ',')
}

// netDecimal appends the unscaled integer: picos, in decimal, or nothing for NULL.
func netDecimal(buf []byte, d Decimal) []byte {
	if !d.Set {
		return netText(buf, "")
	}
	hi, lo, negative := d.Value.High, d.Value.Low, int64(d.Value.High) < 0
	if negative { // two's complement
		var carry uint64
		lo, carry = bits.Add64(^lo, 1, 0)
		hi, _ = bits.Add64(^hi, 0, carry)
	}
	if hi == 0 && !negative {
		return netUint(buf, lo)
	}
	var text [48]byte
	at := len(text)
	for hi != 0 || lo != 0 {
		q, r := hi/10, hi%10
		lo, r = bits.Div64(r, lo, 10)
		hi = q
		at--
		text[at] = byte('0' + r)
	}
	if negative {
		at--
		text[at] = '-'
	}
	return netBytes(buf, text[at:])
}

// pairsLen is the length of what netPairs appends inside.
func pairsLen(kv []Attr) (n int) {
	for i := range kv {
		n += netLen(len(kv[i].Key)) + netLen(len(kv[i].Value))
	}
	return n
}

// netPairs appends a map: one netstring around those of its keys and values, in
// the bytewise order of its keys.
func netPairs(buf []byte, kv []Attr) []byte {
	buf = appendLength(buf, pairsLen(kv))
	buf = append(buf, ':')
	for i := range kv {
		buf = netText(netText(buf, kv[i].Key), kv[i].Value)
	}
	return append(buf, ',')
}

func netTexts(buf []byte, elements []string) []byte {
	n := 0
	for _, e := range elements {
		n += netLen(len(e))
	}
	buf = append(appendLength(buf, n), ':')
	for _, e := range elements {
		buf = netText(buf, e)
	}
	return append(buf, ',')
}

func netMaps(buf []byte, maps [][]Attr) []byte {
	n := 0
	for _, m := range maps {
		n += netLen(pairsLen(m))
	}
	buf = append(appendLength(buf, n), ':')
	for _, m := range maps {
		buf = netPairs(buf, m)
	}
	return append(buf, ',')
}

// The first byte of what is hashed says what it is, so that nothing passes for
// something else.
const (
	rowPrefix   = 0
	batchPrefix = 2
)

const upperHex = "0123456789ABCDEF"

// sealField is how a field of a row is hashed: by a call, or as the text at offset.
// Half of all fields are of that kind.
type sealField[R any] struct {
	seal   func(buf []byte, r *R) []byte
	offset uintptr
}

// sealer collects the hashes of a block's rows.
type sealer[R any] struct {
	writer       Writer
	fields       []sealField[R]
	time         func(r *R) int64
	canonical    []byte // of one row, reused
	hashes       []byte // H0 in upper-case hex, one after the other
	minTS, maxTS int64
}

func (s *sealer[R]) reset() { s.hashes = s.hashes[:0] }

// add hashes a row.
func (s *sealer[R]) add(r *R) {
	buf := s.canonical[:0]
	buf = append(buf, rowPrefix)
	for i := range s.fields {
		if f := &s.fields[i]; f.seal != nil {
			buf = f.seal(buf, r)
		} else {
			buf = netText(buf, *(*string)(unsafe.Add(unsafe.Pointer(r), f.offset)))
		}
	}
	s.canonical = buf
	sum := sha256.Sum256(buf)
	if ts := s.time(r); len(s.hashes) == 0 {
		s.minTS, s.maxTS = ts, ts
	} else {
		s.minTS, s.maxTS = min(s.minTS, ts), max(s.maxTS, ts)
	}
	for _, b := range sum {
		s.hashes = append(s.hashes, upperHex[b>>4], upperHex[b&15])
	}
}

// seal returns what the ledger is told of the rows that were added.
func (s *sealer[R]) seal() *Seal {
	return &Seal{Digest: batchDigest(s.hashes), HashVersion: HashVersion, MinTS: s.minTS, MaxTS: s.maxTS}
}

// batchDigest is D: over the upper-case hex of all row hashes in the order of
// row_ix. Hex and not bytes, because ClickHouse cuts zero bytes at the end of
// what it joins.
func batchDigest(hashes []byte) (d [32]byte) {
	h := sha256.New()
	h.Write([]byte{batchPrefix})
	h.Write(hashes)
	h.Sum(d[:0])
	return d
}

// BatchDigest is D of a batch whose rows have these hashes, in the order of row_ix.
func BatchDigest(rows [][32]byte) [32]byte {
	var text []byte
	for i := range rows {
		for _, b := range rows[i] {
			text = append(text, upperHex[b>>4], upperHex[b&15])
		}
	}
	return batchDigest(text)
}

// sealedToken is for insert_deduplication_token: of the content, of when it was
// observed and of who writes it. Two writers never share a token, because the
// server would drop the rows of the second, which its log says it wrote.
func sealedToken(table string, w Writer, digest [32]byte) string {
	text := netText(netText(nil, table), w.ID)
	text = binary.LittleEndian.AppendUint64(text, w.Epoch)
	sum := sha256.Sum256(append(text, digest[:]...))
	return hex.EncodeToString(sum[:])
}

// sealNothing is what columns without a field of their own hash as.
func sealNothing[R any](buf []byte, _ *R) []byte { return netText(buf, "") }

// newBlock adds what every sealed table has: the schema's version and the
// ledger's coordinates, which stay empty where nobody seals. The first of written
// is the table's own time.
func newBlock[R any](table string, timeOf func(*R) int64, content, written []column[R]) *block[R] {
	content = append(content, u16("schema_v", func(*R) uint16 { return SchemaVersion }))
	b := &block[R]{
		table: table, hashed: len(content),
		batchID: new(proto.ColFixedStr16), rowIx: new(proto.ColUInt32),
	}
	writer := newColLow()
	b.columns = slices.Concat(content, written, []column[R]{
		{name: "writer_id", data: writer, add: func(*R) { writer.Append(b.seals.writer.ID) }},
		u64("writer_epoch", func(*R) uint64 { return b.seals.writer.Epoch }),
		{name: "batch_id", data: b.batchID, add: func(*R) {}},
		{name: "row_ix", data: b.rowIx, add: func(*R) {}},
	})
	b.seals.time = timeOf
	for i := range b.columns[:len(content)+len(written)] {
		c := &b.columns[i]
		f := sealField[R]{seal: c.seal}
		if c.low != nil {
			f = sealField[R]{offset: c.offset}
		}
		b.seals.fields = append(b.seals.fields, f)
	}
	return b.ready()
}
