package baselineprocessor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/metadata"
)

// house is a processor between a sender and a sink.
type house struct {
	t    *testing.T
	p    *baselineProcessor
	sink *consumertest.TracesSink
	n    uint64
	r    *rand.Rand
	task int
}

// host offers extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

func open(t *testing.T, cfg *Config, h component.Host, next consumer.Traces) *baselineProcessor {
	t.Helper()
	if cfg == nil {
		cfg = createDefaultConfig().(*Config)
	}
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, next)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), h))
	return p.(*baselineProcessor)
}

func newHouse(t *testing.T) *house {
	t.Helper()
	sink := new(consumertest.TracesSink)
	return &house{t: t, p: open(t, nil, host{}, sink), sink: sink, r: rand.New(rand.NewPCG(3, 4))}
}

// span is one span of agent-7 that ends now.
func (h *house) span(edit func(pcommon.Map, ptrace.Span)) ptrace.Traces {
	h.n++
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], h.n)
	span.SetSpanID(id)
	span.SetTraceID(pcommon.TraceID{1, byte(h.task >> 8), byte(h.task)})
	now := time.Now()
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-100 * time.Millisecond)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	a := span.Attributes()
	a.PutStr("gen_ai.agent.name", "agent-7")
	a.PutStr("gen_ai.conversation.id", fmt.Sprint("task-", h.task))
	edit(a, span)
	return td
}

func tool(args, result string) func(pcommon.Map, ptrace.Span) {
	return func(a pcommon.Map, _ ptrace.Span) {
		a.PutStr("gen_ai.operation.name", "execute_tool")
		a.PutStr("gen_ai.tool.name", "http_get")
		a.PutStr("gen_ai.tool.call.arguments", args)
		a.PutStr("gen_ai.tool.call.result", result)
	}
}

func limited(a pcommon.Map, span ptrace.Span) {
	tool(`{"url":"https://api.example.com/orders"}`, "")(a, span)
	a.PutStr("error.type", "429")
	span.Status().SetCode(ptrace.StatusCodeError)
}

func chat(a pcommon.Map, _ ptrace.Span) {
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o-mini")
	a.PutInt("gen_ai.usage.input_tokens", 1000)
	a.PutInt("gen_ai.usage.output_tokens", 100)
	a.PutDouble(attr.CostUSD, .001)
}

func (h *house) send(td ptrace.Traces) {
	h.t.Helper()
	require.NoError(h.t, h.p.ConsumeTraces(h.t.Context(), td))
}

// work is one task as usual: five to ten calls, then a pause.
func (h *house) work() {
	h.task++
	for i := range 5 + h.r.IntN(6) {
		time.Sleep(time.Duration(2+h.r.IntN(5)) * time.Second)
		if i%2 == 0 {
			h.send(h.span(chat))
		} else {
			h.send(h.span(tool(fmt.Sprintf(`{"url":"https://api.example.com/%c"}`, 'a'+h.r.IntN(20)), fmt.Sprint("result ", h.n))))
		}
	}
	time.Sleep(time.Duration(8+h.r.IntN(8)) * time.Minute)
}

func findings(t *testing.T, all []ptrace.Traces) []finding.Finding {
	t.Helper()
	var out []finding.Finding
	for _, td := range all {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					found, refused := finding.FromSpan(span)
					require.Empty(t, refused)
					out = append(out, found...)
				}
			}
		}
	}
	return out
}

// The scenario that the project began with: an agent with 5 to 10 calls a task
// makes 500 in an hour, in a retry loop because of rate limiting. Found, compared
// with its baseline, explained, and over when it is over.
func TestRetryLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		for range 150 {
			h.work()
		}
		usual := findings(t, h.sink.AllTraces())
		for _, f := range usual {
			assert.Equal(t, finding.Info, f.Severity, f.Message)
		}
		h.sink.Reset()

		h.task++
		var last ptrace.Traces
		for range 500 {
			time.Sleep(7200 * time.Millisecond)
			last = h.span(limited)
			h.send(last)
		}
		during := findings(t, h.sink.AllTraces())
		h.sink.Reset()
		time.Sleep(time.Hour)
		after := findings(t, h.sink.AllTraces())
		require.NoError(t, h.p.Shutdown(t.Context()))

		ids := map[string]finding.Type{}
		var loop, rate finding.Finding
		for _, f := range during {
			ids[f.ID] = f.Type
			assert.Equal(t, "agent-7", f.Agent)
			switch f.Type {
			case finding.BaselineLoop:
				loop = f
			case finding.BaselineRate:
				rate = f
			default:
			}
		}
		assert.Len(t, ids, 2, "one incident is one finding, updated: %v", ids)
		assert.LessOrEqual(t, len(during), 24, "and no storm of updates")
		assert.Equal(t, finding.Critical, loop.Severity)
		assert.Regexp(t, `^retry loop: http_get failed \d+ times in a row with 429 within .*; usual 0 in a row \(\d+ sessions of history\)$`, loop.Message)
		assert.Equal(t, "same_call_error", loop.Rule)
		assert.Equal(t, finding.Critical, rate.Severity)
		assert.Regexp(t, `^agent agent-7 made \d+ calls in session task-\d+ so far; usual 7\.\d+ in a whole session \(p = .*, 150 sessions of history, maturity 0\.88\): retry loop: http_get failed \d+ times in a row with 429`, rate.Message)
		expected, _ := rate.Expected.Get()
		assert.InDelta(t, 7.5, expected, 1)
		p, known := rate.Extra[attrP]
		assert.True(t, known)
		assert.Less(t, p, 1e-4)
		assert.NotEmpty(t, rate.Extra[attrTraceIDs])

		require.Len(t, after, 2)
		for _, f := range after {
			assert.Equal(t, finding.Resolved, f.State)
			assert.Contains(t, ids, f.ID, "the id is the incident's")
			observed, _ := f.Observed.Get()
			assert.Equal(t, 500.0, observed)
		}
		m, ok := last.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get(attr.BaselineMaturity)
		require.True(t, ok)
		assert.InDelta(t, .9, m.Double(), .1)
	})
}

// Baselines survive a restart: the scenario, with a restart before the loop.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := component.MustNewID("memory_storage")
		disk := &memoryStorage{m: map[string][]byte{}}
		cfg := createDefaultConfig().(*Config)
		cfg.Storage = &id
		sink := new(consumertest.TracesSink)
		h := &house{t: t, p: open(t, cfg, host{id: disk}, sink), sink: sink, r: rand.New(rand.NewPCG(3, 4))}
		for range 60 {
			h.work()
		}
		require.NoError(t, h.p.Shutdown(t.Context()))
		assert.NotContains(t, string(disk.m[storedSnapshot]), "api.example.com", "content is stored as hashes only")

		h.p = open(t, cfg, host{id: disk}, sink)
		sink.Reset()
		h.task++
		for range 100 {
			time.Sleep(7 * time.Second)
			h.send(h.span(limited))
		}
		var rates int
		for _, f := range findings(t, sink.AllTraces()) {
			if f.Type == finding.BaselineRate {
				rates++
				assert.Regexp(t, `5[89] sessions of history`, f.Message, "all but the sessions of the last half hour")
			}
		}
		assert.Positive(t, rates)
		require.NoError(t, h.p.Shutdown(t.Context()))

		disk.m[storedSnapshot] = disk.m[storedSnapshot][:100]
		h.p = open(t, cfg, host{id: disk}, sink)
		assert.Zero(t, h.p.engine.Stats().Keys, "a damaged snapshot begins anew and stops nothing")
		require.NoError(t, h.p.Shutdown(t.Context()))
	})
}

func TestStorageThatIsNone(t *testing.T) {
	id := component.MustNewID("file_storage")
	cfg := createDefaultConfig().(*Config)
	cfg.Storage = &id
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	assert.ErrorContains(t, p.Start(t.Context(), host{}), "storage: file_storage: no such extension")
	assert.NoError(t, p.Shutdown(t.Context()))
}

// A next consumer that refuses loses no finding: it comes later, on its own.
func TestNextRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &refusing{}
		h := &house{t: t, p: open(t, nil, host{}, next), r: rand.New(rand.NewPCG(3, 4))}
		next.refuse.Store(true)
		for range 3 {
			time.Sleep(time.Second)
			assert.Error(t, h.p.ConsumeTraces(t.Context(), h.span(limited)))
		}
		next.refuse.Store(false)
		time.Sleep(time.Minute)
		found := findings(t, next.AllTraces())
		require.Len(t, found, 1)
		assert.Equal(t, finding.BaselineLoop, found[0].Type)
		assert.Equal(t, finding.Firing, found[0].State)
		require.NoError(t, h.p.Shutdown(t.Context()))
	})
}

// A tool's span that leaves before the agent's span says who acted is judged when
// that comes.
func TestAgentKnownLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		parent := pcommon.SpanID{9}
		for range 4 {
			time.Sleep(time.Second)
			h.send(h.span(func(a pcommon.Map, span ptrace.Span) {
				limited(a, span)
				a.Remove("gen_ai.agent.name")
				a.Remove("gen_ai.conversation.id")
				span.SetParentSpanID(parent)
			}))
		}
		assert.Empty(t, findings(t, h.sink.AllTraces()))
		h.send(h.span(func(a pcommon.Map, span ptrace.Span) {
			a.PutStr("gen_ai.operation.name", "invoke_agent")
			span.SetSpanID(parent)
		}))
		found := findings(t, h.sink.AllTraces())
		require.NotEmpty(t, found)
		assert.Equal(t, finding.BaselineLoop, found[0].Type)
		assert.Equal(t, "agent-7", found[0].Agent)
		assert.NotEqual(t, parent, found[0].SpanID, "it accuses the call, not the span that settled it")
		require.NoError(t, h.p.Shutdown(t.Context()))
	})
}

// What no agent claims within a minute is its service's.
func TestNoAgentAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		for range 4 {
			time.Sleep(time.Second)
			h.send(h.span(func(a pcommon.Map, span ptrace.Span) {
				limited(a, span)
				a.Remove("gen_ai.agent.name")
			}))
		}
		time.Sleep(2 * time.Minute)
		found := findings(t, h.sink.AllTraces())
		require.Len(t, found, 1)
		assert.Equal(t, finding.BaselineLoop, found[0].Type)
		assert.Empty(t, found[0].Agent)
		assert.Contains(t, found[0].Key, "service shop")
		assert.NotEmpty(t, found[0].TraceID)
		require.NoError(t, h.p.Shutdown(t.Context()))
	})
}

// Sent twice, counted once; settle spans and what ends far in the future move
// nothing; nobody states his own maturity.
func TestWhatMovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		td := h.span(limited)
		for range 5 {
			again := ptrace.NewTraces()
			td.CopyTo(again)
			h.send(again)
		}
		assert.EqualValues(t, 1, h.p.engine.Stats().Actions)
		assert.EqualValues(t, 4, h.p.engine.Stats().Duplicates)
		h.send(h.span(func(a pcommon.Map, span ptrace.Span) {
			chat(a, span)
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(time.Hour)))
			a.PutDouble(attr.BaselineMaturity, 1)
		}))
		own := h.span(limited)
		own.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName(attr.Scope)
		own.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetName(attr.SettleSpan)
		h.send(own)
		assert.EqualValues(t, 1, h.p.engine.Stats().Actions)
		sent := h.sink.AllTraces()
		_, there := sent[len(sent)-2].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get(attr.BaselineMaturity)
		assert.False(t, there)
		require.NoError(t, h.p.Shutdown(t.Context()))
	})
}

func TestConfigNamesKeyAndValue(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, componenttest.CheckConfigStruct(cfg))
	require.NoError(t, confmap.Validate(cfg))
	bad := -1.0
	cfg.CoolDown, cfg.KnownDays, cfg.ContentKey = 0, 3, "secret"
	cfg.Limits.Keys = 0
	cfg.Projects = map[string]TuningConfig{"p1": {Ratio: &bad, Mute: []string{"noise"}}}
	err := confmap.Validate(cfg)
	for _, want := range []string{
		"cool_down: must be at least 1s, not 0s", "known_days: must be 1 or 2, not 3", "content_key: must be 32 hex digits, has 6 characters",
		"limits: keys: must be positive, not 0", "ratio: must be from 1 to 1e+06, not -1", `mute: "noise" is none of`, "p1",
	} {
		assert.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "secret")
}

// A project's tuning is laid over the general one.
func TestTuning(t *testing.T) {
	raw := confmap.NewFromStringMap(map[string]any{
		"tuning":   map[string]any{"warnings_per_day": 2, "mute": []any{"latency"}},
		"projects": map[string]any{"p1": map[string]any{"ratio": 5, "loops": false}},
	})
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, raw.Unmarshal(cfg))
	opt := cfg.options()
	assert.Equal(t, 2.0, opt.Projects["p1"].Budget.PerDay)
	assert.Equal(t, 5.0, opt.Projects["p1"].Ratio)
	assert.Equal(t, 3.0, opt.Default.Ratio)
	assert.False(t, opt.Projects["p1"].Loops)
	assert.True(t, opt.Default.Loops)
	assert.True(t, opt.Projects["p1"].Muted["latency"])
}

type refusing struct {
	consumertest.TracesSink
	refuse atomic.Bool
}

func (r *refusing) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if r.refuse.Load() {
		return errors.New("full")
	}
	return r.TracesSink.ConsumeTraces(ctx, td)
}

// memoryStorage is a storage extension and its only client.
type memoryStorage struct {
	component.StartFunc
	component.ShutdownFunc
	m map[string][]byte
}

func (s *memoryStorage) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return s, nil
}
func (s *memoryStorage) Get(_ context.Context, key string) ([]byte, error) { return s.m[key], nil }
func (s *memoryStorage) Set(_ context.Context, key string, v []byte) error {
	s.m[key] = append([]byte(nil), v...)
	return nil
}

func (s *memoryStorage) Delete(_ context.Context, key string) error {
	delete(s.m, key)
	return nil
}
func (s *memoryStorage) Batch(context.Context, ...*storage.Operation) error { return nil }
func (s *memoryStorage) Close(context.Context) error                        { return nil }

// Many senders at once, ticks and snapshots between: every action is counted once.
func TestConcurrent(t *testing.T) {
	id := component.MustNewID("memory_storage")
	cfg := createDefaultConfig().(*Config)
	cfg.Storage = &id
	p := open(t, cfg, host{id: &memoryStorage{m: map[string][]byte{}}}, new(consumertest.TracesSink))
	const senders, each = 4, 100
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			h := &house{t: t, p: p, n: uint64(s) << 32, task: s}
			for i := range each {
				td := h.span(limited)
				assert.NoError(t, p.ConsumeTraces(t.Context(), td))
				if i%25 == 0 {
					p.tick(t.Context())
				}
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, senders*each, p.engine.Stats().Actions)
	require.NoError(t, p.Shutdown(t.Context()))
	require.NoError(t, p.Shutdown(t.Context()), "twice is no harm")
}
