package costprocessor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/spanwarden/spanwarden/extension/governanceextension"
	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/processor/costprocessor/internal/metadata"
)

var governanceID = component.MustNewID("governance")

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// refusing is a governance extension whose storage is broken.
type refusing struct{ governance.Extension }

var errBroken = errors.New("the disk is broken")

func (refusing) Charge(context.Context, []governance.Charge, []governance.Verdict) ([]governance.Verdict, error) {
	return nil, errBroken
}

func governed(t *testing.T, budgets string) (processor.Traces, governance.Extension, *consumertest.TracesSink) {
	t.Helper()
	factory := governanceextension.NewFactory()
	gcfg := factory.CreateDefaultConfig().(*governanceextension.Config)
	gcfg.Budgets = filepath.Join(t.TempDir(), "budgets.yaml")
	require.NoError(t, os.WriteFile(gcfg.Budgets, []byte(budgets), 0o600))
	gov, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), gcfg)
	require.NoError(t, err)
	require.NoError(t, gov.Start(t.Context(), host{}))
	t.Cleanup(func() { assert.NoError(t, gov.Shutdown(context.Background())) })
	p, sink := startWith(t, gov)
	return p, gov.(governance.Extension), sink
}

func startWith(t *testing.T, gov component.Component) (processor.Traces, *consumertest.TracesSink) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Governance = &governanceID
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), host{governanceID: gov}))
	t.Cleanup(func() { assert.NoError(t, p.Shutdown(context.Background())) })
	return p, sink
}

const cap1USD = "version: 1\nbudgets:\n  - {id: cap, scope: session, limit_usd: 0.3, mode: enforce, on_exceed: halt, reason: test}\n"

// inSession is one call of 0.21 USD.
func inSession(id byte, more func(pcommon.Map)) ptrace.Traces {
	td := call("gpt-4o-mini", func(a pcommon.Map) {
		a.PutStr("gen_ai.conversation.id", "s")
		if more != nil {
			more(a)
		}
	})
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetSpanID(pcommon.SpanID{id})
	return td
}

func span(sink *consumertest.TracesSink, i int) ptrace.Span {
	return sink.AllTraces()[i].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
}

// settle spans of the extension come on their own; batches are what was sent.
func batches(sink *consumertest.TracesSink) (out []ptrace.Span) {
	for i := range sink.AllTraces() {
		if s := span(sink, i); s.Name() != attr.SettleSpan {
			out = append(out, s)
		}
	}
	return out
}

func TestBudgetFindingsRideOnTheSpan(t *testing.T) {
	p, gov, sink := governed(t, cap1USD)
	require.NoError(t, p.ConsumeTraces(t.Context(), inSession(1, nil)))
	require.NoError(t, p.ConsumeTraces(t.Context(), inSession(2, nil)))
	require.NoError(t, p.ConsumeTraces(t.Context(), inSession(2, nil)), "sent again")
	got := batches(sink)
	require.Len(t, got, 3)
	types := func(s ptrace.Span) (out []finding.Type) {
		found, refused := finding.FromSpan(s)
		assert.Empty(t, refused)
		for i := range found {
			assert.Equal(t, "s", found[i].Session)
			out = append(out, found[i].Type)
		}
		return out
	}
	assert.Empty(t, types(got[0]))
	assert.Equal(t, []finding.Type{finding.BudgetExceeded, finding.BudgetHalt}, types(got[1]))
	assert.Equal(t, types(got[1]), types(got[2]), "and answered alike")
	_, halted := gov.Halted(&ledger.Scopes{Session: "s"})
	assert.True(t, halted)
	assert.InDelta(t, 0.42, gov.Balances(&ledger.Scopes{Session: "s"})[0].Spent.In(ledger.USD), 1e-12)
}

// Two instrumentations of one call are one charge, and the second says so.
func TestSecondSpanOfAResponse(t *testing.T) {
	p, gov, sink := governed(t, cap1USD)
	id := func(a pcommon.Map) { a.PutStr("gen_ai.response.id", "resp-1") }
	require.NoError(t, p.ConsumeTraces(t.Context(), inSession(1, id)))
	again := inSession(2, id)
	again.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID(pcommon.TraceID{9})
	require.NoError(t, p.ConsumeTraces(t.Context(), again))
	got := batches(sink)
	require.Len(t, got, 2)
	assert.Equal(t, "duplicate", got[1].Attributes().AsRaw()[attr.CostStatus])
	assert.NotContains(t, got[1].Attributes().AsRaw(), attr.CostUSD)
	assert.InDelta(t, 0.21, gov.Balances(&ledger.Scopes{Session: "s"})[0].Spent.In(ledger.USD), 1e-12)
}

// An unpriced call has a bound, a finding once a day, and no cost.
func TestUnpricedIsBounded(t *testing.T) {
	p, gov, sink := governed(t, "version: 1\nbudgets:\n  - {id: cap, scope: session, limit_usd: 1000, unpriced: upper_bound}\n")
	for i := range byte(3) {
		td := inSession(i+1, nil)
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("gen_ai.request.model", "gpt-99-imaginary")
		require.NoError(t, p.ConsumeTraces(t.Context(), td))
	}
	told := 0
	for _, s := range batches(sink) {
		assert.NotContains(t, s.Attributes().AsRaw(), attr.CostUSD)
		bound, ok := s.Attributes().Get(attr.CostBoundUSD)
		require.True(t, ok)
		assert.Positive(t, bound.Double())
		found, _ := finding.FromSpan(s)
		for i := range found {
			assert.Equal(t, finding.CostUnpriced, found[i].Type)
			told++
		}
	}
	assert.Equal(t, 1, told)
	b := gov.Balances(&ledger.Scopes{Session: "s"})[0]
	assert.EqualValues(t, 3, b.UnpricedCalls)
	assert.Positive(t, b.Spent.Float(), "the budget counts what it can have cost")
}

// The span that names the agent comes last: what it drove is charged to it then.
func TestLateAgent(t *testing.T) {
	p, gov, _ := governed(t, "version: 1\nbudgets:\n  - {id: cap, scope: agent, limit_usd: 1000}\n")
	child := inSession(2, nil)
	child.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetParentSpanID(pcommon.SpanID{1})
	require.NoError(t, p.ConsumeTraces(t.Context(), child))
	assert.Zero(t, gov.Balances(&ledger.Scopes{Agent: "bot"})[0].Spent.Float())
	parent := inSession(1, func(a pcommon.Map) {
		a.PutStr("gen_ai.operation.name", "invoke_agent")
		a.PutStr("gen_ai.agent.name", "bot")
		a.Remove("gen_ai.usage.input_tokens")
		a.Remove("gen_ai.usage.output_tokens")
	})
	require.NoError(t, p.ConsumeTraces(t.Context(), parent))
	assert.InDelta(t, 0.21, gov.Balances(&ledger.Scopes{Agent: "bot"})[0].Spent.In(ledger.USD), 1e-12)
}

// What could not be charged does not go on: the sender keeps it.
func TestUnchargedBatchIsRefused(t *testing.T) {
	_, gov, _ := governed(t, cap1USD)
	p, sink := startWith(t, refusing{gov})
	require.ErrorIs(t, p.ConsumeTraces(t.Context(), inSession(1, nil)), errBroken)
	assert.Empty(t, batches(sink))
}

func TestGovernanceMustExist(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Governance = &governanceID
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorContains(t, p.Start(t.Context(), host{}), "governance")
	require.NoError(t, p.Shutdown(t.Context()))
}

// An attribution that is none of ours changes nothing and breaks nothing.
func TestForgedAttribution(t *testing.T) {
	p, _, sink := governed(t, cap1USD)
	for _, id := range []string{"", "xyz", "00", strings.Repeat("ab", 17), strings.Repeat("ab", 4000)} {
		td := inSession(1, func(a pcommon.Map) { a.PutStr(attr.ActionKind, "inference") })
		e := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Events().AppendEmpty()
		e.SetName(attr.AttributionEvent)
		e.Attributes().PutStr(attr.AttributionAction, id)
		e.Attributes().PutStr(attr.AgentID, "mallory")
		require.NoError(t, p.ConsumeTraces(t.Context(), td))
	}
	assert.Len(t, batches(sink), 5)
}
