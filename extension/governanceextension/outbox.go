package governanceextension

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/finding"
)

// encodeFindings writes findings as OTLP settle spans, which is also how they
// enter a pipeline.
func encodeFindings(fs []finding.Finding) ([]byte, error) {
	td := ptrace.NewTraces()
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("service.name", "spanwarden")
	spans := finding.SettleSpans(td, resource)
	for i := range fs {
		if err := fs[i].AddSettled(spans); err != nil {
			return nil, err
		}
	}
	return new(ptrace.ProtoMarshaler).MarshalTraces(td)
}

func decodeFindings(raw []byte) (fs []finding.Finding, err error) {
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(raw)
	if err != nil {
		return nil, fmt.Errorf("stored findings: %w", err)
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				found, refused := finding.FromSpan(span)
				if len(refused) > 0 {
					return nil, fmt.Errorf("stored findings: %w", refused[0])
				}
				fs = append(fs, found...)
			}
		}
	}
	return fs, nil
}

// post queues findings that no span carries. The caller commits.
func (e *governor) post(fs []finding.Finding) {
	if len(fs) == 0 {
		return
	}
	raw, err := encodeFindings(fs)
	if err != nil {
		e.log.Error("a finding could not be written down", errField(err))
		return
	}
	for len(e.outbox) >= e.cfg.Limits.Findings {
		e.outbox = e.outbox[1:]
		e.book.store.took()
		e.limited(limitFindings, 1)
	}
	e.outbox = append(e.outbox, raw)
	e.book.store.put(raw)
	e.wakeUp()
}

func (e *governor) wakeUp() {
	select {
	case e.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Attach implements the interface of internal/governance.
func (e *governor) Attach(next consumer.Traces) (detach func()) {
	e.sinksMu.Lock()
	defer e.sinksMu.Unlock()
	e.lastSink++
	id := e.lastSink
	e.sinks[id] = next
	e.wakeUp()
	return func() {
		e.sinksMu.Lock()
		defer e.sinksMu.Unlock()
		delete(e.sinks, id)
	}
}

// deliver sends what waits, oldest first, and stops where no pipeline takes it.
func (e *governor) deliver(ctx context.Context) {
	for {
		e.mu.Lock()
		if len(e.outbox) == 0 {
			e.mu.Unlock()
			return
		}
		raw := e.outbox[0]
		e.mu.Unlock()
		if !e.send(ctx, raw) {
			return
		}
		e.mu.Lock()
		// Only post could have dropped it meanwhile, being full.
		if len(e.outbox) > 0 && &e.outbox[0][0] == &raw[0] {
			e.outbox = e.outbox[1:]
			e.book.store.took()
		}
		err := e.book.commit(ctx)
		e.mu.Unlock()
		if err != nil {
			e.stateFailed(err)
			return
		}
	}
}

// send reports whether one of the attached pipelines took the findings. The
// lock is held meanwhile, so that a pipeline does not go away under it.
func (e *governor) send(ctx context.Context, raw []byte) bool {
	e.sinksMu.RLock()
	defer e.sinksMu.RUnlock()
	for _, next := range e.sinks {
		td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(raw)
		if err != nil {
			return true // it was written by encodeFindings, so this cannot happen
		}
		err = next.ConsumeTraces(ctx, td)
		if err == nil {
			return true
		}
		e.log.Warn("a pipeline does not take a finding; it waits", errField(err))
	}
	return false
}
