// Package extauthz reads what gateways ask over gRPC: agentgateway about calls of
// the Model Context Protocol, Envoy's external authorization about an HTTP
// request that is about to be forwarded, often a call of the Model Context
// Protocol. It is pure.
package extauthz

import (
	"encoding/base64"
	"net"
	"strings"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// Check is one request that is to be judged.
type Check struct {
	// Method, Scheme, Host and Path are the request's own; Path has the query.
	Method, Scheme, Host, Path string
	// Header returns a header of the request, "" for none; names are in any case.
	Header func(name string) string
	// Body is what was forwarded of the body; BodyCut says that some was not.
	Body    []byte
	BodyCut bool
	// SPIFFE is the peer's verified identity, Agent what it calls itself.
	SPIFFE, Agent string
}

// Options say what a request does not.
type Options struct {
	Tenant string
	// Servers names MCP servers by host; a host not in it is its own name.
	Servers map[string]string
}

// Question translates the request. With Mcp-Method, or a JSON-RPC body, it is a
// call of a tool mcp/<server>/<name>; else the tool is http, the operation
// follows from the method and the resource is the URL.
//
// Headers are as good as the upstream's check of them. Where the body is there
// as well and tells otherwise, nothing is known, which allows nothing.
func (c *Check) Question(o Options) *decision.Question {
	q := &decision.Question{
		Adapter: "ext_authz", Declared: c.Agent,
		Verified: policy.Identity{SPIFFE: c.SPIFFE},
		Scopes:   ledger.Scopes{Tenant: o.Tenant},
	}
	if c.Agent != "" {
		name := c.Agent
		q.Actor = policy.Identity{Subject: "agent:" + name, Attr: func(key string) (string, bool) {
			return name, key == "gen_ai.agent.id" || key == "gen_ai.agent.name"
		}}
	}
	r := &q.Request
	r.Source = policy.FromRequest
	r.Args = policy.NoArgs()
	r.Context = map[string]any{"method": c.Method, "host": c.Host}
	rpc := c.rpc()
	if rpc == nil {
		r.Tool, r.Operation, r.Resource = "http", c.Method, c.url()
		return q
	}
	rpc.fill(q, "mcp/"+c.server(o))
	return q
}

func (c *Check) url() string {
	scheme := c.Scheme
	if scheme == "" {
		scheme = "https"
	}
	return scheme + "://" + c.Host + c.Path
}

func (c *Check) server(o Options) string {
	host := strings.ToLower(c.Host)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if name := o.Servers[host]; name != "" {
		return name
	}
	return strings.ReplaceAll(host, "/", "_")
}

// call is a call of the Model Context Protocol.
type call struct {
	method, name string
	// args are what the body says; unknown says that nobody could read them.
	args    any
	unknown bool
	// broken says that header and body tell different stories, or that one could
	// not be read.
	broken bool
}

// rpc reads headers and body; nil is no such call.
func (c *Check) rpc() *call {
	method, okMethod := decode(c.Header("Mcp-Method"))
	name, okName := decode(c.Header("Mcp-Name"))
	isMCP := c.Header("Mcp-Method") != ""
	json := strings.Contains(c.Header("Content-Type"), "json") && strings.EqualFold(c.Method, "POST")
	if !isMCP && !json {
		return nil
	}
	out := &call{method: method, name: name, broken: !okMethod || !okName, unknown: true}
	if c.BodyCut || len(c.Body) == 0 {
		if !isMCP {
			return nil // some other API's JSON, as far as anybody knows
		}
		return out
	}
	m, err := decision.ParseObject(c.Body)
	if err != nil || m["jsonrpc"] != "2.0" {
		if !isMCP && err == nil {
			return nil
		}
		out.broken = true // an array would be a batch, which may hold anything
		return out
	}
	out.join(m, isMCP)
	return out
}

// join holds the body against the headers.
func (c *call) join(m map[string]any, headers bool) {
	method, _ := m["method"].(string)
	params, _ := m["params"].(map[string]any)
	name, _ := params["name"].(string)
	if method == "resources/read" {
		name, _ = params["uri"].(string)
	}
	if headers && (method != c.method || name != c.name) {
		c.broken = true
	}
	c.method, c.name = method, name
	if method == "tools/call" {
		c.args, c.unknown = params["arguments"], false
	}
}

func (c *call) fill(q *decision.Question, server string) {
	r := &q.Request
	r.Operation, r.Tool = c.method, server
	switch c.method {
	case "tools/call":
		r.Tool = server + "/" + c.name
		if c.unknown {
			r.Args, q.ArgsUnknown = policy.UnknownArgs(), true
		} else {
			q.SetArgs(c.args)
		}
	case "resources/read":
		r.Resource = c.name
	case "prompts/get":
		r.Resource = "prompt/" + c.name
	}
	if c.broken || c.method == "tools/call" && c.name == "" {
		r.Lost = policy.FieldTool | policy.FieldOperation | policy.FieldResource | policy.FieldArgs
	}
	r.Context["mcp_method"] = c.method
}

// decode takes the wrapping off a header value that is not plain text. Matching
// the wrapped one would let a denied name pass.
func decode(v string) (string, bool) {
	inner, ok := strings.CutPrefix(v, "=?base64?")
	if !ok {
		return v, true
	}
	if inner, ok = strings.CutSuffix(inner, "?="); !ok {
		return "", false
	}
	raw, err := base64.StdEncoding.DecodeString(inner)
	return string(raw), err == nil
}

// SPIFFEOf returns the peer's identity of an x-forwarded-client-cert header: the
// URI of the last element, which the nearest proxy has added.
func SPIFFEOf(xfcc string) string {
	last := xfcc[strings.LastIndexByte(xfcc, ',')+1:]
	for part := range strings.SplitSeq(last, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if value = strings.Trim(value, `"`); strings.EqualFold(key, "URI") && strings.HasPrefix(value, "spiffe://") {
			return value
		}
	}
	return ""
}
