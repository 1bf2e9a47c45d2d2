package audit

import (
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// reader takes attributes of a record one by one. What nobody takes, or what is
// not of the type that is asked for, is the rest.
type reader struct {
	*scribe
	m     pcommon.Map
	taken map[string]bool
	cuts  uint32
}

func (r *reader) take(key string) (pcommon.Value, bool) {
	v, ok := r.m.Get(key)
	if ok {
		r.done(key)
	}
	return v, ok
}

func (r *reader) done(key string) {
	if r.taken == nil {
		r.taken = map[string]bool{}
	}
	r.taken[key] = true
}

func (r *reader) text(key string) string {
	v, ok := r.m.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return ""
	}
	r.done(key)
	return r.cut(&r.cuts, v.Str())
}

func (r *reader) flag(key string) bool {
	v, ok := r.m.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeBool {
		return false
	}
	r.done(key)
	return v.Bool()
}

func (r *reader) count(key string) Count {
	c := countAt(r.m, key)
	if c.Set {
		r.done(key)
	}
	return c
}

// long takes a text that may be as long as a piece of content.
func (r *reader) long(key string) string {
	v, ok := r.m.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return ""
	}
	r.done(key)
	return cutTo(&r.cuts, v.Str(), r.limits.ContentBytes)
}

// maxList bounds the elements of a list, maxDeclared those of what a registry
// declares.
const (
	maxList     = 256
	maxDeclared = 1 << 16
)

// list takes a list of texts, and a text as a list of one.
func (r *reader) list(key string) []string { return r.listOf(key, maxList) }

func (r *reader) listOf(key string, most int) []string {
	v, ok := r.m.Get(key)
	if !ok {
		return nil
	}
	if v.Type() != pcommon.ValueTypeSlice {
		if s := r.text(key); s != "" {
			return []string{s}
		}
		return nil
	}
	r.done(key)
	var out []string
	for _, item := range v.Slice().All() {
		if len(out) == most {
			r.cuts++
			break
		}
		out = append(out, r.cut(&r.cuts, r.textOf(item)))
	}
	return out
}

// time takes RFC 3339, and whole numbers as ns since 1970.
func (r *reader) time(key string) Time {
	v, ok := r.m.Get(key)
	if !ok {
		return Time{}
	}
	var t Time
	switch v.Type() {
	case pcommon.ValueTypeInt:
		if v.Int() >= 0 {
			t = proto.NewNullable(v.Int())
		}
	case pcommon.ValueTypeStr:
		if at, err := time.Parse(time.RFC3339Nano, v.Str()); err == nil {
			t = timeOf(at)
		}
	default:
	}
	if t.Set {
		r.done(key)
	}
	return t
}

// rest returns what was not taken, sorted by key and bounded.
func (r *reader) rest() []Attr {
	var kv []Attr
	for k, v := range r.m.All() {
		if !r.taken[k] {
			kv = append(kv, Attr{Key: k, Value: r.cut(&r.cuts, r.textOf(v))})
		}
	}
	return r.bound(sorted(kv), &r.cuts)
}
