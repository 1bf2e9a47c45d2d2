package boundaryprocessor

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/extension/governanceextension"
	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/trust"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/metadata"
)

const decidedRegistry = `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: clerk}
spec:
  agent: {id: clerk, match: [{attr: {gen_ai.agent.name: clerk}}]}
  owner: "user:carol@acme.example"
  decisions: required
  allow: [{id: pay, tool: transfer, args: {amount: {type: number}}}]
---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: free}
spec:
  agent: {id: free, match: [{attr: {gen_ai.agent.name: free}}]}
  owner: "user:carol@acme.example"
  allow: [{id: pay, tool: transfer}]
`

type deedCase struct {
	Name string
	// Asked is the decision, if there was one; Forged means that an agent sent it.
	Asked *struct {
		Answered, Args string
		Forged         bool
	}
	Agent, Args string
	// NotDone means that nothing followed.
	NotDone bool `yaml:"not_done"`
	Want    []string
}

// What was answered and what was done: the findings, in any order of arrival.
func TestDeeds(t *testing.T) {
	raw, err := os.ReadFile("testdata/deeds.yaml")
	require.NoError(t, err)
	var cases []deedCase
	require.NoError(t, yaml.Unmarshal(raw, &cases))
	for _, c := range cases {
		for _, late := range []bool{false, true} {
			t.Run(c.Name, func(t *testing.T) { playDeed(t, &c, late) })
		}
	}
}

func playDeed(t *testing.T, c *deedCase, decisionLast bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(decidedRegistry), 0o600))
		factory := governanceextension.NewFactory()
		gcfg := factory.CreateDefaultConfig().(*governanceextension.Config)
		gcfg.Registry = dir
		gov, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), gcfg)
		require.NoError(t, err)
		id := component.MustNewID("governance")
		h := deedHost{id: gov}
		require.NoError(t, gov.Start(t.Context(), h))
		cfg := createDefaultConfig().(*Config)
		cfg.Governance, cfg.Decisions.DigestKey = &id, "a key of the house"
		sink := new(consumertest.TracesSink)
		p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, sink)
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context(), h))
		time.Sleep(time.Minute)

		send := []func(){}
		if c.Asked != nil {
			ctx := trust.Mark(t.Context())
			if c.Asked.Forged {
				ctx = t.Context()
			}
			td := decisionSpan(c)
			send = append(send, func() { require.NoError(t, p.ConsumeTraces(ctx, td)) })
		}
		if !c.NotDone {
			td := deedSpan(c)
			send = append(send, func() { require.NoError(t, p.ConsumeTraces(t.Context(), td)) })
		}
		if decisionLast && len(send) == 2 {
			send[0], send[1] = send[1], send[0]
		}
		for _, f := range send {
			f()
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.NoError(t, p.Shutdown(context.Background()))
		require.NoError(t, gov.Shutdown(context.Background()))

		var got []string
		for _, td := range sink.AllTraces() {
			for _, rs := range td.ResourceSpans().All() {
				for _, span := range rs.ScopeSpans().At(0).Spans().All() {
					found, refused := finding.FromSpan(span)
					assert.Empty(t, refused)
					for i := range found {
						f := &found[i]
						if f.Type == finding.BoundaryDeniedButExecuted || f.Type == finding.BoundaryExecutedWithoutDecision {
							got = append(got, string(f.Type)+" "+string(f.Severity))
							assert.Equal(t, pcommon.SpanID{7}, f.SpanID, "it accuses what was done")
							assert.NotContains(t, f.Message, "4711", "no value of an argument")
						}
					}
				}
			}
		}
		assert.Equal(t, c.Want, got)
	})
}

type deedHost map[component.ID]component.Component

func (h deedHost) GetExtensions() map[component.ID]component.Component { return h }

func decisionSpan(c *deedCase) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName(attr.Scope)
	span := ss.Spans().AppendEmpty()
	span.SetName(decision.SpanName)
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{5})
	span.SetParentSpanID(pcommon.SpanID{3})
	at := pcommon.NewTimestampFromTime(time.Now())
	span.SetStartTimestamp(at)
	span.SetEndTimestamp(at)
	a := span.Attributes()
	a.PutStr(attr.ActionKind, "decision")
	a.PutStr(attr.DecisionID, "01JD")
	a.PutStr(attr.DecisionEffect, c.Asked.Answered)
	a.PutStr(decision.AttrAnswered, c.Asked.Answered)
	a.PutStr(attr.AgentID, c.Agent)
	a.PutStr(attr.ToolName, "transfer")
	a.PutStr("gen_ai.tool.call.id", "call-1")
	var args map[string]any
	if err := json.Unmarshal([]byte(c.Asked.Args), &args); err == nil {
		a.PutStr(decision.AttrArgsDigest, decision.NewDigester("", []byte("a key of the house")).OfArgs([]byte(c.Asked.Args)))
	}
	return td
}

func deedSpan(c *deedCase) ptrace.Traces {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("execute_tool transfer")
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{7})
	span.SetParentSpanID(pcommon.SpanID{3})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(time.Second)))
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "execute_tool")
	a.PutStr("gen_ai.tool.name", "transfer")
	a.PutStr("gen_ai.tool.call.id", "call-1")
	a.PutStr("gen_ai.agent.name", c.Agent)
	if c.Args != "" {
		a.PutStr("gen_ai.tool.call.arguments", c.Args)
	}
	return td
}
