package baselineprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// FuzzConsume: whatever comes over the wire, every span goes on, what was on it is
// still there, and every finding on it is one that can be read back.
func FuzzConsume(f *testing.F) {
	h := &house{n: 5, task: 1}
	var m ptrace.ProtoMarshaler
	for _, edit := range []func(pcommon.Map, ptrace.Span){chat, limited, tool(`{"a": [1, "x"]}`, "y")} {
		raw, err := m.MarshalTraces(h.span(edit))
		require.NoError(f, err)
		f.Add(raw, time.Now().UnixNano(), uint8(5))
	}
	f.Add([]byte{}, int64(-1), uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, end int64, times uint8) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(raw)
		if err != nil {
			return
		}
		sink := new(consumertest.TracesSink)
		p := open(t, nil, host{}, sink)
		sent := 0
		for i := range times % 8 {
			again := ptrace.NewTraces()
			td.CopyTo(again)
			for _, rs := range again.ResourceSpans().All() {
				for _, ss := range rs.ScopeSpans().All() {
					for _, span := range ss.Spans().All() {
						span.SetSpanID(pcommon.SpanID{i, 1, span.SpanID()[2]})
						span.SetEndTimestamp(pcommon.Timestamp(uint64(end) + uint64(i)*1e9))
						span.Attributes().PutDouble(attr.BaselineMaturity, 7)
						sent++
					}
				}
			}
			require.NoError(t, p.ConsumeTraces(t.Context(), again))
		}
		got := 0
		for _, out := range sink.AllTraces() {
			for _, rs := range out.ResourceSpans().All() {
				for _, ss := range rs.ScopeSpans().All() {
					for _, span := range ss.Spans().All() {
						check(t, ss.Scope().Name(), span, &got)
					}
				}
			}
		}
		require.Equal(t, sent, got)
		require.NoError(t, p.Shutdown(t.Context()))
	})
}

func check(t *testing.T, scope string, span ptrace.Span, got *int) {
	t.Helper()
	if m, ok := span.Attributes().Get(attr.BaselineMaturity); ok && span.Name() != attr.SettleSpan {
		require.True(t, m.Double() >= 0 && m.Double() <= 1, "nobody states his own: %v", m.Double())
	}
	if scope != attr.Scope {
		*got++
	} else if span.Name() != attr.SettleSpan {
		*got++
	}
	for _, e := range span.Events().All() {
		if e.Name() != attr.FindingEvent || scope == attr.Scope {
			continue
		}
		if typ, ok := e.Attributes().Get(attr.FindingType); ok && len(typ.AsString()) > 9 && typ.AsString()[:9] == "baseline." {
			_, err := finding.FromEvent(span, e)
			require.NoError(t, err)
		}
	}
}
