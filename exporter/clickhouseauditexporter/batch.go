package clickhouseauditexporter

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// batch is what a pipeline hands over to be stored: traces, or logs.
type batch interface {
	// items is the number of spans or records.
	items() int
	// halve splits in two of equal size, always in the same way.
	halve() (first, second batch)
	// encode emits the inserts. What makes no row comes back as a batch of its own
	// with the reason; nil where there is none.
	encode(e *auditExporter, w audit.Writer, now time.Time, emit func(*audit.Encoded) error) (audit.Stats, *refused, error)
	// record fills in what is the batch's own in a line of the dead-letter file and
	// returns the file's name.
	record(*deadRecord) (file string, err error)
	// deadFile is that name.
	deadFile() string
}

// refused is what no store would take, because it is no evidence.
type refused struct {
	batch
	reason string
	err    error // the first
}

type traceBatch struct{ *request }

func batchOf(td ptrace.Traces) traceBatch { return traceBatch{&request{[]ptrace.Traces{td}}} }

func (b traceBatch) items() int { return b.ItemsCount() }

func (b traceBatch) halve() (first, second batch) {
	one, other := halves(b.whole())
	return batchOf(one), batchOf(other)
}

// whole returns all parts as one; a copy where they are several.
func (b traceBatch) whole() ptrace.Traces {
	if len(b.parts) == 1 {
		return b.parts[0]
	}
	all := ptrace.NewTraces()
	for _, td := range b.parts {
		one := ptrace.NewTraces()
		td.CopyTo(one)
		one.ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
	}
	return all
}

// halves copies the first and the second half of the spans.
func halves(td ptrace.Traces) (first, second ptrace.Traces) {
	half := td.SpanCount() / 2
	return keep(td, func(i int) bool { return i < half }), keep(td, func(i int) bool { return i >= half })
}

func keep(td ptrace.Traces, wanted func(i int) bool) ptrace.Traces {
	part, i := ptrace.NewTraces(), 0
	td.CopyTo(part)
	part.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(ptrace.Span) bool {
				i++
				return !wanted(i - 1)
			})
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	return part
}

func (b traceBatch) encode(e *auditExporter, w audit.Writer, now time.Time, emit func(*audit.Encoded) error) (audit.Stats, *refused, error) {
	enc := e.encoders.Get().(*audit.Encoder)
	defer e.encoders.Put(enc)
	enc.SealFor(w)
	var bad *refused
	var put ptrace.Traces
	enc.Refuse = func(r *audit.RefusedSpan) {
		if bad == nil {
			put = ptrace.NewTraces()
			bad = &refused{batch: batchOf(put), reason: reasonRecord, err: r.Err}
		}
		rs := put.ResourceSpans().AppendEmpty()
		r.Resource.CopyTo(rs.Resource())
		ss := rs.ScopeSpans().AppendEmpty()
		r.Scope.CopyTo(ss.Scope())
		r.Span.CopyTo(ss.Spans().AppendEmpty())
	}
	stats, err := enc.EncodeAll(b.parts, now, emit)
	return stats, bad, err
}

func (b traceBatch) record(r *deadRecord) (string, error) {
	var marshal ptrace.JSONMarshaler
	var err error
	r.Spans = b.items()
	r.Traces, err = marshal.MarshalTraces(b.whole())
	return b.deadFile(), err
}

func (traceBatch) deadFile() string { return deadTraces }

type logBatch struct{ plog.Logs }

func (b logBatch) items() int { return b.LogRecordCount() }

func (b logBatch) halve() (first, second batch) {
	half := b.LogRecordCount() / 2
	return b.keep(func(i int) bool { return i < half }), b.keep(func(i int) bool { return i >= half })
}

func (b logBatch) keep(wanted func(i int) bool) logBatch {
	part, i := plog.NewLogs(), 0
	b.CopyTo(part)
	part.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool {
			sl.LogRecords().RemoveIf(func(plog.LogRecord) bool {
				i++
				return !wanted(i - 1)
			})
			return sl.LogRecords().Len() == 0
		})
		return rl.ScopeLogs().Len() == 0
	})
	return logBatch{part}
}

func (b logBatch) encode(e *auditExporter, w audit.Writer, now time.Time, emit func(*audit.Encoded) error) (audit.Stats, *refused, error) {
	enc := e.logEncoders.Get().(*audit.LogEncoder)
	defer e.logEncoders.Put(enc)
	enc.SealFor(w)
	var bad *refused
	stats, err := enc.Encode(b.Logs, now, emit, func(r *audit.RefusedLog) {
		if bad == nil {
			bad = &refused{batch: logBatch{plog.NewLogs()}, reason: reasonFinding, err: r.Err}
		}
		rl := bad.batch.(logBatch).ResourceLogs().AppendEmpty()
		r.Resource.Resource().CopyTo(rl.Resource())
		sl := rl.ScopeLogs().AppendEmpty()
		r.Scope.Scope().CopyTo(sl.Scope())
		r.Record.CopyTo(sl.LogRecords().AppendEmpty())
	})
	if bad != nil && !hasFinding(bad.batch.(logBatch)) {
		bad.reason = reasonNoFinding
	}
	return stats, bad, err
}

// hasFinding tells whether any record at least claims to be a finding.
func hasFinding(b logBatch) bool {
	for _, rl := range b.ResourceLogs().All() {
		for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
			if finding.IsLog(lr) {
				return true
			}
		}
	}
	return false
}

func (b logBatch) record(r *deadRecord) (string, error) {
	var marshal plog.JSONMarshaler
	var err error
	r.Records = b.LogRecordCount()
	r.Logs, err = marshal.MarshalLogs(b.Logs)
	return b.deadFile(), err
}

func (logBatch) deadFile() string { return deadLogs }

var errNotStored = errors.New("not stored")

// asError says how many were refused and why the first one was.
func (r *refused) asError() error {
	return fmt.Errorf("%w: %d refused, the first because: %w", errNotStored, r.items(), r.err)
}
