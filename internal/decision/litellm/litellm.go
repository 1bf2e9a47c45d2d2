// Package litellm reads and answers LiteLLM's generic guardrail API. It is pure.
package litellm

import (
	"errors"
	"fmt"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// maxTools bounds how many tools of one call are looked at; a call with more is
// refused.
const maxTools = 512

// Call is one guardrail request.
type Call struct {
	// Response says that a model has answered; else one is about to be asked.
	Response bool
	Model    string
	data     map[string]any
	offered  []string
	calls    []toolCall
	callID   string
}

type toolCall struct {
	id, name string
	args     any
}

var errTools = fmt.Errorf("more than %d tools", maxTools)

// Parse reads a body. Texts and images are not looked at.
func Parse(raw []byte) (*Call, error) {
	m, err := decision.ParseObject(raw)
	if err != nil {
		return nil, err
	}
	c := &Call{}
	c.data, _ = m["request_data"].(map[string]any)
	c.callID, _ = m["litellm_call_id"].(string)
	switch m["input_type"] {
	case "request":
	case "response":
		c.Response = true
	default:
		return nil, errors.New("input_type: want request or response")
	}
	extra, _ := m["additional_provider_specific_params"].(map[string]any)
	for _, from := range []map[string]any{m, c.data, extra} {
		if model, ok := from["model"].(string); ok && c.Model == "" {
			c.Model = model
		}
	}
	tools, _ := m["tools"].([]any)
	calls, _ := m["tool_calls"].([]any)
	if len(tools)+len(calls) > maxTools {
		return nil, errTools
	}
	for i, t := range tools {
		name, _ := function(t)
		if name == "" {
			if kind, _ := member(t, "type").(string); kind != "" && kind != "function" {
				name = kind // a tool the provider runs
			} else {
				return nil, fmt.Errorf("tools[%d]: has no name", i)
			}
		}
		c.offered = append(c.offered, name)
	}
	for i, t := range calls {
		name, args := function(t)
		if name == "" {
			return nil, fmt.Errorf("tool_calls[%d]: has no name", i)
		}
		id, _ := member(t, "id").(string)
		c.calls = append(c.calls, toolCall{id, name, args})
	}
	return c, nil
}

func member(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

func function(v any) (name string, args any) {
	f := member(v, "function")
	if f == nil {
		f = v
	}
	name, _ = member(f, "name").(string)
	return name, member(f, "arguments")
}

// Options say what a call does not.
type Options struct {
	Tenant string
	// AgentFrom is the member of request_data that names the agent.
	AgentFrom string
}

// Questions are what the call asks: the model call, then each tool call that a
// model asked for.
func (c *Call) Questions(o Options) []*decision.Question {
	var out []*decision.Question
	if !c.Response {
		q := c.question(o)
		q.Request.Operation, q.Request.Model, q.Request.Args = policy.OpInvokeModel, c.Model, policy.NoArgs()
		q.CallID = c.callID
		out = append(out, q)
	}
	for _, t := range c.calls {
		q := c.question(o)
		q.Request.Tool, q.CallID = t.name, t.id
		q.SetArgs(t.args)
		out = append(out, q)
	}
	return out
}

// Offered are questions about the tools a model is offered. No arguments are
// known yet: only a tool that is never allowed is to be refused.
func (c *Call) Offered(o Options) []*decision.Question {
	out := make([]*decision.Question, 0, len(c.offered))
	for _, name := range c.offered {
		q := c.question(o)
		q.Request.Tool, q.Request.Args, q.ArgsUnknown = name, policy.UnknownArgs(), true
		q.Offer = true
		out = append(out, q)
	}
	return out
}

// Never reports whether a tool is refused whatever its arguments would be.
func Never(r *decision.Record) bool {
	o := &r.Outcome
	return o.Answered != decision.Allow && (o.Reason == policy.ReasonToolNotAllowed || o.Reason == policy.ReasonDeniedByRule && o.Policy.Denied == policy.True ||
		o.Reason == policy.ReasonUnregisteredAgent)
}

func (c *Call) question(o Options) *decision.Question {
	name := c.text(o.AgentFrom)
	q := &decision.Question{
		Adapter: "litellm", Declared: name,
		Scopes: ledger.Scopes{Tenant: o.Tenant, Project: c.text("user_api_key_team_id")},
	}
	if name != "" {
		q.Actor = policy.Identity{Subject: "agent:" + name, Attr: func(key string) (string, bool) {
			return name, key == "gen_ai.agent.id" || key == "gen_ai.agent.name"
		}}
	}
	r := &q.Request
	r.Source = policy.FromRequest
	for _, from := range []string{"user_api_key_end_user_id", "user_api_key_user_id"} {
		if id := c.text(from); id != "" {
			r.Principal = policy.Principal{Type: "user", ID: id, Grade: policy.GradePlatform}
			q.PrincipalVia, q.Scopes.Principal = "litellm:"+from, id
			break
		}
	}
	return q
}

func (c *Call) text(name string) string {
	s, _ := c.data[name].(string)
	return s
}

// Answer is what LiteLLM is told.
type Answer struct {
	Action string `json:"action"`
	Reason string `json:"blocked_reason,omitempty"`
}

// None lets the call pass, Blocked does not.
func None() Answer { return Answer{Action: "NONE"} }

// Blocked refuses with a reason.
func Blocked(reason string) Answer { return Answer{Action: "BLOCKED", Reason: reason} }
