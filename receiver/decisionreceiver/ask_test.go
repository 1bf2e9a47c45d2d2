package decisionreceiver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/decision/authzen"
	"github.com/spanwarden/spanwarden/internal/decision/claudecode"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/operator"
	"github.com/spanwarden/spanwarden/internal/pricing"
	"github.com/spanwarden/spanwarden/internal/trust"
)

const bank = `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: teller}
spec:
  agent:
    id: teller
    match: [{subject: "agent:teller"}, {attr: {gen_ai.agent.name: teller-bot}}]
  owner: "user:carol@acme.example"
  mode: enforce
  deny:
    - {id: no-secrets, resources: ["**/secrets/**"]}
  ask:
    - {id: big-payment, tool: mcp/bank/transfer, args: {amount: {minimum: 1000}}, approvers: {any: ["group:finance"], not: [requester, principal]}, ttl: 15m}
  allow:
    - {id: small-payment, tool: mcp/bank/transfer, operations: [write], args: {amount: {type: number, exclusiveMaximum: 1000}}}
    - {id: balance, tool: mcp/bank/balance, operations: [read], rate: {max: 3, per: 1h}}
    - {id: pages, tool: http, operations: [read], resources: ["https://docs.example/**"]}
    - {id: files, tool: Read, operations: [read], resources: ["file:///work/**"]}
  models: {allow: ["anthropic/claude-*"]}
  delegation: {to: [helper], scope: [balance], max_depth: 2, max_ttl: 1h}
---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: helper}
spec:
  agent: {id: helper, match: [{subject: "agent:helper"}]}
  owner: "user:carol@acme.example"
  mode: enforce
  principals: {direct: false}
  allow:
    - {id: balance, tool: mcp/bank/balance, operations: [read]}
    - {id: small-payment, tool: mcp/bank/transfer, operations: [write], args: {amount: {type: number}}}
---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: pilot}
spec:
  agent: {id: pilot, match: [{subject: "agent:pilot"}]}
  owner: "user:carol@acme.example"
  mode: shadow
---
apiVersion: spanwarden/v1alpha1
kind: ToolCatalog
spec:
  tools:
    - {tool: mcp/bank/transfer, operation: write}
    - {tool: mcp/bank/balance, operation: read, data: [financial]}
    - {tool: Read, operation: read, resource: "{file_path}"}
`

func send(tb testing.TB, base, path, body string, header ...string) (*http.Response, []byte) {
	tb.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(context.Background(), method, base+path, strings.NewReader(body))
	require.NoError(tb, err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(tb, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	require.NoError(tb, resp.Body.Close())
	return resp, raw
}

func evaluate(tb testing.TB, base, body string, header ...string) authzen.Answer {
	tb.Helper()
	resp, raw := send(tb, base, "/access/v1/evaluation", body, header...)
	require.Equal(tb, http.StatusOK, resp.StatusCode, "%s", raw)
	var a authzen.Answer
	require.NoError(tb, json.Unmarshal(raw, &a))
	return a
}

func question(agent, tool, args string) string {
	return `{"subject":{"type":"user","id":"alice"},"action":{"name":"tools/call","properties":{"arguments":` + args + `}},"resource":{"type":"tool","id":"` + tool + `"},"context":{"agent":"` + agent + `","session_id":"s1"}}`
}

func spansOf(sink *consumertest.TracesSink) (out []ptrace.Span) {
	for _, td := range sink.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

func value(s ptrace.Span, name string) string {
	v, ok := s.Attributes().Get(name)
	if !ok {
		return ""
	}
	return v.AsString()
}

// A decision is a span in the asker's trace before the answer is there.
func TestDecisionIsASpan(t *testing.T) {
	sink := new(consumertest.TracesSink)
	marked := atomic.Bool{}
	next, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		marked.Store(trust.Marked(ctx))
		return sink.ConsumeTraces(ctx, td)
	})
	require.NoError(t, err)
	r := startWith(t, bank, next, open)
	base := "http://" + r.address
	a := evaluate(t, base, question("teller", "mcp/bank/transfer", `{"amount":10,"note":"secret"}`),
		"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	assert.False(t, a.Decision)
	assert.Equal(t, "arg_unlisted", a.Context.Reason)
	spans := spansOf(sink)
	require.Len(t, spans, 1, "the span is there when the answer is")
	assert.True(t, marked.Load())
	s := spans[0]
	assert.Equal(t, "spanwarden.decision", s.Name())
	assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", s.TraceID().String())
	assert.Equal(t, "b7ad6b7169203331", s.ParentSpanID().String())
	for name, want := range map[string]string{
		attr.ActionKind: "decision", attr.DecisionID: a.Context.EvaluationID, attr.DecisionEffect: "deny", attr.DecisionReason: "arg_unlisted",
		attr.DecisionRule: "small-payment", attr.AgentID: "teller", attr.PrincipalID: "alice", attr.ToolName: "mcp/bank/transfer",
		attr.ToolOperation: "write", attr.SessionID: "s1", attr.PolicyVersion: a.Context.Spanwarden.PolicyVersion,
	} {
		assert.Equal(t, want, value(s, name), name)
	}
	text := value(s, decision.AttrRecord)
	assert.NotContains(t, text, "secret", "no value of an argument is stored")
	var record map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &record))
	assert.Equal(t, text, string(decision.Canonical(nil, number(t, text))), "the record is canonical JSON")
	assert.Equal(t, "deny", record["answered"])
	stored, err := (&operator.Client{Base: base}).Decision(t.Context(), a.Context.EvaluationID)
	require.NoError(t, err)
	assert.Equal(t, text, string(stored))
}

// number reads JSON with exact numbers.
func number(t *testing.T, text string) any {
	t.Helper()
	m, err := decision.ParseObject([]byte(text))
	require.NoError(t, err)
	return m
}

// Records are chained: each holds the hash of the one before.
func TestChainOfRecords(t *testing.T) {
	sink := new(consumertest.TracesSink)
	base := "http://" + startWith(t, bank, sink, open).address
	for range 5 {
		evaluate(t, base, question("teller", "mcp/bank/balance", `{}`))
	}
	prev := any(nil)
	for i, s := range spansOf(sink) {
		text := value(s, decision.AttrRecord)
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &record))
		assert.EqualValues(t, i, record["seq"])
		assert.Equal(t, prev, record["prev"])
		prev = "sha256:" + sha256Hex(text)
		if i < 3 {
			assert.Equal(t, "allow", record["effect"])
		} else {
			assert.Equal(t, "rate_exceeded", record["reason"], "the rule allows three an hour")
		}
	}
}

// Where evidence is required and cannot be had, nothing is allowed; where it is
// not, the loss is counted. What was denied instead is told when that works again.
func TestEvidenceUnavailable(t *testing.T) {
	for _, mode := range []Evidence{EvidenceRequired, EvidenceBestEffort} {
		t.Run(string(mode), func(t *testing.T) {
			sink, broken := new(consumertest.TracesSink), atomic.Bool{}
			broken.Store(true)
			next, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
				if broken.CompareAndSwap(true, false) {
					return errors.New("the queue is full")
				}
				return sink.ConsumeTraces(ctx, td)
			})
			require.NoError(t, err)
			r := startWith(t, bank, next, func(c *Config) { open(c); c.Evidence = mode })
			a := evaluate(t, "http://"+r.address, question("teller", "mcp/bank/balance", `{}`))
			assert.Equal(t, mode == EvidenceBestEffort, a.Decision)
			require.NoError(t, r.Shutdown(context.Background()))
			assert.EqualValues(t, 1, r.evidence.losses.Load())
			spans := spansOf(sink)
			if mode == EvidenceBestEffort {
				assert.Empty(t, spans)
				return
			}
			assert.Equal(t, "evidence_unavailable", a.Context.Reason)
			require.Len(t, spans, 1)
			assert.Equal(t, a.Context.EvaluationID, value(spans[0], attr.DecisionID))
			assert.Contains(t, value(spans[0], decision.AttrRecord), `"replaces":"`)
		})
	}
}

// A pipeline that hangs does not make askers hang.
func TestEvidenceTimeout(t *testing.T) {
	release := make(chan struct{})
	next, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error { <-release; return nil })
	require.NoError(t, err)
	r := startWith(t, bank, next, func(c *Config) { open(c); c.EvidenceTimeout = time.Millisecond })
	a := evaluate(t, "http://"+r.address, question("teller", "mcp/bank/balance", `{}`))
	assert.False(t, a.Decision)
	assert.Equal(t, "evidence_unavailable", a.Context.Reason)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, r.evidence.stop(ctx), context.Canceled, "nor those who stop the collector")
	close(release)
}

// Decisions that wait at once are recorded in one call.
func TestGroupCommit(t *testing.T) {
	const askers = 64
	calls, spans, release := atomic.Int64{}, atomic.Int64{}, make(chan struct{})
	entered := make(chan struct{}, askers)
	next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		entered <- struct{}{}
		<-release
		calls.Add(1)
		spans.Add(int64(td.SpanCount()))
		return nil
	})
	require.NoError(t, err)
	r := startWith(t, bank, next, func(c *Config) { open(c); c.EvidenceTimeout = time.Minute })
	var all sync.WaitGroup
	ask := func() {
		a := evaluate(t, "http://"+r.address, question("teller", "mcp/bank/transfer", `{"amount":1}`))
		assert.True(t, a.Decision)
	}
	all.Go(ask)
	<-entered // the first call is held until all others wait behind it
	for range askers - 1 {
		all.Go(ask)
	}
	assert.Eventually(t, func() bool { return len(r.evidence.queue) == askers-1 }, 10*time.Second, time.Millisecond)
	close(release)
	all.Wait()
	assert.EqualValues(t, askers, spans.Load())
	assert.EqualValues(t, 2, calls.Load())
}

// A question is asked, a person says yes, and the same question, no other, is
// allowed.
func TestApproval(t *testing.T) {
	base := "http://" + startWith(t, bank, consumertest.NewNop(), open).address
	client := &operator.Client{Base: base}
	ask := func(args, approval string) authzen.Answer {
		q := question("teller", "mcp/bank/transfer", args)
		return evaluate(t, base, strings.Replace(q, `"session_id"`, `"approval":{"id":"`+approval+`"},"session_id"`, 1))
	}
	a := ask(`{"amount":5000}`, "")
	assert.False(t, a.Decision)
	assert.Equal(t, "ask", a.Context.Spanwarden.Effect)
	require.NotNil(t, a.Context.AccessRequest)
	_, err := client.Approve(t.Context(), a.Context.EvaluationID, &operator.Approve{By: "user:bob", Reason: "asked for"})
	require.ErrorContains(t, err, "403", "bob is not of the group")
	_, err = client.Approve(t.Context(), a.Context.EvaluationID, &operator.Approve{By: "user:alice", Groups: []string{"group:finance"}, Reason: "mine"})
	require.ErrorContains(t, err, "403", "nobody approves for themselves")
	_, err = client.Approve(t.Context(), "nothing", &operator.Approve{By: "user:bob", Groups: []string{"group:finance"}, Reason: "r"})
	require.ErrorContains(t, err, "404")
	_, err = client.Approve(t.Context(), a.Context.EvaluationID, &operator.Approve{By: "user:bob", Groups: []string{"group:finance"}})
	require.ErrorContains(t, err, "400", "and says why")
	got, err := client.Approve(t.Context(), a.Context.EvaluationID, &operator.Approve{By: "user:bob", Groups: []string{"group:finance"}, Reason: "checked"})
	require.NoError(t, err)
	assert.True(t, ask(`{"amount":5000}`, got.ID).Decision)
	other := ask(`{"amount":50000}`, got.ID)
	assert.False(t, other.Decision, "an approval covers its arguments")
	assert.Equal(t, "out_of_scope", other.Context.Approval.Reason)
	assert.Equal(t, "approval_unverifiable", ask(`{"amount":5000}`, "made-up").Context.Approval.Reason)
}

// A halt by a person holds in every mode, and says what to end.
func TestHaltAnswers(t *testing.T) {
	base := "http://" + startWith(t, bank, consumertest.NewNop(), open).address
	client := &operator.Client{Base: base}
	assert.True(t, evaluate(t, base, question("pilot", "anything", `{}`)).Decision, "shadow answers allow")
	for _, agent := range []string{"pilot", "teller"} {
		_, err := client.Halt(t.Context(), &operator.Order{Scope: "agent", Key: agent, By: "bob", Reason: "wrong mails"})
		require.NoError(t, err)
		a := evaluate(t, base, question(agent, "mcp/bank/balance", `{}`))
		assert.False(t, a.Decision)
		assert.Equal(t, "halted", a.Context.Reason)
		require.Len(t, a.Context.Obligations, 1)
		assert.Equal(t, agent, a.Context.Obligations[0].Properties["subject"])
	}
	resp, raw := send(t, base, "/v1/hooks/claude-code", `{"hook_event_name":"PreToolUse","session_id":"s","tool_name":"Read","tool_input":{},"agent_id":"1","agent_type":"teller"}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, string(raw), `"continue":false`)
}

// Delegations: registered, used, revoked.
func TestDelegations(t *testing.T) {
	sink := new(consumertest.TracesSink)
	base := "http://" + startWith(t, bank, sink, func(c *Config) { open(c); c.Digest.Key = "k" }).address
	client := &operator.Client{Base: base}
	refused := func(want string, d operator.Delegate) {
		t.Helper()
		_, err := client.Delegate(t.Context(), &d)
		require.ErrorContains(t, err, want)
	}
	refused("delegation_not_allowed", operator.Delegate{Delegator: "teller", Delegatee: "stranger", Scope: []string{"balance"}})
	refused("delegation_not_allowed", operator.Delegate{Delegator: "nobody", Delegatee: "helper", Scope: []string{"balance"}})
	refused("over_grant", operator.Delegate{Delegator: "teller", Delegatee: "helper", Scope: []string{"small-payment"}})
	refused("over_grant", operator.Delegate{Delegator: "teller", Delegatee: "helper", Scope: []string{"balance"}, TTL: "2h"})
	refused("400", operator.Delegate{Delegator: "teller", Delegatee: "helper"})
	three := 3
	refused("depth_exceeded", operator.Delegate{Delegator: "teller", Delegatee: "helper", Scope: []string{"balance"}, MaxDepth: &three})

	ask := func(tool, args, id string) authzen.Answer {
		return evaluate(t, base, strings.Replace(question("helper", tool, args), `"session_id"`, `"delegation_id":"`+id+`","session_id"`, 1))
	}
	assert.Equal(t, "delegation_not_allowed", evaluate(t, base, question("helper", "mcp/bank/balance", `{}`)).Context.Reason, "helper acts only for others")
	d, err := client.Delegate(t.Context(), &operator.Delegate{Delegator: "teller", Delegatee: "helper", Scope: []string{"balance"}, TTL: "10m"})
	require.NoError(t, err)
	assert.Equal(t, "spanwarden.delegation.id="+d.ID+",spanwarden.chain.id="+d.ChainID, d.Headers["baggage"])
	assert.Len(t, strings.Split(d.Token, "."), 3)
	assert.True(t, ask("mcp/bank/balance", `{}`, d.ID).Decision)
	assert.Equal(t, "scope_escalation", ask("mcp/bank/transfer", `{"amount":1}`, d.ID).Context.Reason)
	assert.Equal(t, "delegation_not_allowed", ask("mcp/bank/balance", `{}`, "made-up").Context.Reason)
	g, err := client.Revoke(t.Context(), d.ID, "user:carol", "done")
	require.NoError(t, err)
	assert.NotNil(t, g.RevokedAt)
	assert.Equal(t, "expired_authority", ask("mcp/bank/balance", `{}`, d.ID).Context.Reason)
	chain, err := client.Chain(t.Context(), d.ChainID)
	require.NoError(t, err)
	require.Len(t, chain.Grants, 1)
	told := 0
	for _, s := range spansOf(sink) {
		if s.Name() == grantSpan {
			told++
			assert.Equal(t, d.ID, value(s, attr.DelegationID))
		}
	}
	assert.Equal(t, 2, told, "the grant and its end")
}

// A hook of Claude Code, its effect, and the same again: equal spans.
func TestClaudeCodeHooks(t *testing.T) {
	sink := new(consumertest.TracesSink)
	r := startWith(t, bank, sink, func(c *Config) { open(c); c.ClaudeCode.Agent = "teller-bot" })
	base := "http://" + r.address
	hook := func(event, extra string) string {
		resp, raw := send(t, base, "/v1/hooks/claude-code", `{"hook_event_name":"`+event+`","session_id":"s9","cwd":"/work"`+extra+`}`)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		return strings.TrimSpace(string(raw))
	}
	allowed := `,"tool_name":"Read","tool_input":{"file_path":"/work/a.go"},"tool_use_id":"toolu_1"`
	assert.JSONEq(t, `{}`, hook("PreToolUse", allowed), "allow is no opinion")
	denied := hook("PreToolUse", `,"tool_name":"Read","tool_input":{"file_path":"/etc/secrets/key"},"tool_use_id":"toolu_2"`)
	assert.Contains(t, denied, `"permissionDecision":"deny"`)
	assert.NotContains(t, denied, "/etc", "what reaches a model holds no argument")
	assert.Contains(t, hook("PreToolUse", `,"tool_name":"mcp__bank__transfer","tool_input":{"amount":5000}`), `"permissionDecision":"ask"`)
	for range 2 {
		assert.JSONEq(t, `{}`, hook("PostToolUse", allowed+`,"tool_response":{"text":"hunter2"}`))
	}
	hook("UserPromptSubmit", `,"prompt":"hunter2"`)
	hook("SubagentStart", `,"agent_id":"a1","agent_type":"Explore"`)
	hook("SubagentStop", `,"agent_id":"a1","agent_type":"Explore"`)
	require.NoError(t, r.Shutdown(context.Background()))
	byName := map[string][]ptrace.Span{}
	for _, s := range spansOf(sink) {
		byName[s.Name()] = append(byName[s.Name()], s)
		assert.NotContains(t, attributesText(s), "hunter2")
	}
	done := byName["execute_tool Read"]
	require.Len(t, done, 2)
	assert.Equal(t, done[0].SpanID(), done[1].SpanID())
	trace := claudecode.TraceID("s9")
	assert.EqualValues(t, trace, done[0].TraceID())
	first := byName["spanwarden.decision"][0]
	assert.EqualValues(t, trace, first.TraceID())
	assert.Equal(t, value(first, attr.DecisionID), value(done[0], attr.DecisionID), "the effect names its decision")
	assert.Equal(t, value(first, decision.AttrArgsDigest), value(done[0], decision.AttrArgsDigest))
	assert.Equal(t, first.ParentSpanID(), done[0].ParentSpanID())
	require.Len(t, byName["invoke_agent Explore"], 1)
	require.Len(t, byName["claude_code.hook"], 1)
}

// A decision says which classes of data it was about: those of the request, else
// those of the tool in the catalog.
func TestClassesOfADecision(t *testing.T) {
	sink := new(consumertest.TracesSink)
	r := startWith(t, bank, sink, open)
	evaluate(t, "http://"+r.address, question("teller", "mcp/bank/balance", `{}`))
	evaluate(t, "http://"+r.address, strings.Replace(question("teller", "mcp/bank/balance", `{}`), `"id":"mcp/bank/balance"`, `"id":"mcp/bank/balance","properties":{"data":["pii","health"]}`, 1))
	evaluate(t, "http://"+r.address, question("teller", "mcp/bank/transfer", `{}`))
	require.NoError(t, r.Shutdown(context.Background()))
	spans := spansOf(sink)
	got := make([]string, 0, len(spans))
	for _, s := range spans {
		got = append(got, value(s, "spanwarden.data.classes"))
	}
	assert.ElementsMatch(t, []string{`["financial"]`, `["pii","health"]`, ""}, got)
}

func attributesText(s ptrace.Span) string {
	raw, _ := json.Marshal(s.Attributes().AsRaw())
	return string(raw)
}

// Gateways.
func TestGateways(t *testing.T) {
	base := "http://" + startWith(t, bank, consumertest.NewNop(), func(c *Config) {
		open(c)
		c.ExtAuthz.Servers = map[string]string{"mcp.bank.example": "bank"}
	}).address
	for name, c := range map[string]struct {
		path, body string
		header     []string
		code       int
		contains   string
	}{
		"a page":                       {path: "/ext-authz/a/b", header: []string{"Host", "docs.example"}, code: 200},
		"another page":                 {path: "/ext-authz/a/b", header: []string{"Host", "evil.example"}, code: 403, contains: "resource_not_allowed"},
		"a tool by its headers":        {path: "/ext-authz/mcp", body: "{", header: []string{"Host", "mcp.bank.example", "Mcp-Method", "tools/call", "Mcp-Name", "balance", "X-Envoy-Auth-Partial-Body", "true"}, code: 200},
		"a tool whose body is cut off": {path: "/ext-authz/mcp", body: "{", header: []string{"Host", "mcp.bank.example", "Mcp-Method", "tools/call", "Mcp-Name", "transfer", "X-Envoy-Auth-Partial-Body", "true"}, code: 403, contains: "approval_required"},
		"a tool with its body":         {path: "/ext-authz/mcp", body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"transfer","arguments":{"amount":3}}}`, header: []string{"Host", "mcp.bank.example", "Mcp-Method", "tools/call", "Mcp-Name", "transfer"}, code: 200},
		"too much money":               {path: "/ext-authz/mcp", body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"transfer","arguments":{"amount":3000}}}`, header: []string{"Host", "mcp.bank.example"}, code: 403, contains: "approval_required"},
		"header and body differ":       {path: "/ext-authz/mcp", body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"transfer","arguments":{"amount":3}}}`, header: []string{"Host", "mcp.bank.example", "Mcp-Method", "tools/call", "Mcp-Name", "balance"}, code: 403, contains: "not_evaluable"},
		"a wrapped name is unwrapped":  {path: "/ext-authz/mcp", body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"transfer","arguments":{"amount":3}}}`, header: []string{"Host", "mcp.bank.example", "Mcp-Method", "tools/call", "Mcp-Name", "=?base64?dHJhbnNmZXI=?="}, code: 200},
		"a model":                      {path: "/beta/litellm_basic_guardrail_api", body: `{"input_type":"request","texts":[],"request_data":{"user_api_key_alias":"teller"},"model":"anthropic/claude-x"}`, code: 200, contains: `"NONE"`},
		"another model":                {path: "/beta/litellm_basic_guardrail_api", body: `{"input_type":"request","texts":[],"request_data":{"user_api_key_alias":"teller"},"model":"openai/x"}`, code: 200, contains: "model_not_allowed"},
		"a tool that is never allowed": {path: "/beta/litellm_basic_guardrail_api", body: `{"input_type":"request","tools":[{"type":"function","function":{"name":"rm"}}],"request_data":{"user_api_key_alias":"teller"},"model":"anthropic/claude-x"}`, code: 200, contains: "tool_not_allowed"},
		"a tool that may be":           {path: "/beta/litellm_basic_guardrail_api", body: `{"input_type":"request","tools":[{"type":"function","function":{"name":"mcp/bank/transfer"}}],"request_data":{"user_api_key_alias":"teller"},"model":"anthropic/claude-x"}`, code: 200, contains: `"NONE"`},
		"a tool the model asks for":    {path: "/beta/litellm_basic_guardrail_api", body: `{"input_type":"response","tool_calls":[{"id":"c","type":"function","function":{"name":"mcp/bank/transfer","arguments":"{\"amount\": 2000}"}}],"request_data":{"user_api_key_alias":"teller"}}`, code: 200, contains: "BLOCKED"},
		"an agent that nobody knows":   {path: "/beta/litellm_basic_guardrail_api", body: `{"input_type":"request","request_data":{}}`, code: 200, contains: "unregistered_agent"},
		"neither request nor response": {path: "/beta/litellm_basic_guardrail_api", body: `{"request_data":{}}`, code: 400},
	} {
		t.Run(name, func(t *testing.T) {
			method := http.MethodPost
			if c.body == "" {
				method = http.MethodGet
			}
			req, err := http.NewRequestWithContext(t.Context(), method, base+c.path, strings.NewReader(c.body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-Spanwarden-Agent", "teller")
			for i := 0; i+1 < len(c.header); i += 2 {
				req.Header.Set(c.header[i], c.header[i+1])
				if c.header[i] == "Host" {
					req.Host = c.header[i+1]
				}
			}
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			raw, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, c.code, resp.StatusCode, "%s", raw)
			assert.Contains(t, string(raw), c.contains)
		})
	}
}

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// However many ask at once, the calls of a budget are given once each.
func TestConcurrentBudget(t *testing.T) {
	const limit, askers = 10, 64
	r := startWith(t, `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: teller}
spec:
  agent: {id: teller, match: [{subject: "agent:teller"}]}
  owner: "user:carol@acme.example"
  mode: enforce
  allow: [{id: look, tool: look}]
  budgets: [{kind: tool_calls, limit: 10, per: day, on_exceed: deny}]
`, consumertest.NewNop(), open)
	allowed := atomic.Int64{}
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			a := evaluate(t, "http://"+r.address, question("teller", "look", `{}`))
			if a.Decision {
				allowed.Add(1)
			} else {
				assert.Equal(t, "budget_exceeded", a.Context.Reason)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, limit, allowed.Load())
}

// What the matcher reads of a decision's span is what was decided.
func TestKnownOf(t *testing.T) {
	sink := new(consumertest.TracesSink)
	base := "http://" + startWith(t, bank, sink, func(c *Config) { open(c); c.Digest.Key = "k" }).address
	send(t, base, "/v1/hooks/claude-code", `{"hook_event_name":"PreToolUse","session_id":"s9","tool_name":"mcp__bank__transfer","tool_input":{"amount":5e3},"tool_use_id":"u1","agent_id":"a","agent_type":"teller"}`)
	s := spansOf(sink)[0]
	k, ok := decision.KnownOf(func(name string) string { return value(s, name) }, s.TraceID(), s.ParentSpanID(), s.StartTimestamp().AsTime())
	require.True(t, ok)
	assert.Equal(t, decision.Known{
		ID: value(s, attr.DecisionID), CallID: "u1", Trace: claudecode.TraceID("s9"), Parent: claudecode.SpanID("s9", "a"), Agent: "teller",
		Tool: "mcp/bank/transfer", ArgsDigest: decision.NewDigester("", []byte("k")).OfArgs([]byte(`{"amount": 5000.0}`)),
		Answered: decision.Ask, At: s.StartTimestamp().AsTime(), AskedUser: true,
	}, k)
}

// The seed's financial scenario: what was charged passes the budget, and the next
// question is refused, by whatever way it is asked.
func TestBudgetHalt(t *testing.T) {
	r := startWith(t, `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: teller}
spec:
  agent: {id: teller, match: [{subject: "agent:teller"}]}
  owner: "user:carol@acme.example"
  mode: enforce
  allow: [{id: look, tool: look}]
  budgets: [{kind: cost_usd, limit: 5, per: session, on_exceed: halt}]
`, consumertest.NewNop(), open)
	base := "http://" + r.address
	assert.True(t, evaluate(t, base, question("teller", "look", `{}`)).Decision)
	now := time.Now()
	_, err := r.gov.Charge(t.Context(), []governance.Charge{{Charge: ledger.Charge{
		Action: ledger.ID{1}, Scopes: ledger.Scopes{Agent: "teller", Session: "s1"}, Start: now.Add(-time.Second), End: now,
		Kind: ledger.ModelCall, Cost: pricing.KnownAmount(6_000_000_000_000),
	}}}, nil)
	require.NoError(t, err)
	a := evaluate(t, base, question("teller", "look", `{}`))
	assert.False(t, a.Decision)
	assert.Equal(t, "halted", a.Context.Reason)
	require.Len(t, a.Context.Obligations, 1)
	_, raw := send(t, base, "/v1/hooks/claude-code", `{"hook_event_name":"PreToolUse","session_id":"s1","tool_name":"look","tool_input":{},"agent_id":"1","agent_type":"teller"}`)
	assert.Contains(t, string(raw), `"continue":false`)
	assert.True(t, evaluate(t, base, strings.ReplaceAll(question("teller", "look", `{}`), `"s1"`, `"s2"`)).Decision, "another session has its own")
}
