package audit

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Limits bound what one span may store. What exceeds them is cut or left out,
// marked on the row and counted.
type Limits struct {
	// ValueBytes is the longest attribute value; longer ones are cut. 0 means
	// 16 KiB.
	ValueBytes int
	// Attributes is how many attributes of a span, and of a resource, are kept
	// beside the columns, the first by name. 0 means 256.
	Attributes int
	// ContentBytes is the longest piece of content; longer ones are cut. 0 means
	// 1 MiB.
	ContentBytes int
	// BlockRows is how many rows one insert holds. 0 means MaxBlockRows.
	BlockRows int
}

func (l *Limits) withDefaults() Limits {
	d := *l
	if d.ValueBytes <= 0 {
		d.ValueBytes = 16 << 10
	}
	if d.ContentBytes <= 0 {
		d.ContentBytes = 1 << 20
	}
	if d.Attributes <= 0 {
		d.Attributes = 256
	}
	if d.BlockRows <= 0 || d.BlockRows > MaxBlockRows {
		d.BlockRows = MaxBlockRows
	}
	return d
}

// scribe makes the texts of a batch within its limits. Its arena holds ids and
// numbers, see keep.
type scribe struct {
	limits Limits
	arena  []byte
}

// hexOf returns id in lower-case hex.
func (s *scribe) hexOf(id []byte) string {
	s.room(2 * len(id))
	return s.keep(hex.AppendEncode(s.arena, id))
}

// room makes sure that n bytes fit behind the arena. The rows keep an arena that
// is full alive.
func (s *scribe) room(n int) {
	if cap(s.arena)-len(s.arena) < n {
		s.arena = make([]byte, 0, max(2*cap(s.arena), 4096))
	}
}

// keep takes an arena that something was appended to and returns that as text,
// which lives as long as the batch and is never written again before reset.
func (s *scribe) keep(grown []byte) string {
	start := len(s.arena)
	s.arena = grown
	return unsafe.String(&s.arena[start], len(grown)-start)
}

// maxInt64Text is the length of the longest int64 in decimal.
const maxInt64Text = 20

func (s *scribe) textOf(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		s.room(maxInt64Text)
		return s.keep(strconv.AppendInt(s.arena, v.Int(), 10))
	case pcommon.ValueTypeSlice:
		if n, plain := listLen(v.Slice()); plain {
			s.room(n)
			return s.keep(appendList(s.arena, v.Slice()))
		}
	default:
	}
	return v.AsString()
}

// listLen returns how long the JSON of a list is, if it holds nothing but texts
// that JSON writes as they are: what lists of names and reasons are.
func listLen(list pcommon.Slice) (n int, plain bool) {
	n = len("[]")
	for _, v := range list.All() {
		if v.Type() != pcommon.ValueTypeStr {
			return 0, false
		}
		text := v.Str()
		for i := range len(text) {
			if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
				return 0, false
			}
		}
		n += len(text) + len(`"",`)
	}
	return n, true
}

func appendList(b []byte, list pcommon.Slice) []byte {
	b = append(b, '[')
	for i, v := range list.All() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), v.Str()...), '"')
	}
	return append(b, ']')
}

// cutMark ends a value that was cut.
const cutMark = "…[cut]"

// cut returns text as it is stored and counts in cuts where that is not all.
func (s *scribe) cut(cuts *uint32, text string) string { return cutTo(cuts, text, s.limits.ValueBytes) }

func cutTo(cuts *uint32, text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	*cuts++
	end := limit
	for end > 0 && end > limit-4 && text[end]&0xC0 == 0x80 {
		end-- // not inside a character
	}
	return text[:end] + cutMark
}

func (s *scribe) bound(kv []Attr, cut *uint32) []Attr {
	if len(kv) <= s.limits.Attributes {
		return kv
	}
	*cut += uint32(len(kv) - s.limits.Attributes)
	return kv[:s.limits.Attributes]
}

// sorted sorts by key, bytewise, and keeps the first of equal keys.
func sorted(kv []Attr) []Attr {
	byKey := func(a, b Attr) int { return strings.Compare(a.Key, b.Key) }
	if !slices.IsSortedFunc(kv, byKey) {
		slices.SortStableFunc(kv, byKey)
	}
	return slices.CompactFunc(kv, func(a, b Attr) bool { return a.Key == b.Key })
}
