package extauthz

import (
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// The protocol buffers of agentgateway.dev.ext_mcp as far as they are used:
// parameters as JSON bytes, as since agentgateway 1.4. Earlier ones, a Struct,
// are arguments that nobody can read.
const (
	MCPService  = "agentgateway.dev.ext_mcp.ExtMcp"
	MCPRequest  = "CheckRequest"
	MCPResponse = "CheckResponse"
)

// The codes of an error.
const (
	MCPDenied    = 1
	MCPExhausted = 2
	MCPInvalid   = 3
)

// maxServices bounds how many backends one call names.
const maxServices = 256

// MCPCall is one call of the Model Context Protocol that a gateway is about to
// forward.
type MCPCall struct {
	Services []string
	Method   string
	params   []byte
	headers  map[string]string
	metadata map[string]string
}

// ParseMCP reads an McpRequest.
func ParseMCP(raw []byte) (*MCPCall, error) {
	c := &MCPCall{headers: map[string]string{}, metadata: map[string]string{}}
	err := fields(raw, func(num int32, v []byte) error {
		switch num {
		case 1:
			if len(c.Services) >= maxServices {
				return errWire
			}
			c.Services = append(c.Services, string(v))
		case 2:
			c.Method = string(v)
		case 3:
			return fields(v, func(num int32, v []byte) error {
				if num != 1 {
					return nil
				}
				return structField(v, c.metadata)
			})
		case 4:
			c.params = v
		case 5:
			return pair(v, c.headers)
		}
		return nil
	})
	if err == nil && (c.Method == "" || len(c.Services) == 0) {
		err = errWire
	}
	return c, err
}

// structField reads a member of a google.protobuf.Struct, if it is a string.
func structField(b []byte, into map[string]string) error {
	var key string
	var value *string
	err := fields(b, func(num int32, v []byte) error {
		switch num {
		case 1:
			key = string(v)
		case 2:
			return fields(v, func(num int32, v []byte) error {
				if num == 3 { // string_value
					text := string(v)
					value = &text
				}
				return nil
			})
		}
		return nil
	})
	if err != nil || value == nil {
		return err
	}
	return put(into, key, *value)
}

// Passes reports whether the call asks for nothing: a notification or a ping.
func (c *MCPCall) Passes() bool {
	return c.Method == "ping" || strings.HasPrefix(c.Method, "notifications/")
}

// Traceparent is the header of that name.
func (c *MCPCall) Traceparent() string { return c.headers["traceparent"] }

// MCPOptions say which of the gateway's metadata names whom.
type MCPOptions struct {
	Tenant, AgentFrom, PrincipalFrom string
}

// Questions are one for each backend: all must be allowed.
func (c *MCPCall) Questions(o MCPOptions) []*decision.Question {
	out := make([]*decision.Question, 0, len(c.Services))
	for _, service := range c.Services {
		q := &decision.Question{Adapter: "ext_mcp", Declared: c.metadata[o.AgentFrom], Scopes: ledger.Scopes{Tenant: o.Tenant}}
		if name := q.Declared; name != "" {
			q.Actor = policy.Identity{Subject: "agent:" + name, Attr: func(key string) (string, bool) {
				return name, key == "gen_ai.agent.id" || key == "gen_ai.agent.name"
			}}
		}
		r := &q.Request
		r.Source, r.Args = policy.FromRequest, policy.NoArgs()
		r.Context = map[string]any{}
		if id := c.metadata[o.PrincipalFrom]; id != "" {
			r.Principal = policy.Principal{Type: "user", ID: id, Grade: policy.GradePlatform}
			q.PrincipalVia, q.Scopes.Principal = "agentgateway:"+o.PrincipalFrom, id
		}
		c.call().fill(q, "mcp/"+strings.ReplaceAll(service, "/", "_"))
		out = append(out, q)
	}
	return out
}

// call reads the parameters.
func (c *MCPCall) call() *call {
	out := &call{method: c.Method}
	if len(c.params) == 0 {
		out.unknown = c.Method == "tools/call"
		return out
	}
	params, err := decision.ParseObject(c.params)
	if err != nil {
		out.broken = true
		return out
	}
	out.name, _ = params["name"].(string)
	if c.Method == "resources/read" {
		out.name, _ = params["uri"].(string)
	}
	out.args = params["arguments"]
	return out
}

// AppendMCPPass appends a result that lets the call, or its answer, pass.
func AppendMCPPass(b []byte) []byte { return appendMessage(b, 1, nil) }

// AppendMCPError appends a result that refuses the call.
func AppendMCPError(b []byte, code uint64, reason string) []byte {
	e := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), code)
	return appendMessage(b, 3, appendMessage(e, 2, []byte(reason)))
}
