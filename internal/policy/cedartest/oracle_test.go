package cedartest

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/spanwarden/spanwarden/internal/policy"
)

type gen struct{ *rand.Rand }

func (g gen) one(words ...string) string { return words[g.IntN(len(words))] }
func (g gen) chance(percent int) bool    { return g.IntN(100) < percent }

func (g gen) some(words ...string) string {
	var out []string
	for _, w := range words {
		if g.chance(50) {
			out = append(out, fmt.Sprintf("%q", w))
		}
	}
	if out == nil {
		out = []string{fmt.Sprintf("%q", words[0])}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func (g gen) arg(name string) string {
	switch name {
	case "amount", "count":
		keys := []string{}
		if g.chance(50) {
			keys = append(keys, "type: "+g.one("number", "integer"))
		}
		keys = append(keys, fmt.Sprintf("%s: %d", g.one("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), g.IntN(10)))
		if g.chance(20) {
			keys = append(keys, "optional: true")
		}
		return name + ": {" + strings.Join(keys, ", ") + "}"
	case "dry":
		return "dry: {type: boolean}"
	default:
		if g.chance(50) {
			return name + ": {enum: " + g.some("EUR", "USD", "GBP") + "}"
		}
		return name + ": {type: string}"
	}
}

func (g gen) rule(list string, i int) string {
	parts := []string{fmt.Sprintf("id: %s-%d", list, i)}
	if list == "deny" || g.chance(85) {
		parts = append(parts, fmt.Sprintf("tool: %q", g.one("list", "{list,send}", "mcp/erp/*", "mcp/**", "**", "s*", "mcp/*/pay", "{a,{list,b}}", "mcp/erp/get")))
	}
	if g.chance(50) {
		parts = append(parts, "operations: "+g.some("read", "write", "send", "delete", "delegate"))
	}
	if g.chance(45) {
		parts = append(parts, "resources: "+g.some("erp://a/**", "erp://a/*", "**/secrets/**", "erp://{a,b}/x*", "mailto:*@x.example", "erp://**/end", "**"))
	}
	if g.chance(40) {
		names := []string{"amount", "count", "cur", "dry"}
		g.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
		var args []string
		for _, name := range names[:1+g.IntN(2)] {
			args = append(args, g.arg(name))
		}
		parts = append(parts, "args: {"+strings.Join(args, ", ")+"}")
	}
	return "    - {" + strings.Join(parts, ", ") + "}\n"
}

func (g gen) document() string {
	var b strings.Builder
	b.WriteString("apiVersion: spanwarden/v1alpha1\nkind: AgentPermissions\nmetadata: {name: a}\nspec:\n  owner: \"user:x@acme.example\"\n")
	if g.chance(30) {
		b.WriteString("  valid: {from: 2026-02-01T00:00:00Z, until: 2026-09-01T00:00:00Z}\n")
	}
	if g.chance(50) {
		fmt.Fprintf(&b, "  principals: {required: %v, allow: %s}\n", g.chance(50), g.some("user:*@x.example", "system:cron/*", "user:bob"))
	}
	if g.chance(40) {
		fmt.Fprintf(&b, "  models: {allow: %s, deny: %s}\n", g.some("a/*", "b/m", "**"), g.some("*/m", "a/m-preview"))
	}
	if g.chance(40) {
		fmt.Fprintf(&b, "  data: {read: %s, write: %s}\n", g.some("public", "internal"), g.some("public", "internal"))
	}
	if g.chance(50) {
		fmt.Fprintf(&b, "  delegation: {to: %s}\n", g.some("ocr-*", "reader", "**"))
	}
	for i, list := range []string{"allow", "ask", "deny"} {
		n := g.IntN(6 - i)
		if n > 0 {
			b.WriteString("  " + list + ":\n")
		}
		for k := range n {
			b.WriteString(g.rule(list, k))
		}
	}
	return b.String()
}

// action is one request in the two forms.
func (g gen) action() (policy.Request, cedar.Request) {
	q := policy.Request{Source: policy.FromRequest}
	c := cedar.RecordMap{}
	set := func(name string, to *string, words ...string) {
		if g.chance(10) {
			return
		}
		*to = g.one(words...)
		c[cedar.String(name)] = cedar.String(*to)
	}
	set("tool", &q.Tool, "list", "send", "mcp/erp/get", "mcp/erp/x/y", "mcp/bank/pay", "other", "b")
	set("operation", &q.Operation, "read", "read", "write", "send", "delete", "execute", "delegate", "invoke_model")
	set("uri", &q.Resource, "erp://a/1", "erp://a/b/2", "erp://b/x1", "erp://b/x/1", "erp://a/secrets/2", "secrets/1", "mailto:bob@x.example", "erp://a/b/end", "erp://end")
	set("model", &q.Model, "a/m", "b/m", "a/n", "a/m-preview")
	set("delegatee", &q.Delegatee, "ocr-1", "reader", "shell")
	var who string
	set("principal", &who, "user:alice@x.example", "user:bob", "system:cron/night", "system:cron/a/b")
	q.Principal.Type, q.Principal.ID, _ = strings.Cut(who, ":")
	classes := []string{}
	for _, class := range []string{"public", "internal", "secret"} {
		if g.chance(25) {
			classes = append(classes, class)
		}
	}
	q.Data = classes
	c["data"] = stringSet(classes)
	q.Time = time.Date(2026, time.Month(1+g.IntN(12)), 1, 0, 0, 0, 0, time.UTC)
	c["time"] = cedar.Long(q.Time.UnixMilli())
	args, names := g.args()
	raw := map[string]any{}
	for k, v := range args {
		switch v := v.(type) {
		case cedar.Long:
			raw[string(k)] = int64(v)
		case cedar.String:
			raw[string(k)] = string(v)
		case cedar.Boolean:
			raw[string(k)] = bool(v)
		}
	}
	text, _ := json.Marshal(raw)
	q.Args = policy.ParseArgs(text)
	c["args"], c["names"] = cedar.NewRecord(args), stringSet(names)
	return q, cedar.Request{
		Principal: cedar.NewEntityUID("Agent", "a"), Action: cedar.NewEntityUID("Action", "act"),
		Resource: cedar.NewEntityUID("Thing", "t"), Context: cedar.NewRecord(c),
	}
}

func (g gen) args() (cedar.RecordMap, []string) {
	out := cedar.RecordMap{}
	var names []string
	for _, name := range []string{"amount", "count", "cur", "dry", "odd"} {
		if g.chance(60) {
			continue
		}
		var v cedar.Value = cedar.Long(g.IntN(12))
		switch {
		case name == "cur":
			v = cedar.String(g.one("EUR", "USD", "CHF"))
		case name == "dry":
			v = cedar.Boolean(g.chance(50))
		}
		if g.chance(10) {
			v = cedar.String("5") // a number in a string is none
		}
		out[cedar.String(name)] = v
		names = append(names, name)
	}
	return out, names
}

func stringSet(words []string) cedar.Set {
	values := make([]cedar.Value, len(words))
	for i, w := range words {
		values[i] = cedar.String(w)
	}
	return cedar.NewSet(values...)
}

// compare holds one random registry and some requests against Cedar and counts
// the effects.
func compare(t *testing.T, seed uint64, requests int, seen map[policy.Effect]int) {
	g := gen{rand.New(rand.NewPCG(seed, 11))}
	doc := g.document()
	r, err := policy.Load([]policy.File{{Name: "random.yaml", Data: []byte(doc)}})
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, doc)
	}
	texts, err := Translate([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	allow, err := cedar.NewPolicySetFromBytes("allow", []byte(texts.Allow))
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, texts.Allow)
	}
	ask, err := cedar.NewPolicySetFromBytes("ask", []byte(texts.Ask))
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, texts.Ask)
	}
	for range requests {
		q, c := g.action()
		want := policy.Deny
		if d, _ := cedar.Authorize(allow, cedar.EntityMap{}, c); d == cedar.Allow {
			want = policy.Allow
		}
		if d, _ := cedar.Authorize(ask, cedar.EntityMap{}, c); d == cedar.Allow {
			want = policy.Ask
		}
		var got policy.Result
		r.Agent("a").Judge(&q, &got)
		if got.Effect != want {
			t.Fatalf("seed %d: %s (%s), Cedar says %s\n%s\n%v\n%s", seed, got.Effect, got.Reason, want, doc, c.Context, texts.Allow)
		}
		seen[got.Effect]++
	}
}

var (
	from  = flag.Uint64("from", 0, "first seed")
	seeds = flag.Uint64("seeds", 2000, "how many random registries, each with 40 requests")
)

// TestEqualDecisions draws random registries and requests; more of them with
// -args -from 100000 -seeds 100000.
func TestEqualDecisions(t *testing.T) {
	seen := map[policy.Effect]int{}
	for seed := range *seeds {
		compare(t, *from+seed, 40, seen)
	}
	t.Log(seen)
	for _, e := range []policy.Effect{policy.Allow, policy.Deny, policy.Ask} {
		if seen[e] < int(*seeds)/2 {
			t.Errorf("only %d decisions are %s: the comparison proves little", seen[e], e)
		}
	}
}
