package genai_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// FuzzDecode feeds arbitrary attributes and checks what must hold of any span.
func FuzzDecode(f *testing.F) {
	for _, s := range fuzzSeeds(f) {
		f.Add(s.scope, "name", s.attributes)
	}
	f.Add("ai", "x", `{"ai.operationId":"ai.generateText.doGenerate","ai.response.providerMetadata":"{\"anthropic\":{\"usage\":{\"cache_read_input_tokens\":\"x"}`)
	f.Add("gen_ai", "\xff", `{"gen_ai.usage.input_tokens":-1,"gen_ai.usage.output_tokens":1e300,"gen_ai.operation.name":["chat",1]}`)
	f.Add("", "", `{"spanwarden.action.kind":"tool","spanwarden.dialect":"x","spanwarden.usage.input_tokens":-5}`)
	f.Fuzz(func(t *testing.T, scope, name, attributes string) {
		var raw map[string]any
		if json.Unmarshal([]byte(attributes), &raw) != nil {
			t.Skip()
		}
		td := ptrace.NewTraces()
		ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		ss.Scope().SetName(scope)
		s := ss.Spans().AppendEmpty()
		s.SetName(name)
		s.SetSpanID([8]byte{1})
		for _, k := range slices.Sorted(maps.Keys(raw)) {
			require.NoError(t, s.Attributes().PutEmpty(k).FromRaw(raw[k]))
		}
		checkSpan(t, td)
	})
}

func checkSpan(t *testing.T, td ptrace.Traces) {
	t.Helper()
	s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	before := s.Attributes().AsRaw()
	var b, again genai.Batch
	b.Decode(td, &genai.Options{IgnoreCanonical: true})
	require.Equal(t, before, s.Attributes().AsRaw(), "decoding changes nothing")
	genai.NewMemory(genai.Limits{}).Resolve(&b, time.Unix(0, 0))
	it := &b.Items[0]
	a := &it.Action
	checkUsage(t, a)
	it.Write()
	after := s.Attributes().AsRaw()
	for k, v := range before {
		if !strings.HasPrefix(k, attr.Prefix) {
			require.Equal(t, v, after[k], "original %q", k)
		}
	}
	again.Decode(td, nil)
	want := *a
	want.Canonical = true
	require.Equal(t, want, again.Items[0].Action)
	again.Items[0].Write()
	require.Equal(t, after, s.Attributes().AsRaw(), "a second Write changes something")
}

func checkUsage(t *testing.T, a *genai.Action) {
	t.Helper()
	u := &a.Usage
	for _, c := range []genai.Count{
		u.Input, u.Output, u.CacheRead, u.CacheWrite, u.CacheWrite1h, u.Reasoning,
		u.AudioInput, u.AudioOutput, u.AudioCached, u.ImageInput, u.ImageOutput, u.WebSearches,
	} {
		require.GreaterOrEqual(t, c.N, int64(0))
		require.True(t, c.Known || c.N == 0, "an unknown count holds a number")
	}
	if u.Input.Known && !u.Invalid && !u.Estimated {
		require.GreaterOrEqual(t, u.Input.N, u.CacheRead.N+u.CacheWrite.N)
	}
	if u.Output.Known && !u.Invalid && !u.Estimated {
		require.GreaterOrEqual(t, u.Output.N, u.Reasoning.N)
	}
	if a.Duplicate {
		require.Equal(t, genai.AccountingRollup, a.Accounting)
	}
	require.NotEmpty(t, a.Kind)
	require.NotEqual(t, genai.GradeVerified, a.Principal.Grade, "a span cannot vouch for its user")
}

type fuzzSeed struct{ scope, attributes string }

// fuzzSeeds are the spans of the cases.
func fuzzSeeds(tb testing.TB) []fuzzSeed {
	tb.Helper()
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(tb, err)
	out := make([]fuzzSeed, 0, 4*len(files))
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(tb, err)
		var c caseFile
		require.NoError(tb, yaml.Unmarshal(raw, &c))
		for i := range c.Spans {
			var m map[string]any
			require.NoError(tb, c.Spans[i].Attributes.Decode(&m))
			j, err := json.Marshal(m)
			require.NoError(tb, err)
			out = append(out, fuzzSeed{c.Spans[i].Scope, string(j)})
		}
	}
	return out
}

// TestHostileValues: what a span may hold at worst costs bounded work.
func TestHostileValues(t *testing.T) {
	big := strings.Repeat(`{"usage":[`, 100_000)
	for _, v := range []string{big, strings.Repeat("é", 10_000), "\xff\xfe", strings.Repeat("\\", 1000), `{"a":"`, `"`, `[`, `{"generations":[[[[`} {
		for _, k := range []string{
			"metadata", "input.value", "output.value", "ai.response.providerMetadata", "langfuse.observation.usage_details",
			"genkit:output", "gcp.vertex.agent.llm_response", "gen_ai.agent.name", "gen_ai.usage.input_tokens",
			"gen_ai.response.finish_reasons", "gen_ai.tool.name", "gen_ai.conversation.id",
		} {
			for _, scope := range []string{"", "ai", "langfuse-sdk", "genkit-tracer", "gcp.vertex.agent", "@arizeai/openinference-instrumentation-langchain"} {
				td := ptrace.NewTraces()
				ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
				ss.Scope().SetName(scope)
				s := ss.Spans().AppendEmpty()
				s.SetSpanID([8]byte{1})
				s.Attributes().PutStr("openinference.span.kind", "LLM")
				s.Attributes().PutStr(k, v)
				checkSpan(t, td)
			}
		}
	}
}
