package genai

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/vocabulary"
)

const (
	// maxName bounds what is kept of an identifier or a name. Longer values are
	// cut: they are not names, and they would be stored in every row.
	maxName = 512
	// maxBody bounds what is parsed of a JSON attribute. Longer ones stay on the
	// span untouched and are counted in Stats.Oversized.
	maxBody = 256 << 10
	// maxCount is the largest token count that is believed.
	maxCount = 1 << 40
)

// reader holds one span's attributes by meaning. It is reused between spans.
type reader struct {
	str       [strSlots]string
	strRank   [strSlots]uint8 // 0 is unset, else rank+1
	num       [numSlots]int64
	numRank   [numSlots]uint8
	cost      float64
	costRank  uint8
	marks     mark
	malformed int  // counts that could not be read
	oversized int  // JSON attributes too large to parse
	invalid   bool // a count was stated that cannot be one
	badCanon  bool // the same for a spanwarden.* count
	stated    stated
	own       bool // any spanwarden.* attribute is there

	meanings *vocabulary.Memo[meaning]
}

func (r *reader) reset() {
	clear(r.strRank[:])
	clear(r.numRank[:])
	r.costRank, r.marks, r.malformed, r.oversized, r.invalid, r.badCanon = 0, 0, 0, 0, false, false
	r.own = false
}

// meaning is what the name of an attribute says.
type meaning struct {
	key
	own bool // it is one of spanwarden.*
}

// meaningOf gives a name that is not read the mark of its namespace, and no kind.
func meaningOf(name string) meaning {
	k, ok := keys[name]
	if !ok {
		k.mark = unknownMark(name)
	}
	return meaning{k, len(name) > len(attr.Prefix) && strings.HasPrefix(name, attr.Prefix)}
}

// scan reads every attribute once.
func (r *reader) scan(m pcommon.Map) {
	r.reset()
	if r.meanings == nil {
		r.meanings = vocabulary.New(meaningOf)
	}
	r.meanings.Begin(m.Len())
	for name, v := range m.All() {
		k := r.meanings.Next(name)
		r.own = r.own || k.own
		switch k.kind {
		case isText:
			r.text(k.key, v)
		case isCount:
			r.count(k.key, v)
		case isBody:
			r.body(k.key, v)
		case isCost:
			r.costOf(k.key, v)
		case isFlag:
			r.flag(k.key, v)
		default:
			r.marks |= k.mark
		}
	}
}

// unknownMark recognises an emitter's namespace by keys that mean nothing else.
func unknownMark(name string) mark {
	if len(name) < 5 {
		return 0
	}
	switch name[0] {
	case 'g':
		if strings.HasPrefix(name, "gen_ai.") {
			return markGenAI
		}
		if strings.HasPrefix(name, "gcp.vertex.agent.") {
			return markADK
		}
	case 'm':
		if strings.HasPrefix(name, "mcp.") {
			return markMCP
		}
	case 't':
		if strings.HasPrefix(name, "traceloop.") {
			return markTraceloop
		}
	case 'c':
		if strings.HasPrefix(name, "codex.") {
			return markCodex
		}
	case 'a':
		if strings.HasPrefix(name, "a2a.") {
			return markA2A
		}
	}
	return 0
}

func (r *reader) text(k key, v pcommon.Value) {
	if old := r.strRank[k.str]; old != 0 && old <= k.rank+1 {
		r.marks |= k.mark
		return
	}
	if s := plain(v); s != "" {
		r.str[k.str], r.strRank[k.str] = clean(s), k.rank+1
	}
	r.marks |= k.mark
}

func (r *reader) body(k key, v pcommon.Value) {
	r.marks |= k.mark
	if old := r.strRank[k.str]; old != 0 && old <= k.rank+1 {
		return
	}
	var s string
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s = v.Str()
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		s = v.AsString()
	default:
		s = plain(v)
	}
	if s != "" {
		r.str[k.str], r.strRank[k.str] = s, k.rank+1
	}
}

func (r *reader) flag(k key, v pcommon.Value) {
	const truths = markStream | markCEstimated | markCInvalid | markCDuplicate
	m := k.mark
	if m&truths != 0 && (v.Type() != pcommon.ValueTypeBool || !v.Bool()) && plain(v) != "true" {
		m &^= truths
	}
	r.marks |= m
}

func (r *reader) count(k key, v pcommon.Value) {
	r.marks |= k.mark
	if old := r.numRank[k.num]; old != 0 && old <= k.rank+1 {
		return
	}
	n, state := readCount(v)
	switch state {
	case countKnown:
		r.num[k.num], r.numRank[k.num] = n, k.rank+1
	case countBad:
		r.malformed++
		if k.num >= nCInput {
			r.badCanon = true
		} else {
			r.invalid = true
		}
	case countAbsent:
	}
}

func (r *reader) costOf(k key, v pcommon.Value) {
	if r.costRank != 0 && r.costRank <= k.rank+1 {
		return
	}
	f, ok := readFloat(v)
	// A reported 0 is what emitters write when they know no price.
	if ok && f > 0 && !math.IsInf(f, 0) {
		r.cost, r.costRank = f, k.rank+1
	}
}

func (r *reader) get(s strSlot) string {
	if r.strRank[s] == 0 {
		return ""
	}
	return r.str[s]
}

func (r *reader) has(s strSlot) bool { return r.strRank[s] != 0 }

// first returns the first of several slots that is set.
func (r *reader) first(slots ...strSlot) string {
	for _, s := range slots {
		if r.strRank[s] != 0 {
			return r.str[s]
		}
	}
	return ""
}

// json returns a body to parse, or "" where it is absent or too large.
func (r *reader) json(s strSlot) string {
	b := r.get(s)
	if len(b) > maxBody {
		r.oversized++
		return ""
	}
	return b
}

func (r *reader) n(s numSlot) Count {
	if r.numRank[s] == 0 {
		return Count{}
	}
	return Counted(r.num[s])
}

// plain reads a value as text: a list by its first text, numbers in decimal.
func plain(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool())
	case pcommon.ValueTypeDouble:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			if e.Type() == pcommon.ValueTypeStr && e.Str() != "" {
				return e.Str()
			}
		}
	case pcommon.ValueTypeEmpty, pcommon.ValueTypeMap, pcommon.ValueTypeBytes:
	}
	return ""
}

// clean makes a name storable: valid UTF-8, no longer than maxName.
func clean(s string) string {
	if len(s) > maxName {
		s = s[:maxName]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if len(s) > 0 && s[len(s)-1] >= utf8.RuneSelf {
			s = s[:len(s)-1]
		}
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "?")
	}
	return s
}
