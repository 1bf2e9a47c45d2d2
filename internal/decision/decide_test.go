package decision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

func registry(tb testing.TB) *policy.Registry {
	tb.Helper()
	var text strings.Builder
	for _, mode := range []string{"shadow", "warn", "enforce"} {
		fmt.Fprintf(&text, `---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: %[1]s}
spec:
  agent: {id: %[1]s, match: [{subject: "agent:%[1]s"}]}
  owner: "user:carol@acme.example"
  mode: %[1]s
  deny: [{id: never, tool: burn}]
  ask: [{id: careful, tool: sell, ttl: 5m, approvers: {not: [requester, principal]}}]
  allow: [{id: look, tool: look}, {id: sell, tool: sell}, {id: burn, tool: burn}, {id: often, tool: often, rate: {max: 2, per: 1h}}]
  delegation: {to: [warn, shadow, enforce], scope: [look, sell], max_depth: 3, max_ttl: 1h}
`, mode)
	}
	r, err := policy.Load([]policy.File{{Name: "agents.yaml", Data: []byte(text.String())}})
	require.NoError(tb, err)
	return r
}

func halts() map[string]*ledger.Halt {
	return map[string]*ledger.Halt{
		"":             nil,
		"budget deny":  {Budget: "b", Rule: "limit", Effect: ledger.EffectDeny},
		"budget halt":  {Budget: "b", Rule: "limit", Effect: ledger.EffectHalt},
		"finding halt": {Rule: "delegation.scope_escalation", Effect: ledger.EffectHalt},
		"person deny":  {Rule: ledger.RulePerson, By: "bob", Effect: ledger.EffectDeny},
		"person halt":  {Rule: ledger.RulePerson, By: "bob", Effect: ledger.EffectHalt},
	}
}

func balance(mode ledger.Mode, effect ledger.Effect, spent uint64) ledger.Balance {
	return ledger.Balance{
		Budget: &ledger.Budget{ID: "cap", Unit: ledger.USD, Mode: mode, OnExceed: effect}, Spent: ledger.SumOf(spent), Limit: ledger.SumOf(100),
	}
}

// Every combination of what can be in force, against the order of precedence
// written as a list: the first cause that is there decides.
func TestPrecedence(t *testing.T) {
	reg := registry(t)
	budgets := map[string]ledger.Balance{
		"below": balance(ledger.Enforce, ledger.EffectDeny, 99), "reached": balance(ledger.Enforce, ledger.EffectDeny, 100),
		"warned": balance(ledger.Enforce, ledger.EffectWarn, 100), "only told": balance(ledger.Warn, ledger.EffectDeny, 100),
	}
	for _, agent := range []string{"shadow", "warn", "enforce", "nobody"} {
		for haltName, h := range halts() {
			for budgetName, b := range budgets {
				for _, tool := range []string{"look", "sell", "burn", "other"} {
					f := &Facts{
						Agent: reg.Agent(agent), Request: &policy.Request{Source: policy.FromRequest, Tool: tool, Args: policy.NoArgs(), Time: t0},
						Halt: h, Balances: []ledger.Balance{b},
					}
					person := h != nil && h.Rule == ledger.RulePerson
					if person {
						f.Order = h
					}
					got := Decide(f)
					type cause struct {
						holds  bool
						effect Effect
						reason policy.Reason
					}
					var want cause
					for _, c := range []cause{
						{h != nil && h.Effect == ledger.EffectHalt, Halt, ReasonHalted},
						{person, Deny, ReasonHalted},
						{agent == "nobody", Deny, policy.ReasonUnregisteredAgent},
						{tool == "burn", Deny, policy.ReasonDeniedByRule},
						{haltName == "budget deny" || budgetName == "reached", Deny, ReasonBudgetExceeded},
						{tool == "sell", Ask, policy.ReasonApprovalRequired},
						{tool == "look", Allow, ""},
						{true, Deny, policy.ReasonToolNotAllowed},
					} {
						if c.holds {
							want = c
							break
						}
					}
					name := fmt.Sprint(agent, "/", haltName, "/", budgetName, "/", tool)
					assert.Equal(t, want.effect, got.Effect, name)
					assert.Equal(t, want.reason, got.Reason, name)
					answered := want.effect
					if (agent == "shadow" || agent == "warn") && !person {
						answered = Allow
					}
					assert.Equal(t, answered, got.Answered, name)
					assert.Equal(t, agent == "warn" && want.effect != Allow && answered == Allow, got.Warning, name)
					sure := got.WithoutEvidence()
					assert.NotEqual(t, Allow, sure.Answered, name)
				}
			}
		}
	}
}

// A person's denial is not hidden by a rule's halt that the mode leaves
// unanswered.
func TestOrderBehindHalt(t *testing.T) {
	h := halts()
	got := Decide(&Facts{
		Agent: registry(t).Agent("shadow"), Request: &policy.Request{Source: policy.FromRequest, Tool: "look", Time: t0},
		Halt: h["budget halt"], Order: h["person deny"],
	})
	assert.Equal(t, Deny, got.Answered)
}

func TestCovers(t *testing.T) {
	s := &ledger.Scopes{Tenant: "t", Project: "p", Agent: "a", Ancestors: []string{"boss"}, Session: "s", Principal: "u", Root: "r", Run: "run"}
	l := ledger.New(nil, ledger.Options{})
	for i, o := range []ledger.Order{
		{Scope: ledger.Tenant, Tenant: "t"},
		{Scope: ledger.Project, Tenant: "t", Key: "p"},
		{Scope: ledger.Agent, Tenant: "t", Key: "a"},
		{Scope: ledger.Agent, Tenant: "t", Key: "boss"},
		{Scope: ledger.Session, Tenant: "t", Key: "s"},
		{Scope: ledger.Principal, Tenant: "t", Key: "u"},
		{Scope: ledger.DelegationRoot, Tenant: "t", Key: "r"},
		{Scope: ledger.Agent, Tenant: "t", Key: "a", Run: "run"},
		{Scope: ledger.Agent, Tenant: "t", Key: "a", Run: "other"},
		{Scope: ledger.Agent, Tenant: "x", Key: "a"},
		{Scope: ledger.Session, Tenant: "t", Key: "x"},
	} {
		o.By, o.Reason = "bob", "why"
		h, _, err := l.Halt(o, t0)
		require.NoError(t, err, i)
		_, want := l.Halted(s)
		assert.Equal(t, want, Covers(&h, s), "%d: %+v: as the ledger judges", i, o)
		_, err = l.Release(h, "bob", "done", t0)
		require.NoError(t, err)
	}
}

func TestID(t *testing.T) {
	var last string
	for i := range 100 {
		id := NewID(t0.Add(time.Duration(i)*time.Millisecond), [10]byte{byte(255 - i)})
		text := id.String()
		require.Len(t, text, 26)
		require.Greater(t, text, last, "ids sort as their times do")
		last = text
	}
	assert.Equal(t, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", ID{
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	}.String())
	assert.Equal(t, "01ARZ3NDEKTSV4RRFFQ69G5FAV", ID{
		0x01, 0x56, 0x3e, 0x3a, 0xb5, 0xd3, 0xd6, 0x76, 0x4c, 0x61, 0xef, 0xb9, 0x93, 0x02, 0xbd, 0x5b,
	}.String(), "the example of the ULID specification")
}

// Whatever a record holds, it is canonical JSON, and the chain shows what is
// missing or changed.
func TestSealIsCanonical(t *testing.T) {
	reg := registry(t)
	r := rand.New(rand.NewPCG(1, 2))
	some := func(text string) string {
		if r.IntN(2) == 0 {
			return ""
		}
		return text
	}
	c, prev := NewChain("here"), any(nil)
	for i := range 300 {
		q := &Question{
			CallID: some("call"), Declared: some("ünïcode"), Instance: some("i"), PrincipalVia: some("oauth:sub"),
			Request: policy.Request{
				Source: policy.FromRequest, Tool: []string{"look", "sell", "burn", "other"}[r.IntN(4)], Args: policy.NoArgs(), Time: t0, Model: some("a/b"),
				Resource: some("file:///" + strings.Repeat("é", r.IntN(3000))), Principal: policy.Principal{Type: "user", ID: some("alice\n"), Grade: "declared"},
			},
		}
		f := &Facts{Agent: reg.Agent("enforce"), Request: &q.Request, Balances: []ledger.Balance{balance(ledger.Enforce, ledger.EffectDeny, uint64(r.IntN(150)))}}
		if r.IntN(3) == 0 {
			f.Halt = halts()["person halt"]
			f.Order = f.Halt
		}
		rec := &Record{
			ID: NewID(t0, [10]byte{byte(i)}), At: t0, Question: q, Outcome: Decide(f), Agent: "enforce", AgentBy: some("subject"), Balances: f.Balances,
			InputDigest: "hmac-sha256:x", ArgsDigest: some("hmac-sha256:y"), Approval: some("1"), PolicyVersion: some("sha256:z"),
		}
		if r.IntN(2) == 0 {
			rec.Batch, rec.Replaces = rec.ID, rec.ID
			rec.Chain = ChainFacts{ID: "c", Delegations: []string{"d"}, Depth: 1}
			rec.Obligations = []string{"session_termination"}
		}
		raw := c.Seal(rec)
		m, err := ParseObject(raw)
		require.NoError(t, err, "%s", raw)
		require.Equal(t, string(raw), string(Canonical(nil, m)))
		require.Equal(t, prev, m["prev"])
		require.Equal(t, json.Number(strconv.Itoa(i)), m["seq"])
		sum := sha256.Sum256(raw)
		prev = "sha256:" + hex.EncodeToString(sum[:])
	}
}

// What a connection proved goes before what is said, and a gateway's token says
// nothing about those it asks for.
func TestBind(t *testing.T) {
	reg, err := policy.Load([]policy.File{{Name: "a.yaml", Data: []byte(`
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: sure}
spec: {agent: {id: sure, match: [{oauth_client_id: client}]}, owner: "user:c@example.com"}
---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: said}
spec: {agent: {id: said, match: [{subject: "agent:said"}]}, owner: "user:c@example.com"}
`)}})
	require.NoError(t, err)
	ask := func(client, actor string) (*Question, policy.Binding) {
		q := &Question{
			Declared: actor, Actor: policy.Identity{Subject: "agent:" + actor}, Verified: policy.Identity{OAuthClientID: client},
			VerifiedPrincipal: policy.Principal{Type: "user", ID: "token", Grade: policy.GradeVerified},
		}
		q.Request.Principal = policy.Principal{Type: "user", ID: "alice", Grade: policy.GradeDeclared}
		return q, q.Bind(reg)
	}
	q, b := ask("client", "said")
	assert.Equal(t, "sure", b.Agent.ID())
	assert.Equal(t, policy.GradeVerified, b.Grade)
	assert.Equal(t, "user:token", q.Request.Principal.String())
	assert.Contains(t, q.Scopes.Ancestors, "said", "a halt of the name that spans use holds too")
	q, b = ask("gateway", "said")
	assert.Equal(t, "said", b.Agent.ID())
	assert.Equal(t, policy.GradeDeclared, b.Grade)
	assert.Equal(t, "user:alice", q.Request.Principal.String())
	q, b = ask("gateway", "sure")
	assert.Nil(t, b.Agent, "who is not verified does not reach an entry that asks for it")
	assert.Equal(t, "sure", q.Scopes.Agent, "the name is kept for the record")
}

// What another collector owns is allowed here in no mode, and a halt that is known
// stays a halt.
func TestMisdirected(t *testing.T) {
	r := registry(t)
	for _, mode := range []string{"shadow", "warn", "enforce"} {
		for name, h := range halts() {
			f := &Facts{Agent: r.Agent(mode), Request: &policy.Request{Tool: "look"}, Halt: h}
			if h != nil && h.Rule == ledger.RulePerson {
				f.Order = h
			}
			here := Decide(f)
			f.Owner = "b:4317"
			there := Decide(f)
			if here.Answered == Halt {
				assert.Equal(t, here, there, name)
				continue
			}
			assert.Equal(t, Deny, there.Answered, "%s, %s", mode, name)
			assert.Equal(t, ReasonMisdirected, there.Reason)
			assert.Equal(t, "b:4317", there.Owner)
		}
	}
}
