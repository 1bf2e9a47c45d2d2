package finding

import (
	"crypto/sha256"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// AddTo adds the finding to the span as an event. A finding without evidence
// accuses the span itself, unless that is a settle span. An invalid finding is
// an error and leaves the span as it is.
func (f Finding) AddTo(span ptrace.Span) error {
	if err := f.Validate(); err != nil {
		return fmt.Errorf("adding a finding to a span: %w", err)
	}
	f.accuse(span)
	e := span.Events().AppendEmpty()
	e.SetName(attr.FindingEvent)
	e.SetTimestamp(timestamp(f.At))
	return f.put(e.Attributes())
}

// accuse takes the span for evidence where the finding names none. A settle
// span is nobody's action.
func (f *Finding) accuse(span ptrace.Span) {
	if span.Name() == attr.SettleSpan || !f.TraceID.IsEmpty() || !f.SpanID.IsEmpty() {
		return
	}
	f.TraceID, f.SpanID = span.TraceID(), span.SpanID()
}

// FromEvent reads the finding of an event of the span. The error names what is
// wrong with it; the caller counts it.
func FromEvent(span ptrace.Span, e ptrace.SpanEvent) (Finding, error) {
	f := Finding{At: asTime(e.Timestamp())}
	if err := f.read(e.Attributes()); err != nil {
		return Finding{}, fmt.Errorf("reading the event %s: %w", attr.FindingEvent, err)
	}
	f.accuse(span)
	if err := f.Validate(); err != nil {
		return Finding{}, fmt.Errorf("reading the event %s: %w", attr.FindingEvent, err)
	}
	return f, nil
}

// FromSpan reads all findings of the span. Each event named spanwarden.finding
// is in exactly one of the results.
func FromSpan(span ptrace.Span) (found []Finding, refused []error) {
	for _, e := range span.Events().All() {
		if e.Name() != attr.FindingEvent {
			continue
		}
		f, err := FromEvent(span, e)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		found = append(found, f)
	}
	return found, refused
}

// SettleSpans adds a group of settle spans to td, under the resource of the
// accused action, which is copied.
func SettleSpans(td ptrace.Traces, resource pcommon.Resource) ptrace.SpanSlice {
	rs := td.ResourceSpans().AppendEmpty()
	resource.CopyTo(rs.Resource())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(attr.Scope)
	return ss.Spans()
}

// AddSettled adds a settle span with the finding, of no duration, at f.At. It is
// in the trace of the evidence, if there is one; its ids follow from the
// finding's id and state, so a replay repeats them.
func (f Finding) AddSettled(spans ptrace.SpanSlice) error {
	if err := f.Validate(); err != nil {
		return fmt.Errorf("settling a finding: %w", err)
	}
	sum := sha256.Sum256([]byte(attr.SettleSpan + "\x00" + string(f.State) + "\x00" + f.ID))
	span := spans.AppendEmpty()
	span.SetName(attr.SettleSpan)
	span.SetTraceID(f.TraceID)
	if f.TraceID.IsEmpty() {
		span.SetTraceID(pcommon.TraceID(sum[:16]))
	}
	span.SetSpanID(pcommon.SpanID(sum[16:24]))
	span.SetKind(ptrace.SpanKindInternal)
	span.SetStartTimestamp(timestamp(f.At))
	span.SetEndTimestamp(timestamp(f.At))
	return f.AddTo(span)
}

// timestamp is 0 for the zero time, which is no time of the wire's.
func timestamp(t time.Time) pcommon.Timestamp {
	if t.IsZero() {
		return 0
	}
	return pcommon.NewTimestampFromTime(t)
}

func asTime(t pcommon.Timestamp) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return t.AsTime()
}
