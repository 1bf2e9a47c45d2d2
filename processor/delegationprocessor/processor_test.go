package delegationprocessor

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/spanwarden/spanwarden/extension/governanceextension"
	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/trust"
	"github.com/spanwarden/spanwarden/processor/delegationprocessor/internal/metadata"
)

var governanceID = component.MustNewID("governance")

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

const registry = `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: lead}
spec:
  agent: {id: lead, match: [{attr: {gen_ai.agent.name: Lead}}]}
  owner: "user:carol@acme.example"
  allow: [{id: mail, tool: send_email}]
  delegation: {to: [helper], scope: [mail], max_depth: 1, max_ttl: 1h}
---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: helper}
spec:
  agent: {id: helper, match: [{attr: {gen_ai.agent.name: Helper}}]}
  owner: "user:carol@acme.example"
  principals: {direct: false}
  allow: [{id: mail, tool: send_email}]
`

// start runs a processor in front of next, under a registry if there is one.
func start(t *testing.T, registry string, next consumer.Traces) *delegationProcessor {
	t.Helper()
	factory := governanceextension.NewFactory()
	gcfg := factory.CreateDefaultConfig().(*governanceextension.Config)
	if registry != "" {
		gcfg.Registry = filepath.Join(t.TempDir(), "agents.yaml")
		require.NoError(t, os.WriteFile(gcfg.Registry, []byte(registry), 0o600))
	}
	gov, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), gcfg)
	require.NoError(t, err)
	h := host{governanceID: gov}
	require.NoError(t, gov.Start(t.Context(), h))
	cfg := createDefaultConfig().(*Config)
	cfg.Governance = &governanceID
	require.NoError(t, cfg.Validate())
	p, err := newProcessor(processortest.NewNopSettings(metadata.Type), cfg, next)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), h))
	t.Cleanup(func() { assert.NoError(t, gov.Shutdown(context.Background())) })
	return p
}

func stop(t *testing.T, p extension.Extension) {
	t.Helper()
	require.NoError(t, p.Shutdown(context.Background()))
}

// story is a person who asks the lead, who asks the helper in another trace, who
// sends a mail: one batch a span, the way they end, children first.
func story(began time.Time) []ptrace.Traces {
	at := func(s int) pcommon.Timestamp {
		return pcommon.NewTimestampFromTime(began.Add(time.Duration(s) * time.Second))
	}
	one := func(trace, id, parent byte, name string, from, to int, attrs map[string]any, edit ...func(ptrace.Span)) ptrace.Traces {
		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{trace})
		span.SetSpanID(pcommon.SpanID{id})
		if parent != 0 {
			span.SetParentSpanID(pcommon.SpanID{parent})
		}
		span.SetName(name)
		span.SetStartTimestamp(at(from))
		span.SetEndTimestamp(at(to))
		if err := span.Attributes().FromRaw(attrs); err != nil {
			panic(err)
		}
		for _, f := range edit {
			f(span)
		}
		return td
	}
	agent := func(name string, more map[string]any) map[string]any {
		m := map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name, "gen_ai.conversation.id": "s"}
		maps.Copy(m, more)
		return m
	}
	return []ptrace.Traces{
		one(2, 3, 2, "execute_tool send_email", 3, 4, map[string]any{
			"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "send_email", "gen_ai.tool.call.arguments": `{"to":"a"}`,
		}),
		one(2, 2, 0, "invoke_agent Helper", 2, 5, agent("Helper", map[string]any{attr.DelegationID: "dlg-1", attr.ChainDepth: 9}), func(s ptrace.Span) {
			l := s.Links().AppendEmpty()
			l.SetTraceID(pcommon.TraceID{1})
			l.SetSpanID(pcommon.SpanID{11})
			l.Attributes().PutStr("spanwarden.link.type", "delegation")
			l.Attributes().PutStr("spanwarden.delegation.id", "dlg-1")
			l.Attributes().PutStr("spanwarden.delegation.delegator", "lead")
			l.Attributes().PutEmptySlice("spanwarden.delegation.scope").AppendEmpty().SetStr("mail")
		}),
		one(1, 11, 10, "invoke_agent Helper", 1, 6, agent("Helper", nil), func(s ptrace.Span) { s.SetKind(ptrace.SpanKindClient) }),
		one(1, 10, 0, "invoke_agent Lead", 0, 7, agent("Lead", map[string]any{attr.PrincipalID: "alice"})),
	}
}

// seen is everything that left a processor.
type seen struct {
	spans    map[pcommon.SpanID]map[string]any
	findings []finding.Finding
	events   map[string][]map[string]any
}

func read(all []ptrace.Traces) seen {
	s := seen{spans: map[pcommon.SpanID]map[string]any{}, events: map[string][]map[string]any{}}
	for _, td := range all {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if span.Name() != attr.SettleSpan {
						s.spans[span.SpanID()] = span.Attributes().AsRaw()
					}
					found, _ := finding.FromSpan(span)
					s.findings = append(s.findings, found...)
					for _, e := range span.Events().All() {
						s.events[e.Name()] = append(s.events[e.Name()], e.Attributes().AsRaw())
					}
				}
			}
		}
	}
	return s
}

func TestStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := new(consumertest.TracesSink)
		p := start(t, registry, sink)
		time.Sleep(time.Minute) // the registry is in force before they act
		batches := story(time.Now())
		for _, td := range batches {
			require.NoError(t, p.ConsumeTraces(t.Context(), td))
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		stop(t, p)
		got := read(sink.AllTraces())

		lead := got.spans[pcommon.SpanID{10}]
		assert.EqualValues(t, 0, lead[attr.ChainDepth])
		assert.NotContains(t, got.spans[pcommon.SpanID{2}], attr.ChainDepth, "what the agent said of its depth is gone, and its chain was not known yet")
		// What left before its chain was known is corrected.
		corrected := map[string]map[string]any{}
		for _, e := range got.events[attr.AttributionEvent] {
			corrected[e[attr.AttributionSpan].(string)] = e
		}
		tool := corrected["0300000000000000"]
		require.NotNil(t, tool)
		assert.Equal(t, lead[attr.ChainID], tool[attr.ChainID])
		assert.EqualValues(t, 1, tool[attr.ChainDepth])
		assert.Equal(t, "dlg-1", tool[attr.DelegationID])
		assert.Equal(t, "alice", tool[attr.PrincipalID])
		assert.Equal(t, "helper", tool[attr.AgentID], "the registry's id of the agent")

		chains := got.events[attr.DelegationChainEvent]
		require.NotEmpty(t, chains)
		last := chains[len(chains)-1]
		assert.Equal(t, "unbroken_unverified", last[attr.ChainVerdict], "declared by the emitter, registered by nobody")
		assert.EqualValues(t, 2, last[attr.ChainRuns])
		edges := got.events[attr.DelegationEdgeEvent]
		require.NotEmpty(t, edges)
		edge := edges[len(edges)-1]
		assert.Equal(t, "lead", edge[attr.Delegator])
		assert.Equal(t, "helper", edge[attr.DelegationDelegatee])
		for _, f := range got.findings {
			if f.State == finding.Firing {
				assert.Equal(t, finding.Info, f.Severity, "%s: %s", f.Type, f.Message)
			}
		}
	})
}

// A pipeline that refuses loses no record: they go with a later batch.
func TestRefusedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := new(consumertest.TracesSink)
		rng := rand.New(rand.NewPCG(1, 2))
		var one sync.Mutex // the clock's goroutine sends as well
		broken := errors.New("full")
		next, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
			one.Lock()
			refuse := rng.IntN(2) == 0
			one.Unlock()
			if refuse {
				return broken
			}
			return sink.ConsumeTraces(ctx, td)
		})
		require.NoError(t, err)
		p := start(t, registry, next)
		time.Sleep(time.Minute)
		began := time.Now()
		for i := range story(began) {
			for p.ConsumeTraces(t.Context(), story(began)[i]) != nil {
				continue // as a sender does
			}
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		got := read(sink.AllTraces())
		verdicts := make([]string, 0, len(got.events[attr.DelegationChainEvent]))
		for _, c := range got.events[attr.DelegationChainEvent] {
			verdicts = append(verdicts, c[attr.ChainVerdict].(string))
		}
		assert.Contains(t, verdicts, "unbroken_unverified")
		assert.NotEmpty(t, got.events[attr.DelegationEdgeEvent])
		assert.NotEmpty(t, got.events[attr.DelegationRunEvent])
		spans := map[string]bool{}
		for _, e := range got.events[attr.AttributionEvent] {
			spans[e[attr.AttributionSpan].(string)] = true
		}
		assert.True(t, spans["0300000000000000"])
		require.NoError(t, p.Shutdown(context.Background())) // a refusal at the very end is logged
	})
}

// Whatever the order, the verdict is the same.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(24) {
		synctest.Test(t, func(t *testing.T) {
			sink := new(consumertest.TracesSink)
			p := start(t, registry, sink)
			time.Sleep(time.Minute)
			batches := append(story(time.Now()), story(time.Now())...)
			rng := rand.New(rand.NewPCG(seed, 3))
			rng.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
			for _, td := range batches {
				require.NoError(t, p.ConsumeTraces(t.Context(), td))
			}
			time.Sleep(3 * time.Minute)
			synctest.Wait()
			stop(t, p)
			got := read(sink.AllTraces())
			chains := slices.DeleteFunc(got.events[attr.DelegationChainEvent], func(c map[string]any) bool { return c[attr.ChainState] != "settled" })
			require.NotEmpty(t, chains)
			assert.Equal(t, "unbroken_unverified", chains[len(chains)-1][attr.ChainVerdict], "seed %d", seed)
		})
	}
}

// Without a registry nothing can be judged, and that alerts nobody.
func TestNoRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := new(consumertest.TracesSink)
		p := start(t, "", sink)
		for _, td := range story(time.Now()) {
			require.NoError(t, p.ConsumeTraces(t.Context(), td))
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		stop(t, p)
		got := read(sink.AllTraces())
		require.NotEmpty(t, got.events[attr.DelegationChainEvent])
		for _, c := range got.events[attr.DelegationChainEvent] {
			assert.NotEqual(t, "unbroken", c[attr.ChainVerdict])
		}
		for _, f := range got.findings {
			assert.Equal(t, finding.Info, f.Severity, "%s: %s", f.Type, f.Message)
		}
	})
}

func TestConfig(t *testing.T) {
	for key, edit := range map[string]func(*Config){
		"governance":         func(c *Config) { c.Governance = nil },
		"settle_interval":    func(c *Config) { c.SettleInterval = 0 },
		"limits::links":      func(c *Config) { c.Limits.Links = 0 },
		"limits::unresolved": func(c *Config) { c.Limits.Unresolved = -1 },
		"limits::pending":    func(c *Config) { c.Limits.Pending = 0 },
	} {
		cfg := createDefaultConfig().(*Config)
		cfg.Governance = &governanceID
		edit(cfg)
		assert.ErrorContains(t, cfg.Validate(), key)
	}
}

// grantOf is what the decision receiver tells of a registered grant.
func grantOf(began time.Time) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName(attr.Scope)
	span := ss.Spans().AppendEmpty()
	span.SetName(grantSpan)
	span.SetTraceID(pcommon.TraceID{9})
	span.SetSpanID(pcommon.SpanID{9})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(began))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(began))
	a := span.Attributes()
	a.PutStr(attr.DelegationID, "dlg-1")
	a.PutStr(attr.Delegator, "lead")
	a.PutStr(attr.DelegationDelegatee, "helper")
	a.PutStr(attr.DelegationGrantedBy, "lead")
	a.PutStr(attr.DelegationNotBefore, began.UTC().Format(time.RFC3339Nano))
	a.PutStr(attr.DelegationExpiresAt, began.Add(time.Hour).UTC().Format(time.RFC3339Nano))
	a.PutEmptySlice(attr.DelegationScope).AppendEmpty().SetStr("mail")
	return td
}

// A registered grant makes the hop verified and the chain unbroken; one that an
// agent sends as a span of ours does not.
func TestRegisteredGrant(t *testing.T) {
	for forged, want := range map[bool]string{false: "unbroken", true: "unbroken_unverified"} {
		synctest.Test(t, func(t *testing.T) {
			sink := new(consumertest.TracesSink)
			p := start(t, registry, sink)
			time.Sleep(time.Minute)
			ctx := t.Context()
			if !forged {
				ctx = trust.Mark(ctx)
			}
			require.NoError(t, p.ConsumeTraces(ctx, grantOf(time.Now())))
			for _, td := range story(time.Now()) {
				require.NoError(t, p.ConsumeTraces(t.Context(), td))
			}
			time.Sleep(3 * time.Minute)
			synctest.Wait()
			stop(t, p)
			chains := slices.DeleteFunc(read(sink.AllTraces()).events[attr.DelegationChainEvent], func(c map[string]any) bool { return c[attr.ChainState] != "settled" })
			require.NotEmpty(t, chains)
			assert.Equal(t, want, chains[len(chains)-1][attr.ChainVerdict])
		})
	}
}
