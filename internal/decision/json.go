package decision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep JSON of an asker nests.
const maxDepth = 64

var (
	errEmpty    = errors.New("the body is empty")
	errNotUTF8  = errors.New("the body is not UTF-8")
	errTooDeep  = fmt.Errorf("the body nests deeper than %d", maxDepth)
	errTrailing = errors.New("the body holds more than one JSON value")
	errNoObject = errors.New("the body is not a JSON object")
)

// ParseObject reads one JSON object strictly: a member named twice, invalid
// UTF-8, more than one value and nesting beyond 64 are refused, since two readers
// could take them differently. Numbers become json.Number. The error is fit for
// the asker and names the member.
func ParseObject(raw []byte) (map[string]any, error) {
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, errEmpty
	case !utf8.Valid(raw):
		return nil, errNotUTF8
	}
	p := parser{raw: raw}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(raw) {
		return nil, errTrailing
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errNoObject
	}
	return m, nil
}

// clip bounds what is repeated of an asker's own words.
func clip(s string) string {
	const most = 128
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Canonical appends v as RFC 8785 (JCS) JSON. v is made of maps, slices,
// strings, booleans, nil, json.Number, int64 and float64. A number that a double
// does not hold exactly is written as a string, so that two different numbers
// never look alike.
func Canonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		b = append(b, '{')
		for i, k := range slices.SortedFunc(maps.Keys(v), compareUTF16) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(canonicalString(b, k), ':')
			b = Canonical(b, v[k])
		}
		return append(b, '}')
	case object:
		return canonicalObject(b, v)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = Canonical(b, item)
		}
		return append(b, ']')
	case []string:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = canonicalString(b, item)
		}
		return append(b, ']')
	case string:
		return canonicalString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return canonicalFloat(b, v)
	case json.Number:
		return canonicalNumber(b, string(v))
	default:
		return append(b, "null"...)
	}
}

func canonicalObject(b []byte, o object) []byte {
	b = append(b, '{')
	first := true
	for i := range o {
		if _, left := o[i].value.(absent); left {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(canonicalString(b, o[i].name), ':')
		b = Canonical(b, o[i].value)
	}
	return append(b, '}')
}

// compareUTF16 orders keys by UTF-16 code units, as RFC 8785 asks.
func compareUTF16(x, y string) int {
	if isASCII(x) && isASCII(y) {
		return strings.Compare(x, y)
	}
	return slices.Compare(utf16.Encode([]rune(x)), utf16.Encode([]rune(y)))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func canonicalString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= 0x20:
			b = utf8.AppendRune(b, r)
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r == '\r':
			b = append(b, `\r`...)
		default:
			b = append(b, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		}
	}
	return append(b, '"')
}

func canonicalNumber(b []byte, s string) []byte {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || !exact(s, f) {
		return canonicalString(b, s)
	}
	return canonicalFloat(b, f)
}

// exact reports whether the double's shortest text is the number that was
// written. Up to 15 digits it always is.
func exact(s string, f float64) bool {
	if f == 0 { // before any arithmetic: 1e-999999999 is cheap to write
		mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
		return !strings.ContainsAny(mantissa, "123456789")
	}
	if len(s) <= 15 {
		return true
	}
	if len(s) > 512 {
		return false // nobody writes such a number; spare the arithmetic
	}
	want, ok := new(big.Rat).SetString(s)
	if !ok {
		return false
	}
	got, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	return got != nil && want.Cmp(got) == 0
}

// canonicalFloat writes a double as ECMAScript does.
func canonicalFloat(b []byte, f float64) []byte {
	if f == 0 {
		return append(b, '0') // and -0
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	text := strconv.AppendFloat(nil, f, 'e', -1, 64)
	// ECMAScript writes 1e-7, not 1e-07.
	if n := len(text); text[n-2] == '0' && (text[n-3] == '-' || text[n-3] == '+') {
		text = append(text[:n-2], text[n-1])
	}
	return append(b, text...)
}
