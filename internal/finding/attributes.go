package finding

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// text pairs an attribute with the field that holds it.
type text struct {
	name  string
	value *string
}

func (f *Finding) texts() []text {
	return []text{
		{attr.FindingID, &f.ID},
		{attr.FindingType, (*string)(&f.Type)},
		{attr.FindingSeverity, (*string)(&f.Severity)},
		{attr.FindingState, (*string)(&f.State)},
		{attr.FindingMessage, &f.Message},
		{attr.FindingKey, &f.Key},
		{attr.FindingTenant, &f.Tenant},
		{attr.FindingAgent, &f.Agent},
		{attr.FindingSession, &f.Session},
		{attr.FindingProject, &f.Project},
		{attr.FindingPrincipal, &f.Principal},
		{attr.FindingRule, &f.Rule},
		{attr.FindingPolicyVersion, &f.PolicyVersion},
	}
}

type number struct {
	name  string
	value *Number
}

func (f *Finding) numbers() []number {
	return []number{
		{attr.FindingObserved, &f.Observed},
		{attr.FindingExpected, &f.Expected},
		{attr.FindingLimit, &f.Limit},
	}
}

// fields are the names that Extra must not hold.
var fields = func() map[string]bool {
	var f Finding
	names := map[string]bool{
		attr.FindingControls: true, attr.FindingTraceID: true, attr.FindingSpanID: true, attr.FindingProjectedAt: true,
	}
	for _, t := range f.texts() {
		names[t.name] = true
	}
	for _, n := range f.numbers() {
		names[n.name] = true
	}
	return names
}()

func isField(name string) bool { return fields[name] }

// put writes a valid finding. Names are sorted, so equal findings give equal
// bytes.
func (f *Finding) put(m pcommon.Map) error {
	m.EnsureCapacity(m.Len() + len(fields) + len(f.Extra))
	for _, t := range f.texts() {
		if *t.value != "" {
			m.PutStr(t.name, *t.value)
		}
	}
	for _, n := range f.numbers() {
		if v, ok := n.value.Get(); ok {
			m.PutDouble(n.name, v)
		}
	}
	if len(f.Controls) > 0 {
		s := m.PutEmptySlice(attr.FindingControls)
		for _, c := range f.Controls {
			s.AppendEmpty().SetStr(c)
		}
	}
	if !f.TraceID.IsEmpty() {
		m.PutStr(attr.FindingTraceID, f.TraceID.String())
	}
	if !f.SpanID.IsEmpty() {
		m.PutStr(attr.FindingSpanID, f.SpanID.String())
	}
	if !f.ProjectedAt.IsZero() {
		m.PutStr(attr.FindingProjectedAt, f.ProjectedAt.UTC().Format(time.RFC3339Nano))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Extra)) {
		if err := m.PutEmpty(name).FromRaw(f.Extra[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// read fills the finding in from attributes. Attributes that are not
// spanwarden's are somebody else's and left where they are.
func (f *Finding) read(m pcommon.Map) error {
	texts, numbers := f.texts(), f.numbers()
	errs := make([]error, 0, len(texts)+len(numbers)+4)
	for _, t := range texts {
		errs = append(errs, readText(m, t.name, t.value))
	}
	for _, n := range numbers {
		errs = append(errs, readNumber(m, n.name, n.value))
	}
	errs = append(errs,
		readControls(m, &f.Controls),
		readHex(m, attr.FindingTraceID, f.TraceID[:]),
		readHex(m, attr.FindingSpanID, f.SpanID[:]),
		readTime(m, attr.FindingProjectedAt, &f.ProjectedAt))
	for name, v := range m.All() {
		if strings.HasPrefix(name, attr.Prefix) && !isField(name) {
			if f.Extra == nil {
				f.Extra = map[string]any{}
			}
			f.Extra[name] = v.AsRaw()
		}
	}
	return errors.Join(errs...)
}

func wrong(name, want string, v pcommon.Value) error {
	return classed(ReasonValue, fmt.Errorf("%s: %q (%s) is not %s", name, v.AsString(), v.Type(), want))
}

func readText(m pcommon.Map, name string, to *string) error {
	v, ok := m.Get(name)
	if !ok {
		return nil
	}
	if v.Type() != pcommon.ValueTypeStr {
		return wrong(name, "a string", v)
	}
	*to = v.Str()
	return nil
}

func readNumber(m pcommon.Map, name string, to *Number) error {
	v, ok := m.Get(name)
	if !ok {
		return nil
	}
	switch v.Type() {
	case pcommon.ValueTypeDouble:
		*to = Known(v.Double())
	case pcommon.ValueTypeInt:
		*to = Known(float64(v.Int()))
	default:
		return wrong(name, "a number", v)
	}
	return nil
}

func readControls(m pcommon.Map, to *[]string) error {
	v, ok := m.Get(attr.FindingControls)
	if !ok {
		return nil
	}
	if v.Type() != pcommon.ValueTypeSlice {
		return wrong(attr.FindingControls, "a list of strings", v)
	}
	for _, c := range v.Slice().All() {
		if c.Type() != pcommon.ValueTypeStr {
			return wrong(attr.FindingControls, "a list of strings", v)
		}
		*to = append(*to, c.Str())
	}
	return nil
}

func readHex(m pcommon.Map, name string, to []byte) error {
	v, ok := m.Get(name)
	if !ok {
		return nil
	}
	b, err := hex.DecodeString(v.AsString())
	if err != nil || len(b) != len(to) {
		return wrong(name, fmt.Sprintf("an id of %d hex digits", 2*len(to)), v)
	}
	copy(to, b)
	return nil
}

func readTime(m pcommon.Map, name string, to *time.Time) error {
	v, ok := m.Get(name)
	if !ok {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, v.AsString())
	if err != nil {
		return wrong(name, "a time of RFC 3339", v)
	}
	*to = at.UTC()
	return nil
}
