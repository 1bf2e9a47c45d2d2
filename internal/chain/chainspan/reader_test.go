package chainspan

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/genai"
)

func TestSampled(t *testing.T) {
	for state, want := range map[string]bool{
		"": false, "ot=th:0": false, "ot=th:000": false, "ot=th:8": true, "vendor=1, ot=rv:1;th:c": true, "ot=rv:8": false, "not=th:8": false,
	} {
		assert.Equal(t, want, sampled(state), state)
	}
}

// A time that cannot be read must not leave a grant open.
func TestInstant(t *testing.T) {
	assert.Zero(t, instant(""))
	assert.Equal(t, int64(1), instant("soon"))
	assert.Equal(t, int64(1_000_000_000), instant("1970-01-01T00:00:01Z"))
}

func TestNanos(t *testing.T) {
	assert.Equal(t, int64(5), nanos(5))
	assert.Positive(t, nanos(pcommon.Timestamp(1<<63+7)), "the far future is not the past")
}

// The tables hold names by which other things are read, not each other's.
func TestNames(t *testing.T) {
	n := DefaultNames()
	seen := map[string]bool{}
	for _, l := range [][]string{
		n.LinkType, n.DelegationID, n.ChainID, n.PrincipalID, n.PrincipalType, n.User, n.Delegator, n.Scope, n.Constraints, n.Digest, n.ExpiresAt,
		n.NotBefore, n.MaxDepth, n.GrantedBy, n.ApprovedBy, n.ApprovalID, n.CredentialType, n.CredentialDigest, n.DecisionID, n.Workload, n.TaskID,
	} {
		for _, k := range l {
			assert.NotEmpty(t, k)
			assert.False(t, seen[k], k)
			seen[k] = true
		}
	}
}

// A link bomb is cut where reading stops, and the cut is counted as a loss.
func TestLinkLimit(t *testing.T) {
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{1})
	s.Attributes().PutStr("gen_ai.operation.name", "invoke_agent")
	s.Attributes().PutStr("gen_ai.agent.name", "a")
	for range 300 {
		s.Links().AppendEmpty().Attributes().PutStr("spanwarden.link.type", "delegation")
	}
	var b genai.Batch
	b.Decode(td, nil)
	rec := New().Read(&b.Items[0])
	assert.Len(t, rec.Links, 128)
	assert.Equal(t, uint32(172), rec.Run.Dropped)
}

// FuzzRead feeds any OTLP through reader and engine: a record is a function of its
// span, and the chains are the same whichever span comes first.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01000000000000000000000000000000","spanId":"0100000000000000","kind":1,` +
		`"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"invoke_agent"}},{"key":"gen_ai.agent.name","value":{"stringValue":"a"}}],` +
		`"links":[{"traceId":"02000000000000000000000000000000","spanId":"0100000000000000","attributes":[{"key":"spanwarden.link.type","value":{"stringValue":"transfer"}}]}]},` +
		`{"traceId":"01000000000000000000000000000000","spanId":"0200000000000000","parentSpanId":"0100000000000000","kind":3,` +
		`"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"execute_tool"}},{"key":"gen_ai.tool.name","value":{"stringValue":"t"}}]}]}]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(raw)
		if err != nil || td.SpanCount() > 200 {
			return
		}
		var b genai.Batch
		b.Decode(td, nil)
		r := New()
		var rs []chain.Record
		for i := range b.Items {
			rec := r.Read(&b.Items[i])
			require.Equal(t, rec, r.Read(&b.Items[i]))
			require.Equal(t, chain.TraceID(b.Items[i].Span.TraceID()), rec.Ref.Trace)
			require.LessOrEqual(t, rec.Start, rec.End)
			rs = append(rs, rec)
		}
		pages := func() []chain.Page {
			e := chain.New(chain.Options{}, chain.NoRegistry)
			e.Add(second, rs...)
			e.Flush(100 * second)
			return e.Pages()
		}
		want := pages()
		slices.Reverse(rs)
		require.Equal(t, want, pages())
	})
}
