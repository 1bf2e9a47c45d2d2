package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// gen makes random registries and requests from few words, so that rules and
// requests often meet.
type gen struct{ *rand.Rand }

func newGen(seed uint64) gen { return gen{rand.New(rand.NewPCG(seed, 7))} }

func (g gen) one(words ...string) string { return words[g.IntN(len(words))] }
func (g gen) chance(percent int) bool    { return g.IntN(100) < percent }

var (
	genTools     = []string{"list", "send", "mcp/erp/get", "mcp/erp/put", "mcp/bank/pay", "Task"}
	genToolGlobs = []string{"list", "{list,send}", "mcp/erp/*", "mcp/**", "mcp/*/pay", "**", "s*", "?ist", "Task"}
	genResources = []string{"erp://a/1", "erp://a/b/2", "file:///srv/x", "/srv/y/../secrets/z", "mailto:a@x.example", "record/1", "https://H.example:443/p"}
	genResGlobs  = []string{"erp://a/**", "erp://a/*", "file:///srv/**", "**/secrets/**", "mailto:*@x.example", "record/*", "https://h.example/**", "**"}
	genArgs      = []string{
		`amount: {type: number, maximum: 10}`, `amount: {minimum: 5}`, `amount: {type: integer, optional: true}`,
		`cur: {enum: [EUR, USD]}`, `cur: {type: string, maxLength: 3}`, `tags: {type: array, items: {type: string}, maxItems: 2}`,
	}
	genWhens = []string{
		`args.amount < 7`, `context.principal.type == "user"`, `has(args.cur) && args.cur == "EUR"`,
		`!has(resource.properties.status) || resource.properties.status == "live"`, `now.getHours() < 12`,
	}
)

// rule writes one rule; whens says whether it may have a condition.
func (g gen) rule(list, id string, whens bool) string {
	parts := []string{"id: " + id}
	if g.chance(80) || list == "deny" {
		parts = append(parts, fmt.Sprintf("tool: %q", g.one(genToolGlobs...)))
	}
	if g.chance(50) {
		parts = append(parts, "operations: ["+g.one("read", "write", "send", "read, write", "delete")+"]")
	}
	if g.chance(40) {
		parts = append(parts, fmt.Sprintf("resources: [%q]", g.one(genResGlobs...)))
	}
	if g.chance(30) {
		args := []string{genArgs[g.IntN(3)], genArgs[3+g.IntN(3)]}[:1+g.IntN(2)]
		parts = append(parts, "args: {"+strings.Join(args, ", ")+"}")
	}
	if whens && g.chance(25) {
		parts = append(parts, fmt.Sprintf("when: %q", g.one(genWhens...)))
	}
	if list != "deny" && g.chance(10) {
		parts = append(parts, "rate: {max: 3, per: 1h}")
	}
	return "    - {" + strings.Join(parts, ", ") + "}\n"
}

// rules are the three lists of one random agent, rule by rule.
type rules map[string][]string

func (g gen) rules(whens bool) rules {
	out := rules{}
	for i, list := range []string{"allow", "ask", "deny"} {
		for k := range g.IntN(5 - i) {
			out[list] = append(out[list], g.rule(list, fmt.Sprintf("%s-%d", list, k), whens))
		}
	}
	return out
}

func (g gen) head() string {
	var b strings.Builder
	b.WriteString("apiVersion: spanwarden/v1alpha1\nkind: AgentPermissions\nmetadata: {name: a}\nspec:\n  owner: \"user:x@acme.example\"\n")
	if g.chance(30) {
		fmt.Fprintf(&b, "  principals: {required: %v, allow: [%q]}\n", g.chance(50), g.one("user:*", "user:alice", "system:**"))
	}
	if g.chance(20) {
		b.WriteString("  valid: {from: 2026-01-01T00:00:00Z, until: 2026-06-01T00:00:00Z}\n")
	}
	if g.chance(25) {
		b.WriteString("  data: {read: [public], write: [public, internal]}\n")
	}
	if g.chance(25) {
		b.WriteString("  models: {allow: [\"a/*\"], deny: [\"*/*-preview\"]}\n")
	}
	if g.chance(25) {
		b.WriteString("  delegation: {to: [\"ocr-*\"], scope: []}\n")
	}
	return b.String()
}

func (r rules) text(head string) []byte {
	var b strings.Builder
	b.WriteString(head)
	for _, list := range []string{"deny", "ask", "allow"} {
		if len(r[list]) > 0 {
			b.WriteString("  " + list + ":\n" + strings.Join(r[list], ""))
		}
	}
	return []byte(b.String())
}

// request makes a random action; every fact may be lacking.
func (g gen) request() Request {
	q := Request{Source: Source(g.IntN(2))}
	maybe := func(s string) string {
		if g.chance(20) {
			return ""
		}
		return s
	}
	q.Tool = maybe(g.one(genTools...))
	q.Operation = maybe(g.one("read", "write", "send", "delete", "GET", "invoke_model", "delegate", "odd"))
	q.Resource = maybe(g.one(genResources...))
	q.Model = maybe(g.one("a/m", "b/m", "a/m-preview"))
	q.Delegatee = maybe(g.one("ocr-1", "shell"))
	if g.chance(75) {
		q.Args = ParseArgs([]byte(g.one(`{"amount": 3}`, `{"amount": 8, "cur": "EUR"}`, `{"cur": "GBP"}`, `{"tags": ["a"]}`, `{}`, `{"amount": "8"}`)))
	}
	if g.chance(70) {
		q.Principal = Principal{Type: g.one("user", "system"), ID: g.one("alice", "bob"), Grade: GradeDeclared}
	}
	if g.chance(70) {
		q.Data = [][]string{{}, {"public"}, {"internal"}}[g.IntN(3)]
	}
	if g.chance(85) {
		q.Time = time.Date(2026, time.Month(1+g.IntN(12)), 3, g.IntN(24), 0, 0, 0, time.UTC)
	}
	if g.chance(60) {
		q.ResourceProperties = map[string]any{"status": g.one("live", "archived")}
	}
	if g.chance(70) {
		n := int64(g.IntN(6))
		q.Counter = func(*Rule, time.Duration) (int64, bool) { return n, true }
	}
	if g.chance(60) {
		have := Approval(g.IntN(int(ApprovalUnknown) + 1))
		q.Approval = func(*Rule) Approval { return have }
	}
	return q
}
