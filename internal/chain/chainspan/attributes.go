package chainspan

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// first returns the value of the first attribute that is there and not empty.
func first(m pcommon.Map, names []string) string {
	for _, n := range names {
		v, ok := m.Get(n)
		if !ok {
			continue
		}
		if v.Type() == pcommon.ValueTypeStr {
			if s := v.Str(); s != "" {
				return s[:min(len(s), maxText)]
			}
			continue
		}
		if s := v.AsString(); s != "" {
			return s[:min(len(s), maxText)]
		}
	}
	return ""
}

// maxText bounds what is kept of one attribute.
const maxText = 64 << 10

// list reads a list of strings, or one string; nil is absent.
func list(m pcommon.Map, names []string, limit int) []string {
	for _, n := range names {
		v, ok := m.Get(n)
		if !ok {
			continue
		}
		if v.Type() != pcommon.ValueTypeSlice {
			return []string{v.AsString()}
		}
		out := make([]string, 0, v.Slice().Len())
		for i, x := range v.Slice().All() {
			if i >= limit {
				break
			}
			out = append(out, x.AsString())
		}
		return out
	}
	return nil
}
