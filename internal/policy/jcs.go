package policy

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
)

// canonicalJSON appends v as RFC 8785 (JCS) JSON. v is made of maps, slices,
// strings, booleans, nil and decimals.
func canonicalJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		b = append(b, '{')
		for i, k := range slices.SortedFunc(maps.Keys(v), compareUTF16) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(canonicalString(b, k), ':')
			b = canonicalJSON(b, v[k])
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = canonicalJSON(b, item)
		}
		return append(b, ']')
	case string:
		return canonicalString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case decimal:
		return canonicalNumber(b, v)
	default:
		return append(b, "null"...)
	}
}

// compareUTF16 orders keys by their UTF-16 code units, as RFC 8785 asks.
func compareUTF16(a, b string) int {
	if ascii(a) && ascii(b) {
		return cmp.Compare(a, b)
	}
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

func canonicalString(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
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
		case r < 0x20:
			b = append(b, `\u00`...)
			b = append(b, hexDigits[r>>4], hexDigits[r&15])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// canonicalNumber writes a number as ECMAScript does. One that a double cannot
// hold exactly enough to be written back is written as a string: two different
// limits must not share a hash.
func canonicalNumber(b []byte, d decimal) []byte {
	exact := d.String()
	f, err := strconv.ParseFloat(exact, 64)
	back, ok := parseDecimal(strconv.FormatFloat(f, 'g', -1, 64))
	if err != nil || !ok || back.cmp(d) != 0 {
		return canonicalString(b, exact)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		text := strconv.FormatFloat(f, 'e', -1, 64)
		// ECMAScript writes 1e-7 and 1e+21: no zero before the exponent.
		if n := len(text); text[n-2] == '0' && (text[n-3] == '-' || text[n-3] == '+') {
			text = text[:n-2] + text[n-1:]
		}
		return append(b, text...)
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// String writes the number without loss.
func (d decimal) String() string {
	if d.digits == "" {
		return "0"
	}
	sign := ""
	if d.neg {
		sign = "-"
	}
	return sign + "0." + d.digits + "e" + strconv.Itoa(d.exp)
}
