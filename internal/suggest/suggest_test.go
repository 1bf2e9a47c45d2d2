package suggest

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/policy"
)

var (
	from  = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	until = time.Date(2026, 11, 8, 0, 0, 0, 0, time.UTC)
)

func load(t *testing.T, doc []byte) *policy.Registry {
	t.Helper()
	r, err := policy.Load([]policy.File{{Name: "suggested.yaml", Data: doc}})
	require.NoError(t, err, string(doc))
	return r
}

func TestEntry(t *testing.T) {
	o := &Observed{
		Agent: "support", From: from, Until: until, Actions: 9,
		Identities: []Identity{{"support", "desk"}}, Versions: []string{"1.2.0"},
		Tools: []Tool{
			{Name: "send_email", Operations: []string{"send"}, Resources: []string{"mailto:ann@acme.example"}, Calls: 2},
			{Name: "list_customers", Unstated: 1, NoResource: 1, Calls: 1, Failed: 1},
			{Operations: []string{"read"}, Resources: []string{"kb/faq", "kb/how*to"}, Calls: 2},
			{Calls: 1, Unstated: 1, NoResource: 1},
		},
		Models:     []string{"openai/gpt-4o-mini"},
		Principals: []Principal{{"user", "ann@acme.example"}, {"user", "ben@acme.example"}, {"system", "cron/nightly"}},
		Delegatees: []string{"billing"},
		Refused:    []Refused{{"delete_customer", 1}},
	}
	doc := string(Entry(o, Options{}))
	for _, want := range []string{
		`owner: "user:nobody@example.invalid" # TODO`, "mode: shadow", `allow: ["system:**", "user:*@acme.example"]`,
		`id: "send-email"`, `1 of 1 calls state no operation`, `1 of 1 calls failed`, `left out, as its present entry refuses it: "delete_customer", 1 times`,
		`"kb/how\\*to"`, `{to: ["billing"]}`, "arguments",
	} {
		assert.Contains(t, doc, want)
	}
	entry := load(t, []byte(doc)).Agent("support")
	require.NotNil(t, entry)
	assert.Equal(t, policy.Shadow, entry.Mode())
	for tool, want := range map[string]policy.Verdict{"list_customers": policy.Respected, "delete_customer": policy.Violation} {
		q := policy.Request{Source: policy.FromRequest, Tool: tool, Operation: "read", Time: until, Principal: policy.Principal{Type: "user", ID: "ann@acme.example"}}
		var r policy.Result
		entry.Judge(&q, &r)
		assert.Equal(t, want, r.Verdict, tool)
	}
}

func TestNothingSeen(t *testing.T) {
	entry := load(t, Entry(&Observed{Agent: "idle", From: from, Until: until}, Options{Owner: "user:carol@acme.example", Mode: "enforce"})).Agent("idle")
	var r policy.Result
	entry.Judge(&policy.Request{Tool: "x", Operation: "read", Time: until}, &r)
	assert.Equal(t, policy.Violation, r.Verdict)
	entry.Judge(&policy.Request{Operation: "invoke_model", Model: "openai/gpt-4o", Time: until}, &r)
	assert.Equal(t, policy.Violation, r.Verdict)
}

func TestManyResources(t *testing.T) {
	tool := Tool{Name: "get", Operations: []string{"read"}, Calls: 40}
	for i := range 40 {
		tool.Resources = append(tool.Resources, "https://api.acme.example/orders/"+string(rune('a'+i%26))+strings.Repeat("x", i))
	}
	doc := string(Entry(&Observed{Agent: "a", From: from, Until: until, Tools: []Tool{tool}}, Options{}))
	assert.Contains(t, doc, `resources: ["https://api.acme.example/orders/**"]`)
	load(t, []byte(doc))
	tool.Resources = append(tool.Resources, "file:///etc/passwd")
	doc = string(Entry(&Observed{Agent: "a", From: from, Until: until, Tools: []Tool{tool}}, Options{}))
	assert.Contains(t, doc, "nothing in common")
	assert.NotContains(t, doc, "resources: [")
	load(t, []byte(doc))
}

// seen makes an observation out of anything.
func seen(r *rand.Rand, words []string) *Observed {
	word := func() string { return words[r.IntN(len(words))] }
	ops := policy.Operations()
	o := &Observed{Agent: word() + "x", From: from, Until: until, Actions: 9, Nobody: uint64(r.IntN(2))}
	for range r.IntN(4) {
		o.Identities = append(o.Identities, Identity{word(), word()})
		o.Models = append(o.Models, word()+"/"+word())
		o.Principals = append(o.Principals, Principal{[]string{"user", "system", ""}[r.IntN(3)], word()})
		o.Delegatees = append(o.Delegatees, word())
		o.Refused = append(o.Refused, Refused{word(), 1})
		o.Versions = append(o.Versions, word())
		t := Tool{Name: word(), Calls: 2, Operations: []string{ops[r.IntN(len(ops))]}, Unstated: uint64(r.IntN(2))}
		if t.Operations[0] == policy.OpDelegate || t.Operations[0] == policy.OpInvokeModel {
			t.Operations[0] = "read"
		}
		for range r.IntN(30) {
			t.Resources = append(t.Resources, word()+word())
		}
		o.Tools = append(o.Tools, t)
	}
	return o
}

// held asserts that the entry loads, that what was seen is allowed by it, and that
// a tool which was not seen is not.
func held(t *testing.T, o *Observed) {
	t.Helper()
	doc := Entry(o, Options{})
	entry := load(t, doc).Agent(o.Agent)
	require.NotNil(t, entry, string(doc))
	judge := func(tool, op, resource, model string) policy.Result {
		q := policy.Request{Tool: tool, Operation: op, Resource: resource, Model: model, Time: until, Check: policy.PrincipalSkip}
		var r policy.Result
		entry.Judge(&q, &r)
		return r
	}
	for i := range o.Tools {
		tool := &o.Tools[i]
		if tool.Name == "" {
			continue
		}
		for _, res := range tool.Resources {
			if _, ok := canonical(res); !ok {
				continue
			}
			r := judge(tool.Name, tool.Operations[0], res, "")
			require.Equal(t, policy.Respected, r.Verdict, "%q on %q is %s %v:\n%s", tool.Name, res, r.Reason, r.Missing.Paths(), doc)
		}
	}
	for _, m := range o.Models {
		require.Equal(t, policy.Respected, judge("", "invoke_model", "", m).Verdict, "%q:\n%s", m, doc)
	}
	require.NotEqual(t, policy.Respected, judge("a tool that nobody ever saw", "read", "", "").Verdict)
	for _, p := range o.Principals {
		if o.Nobody == 0 && p.ID != "" && p.Type != "" {
			require.Equal(t, policy.True, entry.PrincipalAllowed(p.Type+":"+p.ID), "%v:\n%s", p, doc)
		}
	}
}

var words = []string{
	"a", "B", "/etc/x", "https://A.example:443/p", "%2F", "%", "*", "**", "{x,y}", `\`, "mailto:", "ann@acme.example", "x y", "é", "\n", "\x7f", `"`,
	"mcp__srv__tool", "mcp/srv/tool", "..", "#", ": ", "[", "", "\u2028", "file:///c:/x", "kb/", "\x00", "null", "1.5", "yes", "?",
}

func TestWhateverIsSeenIsAllowed(t *testing.T) {
	for seed := range uint64(400) {
		held(t, seen(rand.New(rand.NewPCG(seed, 2)), words))
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(uint64(1), "delete*", "s3://b/%41", "ann@x")
	f.Add(uint64(7), "a\\", "/a//b", "{")
	f.Fuzz(func(t *testing.T, seed uint64, a, b, c string) {
		if len(a)+len(b)+len(c) > 300 {
			t.Skip("names are bounded where spans are read")
		}
		valid := func(s string) string { return strings.ToValidUTF8(s, "?") }
		held(t, seen(rand.New(rand.NewPCG(seed, 3)), append([]string{valid(a), valid(b), valid(c)}, words...)))
	})
}
