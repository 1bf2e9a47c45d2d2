package policy

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const fenced = `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: a}
spec:
  owner: "user:x@acme.example"
  deny:
    - {id: no-keys, resources: ["file:///**/.ssh/**"]}
  allow:
    - {id: shop, tool: read, operations: [read], resources: ["/srv/shop/**"]}
    - {id: api, tool: fetch, operations: [read], resources: ["https://api.acme.example/v1/**"]}
    - {id: pay, tool: pay, args: {amount: {type: number, maximum: 100}}}
---
apiVersion: spanwarden/v1alpha1
kind: ToolCatalog
spec:
  tools:
    - {tool: read, operation: read, resource: "file://{path}"}
    - {tool: fetch, operation: read, resource: "{url}"}
`

// FuzzJudge tries to get around the fence above. What is allowed must be inside
// it by another reading of paths and addresses than ours, the standard library's.
func FuzzJudge(f *testing.F) {
	for _, s := range [][3]string{
		{"read", "/srv/shop/a", `{"path": "/srv/shop/../x"}`},
		{"fetch", "https://api.acme.example/v1/x", `{"url": "https://API.acme.example./v1/%2e%2e/x"}`},
		{"pay", "", `{"amount": 1e2}`},
		{"pay", "", `"{\"amount\": 5}"`},
		{"read", "", `{"path": "/srv/shop/%252e%252e/.ssh/x"}`},
		{"mcp__a__read", `\\srv\shop`, `{}`},
		{"fetch", "https://api.acme.example@evil.test/v1/", `{}`},
		{"read", "/srv/shop/./.ssh/id", ""},
	} {
		f.Add(s[0], s[1], s[2])
	}
	a := load(f, fenced).Agent("a")
	f.Fuzz(func(t *testing.T, tool, resource, args string) {
		for _, source := range []Source{FromSpan, FromRequest} {
			q := Request{Source: source, Tool: tool, Resource: resource, Args: ParseArgs([]byte(args))}
			var out Result
			a.Judge(&q, &out)
			require.Equal(t, out.Verdict == Respected, out.Effect == Allow)
			if out.Effect != Allow {
				continue
			}
			require.NotNil(t, out.Rule)
			_, _, text := q.Resolved()
			switch out.Rule.ID() {
			case "shop":
				inside(t, text, "file", "", "/srv/shop/")
				require.NotContains(t, text, "/.ssh/")
			case "api":
				inside(t, text, "https", "api.acme.example", "/v1/")
			case "pay":
				v, ok := q.Args.v.member("amount")
				require.True(t, ok)
				n, _ := v.native()
				require.LessOrEqual(t, n, 100.0)
				require.Len(t, q.Args.v.names, 1)
			default:
				t.Fatalf("allowed by %s", out.Rule.ID())
			}
		}
	})
}

// inside reads a resource with net/url, decodes it, and cleans the path.
func inside(t *testing.T, text, scheme, host, root string) {
	t.Helper()
	u, err := url.Parse(strings.ReplaceAll(text, "%", "%25"))
	if err != nil {
		t.Skip("no URL to the standard library")
	}
	require.Equal(t, scheme, u.Scheme, text)
	require.Equal(t, host, u.Host, text)
	require.True(t, strings.HasPrefix(path.Clean(u.Path)+"/", root), text)
	if twice, err := url.PathUnescape(u.Path); err == nil {
		require.True(t, strings.HasPrefix(path.Clean(twice)+"/", root), "%s decoded once more", text)
	}
}

func TestJudgeAbove(t *testing.T) {
	r := load(t, identities+"  principals: {required: true}\n  allow: [{id: x, tool: x}]\n")
	two := r.Agent("two")
	q := Request{Tool: "x", Actor: Actor{ID: "below", Version: "9"}}
	var out Result
	two.JudgeAbove(&q, "", PrincipalSkip, &out)
	assert.Equal(t, Respected, out.Verdict)
	two.JudgeAbove(&q, "", PrincipalFull, &out)
	assert.Equal(t, NotEvaluated, out.Verdict)
	r.Agent("one").JudgeAbove(&q, "9", PrincipalSkip, &out)
	assert.Equal(t, Unregistered, out.Verdict)
	assert.Equal(t, "9", q.Actor.Version)
	assert.Equal(t, PrincipalFull, q.Check)
}

// TestAbsentFromASpan: what an action cannot have is absent, not unknown.
func TestAbsentFromASpan(t *testing.T) {
	a := load(t, fenced+"    - {tool: z, operation: read}\n").Agent("a")
	b := mustLoad(t, []byte("apiVersion: spanwarden/v1alpha1\nkind: AgentPermissions\nmetadata: {name: a}\nspec:\n  owner: \"user:x@y\"\n"+
		"  deny: [{id: d, tool: shell}]\n  allow: [{id: r, operations: [read], resources: [\"db/customers\"]}]\n"))
	q := Request{Operation: "read", Resource: "db/customers"}
	assert.Equal(t, NotEvaluated, judge(b, q).Verdict)
	q.Absent = FieldTool
	assert.Equal(t, Respected, judge(b, q).Verdict)
	assert.Equal(t, Violation, judge(a, q).Verdict)
}

func TestMissingPaths(t *testing.T) {
	a := load(t, fenced).Agent("a")
	q := Request{Source: FromRequest, Tool: "pay", Args: ParseArgs([]byte(`{"amount": 5}`))}
	require.True(t, q.Args.Erase("amount"))
	var out Result
	a.Judge(&q, &out)
	assert.Equal(t, []string{"args.amount"}, out.MissingPaths())
	out = judge(a, Request{Tool: "read", Operation: "read"})
	assert.Equal(t, []string{"resource", "args"}, out.MissingPaths())
}

func TestApprovers(t *testing.T) {
	a := Approvers{Any: []string{"group:leads", "user:carol"}, Not: []string{"requester", "principal", "user:mallory"}}
	for _, c := range []struct {
		who    string
		groups []string
		want   Approval
	}{
		{"user:frank", []string{"group:leads"}, ApprovalFits},
		{"user:carol", nil, ApprovalFits},
		{"user:dave", nil, ApprovalMismatch},
		{"user:alice", []string{"group:leads"}, ApprovalSelf},
		{"user:bob", []string{"group:leads"}, ApprovalSelf},
		{"user:mallory", []string{"group:leads"}, ApprovalMismatch},
	} {
		assert.Equal(t, c.want, a.Judge(c.who, c.groups, "user:alice", "user:bob"), c.who)
	}
	assert.Equal(t, ApprovalFits, Approvers{}.Judge("user:x", nil, "user:x", ""))
}

func TestOperationOf(t *testing.T) {
	for in, want := range map[string]string{
		"read": "read", "GET": "read", "HEAD": "read", "post": "write", "PUT": "write", "PATCH": "write", "resources/list": "read", "prompts/get": "read", "DELETE": "delete", "tools/list": "read", "resources/read": "read",
		"server/discover": "read", "SELECT": "read", "insert": "write", "tools/call": "", "": "", "frobnicate": "",
	} {
		got, ok := OperationOf(in)
		assert.Equal(t, want, got, in)
		assert.Equal(t, want != "", ok, in)
	}
}

func TestJudgeDoesNotAllocate(t *testing.T) {
	a := load(t, string(registryText(10, 100, ""))).Agent("agent-5")
	proto := benchRequest(5, 70)
	var q Request
	var out Result
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		q = proto
		a.Judge(&q, &out)
	}))
	assert.Equal(t, Respected, out.Verdict)
}
