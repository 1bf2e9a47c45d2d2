package genai_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/conformance"
	"github.com/spanwarden/spanwarden/internal/genai"
)

func corpusTraces(tb testing.TB) map[string]ptrace.Traces {
	tb.Helper()
	corpus, err := conformance.Load(filepath.Join(testdata, "corpus"))
	require.NoError(tb, err)
	out := map[string]ptrace.Traces{}
	var un ptrace.JSONUnmarshaler
	for _, s := range corpus.Scenarios {
		all := ptrace.NewTraces()
		for _, req := range s.Requests {
			td, err := un.UnmarshalTraces(req)
			require.NoError(tb, err)
			td.ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
		}
		out[s.Name] = all
	}
	return out
}

// split copies td into n batches, in an order that rnd decides.
func split(td ptrace.Traces, n int, rnd *rand.Rand) []ptrace.Traces {
	out := make([]ptrace.Traces, n)
	for i := range out {
		out[i] = ptrace.NewTraces()
	}
	var spans []func(ptrace.Traces)
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				spans = append(spans, func(to ptrace.Traces) {
					r := to.ResourceSpans().AppendEmpty()
					rs.Resource().CopyTo(r.Resource())
					sc := r.ScopeSpans().AppendEmpty()
					ss.Scope().CopyTo(sc.Scope())
					s.CopyTo(sc.Spans().AppendEmpty())
				})
			}
		}
	}
	rnd.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	for _, s := range spans {
		s(out[rnd.IntN(n)])
	}
	return out
}

// TestOrderDoesNotMatter: the same spans in any batches and any order give the
// same totals, the same calls and, once all have arrived, the same agents.
func TestOrderDoesNotMatter(t *testing.T) {
	for name, td := range corpusTraces(t) {
		t.Run(name, func(t *testing.T) {
			if name == "openlit_anthropic" {
				// Its two layers disagree by one output token on streams, so which one
				// arrives first shows. Checked apart from the rest by TestCorpus.
				t.Skip("layers of one call contradict each other")
			}
			want := totals(resolveAll([]ptrace.Traces{td}))
			for seed := range uint64(20) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				got := totals(resolveAll(split(td, 1+rnd.IntN(6), rnd)))
				require.Equal(t, want, got, "seed %d", seed)
			}
		})
	}
}

// TestSentTwice: spans that are sent again get the answer they got before.
func TestSentTwice(t *testing.T) {
	for name, td := range corpusTraces(t) {
		t.Run(name, func(t *testing.T) {
			m := genai.NewMemory(genai.Limits{})
			var b genai.Batch
			var first []genai.Action
			for range 3 {
				b.Decode(td, nil)
				m.Resolve(&b, time.Unix(0, 0))
				actions := make([]genai.Action, 0, len(b.Items))
				for i := range b.Items {
					actions = append(actions, b.Items[i].Action)
				}
				if first == nil {
					first = actions
				}
				require.Equal(t, first, actions)
			}
		})
	}
}

func resolveAll(batches []ptrace.Traces) map[[16]byte]genai.Action {
	m := genai.NewMemory(genai.Limits{})
	out := map[[16]byte]genai.Action{}
	var b genai.Batch
	for _, td := range batches {
		b.Decode(td, nil)
		m.Resolve(&b, time.Unix(0, 0))
		for i := range b.Items {
			it := &b.Items[i]
			out[it.ActionID()] = it.Action
			for _, s := range it.Settled {
				a := out[s.ActionID]
				a.Agent, a.Session, a.Principal = s.Agent, s.Session, s.Principal
				out[s.ActionID] = a
			}
		}
	}
	return out
}

func totals(actions map[[16]byte]genai.Action) map[string]conformance.Tokens {
	out := map[string]conformance.Tokens{}
	for _, a := range actions {
		if a.Kind == genai.KindTool && !a.Duplicate {
			k := "tool " + a.Tool.Name + " by " + a.Agent.ID
			out[k] = out[k].Plus(conformance.Tokens{Calls: 1})
		}
		if a.IsModelCall() {
			k := "agent " + a.Agent.ID + " session " + a.Session + " user " + a.Principal.ID
			u := a.Usage
			out[k] = out[k].Plus(conformance.Tokens{
				Calls: 1, InputTotal: u.Input.N, CacheRead: u.CacheRead.N,
				CacheWrite: u.CacheWrite.N, OutputTotal: u.Output.N, Reasoning: u.Reasoning.N,
			})
		}
	}
	return out
}

// TestWriteReadsBack: what Write leaves on a span reads back as the same action,
// leaves the originals alone, and a second Write changes nothing.
func TestWriteReadsBack(t *testing.T) {
	for name, td := range corpusTraces(t) {
		t.Run(name, func(t *testing.T) {
			original := ptrace.NewTraces()
			td.CopyTo(original)
			var b, again genai.Batch
			b.Decode(td, nil)
			genai.NewMemory(genai.Limits{}).Resolve(&b, time.Unix(0, 0))
			for i := range b.Items {
				b.Items[i].Write()
			}
			once := ptrace.NewTraces()
			td.CopyTo(once)
			again.Decode(td, nil)
			for i := range again.Items {
				want := b.Items[i].Action
				want.Canonical = true
				require.Equal(t, want, again.Items[i].Action)
				require.Equal(t, b.Items[i].ActionID(), again.Items[i].ActionID())
				again.Items[i].Write()
			}
			require.Equal(t, once, td)
			requireOriginals(t, original, td)
		})
	}
}

// requireOriginals checks that got is want plus spanwarden.* attributes.
func requireOriginals(tb testing.TB, want, got ptrace.Traces) {
	tb.Helper()
	for _, rs := range got.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				s.Attributes().RemoveIf(func(k string, _ pcommon.Value) bool {
					return strings.HasPrefix(k, attr.Prefix)
				})
				s.Events().RemoveIf(func(e ptrace.SpanEvent) bool { return e.Name() == attr.AttributionEvent })
			}
		}
	}
	var m ptrace.JSONMarshaler
	a, err := m.MarshalTraces(want)
	require.NoError(tb, err)
	b, err := m.MarshalTraces(got)
	require.NoError(tb, err)
	require.JSONEq(tb, string(a), string(b))
}

// TestActionID pins the encoding: two releases must agree on an identity.
func TestActionID(t *testing.T) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(attr.TenantID, "acme")
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{0: 0xaa, 15: 1})
	s.SetSpanID(pcommon.SpanID{0: 0xbb, 7: 2})
	s.Attributes().PutStr("gen_ai.operation.name", "chat")
	var b genai.Batch
	b.Decode(td, nil)
	raw := "\x00\x00\x00\x04acme" + "\xaa" + strings.Repeat("\x00", 14) + "\x01" +
		"\xbb" + strings.Repeat("\x00", 6) + "\x02" + "\x00\x00\x00\x09inference" + "\x00\x00\x00\x00"
	want := sha256.Sum256([]byte(raw))
	got := b.Items[0].ActionID()
	assert.Equal(t, hex.EncodeToString(want[:16]), hex.EncodeToString(got[:]))
	assert.Equal(t, "1b087e73743e5d139e8ad644df092d2c", hex.EncodeToString(got[:]))
}

func TestSettledRidesAsEvent(t *testing.T) {
	var b genai.Batch
	m := genai.NewMemory(genai.Limits{})
	child := ptrace.NewTraces()
	(&caseSpan{ID: 2, Parent: 1}).append(t, child)
	child.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("gen_ai.operation.name", "chat")
	b.Decode(child, nil)
	m.Resolve(&b, time.Unix(0, 0))
	require.Empty(t, b.Items[0].Settled)
	id := b.Items[0].ActionID()

	parent := ptrace.NewTraces()
	(&caseSpan{ID: 1}).append(t, parent)
	span := parent.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.Attributes().PutStr("gen_ai.operation.name", "invoke_agent")
	span.Attributes().PutStr("gen_ai.agent.name", "billing")
	for range 2 { // the second time as a redelivery
		b.Decode(parent, nil)
		m.Resolve(&b, time.Unix(0, 0))
		require.Len(t, b.Items[0].Settled, 1)
		b.Items[0].Write()
	}
	require.Equal(t, 1, span.Events().Len())
	e := span.Events().At(0)
	assert.Equal(t, attr.AttributionEvent, e.Name())
	v, _ := e.Attributes().Get(attr.AttributionAction)
	assert.Equal(t, hex.EncodeToString(id[:]), v.Str())
	v, _ = e.Attributes().Get(attr.AgentID)
	assert.Equal(t, "billing", v.Str())
}

// TestMemoryIsBounded: a stream of new spans and ids does not grow the memory,
// and a batch larger than it is still read.
func TestMemoryIsBounded(t *testing.T) {
	m := genai.NewMemory(genai.Limits{Spans: 100, Responses: 50})
	var b genai.Batch
	for range 3 {
		td := benchTraces()
		b.Decode(td, nil)
		m.Resolve(&b, time.Unix(0, 0))
	}
	assert.Positive(t, m.Stats.SpansEvicted)
	assert.Positive(t, m.Stats.IDsEvicted)
}

func TestIsContent(t *testing.T) {
	for _, k := range []string{
		"gen_ai.input.messages", "gen_ai.prompt.0.content", "input.value", "output.value", "ai.prompt.messages",
		"ai.toolCall.args", "llm.input_messages.0.message.content", "traceloop.entity.input", "langfuse.observation.output",
		"gcp.vertex.agent.llm_response", "gen_ai.tool.call.arguments", "retrieval.documents.0.document.content", "ai.response.text",
	} {
		assert.True(t, genai.IsContent(k), k)
	}
	for _, k := range []string{
		"gen_ai.prompt.name", "gen_ai.usage.input_tokens", "gen_ai.tool.name", "ai.response.id", "llm.model_name", "session.id",
		"spanwarden.agent.id", "gen_ai.usage.prompt_tokens", "ai.response.model",
	} {
		assert.False(t, genai.IsContent(k), k)
		assert.False(t, genai.SoundsLikeContent(k), k)
	}
	for _, k := range []string{"mlflow.spanInputs", "mlflow.spanOutputs", "acme.llm.prompt", "vendor:output", "x.tool_args", "some/INPUT"} {
		assert.True(t, genai.SoundsLikeContent(k), k)
	}
	for _, k := range []string{"input.mime_type", "exception.message", "http.route", "acme.outputs_count", "a", ""} {
		assert.False(t, genai.SoundsLikeContent(k), k)
	}
}

// TestDuplicateKeys: OTLP allows a key twice; the first one holds.
func TestDuplicateKeys(t *testing.T) {
	var un ptrace.JSONUnmarshaler
	td, err := un.UnmarshalTraces([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"0100000000000000","attributes":[
		{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},
		{"key":"gen_ai.usage.input_tokens","value":{"intValue":"5"}},
		{"key":"gen_ai.usage.input_tokens","value":{"intValue":"7"}},
		{"key":"session.id","value":{"stringValue":""}},
		{"key":"session.id","value":{"stringValue":"s"}}]}]}]}]}`))
	require.NoError(t, err)
	var b genai.Batch
	b.Decode(td, nil)
	assert.Equal(t, genai.Counted(5), b.Items[0].Action.Usage.Input)
	assert.Equal(t, "s", b.Items[0].Action.Session)
}
