package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// parseNode returns the one value of a YAML text.
func parseNode(tb testing.TB, text string) node {
	tb.Helper()
	var doc yaml.Node
	require.NoError(tb, yaml.Unmarshal([]byte(text), &doc))
	return node{y: doc.Content[0]}
}

func TestPatternWithin(t *testing.T) {
	for _, c := range []struct {
		in, of string
		want   Truth
	}{
		{"a", "a", True},
		{"a", "b", False},
		{"a", "*", True},
		{"a/b", "*", False},
		{"a/b", "**", True},
		{"erp://a/**", "erp://**", True},
		{"erp://**", "erp://a/**", False},
		{"erp://a/*", "erp://a/**", True},
		{"erp://a/**", "erp://a/*", False},
		{"erp://a/x*", "erp://a/*", True},
		{"erp://a/x/y*", "erp://a/*", False},
		{"erp://a/**", "file:///**", False},
		{"a*b", "a*b", True},
		{"a*bb", "a*b", Unknown},
		{"a*", "ab", False},
		{"{a,b}", "{b,a,c}", True},
		{"{a,d}", "{b,a,c}", False},
		{"**/x/**", "**", True},
		{"a/**/x", "a/**", True},
		{"a/*/x", "a/**", True},
		{"a/*/x", "b/**", False},
		{"?", "*", Unknown},
		{"erp://secrets/**", "**/secrets/**", True},
		{"erp://a/secrets/*/x", "**/secrets/**", True},
		{"erp://a/**", "**/secrets/**", Unknown},
		{"a*/x.txt", "**/x.txt", Unknown},
		{"a*.txt", "**.txt", True},
		{"*.txt", "**.txt", True},
	} {
		in, err := compileGlob(c.in)
		require.NoError(t, err)
		of, err := compileGlob(c.of)
		require.NoError(t, err)
		assert.Equal(t, c.want, globsWithin([]*glob{in}, []*glob{of}), "%s within %s", c.in, c.of)
	}
}

func TestSchemaWithin(t *testing.T) {
	for _, c := range []struct {
		in, of string
		want   Truth
	}{
		{`{type: number, maximum: 100}`, `{type: number, maximum: 1000}`, True},
		{`{type: number, maximum: 1000}`, `{type: number, maximum: 100}`, False},
		{`{type: number, exclusiveMaximum: 100}`, `{maximum: 100}`, True},
		{`{maximum: 100}`, `{exclusiveMaximum: 100}`, False},
		{`{minimum: 100}`, `{exclusiveMinimum: 100}`, False},
		{`{exclusiveMinimum: 100}`, `{minimum: 100}`, True},
		{`{minimum: 100.5}`, `{exclusiveMinimum: 100}`, True},
		{`{type: integer, minimum: 0}`, `{type: number}`, True},
		{`{type: number}`, `{type: integer}`, False},
		{`{enum: [EUR]}`, `{enum: [EUR, USD]}`, True},
		{`{enum: [EUR, GBP]}`, `{enum: [EUR, USD]}`, False},
		{`{enum: [EUR]}`, `{pattern: "^E"}`, True},
		{`{type: string}`, `{enum: [EUR]}`, False},
		{`{pattern: "^INV-[0-9]+$"}`, `{pattern: "^INV-"}`, Unknown},
		{`{pattern: "^INV-"}`, `{pattern: "^INV-"}`, True},
		{`{type: string}`, `{pattern: "^INV-"}`, False},
		{`{}`, `{type: string}`, False},
		{`{type: string}`, `{}`, True},
		{`{maxLength: 3}`, `{maxLength: 5}`, True},
		{`{maxLength: 5}`, `{maxLength: 3}`, False},
		{`{items: {enum: [a]}}`, `{items: {type: string}}`, True},
		{`{items: {type: string}}`, `{items: {enum: [a]}}`, False},
		{`{multipleOf: 4}`, `{multipleOf: 2}`, True},
		{`{type: boolean}`, `{enum: [true, false]}`, True},
		{`{properties: {a: {maximum: 1}}, required: [a]}`, `{properties: {a: {maximum: 2}}}`, True},
	} {
		assert.Equal(t, c.want, schemaOf(t, c.in).within(schemaOf(t, c.of)), "%s within %s", c.in, c.of)
	}
}

const pair = `
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: desk}
spec:
  owner: "user:x@acme.example"
  deny:
    - {id: never, tool: "x"}
  allow:
    - {id: read, tool: "{get,list}", operations: [read], resources: ["erp://**"]}
    - {id: pay, tool: transfer, operations: [write], args: {amount: {type: number, maximum: 100}}}
    - {id: cond, tool: cond, when: "args.x == 1"}
  delegation: {to: [reader], scope: [read]}
---
apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: reader}
spec:
  owner: "user:x@acme.example"
  allow:
    - {id: read, tool: get, operations: [read], resources: ["erp://a/**"]}
    - {id: wide, tool: "*", operations: [read], resources: ["erp://a/**"]}
    - {id: pay, tool: transfer, operations: [write], args: {amount: {type: number, maximum: 1000}}}
    - {id: some, tool: transfer, operations: [write], args: {amount: {type: number, maximum: 50}}}
    - {id: cond, tool: cond, when: "args.x == 2"}
    - {id: same, tool: cond, when: "args.x == 1"}
`

func loadPair(tb testing.TB) (desk, reader *Agent) {
	tb.Helper()
	r, err := Load([]File{{"pair.yaml", []byte(pair)}})
	require.NoError(tb, err)
	return r.Agent("desk"), r.Agent("reader")
}

func TestScopeContains(t *testing.T) {
	desk, reader := loadPair(t)
	for item, want := range map[string]Truth{
		"read": True, "wide": False, "pay": False, "some": True, "cond": Unknown, "same": True,
		"get:read": False, "transfer:write": False, "nothing": False, "x:fly": False,
	} {
		assert.Equal(t, want, ParseScope([]string{item}).Contains(0, reader, desk), item)
	}
	// Constraints narrow what is passed on.
	narrow, err := ParseScope([]string{"pay", "get:read"}).ParseConstraints("grant", *parseNode(t, `{args: {amount: {maximum: 10}}, resources: ["erp://b/**"]}`).y)
	require.NoError(t, err)
	assert.Equal(t, True, narrow.Contains(0, reader, desk))
	assert.Equal(t, True, narrow.Contains(1, reader, desk))
	own := ParseScope([]string{"read", "pay", "get:read"})
	assert.Equal(t, True, own.Contains(1, desk, desk), "a rule of one's own entry")
	assert.Equal(t, True, own.Passable(0, desk))
	assert.Equal(t, False, own.Passable(1, desk), "not in delegation.scope")
	assert.Equal(t, False, own.Passable(2, desk), "wider than the rule")
	assert.Equal(t, True, ParseScope([]string{"read"}).ContainsIn(0, reader, own, desk))
	assert.Equal(t, False, ParseScope([]string{"never"}).Contains(0, desk, desk), "a deny rule is nothing to pass on")
	inner, err := ParseScope([]string{"some"}).ParseConstraints("grant", *parseNode(t, `{args: {amount: {maximum: 5}}}`).y)
	require.NoError(t, err)
	outer, err := ParseScope([]string{"pay"}).ParseConstraints("grant", *parseNode(t, `{args: {amount: {maximum: 9}}}`).y)
	require.NoError(t, err)
	assert.Equal(t, True, inner.ContainsIn(0, reader, outer, desk))
	assert.Equal(t, False, ParseScope([]string{"some"}).ContainsIn(0, reader, outer, desk), "wider than the outer grant's constraints")
	assert.Equal(t, False, ParseScope([]string{"pay"}).ContainsIn(0, reader, ParseScope([]string{"read"}), desk))
}

// TestContainsTogether: where only several rules may cover an item, nobody claims
// that they do not.
func TestContainsTogether(t *testing.T) {
	entry := func(rules string) *Agent {
		return mustLoad(t, []byte("apiVersion: spanwarden/v1alpha1\nkind: AgentPermissions\nmetadata: {name: a}\nspec:\n  owner: \"user:x@y\"\n  allow:\n"+rules))
	}
	giver := entry("    - {id: r, tool: pay, args: {amount: {minimum: 0, maximum: 100}}}\n")
	halves := entry("    - {id: a, tool: pay, args: {amount: {minimum: 0, maximum: 50}}}\n    - {id: b, tool: pay, args: {amount: {minimum: 50, maximum: 100}}}\n")
	half := entry("    - {id: a, tool: pay, args: {amount: {minimum: 0, maximum: 50}}}\n    - {id: b, tool: other}\n")
	tools := entry("    - {id: a, tool: pay, operations: [read], args: {amount: {minimum: 0}}}\n    - {id: b, tool: pay, operations: [write], args: {amount: {maximum: 200, minimum: -1}}}\n")
	s := ParseScope([]string{"r"})
	assert.Equal(t, Unknown, s.Contains(0, giver, halves))
	assert.Equal(t, False, s.Contains(0, giver, half))
	assert.Equal(t, False, s.Contains(0, giver, tools), "no rule takes an action without an operation")
	both := entry("    - {id: r, tool: pay, operations: [read, write], args: {amount: {minimum: 0, maximum: 100}}}\n")
	assert.Equal(t, True, s.Contains(0, both, tools), "each operation by another rule")
}

func TestScopeCovers(t *testing.T) {
	desk, _ := loadPair(t)
	s := ParseScope([]string{"read", "pay", "tool:with:colons:send", "gone"})
	ask := func(q Request) Outcome { q.Source = FromRequest; return s.Covers(desk, &q) }
	assert.Equal(t, True, ask(Request{Tool: "get", Operation: "read", Resource: "erp://a/1"}).Truth)
	assert.Equal(t, True, ask(Request{Tool: "tool:with:colons", Operation: "send"}).Truth)
	o := ask(Request{Tool: "transfer", Operation: "write", Args: ParseArgs([]byte(`{"amount": 500}`))})
	assert.Equal(t, False, o.Truth)
	assert.True(t, o.ConstraintOnly())
	o = ask(Request{Tool: "get", Operation: "read", Resource: "file:///x"})
	assert.False(t, o.ConstraintOnly())
	assert.Equal(t, PartResource, o.Failed)
	assert.Equal(t, PartTool, ask(Request{Tool: "shell"}).Failed)
	span := Request{Tool: "get", Operation: "read"}
	assert.Equal(t, Outcome{Truth: Unknown, Missing: FieldResource}, s.Covers(desk, &span))
	denied := Request{Source: FromRequest, Tool: "x"}
	assert.Equal(t, False, ParseScope([]string{"never"}).Covers(desk, &denied).Truth, "a deny rule passes nothing on")
	empty := Request{Tool: "get", Operation: "read"}
	assert.Equal(t, False, ParseScope(nil).Covers(desk, &empty).Truth, "no scope passes nothing on")

	narrow, err := s.ParseConstraints("grant", *parseNode(t, `{args: {id: {pattern: "^INV-"}}, data: internal, purpose: close}`).y)
	require.NoError(t, err)
	q := Request{Source: FromRequest, Tool: "get", Operation: "read", Resource: "erp://a/1", Args: ParseArgs([]byte(`{"id": "INV-7", "x": 1}`)), Data: []string{"internal"}, Purpose: "close"}
	assert.Equal(t, True, narrow.Covers(desk, &q).Truth)
	for what, change := range map[Part]func(*Request){
		PartArgs:    func(q *Request) { q.Args = ParseArgs([]byte(`{"id": "X"}`)) },
		PartData:    func(q *Request) { q.Data = []string{"secret"} },
		PartPurpose: func(q *Request) { q.Purpose = "other" },
	} {
		other := q
		other.res = resolution{}
		change(&other)
		o := narrow.Covers(desk, &other)
		assert.Equal(t, what, o.Failed)
		assert.True(t, o.ConstraintOnly())
	}
	_, err = s.ParseConstraints("grant", *parseNode(t, `{arg: {}, data: 3}`).y)
	require.ErrorContains(t, err, "constraints.arg: unknown key")
	require.ErrorContains(t, err, "constraints.data")
}

// TestContainsIsSound: what a contained item covers, the holder allows or asks
// for; and an entry that is held to be disjoint never covers an action of it.
func TestContainsIsSound(t *testing.T) {
	var proved, covered int
	for seed := range uint64(700) {
		g := newGen(seed)
		holder := mustLoad(t, g.rules(false).text("apiVersion: spanwarden/v1alpha1\nkind: AgentPermissions\nmetadata: {name: a}\nspec:\n  owner: \"user:x@acme.example\"\n"))
		giver := mustLoad(t, g.rules(false).text("apiVersion: spanwarden/v1alpha1\nkind: AgentPermissions\nmetadata: {name: a}\nspec:\n  owner: \"user:x@acme.example\"\n"))
		for _, r := range giver.Rules() {
			if r.list == inDeny {
				continue
			}
			s := ParseScope([]string{r.ID()})
			if s.Contains(0, giver, holder) != True {
				continue
			}
			proved++
			for range 60 {
				q := g.request()
				q.Source, q.Resources = FromRequest, nil
				q.Counter = nil
				mine := q
				o := (&Rule{list: inAllow, tool: r.tool, operations: r.operations, resources: r.resources, hasArgs: r.hasArgs, args: r.args, argNames: r.argNames, openArgs: r.openArgs}).Eval(&mine)
				if o.Truth != True {
					continue
				}
				covered++
				best := False
				for _, h := range holder.Rules() {
					if h.list != inDeny {
						free := *h
						free.rate, free.list = Rate{}, inAllow
						fresh := q
						best = best.Or(free.Eval(&fresh).Truth)
					}
				}
				require.Equal(t, True, best, "seed %d rule %s", seed, r.ID())
			}
		}
	}
	assert.Greater(t, proved, 50)
	assert.Greater(t, covered, 200)
}
