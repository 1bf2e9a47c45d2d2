// Package spanwarden asks a decision receiver whether an agent may do something,
// over the OpenID AuthZEN Authorization API 1.0.
//
//	pdp := &spanwarden.Client{Base: "http://127.0.0.1:4320", Agent: "invoice-bot"}
//	d, err := pdp.May(ctx, spanwarden.Action{Tool: "mcp/bank/transfer", Arguments: map[string]any{"amount": 12}})
//	if err != nil || !d.Allowed { … do not do it … }
//
// An error is no permission: what cannot be asked is not allowed.
package spanwarden

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Client asks for one agent. It is safe for concurrent use.
type Client struct {
	Base  string // http://127.0.0.1:4320
	Agent string // how the registry's `match` knows the agent: subject "agent:<Agent>"
	Token string // sent as a bearer token; "" means none
	HTTP  *http.Client
}

// Action is what the agent is about to do.
type Action struct {
	// Tool is "mcp/<server>/<tool>" or the tool's plain name.
	Tool string
	// Operation is read, write, delete, execute, send, delegate, invoke_model or
	// admin; "" leaves it to the registry's catalog.
	Operation string
	// Resource is a URI; "" leaves it to the catalog.
	Resource  string
	Arguments map[string]any
	// PrincipalType and PrincipalID are on whose behalf; without an id the agent
	// acts for nobody that is known.
	PrincipalType, PrincipalID string
	// Session, CallID, DelegationID and ApprovalID are optional.
	Session, CallID, DelegationID, ApprovalID string
	// Traceparent puts the decision into a trace (W3C).
	Traceparent string
}

// Decision is the answer.
type Decision struct {
	Allowed bool
	// ID names the record: put it on the span of what is then done, as
	// spanwarden.decision.id.
	ID string
	// Effect is allow, deny, ask or halt; Reason a code; Rule what decided.
	Effect, Reason, Rule string
	// Terminate is what a halt obliges to end: an agent or a run.
	Terminate string
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// May asks.
func (c *Client) May(ctx context.Context, a Action) (Decision, error) {
	body, err := json.Marshal(c.question(&a))
	if err != nil {
		return Decision{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.Base, "/")+"/access/v1/evaluation", bytes.NewReader(body))
	if err != nil {
		return Decision{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	if a.Traceparent != "" {
		req.Header.Set("Traceparent", a.Traceparent)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return Decision{}, fmt.Errorf("asking for a decision: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Decision{}, fmt.Errorf("asking for a decision: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return Decision{}, fmt.Errorf("asking for a decision: %s: %s", resp.Status, bytes.TrimSpace(raw))
	}
	return parse(raw)
}

// question is the body of an evaluation.
func (c *Client) question(a *Action) map[string]any {
	subject := map[string]any{"type": "agent", "id": c.Agent}
	about := map[string]any{}
	if a.PrincipalID != "" {
		subject = map[string]any{"type": a.PrincipalType, "id": a.PrincipalID}
		about["agent"] = c.Agent
	}
	for name, value := range map[string]string{"session_id": a.Session, "tool_call_id": a.CallID, "delegation_id": a.DelegationID} {
		if value != "" {
			about[name] = value
		}
	}
	if a.ApprovalID != "" {
		about["approval"] = map[string]any{"id": a.ApprovalID}
	}
	properties := map[string]any{}
	if a.Operation != "" {
		properties["operation"] = a.Operation
	}
	if a.Arguments != nil {
		properties["arguments"] = a.Arguments
	}
	resource := map[string]any{"type": "tool", "id": a.Tool}
	if a.Resource != "" {
		resource["properties"] = map[string]any{"uri": a.Resource}
	}
	return map[string]any{
		"subject": subject, "action": map[string]any{"name": "tools/call", "properties": properties}, "resource": resource, "context": about,
	}
}

func parse(raw []byte) (Decision, error) {
	var in struct {
		Decision *bool `json:"decision"`
		Context  struct {
			ID          string `json:"evaluation_id"`
			Reason      string `json:"reason"`
			Obligations []struct {
				Type       string `json:"type"`
				Properties struct {
					Subject string `json:"subject"`
				} `json:"properties"`
			} `json:"obligations"`
			Spanwarden struct {
				Effect string `json:"effect"`
				Rule   string `json:"rule"`
			} `json:"spanwarden"`
		} `json:"context"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return Decision{}, fmt.Errorf("reading the decision: %w", err)
	}
	if in.Decision == nil {
		return Decision{}, fmt.Errorf("reading the decision: there is none in %.200q", raw)
	}
	out := Decision{Allowed: *in.Decision, ID: in.Context.ID, Effect: in.Context.Spanwarden.Effect, Reason: in.Context.Reason, Rule: in.Context.Spanwarden.Rule}
	for _, o := range in.Context.Obligations {
		if o.Type != "session_termination" {
			out.Allowed = false // an obligation nobody here can carry out
			continue
		}
		out.Terminate = o.Properties.Subject
	}
	return out, nil
}
