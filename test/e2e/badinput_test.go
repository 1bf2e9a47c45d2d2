package e2e

import (
	"bytes"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/stack"
)

// badSpans are what a broken or hostile sender may send; want holds what the
// store must say of each: the cost status, and whether its times were usable.
var badSpans = []struct {
	name       string
	edit       func(ptrace.Span)
	costStatus string
	goodTime   bool
}{
	{"numbers as strings", func(s ptrace.Span) {
		s.Attributes().PutStr("gen_ai.usage.input_tokens", "1000")
		s.Attributes().PutStr("gen_ai.usage.output_tokens", "100")
	}, "priced", true},
	{"numbers as doubles", func(s ptrace.Span) { s.Attributes().PutDouble("gen_ai.usage.input_tokens", 1000) }, "priced", true},
	{"no number", func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.usage.input_tokens", "abc") }, "unpriced", true},
	{"negative tokens", func(s ptrace.Span) { s.Attributes().PutInt("gen_ai.usage.output_tokens", -5) }, "unpriced", true},
	{"fractional tokens", func(s ptrace.Span) { s.Attributes().PutDouble("gen_ai.usage.output_tokens", 1.5) }, "unpriced", true},
	{"absurd tokens", func(s ptrace.Span) { s.Attributes().PutInt("gen_ai.usage.input_tokens", math.MaxInt64) }, "unpriced", true},
	{"not a number", func(s ptrace.Span) { s.Attributes().PutDouble("gen_ai.usage.input_tokens", math.NaN()) }, "unpriced", true},
	{"a map for a number", func(s ptrace.Span) {
		s.Attributes().PutEmptyMap("gen_ai.usage.input_tokens").PutStr("x", "y")
	}, "unpriced", true},
	{"unknown model", func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.request.model", "no-such-model") }, "unpriced", true},
	{"model as a list", func(s ptrace.Span) {
		s.Attributes().PutEmptySlice("gen_ai.request.model").AppendEmpty().SetInt(7)
	}, "unpriced", true},
	{"huge string", func(s ptrace.Span) { s.Attributes().PutStr("big", strings.Repeat("x", 2<<20)) }, "priced", true},
	{"no UTF-8", func(s ptrace.Span) { s.Attributes().PutStr("broken", "a\xff\xfeb"); s.SetName("chat \xff") }, "priced", true},
	{"end before start", func(s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() - 1_000_000_000) }, "priced", false},
	{"no end", func(s ptrace.Span) { s.SetEndTimestamp(0) }, "priced", false},
	{"year 1970", func(s ptrace.Span) { s.SetStartTimestamp(1); s.SetEndTimestamp(2) }, "", false},
	{"year 2300", func(s ptrace.Span) {
		at := pcommon.NewTimestampFromTime(time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC))
		s.SetStartTimestamp(at)
		s.SetEndTimestamp(at + 1)
	}, "", false},
	{"a thousand attributes", func(s ptrace.Span) {
		for i := range 1000 {
			s.Attributes().PutInt("k"+strings.Repeat("x", i%50)+string(rune('a'+i%26))+time.Duration(i).String(), int64(i))
		}
	}, "priced", true},
	{"its own cost", func(s ptrace.Span) {
		s.Attributes().PutStr("gen_ai.request.model", "no-such-model")
		s.Attributes().PutDouble("spanwarden.cost.usd", 0)
		s.Attributes().PutStr("spanwarden.cost.status", "priced")
	}, "unpriced", true},
}

// Whatever arrives is stored once, under its own ids, with an unknown where
// nothing can be known: never lost, never a cost of 0, never a crash.
func TestBadInput(t *testing.T) {
	st := newStack(t)
	within(t, st.Start)
	td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(request(t, 9, len(badSpans)))
	require.NoError(t, err)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i, bad := range badSpans {
		bad.edit(spans.At(i))
	}
	sendProto(t, st, td)

	conn := open(t, st)
	const query = `SELECT cost_status, isNull(cost_usd), toString(ifNull(cost_usd, 0)), ts_quality FROM spanwarden.actions WHERE span_id = ?`
	for i, bad := range badSpans {
		var (
			status, usd, quality string
			unknown              bool
		)
		require.Eventually(t, func() bool {
			return conn.QueryRow(t.Context(), query, spans.At(i).SpanID().String()).Scan(&status, &unknown, &usd, &quality) == nil
		}, time.Minute, 50*time.Millisecond, bad.name)
		if bad.costStatus != "" {
			assert.Equal(t, bad.costStatus, status, bad.name)
		}
		assert.Equal(t, status != "priced" && status != "partial", unknown, "%s: an amount only where there is a price", bad.name)
		if !unknown {
			assert.NotEqual(t, "0", usd, bad.name)
		}
		assert.Equal(t, bad.goodTime, quality == "" || quality == "ok", "%s: ts_quality %q", bad.name, quality)
	}
}

func sendProto(t *testing.T, st *stack.Stack, td ptrace.Traces) {
	t.Helper()
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, st.OTLP()+"/v1/traces", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}
