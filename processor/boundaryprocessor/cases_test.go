package boundaryprocessor

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/governance/policies"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/metadata"
)

// noon is when the spans of cases are counted from, loaded when the registry came
// into force.
var (
	noon   = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	loaded = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
)

// registry is a governance extension that has a registry and takes halts.
type registry struct {
	governance.Extension

	history policy.History
	halts   []ledger.Order
	refuse  error
}

var _ policies.Registry = (*registry)(nil)

func (r *registry) Policies() policy.History               { return r.history }
func (r *registry) Attach(consumer.Traces) (detach func()) { return func() {} }
func (r *registry) Halt(_ context.Context, o ledger.Order) (ledger.Halt, error) {
	if r.refuse != nil {
		return ledger.Halt{}, r.refuse
	}
	r.halts = append(r.halts, o)
	return ledger.Halt{}, nil
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

var governanceID = component.MustNewID("governance")

func load(tb testing.TB, text string) *policy.Registry {
	tb.Helper()
	r, err := policy.Load([]policy.File{{Name: "registry.yaml", Data: []byte(text)}})
	require.NoError(tb, err)
	return r
}

func readFile(tb testing.TB, name string) []byte {
	tb.Helper()
	raw, err := os.ReadFile(name)
	require.NoError(tb, err)
	return raw
}

func standard(tb testing.TB) policy.History {
	tb.Helper()
	return policy.NewHistory(0).Add(loaded, load(tb, string(readFile(tb, "testdata/registry.yaml"))))
}

// running is a started processor and what it sent.
type running struct {
	processor.Traces

	sink *consumertest.TracesSink
	gov  *registry
}

func startWith(tb testing.TB, set processor.Settings, gov *registry, next consumer.Traces, edit func(*Config)) *running {
	tb.Helper()
	r := &running{sink: new(consumertest.TracesSink), gov: gov}
	if next == nil {
		next = r.sink
	}
	cfg := createDefaultConfig().(*Config)
	h := host{}
	if gov != nil {
		cfg.Governance, h[governanceID] = &governanceID, gov
	}
	if edit != nil {
		edit(cfg)
	}
	var err error
	r.Traces, err = NewFactory().CreateTraces(tb.Context(), set, cfg, next)
	require.NoError(tb, err)
	require.NoError(tb, r.Start(tb.Context(), h))
	return r
}

func start(tb testing.TB, gov *registry, edit func(*Config)) *running {
	tb.Helper()
	return startWith(tb, processortest.NewNopSettings(metadata.Type), gov, nil, edit)
}

// spanSpec is one span of a case. Its id is one digit of its span id.
type spanSpec struct {
	ID       byte              `yaml:"id"`
	Parent   byte              `yaml:"parent"`
	At       time.Duration     `yaml:"at"` // after noon
	For      time.Duration     `yaml:"for"`
	Resource map[string]string `yaml:"resource"`
	Scope    string            `yaml:"scope"`
	// Agent, Tool and Model stand for what a conformant SDK writes of them.
	Agent, Tool, Model string
	Args               any
	Attrs              map[string]any
	Links              []map[string]any
}

type verdictSpec struct {
	Verdict, Rule, Agent, Reason string
	Missing, Assumed             []string
	Argument                     string
}

type findingSpec struct {
	Type, Severity, Rule, Agent, Key, State string
	Span                                    byte
	Says                                    []string
}

type caseSpec struct {
	Registry    string
	Versions    []versionSpec
	Config      map[string]any
	Batches     [][]spanSpec
	After       time.Duration // waited after the last batch
	Spans       map[byte]verdictSpec
	Judgements  map[byte]verdictSpec
	Findings    []findingSpec
	Halts       []string // scope key run session
	NoVerdict   []byte   `yaml:"no_verdict"`
	NeverSaid   []string `yaml:"never_said"`
	NoResending bool     `yaml:"no_resending"`
}

type versionSpec struct {
	From     time.Time
	Registry string
}

func (s *spanSpec) build(td ptrace.Traces) {
	rs := td.ResourceSpans().AppendEmpty()
	for k, v := range s.Resource {
		rs.Resource().Attributes().PutStr(k, v)
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(s.Scope)
	span := ss.Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{15: 1})
	span.SetSpanID(spanID(s.ID))
	if s.Parent != 0 {
		span.SetParentSpanID(spanID(s.Parent))
	}
	begin := noon.Add(s.At)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(begin.Add(s.For + time.Millisecond)))
	m := span.Attributes()
	switch {
	case s.Tool != "":
		m.PutStr("gen_ai.operation.name", "execute_tool")
		m.PutStr("gen_ai.tool.name", s.Tool)
	case s.Model != "":
		provider, model, _ := strings.Cut(s.Model, "/")
		m.PutStr("gen_ai.operation.name", "chat")
		m.PutStr("gen_ai.provider.name", provider)
		m.PutStr("gen_ai.request.model", model)
	case s.Agent != "":
		m.PutStr("gen_ai.operation.name", "invoke_agent")
	}
	if s.Agent != "" {
		m.PutStr("gen_ai.agent.name", s.Agent)
	}
	if s.Args != nil {
		text, ok := s.Args.(string)
		if !ok {
			raw, _ := json.Marshal(s.Args)
			text = string(raw)
		}
		m.PutStr("gen_ai.tool.call.arguments", text)
	}
	for k, v := range s.Attrs {
		_ = m.PutEmpty(k).FromRaw(v)
	}
	for _, l := range s.Links {
		_ = span.Links().AppendEmpty().Attributes().FromRaw(l)
	}
}

func spanID(n byte) pcommon.SpanID { return pcommon.SpanID{7: n} }

func build(specs []spanSpec) ptrace.Traces {
	td := ptrace.NewTraces()
	for i := range specs {
		specs[i].build(td)
	}
	return td
}

// genaiFront reads and writes as a genai processor does.
func genaiFront() func(ptrace.Traces) {
	memory := genai.NewMemory(genai.Limits{})
	return func(td ptrace.Traces) {
		var batch genai.Batch
		batch.Decode(td, nil)
		memory.Resolve(&batch, time.Now())
		for i := range batch.Items {
			batch.Items[i].Write()
		}
	}
}

func eachSpan(all []ptrace.Traces, visit func(ptrace.Span)) {
	for _, td := range all {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					visit(span)
				}
			}
		}
	}
}

// result is what was said and found, however often.
type result struct {
	spans, judgements map[byte]verdictSpec
	findings          map[string]finding.Finding // the last state, by id
	text              string
}

func collect(tb testing.TB, all []ptrace.Traces) *result {
	tb.Helper()
	r := &result{spans: map[byte]verdictSpec{}, judgements: map[byte]verdictSpec{}, findings: map[string]finding.Finding{}}
	var text strings.Builder
	eachSpan(all, func(span ptrace.Span) {
		if span.Name() != attr.SettleSpan {
			r.spans[span.SpanID()[7]] = verdictOf(span.Attributes())
		}
		found, refused := finding.FromSpan(span)
		require.Empty(tb, refused)
		for _, f := range found {
			r.findings[f.ID] = f
			raw, err := json.Marshal(f)
			require.NoError(tb, err)
			text.Write(raw)
		}
		for _, e := range span.Events().All() {
			if e.Name() != attr.JudgementEvent {
				continue
			}
			id, _ := e.Attributes().Get(attr.AttributionSpan)
			action, _ := e.Attributes().Get(attr.AttributionAction)
			require.Len(tb, action.Str(), 32)
			r.judgements[id.Str()[15]-'0'] = verdictOf(e.Attributes())
		}
	})
	r.text = text.String()
	return r
}

func verdictOf(m pcommon.Map) verdictSpec {
	raw := m.AsRaw()
	str := func(key string) string { s, _ := raw[key].(string); return s }
	list := func(key string) (out []string) {
		items, _ := raw[key].([]any)
		for _, i := range items {
			out = append(out, i.(string))
		}
		return out
	}
	return verdictSpec{
		Verdict: str(attr.BoundaryVerdict), Rule: str(attr.BoundaryRule), Agent: str(attr.BoundaryAgent), Reason: str(attr.BoundaryReason),
		Missing: list(attr.BoundaryMissing), Assumed: list(attr.BoundaryAssumed), Argument: str(attr.BoundaryArgument),
	}
}

func (c *caseSpec) history(tb testing.TB) policy.History {
	tb.Helper()
	if c.Registry != "" {
		return policy.NewHistory(0).Add(loaded, load(tb, c.Registry))
	}
	if c.Versions == nil {
		return standard(tb)
	}
	h := policy.NewHistory(0)
	for _, v := range c.Versions {
		h = h.Add(v.From, load(tb, v.Registry))
	}
	return h
}

func (c *caseSpec) run(t *testing.T, front func(ptrace.Traces), twice bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		gov := &registry{history: c.history(t)}
		p := start(t, gov, func(cfg *Config) {
			if c.Config["before_registry"] != nil {
				cfg.BeforeRegistry = BeforeRegistry(c.Config["before_registry"].(string))
			}
		})
		for _, specs := range c.Batches {
			for range map[bool]int{false: 1, true: 2}[twice] {
				td := build(specs)
				if front != nil {
					front(td)
				}
				require.NoError(t, p.ConsumeTraces(t.Context(), td))
			}
			time.Sleep(time.Second)
		}
		time.Sleep(c.After)
		synctest.Wait()
		c.check(t, collect(t, p.sink.AllTraces()), gov)
		require.NoError(t, p.Shutdown(t.Context()))
	})
}

func (c *caseSpec) check(t *testing.T, got *result, gov *registry) {
	t.Helper()
	for id, want := range c.Spans {
		assertVerdict(t, want, got.spans[id], "span %d", id)
	}
	for _, id := range c.NoVerdict {
		assert.Equal(t, verdictSpec{}, got.spans[id], "span %d", id)
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(c.Judgements)), slices.Collect(maps.Keys(got.judgements)), "corrected spans")
	for id, want := range c.Judgements {
		assertVerdict(t, want, got.judgements[id], "correction of span %d", id)
	}
	assertFindings(t, c.Findings, got.findings)
	var halts []string //nolint:prealloc // nil where there are none
	for _, o := range gov.halts {
		halts = append(halts, strings.TrimSpace(o.Scope.String()+" "+o.Key+" "+o.Run+" "+o.Session))
	}
	assert.Equal(t, c.Halts, halts, "halts")
	for _, s := range c.NeverSaid {
		assert.NotContains(t, got.text, s)
	}
}

func assertVerdict(t *testing.T, want, got verdictSpec, what ...any) {
	t.Helper()
	if want.Agent == "" {
		got.Agent = ""
	}
	if want.Reason == "" {
		got.Reason = ""
	}
	if want.Argument == "" {
		got.Argument = ""
	}
	assert.Equal(t, want, got, what...)
}

func assertFindings(t *testing.T, want []findingSpec, got map[string]finding.Finding) {
	t.Helper()
	left := maps.Clone(got)
	for _, w := range want {
		hit := ""
		for id, f := range left {
			if string(f.Type) == w.Type && (w.Span == 0 || f.SpanID == spanID(w.Span)) {
				hit = id
			}
		}
		f, ok := left[hit]
		if !assert.True(t, ok, "%s about span %d was not found", w.Type, w.Span) {
			continue
		}
		delete(left, hit)
		state := finding.Firing
		if w.State != "" {
			state = finding.State(w.State)
		}
		assert.Equal(t, state, f.State)
		assert.Equal(t, w.Rule, f.Rule, "rule")
		for _, pair := range [][2]string{{w.Severity, string(f.Severity)}, {w.Agent, f.Agent}, {w.Key, f.Key}} {
			if pair[0] != "" {
				assert.Equal(t, pair[0], pair[1])
			}
		}
		for _, s := range w.Says {
			assert.Contains(t, f.Message, s)
		}
		assert.NotEmpty(t, f.Controls)
		assert.False(t, f.TraceID.IsEmpty())
	}
	for _, f := range left {
		assert.Fail(t, "found too much", "%s about span %s: %s", f.Type, f.SpanID, f.Message)
	}
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		var c caseSpec
		dec := yaml.NewDecoder(strings.NewReader(string(readFile(t, file))))
		dec.KnownFields(true)
		require.NoError(t, dec.Decode(&c), file)
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name+"/alone", func(t *testing.T) { c.run(t, nil, false) })
		t.Run(name+"/behind genai", func(t *testing.T) { c.run(t, genaiFront(), false) })
		if !c.NoResending {
			t.Run(name+"/sent twice", func(t *testing.T) { c.run(t, nil, true) })
		}
	}
}
