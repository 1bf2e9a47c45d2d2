package genai

import (
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

type countState uint8

const (
	countAbsent countState = iota
	countKnown
	countBad
)

// readCount reads a token count. Ints, doubles and numeric strings read alike;
// an empty string is absent; what cannot be a count is bad.
func readCount(v pcommon.Value) (int64, countState) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return bounded(v.Int())
	case pcommon.ValueTypeDouble:
		return fromFloat(v.Double())
	case pcommon.ValueTypeStr:
		return parseCount(v.Str())
	case pcommon.ValueTypeEmpty:
		return 0, countAbsent
	case pcommon.ValueTypeBool, pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
	}
	return 0, countBad
}

func bounded(n int64) (int64, countState) {
	if n < 0 || n > maxCount {
		return 0, countBad
	}
	return n, countKnown
}

func fromFloat(f float64) (int64, countState) {
	// NaN fails the comparison with itself.
	if f != math.Trunc(f) || f < 0 || f > maxCount {
		return 0, countBad
	}
	return int64(f), countKnown
}

// parseCount reads a count written as text, such as "1013" or "1013.0".
func parseCount(s string) (int64, countState) {
	s = strings.TrimSpace(s)
	if s == "" || s == "null" {
		return 0, countAbsent
	}
	if len(s) > 32 {
		return 0, countBad
	}
	if n, ok := digits(s); ok {
		return bounded(n)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, countBad
	}
	return fromFloat(f)
}

// digits is strconv.ParseInt for the common case, without its error value.
func digits(s string) (int64, bool) {
	if len(s) > 18 {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func readFloat(v pcommon.Value) (float64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeDouble:
		f := v.Double()
		return f, !math.IsNaN(f)
	case pcommon.ValueTypeInt:
		return float64(v.Int()), true
	case pcommon.ValueTypeStr:
		return parseFloat(v.Str())
	case pcommon.ValueTypeEmpty, pcommon.ValueTypeBool, pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
	}
	return 0, false
}

func parseFloat(s string) (float64, bool) {
	if s == "" || len(s) > 64 {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f)
}
