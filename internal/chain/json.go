package chain

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxJSON bounds what is parsed of arguments; longer ones equal only themselves.
const maxJSON = 256 << 10

// sameJSON reports whether two texts are the same JSON value: member order,
// white space and the spelling of numbers and strings do not matter.
func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	if a == "" || b == "" || len(a) > maxJSON || len(b) > maxJSON {
		return false
	}
	x, ok := parseJSON(a)
	if !ok {
		return false
	}
	y, ok := parseJSON(b)
	return ok && equalJSON(x, y)
}

func parseJSON(s string) (v any, ok bool) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	return v, !d.More()
}

func equalJSON(x, y any) bool {
	switch x := x.(type) {
	case map[string]any:
		m, ok := y.(map[string]any)
		if !ok || len(m) != len(x) {
			return false
		}
		for k, v := range x {
			w, ok := m[k]
			if !ok || !equalJSON(v, w) {
				return false
			}
		}
		return true
	case []any:
		l, ok := y.([]any)
		if !ok || len(l) != len(x) {
			return false
		}
		for i := range x {
			if !equalJSON(x[i], l[i]) {
				return false
			}
		}
		return true
	case json.Number:
		n, ok := y.(json.Number)
		return ok && sameNumber(string(x), string(n))
	default:
		return x == y
	}
}

// sameNumber compares two numbers. Integers are compared digit by digit, so that
// large ones are not folded together.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	if !strings.ContainsAny(a, ".eE") && !strings.ContainsAny(b, ".eE") {
		return false || strings.TrimPrefix(a, "-") == "0" && strings.TrimPrefix(b, "-") == "0"
	}
	x, err := strconv.ParseFloat(a, 64)
	if err != nil {
		return false
	}
	y, err := strconv.ParseFloat(b, 64)
	return err == nil && x == y && (x < 1<<53 && x > -1<<53)
}
