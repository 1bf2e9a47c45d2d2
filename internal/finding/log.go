package finding

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// ToLog writes the finding into an empty log record. Observed is when the
// record was made. An invalid finding is an error and leaves the record empty.
func (f Finding) ToLog(lr plog.LogRecord, observed time.Time) error {
	if err := f.Validate(); err != nil {
		return fmt.Errorf("writing a finding as a log: %w", err)
	}
	lr.SetEventName(attr.FindingEvent)
	lr.SetTimestamp(timestamp(f.At))
	lr.SetObservedTimestamp(timestamp(observed))
	lr.SetTraceID(f.TraceID)
	lr.SetSpanID(f.SpanID)
	lr.SetSeverityNumber(f.Severity.Number())
	lr.SetSeverityText(string(f.Severity))
	lr.Body().SetStr(f.Message)
	return f.put(lr.Attributes())
}

// IsLog tells whether the record claims to be a finding.
func IsLog(lr plog.LogRecord) bool { return lr.EventName() == attr.FindingEvent }

// FromLog reads a finding. The attributes win over the fields of the record,
// which a log pipeline may have rewritten; without evidence in the attributes,
// the record's ids are taken. The error names what is wrong.
func FromLog(lr plog.LogRecord) (Finding, error) {
	if !IsLog(lr) {
		return Finding{}, classed(ReasonEvent, fmt.Errorf("event name %q is not %s", lr.EventName(), attr.FindingEvent))
	}
	f := Finding{At: asTime(lr.Timestamp())}
	if err := f.read(lr.Attributes()); err != nil {
		return Finding{}, fmt.Errorf("reading a finding from a log: %w", err)
	}
	if f.TraceID.IsEmpty() && f.SpanID.IsEmpty() {
		f.TraceID, f.SpanID = lr.TraceID(), lr.SpanID()
	}
	if err := f.Validate(); err != nil {
		return Finding{}, fmt.Errorf("reading a finding from a log: %w", err)
	}
	return f, nil
}
