package decisionreceiver

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
)

// Whatever is sent, each path answers with its stated status, and never allows.
func TestWrongRequests(t *testing.T) {
	base := "http://" + startWith(t, bank, consumertest.NewNop(), open).address
	const hooks, evaluation, guardrail = "/v1/hooks/claude-code", "/access/v1/evaluation", "/beta/litellm_basic_guardrail_api"
	large := `{"x":"` + strings.Repeat("x", maxBody) + `"}`
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for name, c := range map[string]struct {
		path, body, kind string
		code             int
		contains         string
	}{
		"evaluation: broken":           {path: evaluation, body: `{"subject":`, code: 400, contains: "too early"},
		"evaluation: other type":       {path: evaluation, body: `{}`, kind: "text/plain", code: 400, contains: "Content-Type"},
		"evaluation: too large":        {path: evaluation, body: large, code: 413},
		"evaluation: too deep":         {path: evaluation, body: deep, code: 400, contains: "deeper"},
		"evaluation: not UTF-8":        {path: evaluation, body: "{\"a\":\"\xff\"}", code: 400, contains: "UTF-8"},
		"evaluation: named twice":      {path: evaluation, body: `{"subject":{"type":"a","type":"b"}}`, code: 400, contains: "/subject/type"},
		"evaluation: all faults":       {path: evaluation, body: `{"subject":{"type":1},"action":7}`, code: 400, contains: "subject.id: is missing\nresource: is missing\naction"},
		"evaluation: unknown agent":    {path: evaluation, body: question("stranger", "x", `{}`), code: 200, contains: "unregistered_agent"},
		"evaluation: odd arguments":    {path: evaluation, body: question("teller", "mcp/bank/transfer", `[1]`), code: 200, contains: "approval_required"},
		"evaluation: cut arguments":    {path: evaluation, body: question("teller", "mcp/bank/transfer", `"{\"amount\":"`), code: 200, contains: "approval_required"},
		"evaluations: too many":        {path: "/access/v1/evaluations", body: `{"evaluations":[` + strings.Repeat(`{},`, 1000) + `{}]}`, code: 400, contains: "at most 1000"},
		"evaluations: bad semantic":    {path: "/access/v1/evaluations", body: `{"evaluations":[{}],"options":{"evaluations_semantic":"guess"}}`, code: 400},
		"evaluations: items no object": {path: "/access/v1/evaluations", body: `{"evaluations":[1,null]}`, code: 200, contains: `"decision":false`},
		"search: no directory":         {path: "/access/v1/search/subject", body: `{}`, code: 404},
		"metadata without https":       {path: "/.well-known/authzen-configuration", code: 404},
		"hooks: broken":                {path: hooks, body: `{"hook_event_name":`, code: 200, contains: `"deny"`},
		"hooks: other type":            {path: hooks, body: `{}`, kind: "text/plain", code: 200, contains: `"deny"`},
		"hooks: too large":             {path: hooks, body: large, code: 200, contains: `"deny"`},
		"hooks: no tool":               {path: hooks, body: `{"hook_event_name":"PreToolUse","session_id":"s"}`, code: 200, contains: `"deny"`},
		"hooks: wrong class":           {path: hooks, body: `{"hook_event_name":"PreToolUse","session_id":"s","tool_name":["Read"]}`, code: 200, contains: `"deny"`},
		"hooks: unknown agent":         {path: hooks, body: `{"hook_event_name":"PreToolUse","session_id":"s","tool_name":"Read","tool_input":{}}`, code: 200, contains: `agent not registered`},
		"hooks: an event to come":      {path: hooks, body: `{"hook_event_name":"Someday","session_id":"s"}`, code: 200, contains: `{}`},
		"hooks: effect without id":     {path: hooks, body: `{"hook_event_name":"PostToolUse","session_id":"s","tool_name":"Read"}`, code: 200, contains: `{}`},
		"guardrail: broken":            {path: guardrail, body: `{`, code: 400},
		"guardrail: nameless tool":     {path: guardrail, body: `{"input_type":"request","tools":[{}]}`, code: 400},
		"ext_authz: nobody":            {path: "/ext-authz/x", code: 403, contains: "unregistered_agent"},
		"ext_authz: too large":         {path: "/ext-authz/x", body: large, code: 403},
		"delegations: unknown member":  {path: "/v1/delegations", body: `{"who":"x"}`, code: 400},
		"delegations: no ttl":          {path: "/v1/delegations", body: `{"delegator":"teller","delegatee":"helper","scope":["balance"],"ttl":"soon"}`, code: 400, contains: "ttl"},
		"delegations: constraints":     {path: "/v1/delegations", body: `{"delegator":"teller","delegatee":"helper","scope":["balance"],"constraints":{"nonsense":1}}`, code: 400, contains: "nonsense"},
		"chains: unknown":              {path: "/v1/chains/x", code: 404},
		"decisions: unknown":           {path: "/v1/decisions/x", code: 404},
	} {
		t.Run(name, func(t *testing.T) {
			resp, raw := send(t, base, c.path, c.body, "Content-Type", firstOf(c.kind, "application/json"), "X-Request-ID", "r1")
			assert.Equal(t, c.code, resp.StatusCode, "%s", raw)
			assert.Contains(t, string(raw), c.contains)
			assert.Equal(t, "r1", resp.Header.Get("X-Request-ID"))
			assert.NotContains(t, string(raw), `"decision":true`)
			assert.NotContains(t, string(raw), `"NONE"`)
		})
	}
}

// A page in somebody's browser learns nothing of the policy.
func TestWebPages(t *testing.T) {
	base := "http://" + startWith(t, bank, consumertest.NewNop(), open).address
	for path, code := range map[string]int{"/access/v1/evaluation": 403, "/v1/hooks/claude-code": 200, "/beta/litellm_basic_guardrail_api": 200, "/v1/halts": 403} {
		resp, raw := send(t, base, path, question("teller", "mcp/bank/balance", `{}`), "Origin", "https://evil.example")
		assert.Equal(t, code, resp.StatusCode, path)
		assert.Contains(t, string(raw), "not for web pages", path)
	}
}

// A caller that sends too much is refused in its protocol's own way.
func TestRateLimit(t *testing.T) {
	base := "http://" + startWith(t, bank, consumertest.NewNop(), func(c *Config) {
		open(c)
		c.RateLimit = RateLimitConfig{PerSecond: 1e-9, Burst: 1, Callers: 1}
	}).address
	body := question("teller", "mcp/bank/balance", `{}`)
	assert.True(t, evaluate(t, base, body).Decision)
	resp, _ := send(t, base, "/access/v1/evaluation", body)
	assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	resp, raw := send(t, base, "/v1/hooks/claude-code", `{}`)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, string(raw), "too many requests")
	resp, _ = send(t, base, "/ext-authz/x", "")
	assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	_, raw = send(t, base, "/beta/litellm_basic_guardrail_api", `{}`)
	assert.Contains(t, string(raw), "BLOCKED")
}

func TestLimiter(t *testing.T) {
	l := newLimiter(&RateLimitConfig{PerSecond: 10, Burst: 2, Callers: 2})
	now := time.Unix(1000, 0)
	for i, want := range []bool{true, true, false} {
		assert.Equal(t, want, l.allow("a", now), i)
	}
	assert.True(t, l.allow("a", now.Add(100*time.Millisecond)), "a tenth of a second is one request")
	assert.True(t, l.allow("b", now))
	// The others share a bucket, however many names they make up.
	allowed := 0
	for i := range 100 {
		if l.allow(fmt.Sprint("c", i), now) {
			allowed++
		}
	}
	assert.Equal(t, 2, allowed)
	assert.LessOrEqual(t, len(l.buckets), 3)
}

// A client that sends its headers slowly is cut off and holds nobody up.
func TestSlowClient(t *testing.T) {
	r := startWith(t, bank, consumertest.NewNop(), func(c *Config) {
		open(c)
		c.HTTP.ReadHeaderTimeout, c.HTTP.ReadTimeout = 50*time.Millisecond, 100*time.Millisecond
	})
	for _, start := range []string{
		"POST /access/v1/evaluation HTTP/1.1\r\nHost: x\r\nContent-",
		"POST /access/v1/evaluation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
	} {
		conn, err := net.Dial("tcp", r.address)
		require.NoError(t, err)
		_, err = conn.Write([]byte(start))
		require.NoError(t, err)
		rest, _ := io.ReadAll(bufio.NewReader(conn)) // ends, since the server hangs up
		assert.NotContains(t, string(rest), "200 OK")
		require.NoError(t, conn.Close())
	}
	assert.True(t, evaluate(t, "http://"+r.address, question("teller", "mcp/bank/balance", `{}`)).Decision)
}

// FuzzBodies: no body crashes a path, and each answers what the path may answer.
func FuzzBodies(f *testing.F) {
	f.Add(uint8(0), question("teller", "mcp/bank/transfer", `{"amount":10}`))
	f.Add(uint8(1), `{"evaluations":[{},1],"subject":{"type":"user","id":"a"}}`)
	f.Add(uint8(2), `{"hook_event_name":"PreToolUse","session_id":"s","tool_name":"Read","tool_input":{"file_path":"/work/x"}}`)
	f.Add(uint8(3), `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"transfer"}}`)
	f.Add(uint8(4), `{"input_type":"response","tool_calls":[{"function":{"name":"x","arguments":"{}"}}]}`)
	f.Add(uint8(5), `{"subject":{"type":"agent","id":"teller"},"resource":{"type":"tool","id":"Read"},"page":{"limit":1}}`)
	f.Add(uint8(6), `{"delegator":"teller","delegatee":"helper","scope":["balance"]}`)
	r := startWith(f, bank, consumertest.NewNop(), open)
	handler := r.handler()
	paths := []struct {
		path  string
		codes []int
	}{
		{"/access/v1/evaluation", []int{200, 400}},
		{"/access/v1/evaluations", []int{200, 400}},
		{"/v1/hooks/claude-code", []int{200}},
		{"/ext-authz/mcp", []int{200, 403}},
		{"/beta/litellm_basic_guardrail_api", []int{200, 400}},
		{"/access/v1/search/action", []int{200, 400}},
		{"/v1/delegations", []int{201, 400, 403}},
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		p := paths[int(which)%len(paths)]
		req := httptest.NewRequest(http.MethodPost, p.path, strings.NewReader(body))
		req.Host = "127.0.0.1"
		req.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, req)
		assert.Contains(t, p.codes, rec.Code, "%s: %s", p.path, rec.Body)
		if p.path == "/v1/hooks/claude-code" || rec.Code == 200 && rec.Body.Len() > 0 {
			assert.True(t, json.Valid(rec.Body.Bytes()), "%s", rec.Body)
		}
	})
}
