package genai_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/genai"
)

// caseFile is one file of testdata/cases: spans in, actions out. See README.md.
type caseFile struct {
	Spans []caseSpan       `yaml:"spans"`
	Want  []map[string]any `yaml:"want"`
	Stats map[string]int   `yaml:"stats"`
}

type caseSpan struct {
	Scope      string            `yaml:"scope"`
	Version    string            `yaml:"version"`
	SchemaURL  string            `yaml:"schema_url"`
	Resource   map[string]string `yaml:"resource"`
	Name       string            `yaml:"name"`
	SpanKind   int32             `yaml:"span_kind"`
	Trace      byte              `yaml:"trace"`
	ID         byte              `yaml:"id"`
	Parent     byte              `yaml:"parent"`
	Batch      int               `yaml:"batch"`
	Status     string            `yaml:"status"`
	Message    string            `yaml:"message"`
	Attributes yaml.Node         `yaml:"attributes"`
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			var c caseFile
			raw, err := os.ReadFile(f)
			require.NoError(t, err)
			dec := yaml.NewDecoder(strings.NewReader(string(raw)))
			dec.KnownFields(true)
			require.NoError(t, dec.Decode(&c))
			require.Len(t, c.Want, len(c.Spans), "one expectation a span")
			runCase(t, &c)
		})
	}
}

func runCase(t *testing.T, c *caseFile) {
	t.Helper()
	m := genai.NewMemory(genai.Limits{})
	var b genai.Batch
	last := 0
	for i := range c.Spans {
		last = max(last, c.Spans[i].Batch)
	}
	for n := range last + 1 {
		td := ptrace.NewTraces()
		var at []int
		for i := range c.Spans {
			if c.Spans[i].Batch == n {
				c.Spans[i].append(t, td)
				at = append(at, i)
			}
		}
		b.Decode(td, nil)
		if n == 0 {
			got := map[string]int{
				"malformed": b.Stats.Malformed, "unknown_operations": b.Stats.UnknownOperations,
				"assumed": b.Stats.Assumed, "assumed_risky": b.Stats.AssumedRisky, "oversized": b.Stats.Oversized,
			}
			for k, v := range c.Stats {
				assert.Equal(t, v, got[k], "stats.%s", k)
			}
		}
		m.Resolve(&b, time.Unix(1_800_000_000, 0))
		for j, i := range at {
			got := flatten(&b.Items[j])
			for field, want := range c.Want[i] {
				value, known := got[field]
				require.True(t, known, "span %d: no field %q", i, field)
				assert.Equal(t, want, value, "span %d: %s", i, field)
			}
		}
	}
}

func (s *caseSpan) append(tb testing.TB, td ptrace.Traces) {
	tb.Helper()
	rs := td.ResourceSpans().AppendEmpty()
	for k, v := range s.Resource {
		rs.Resource().Attributes().PutStr(k, v)
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl(s.SchemaURL)
	ss.Scope().SetName(s.Scope)
	ss.Scope().SetVersion(s.Version)
	span := ss.Spans().AppendEmpty()
	span.SetName(s.Name)
	span.SetKind(ptrace.SpanKind(s.SpanKind))
	span.SetTraceID(pcommon.TraceID{15: s.Trace + 1})
	span.SetSpanID(pcommon.SpanID{7: s.ID})
	if s.ID == 0 {
		span.SetSpanID(pcommon.SpanID{7: 255, 6: byte(td.SpanCount()), 5: byte(s.Batch)})
	}
	if s.Parent != 0 {
		span.SetParentSpanID(pcommon.SpanID{7: s.Parent})
	}
	if s.Status == "error" {
		span.Status().SetCode(ptrace.StatusCodeError)
		span.Status().SetMessage(s.Message)
	}
	for i := 0; i+1 < len(s.Attributes.Content); i += 2 {
		var v any
		require.NoError(tb, s.Attributes.Content[i+1].Decode(&v))
		// A second key of the same name is kept, as OTLP allows: PutEmpty would not.
		key := s.Attributes.Content[i].Value
		require.NoError(tb, span.Attributes().PutEmpty(key).FromRaw(v))
	}
}

// flatten names every field that a case may expect; nil is unknown.
func flatten(it *genai.Item) map[string]any {
	a := &it.Action
	u := &a.Usage
	var reported any
	if a.Reported.Known {
		reported = a.Reported.Amount
	}
	return map[string]any{
		"kind": string(a.Kind), "dialect": string(a.Dialect), "operation": a.Operation,
		"agent": a.Agent.Name, "agent_id": a.Agent.ID, "agent_version": a.Agent.Version,
		"session": a.Session, "project": a.Project, "tenant": a.Tenant,
		"user": a.Principal.ID, "grade": string(a.Principal.Grade),
		"tool": a.Tool.Name, "tool_operation": a.Tool.Operation, "resource": a.Tool.Resource,
		"call_id": a.Tool.CallID, "arguments": a.Tool.Arguments, "server": a.Tool.Server,
		"from": a.Handoff.From, "to": a.Handoff.To, "mode": a.Handoff.Mode,
		"provider": a.Provider, "gateway": a.Gateway, "region": a.Region,
		"request_model": a.RequestModel, "response_model": a.ResponseModel, "response_id": a.ResponseID,
		"finish": a.FinishReason, "tier": a.ServiceTier, "stream": a.Stream,
		"input": known(u.Input), "output": known(u.Output), "cache_read": known(u.CacheRead),
		"cache_write": known(u.CacheWrite), "cache_write_1h": known(u.CacheWrite1h), "reasoning": known(u.Reasoning),
		"estimated": u.Estimated, "invalid": u.Invalid,
		"accounting": string(a.Accounting), "duplicate": a.Duplicate, "reported": reported,
		"outcome": string(a.Outcome), "error": a.ErrorType, "settled": len(it.Settled),
	}
}

func known(c genai.Count) any {
	if !c.Known {
		return nil
	}
	return int(c.N)
}
