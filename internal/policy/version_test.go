package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func load(tb testing.TB, texts ...string) *Registry {
	tb.Helper()
	files := make([]File, len(texts))
	for i, text := range texts {
		files[i] = File{strconv.Itoa(i) + ".yaml", []byte(text)}
	}
	r, err := Load(files)
	require.NoError(tb, err)
	return r
}

// exactly compares byte for byte: the order of members is the point.
func exactly(tb testing.TB, want, got string) {
	tb.Helper()
	if got != want {
		tb.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestCanonicalJSON holds the numbers and strings of RFC 8785.
func TestCanonicalJSON(t *testing.T) {
	for in, want := range map[string]string{
		"333333333.33333329": `"0.33333333333333329e9"`, // no double is this number
		"333333333.3333333":  "333333333.3333333", "1e30": "1e+30", "4.50": "4.5", "2e-3": "0.002", "0.000000000000000000000000001": "1e-27",
		"-0": "0", "1e21": "1e+21", "1e20": "100000000000000000000", "0.000001": "0.000001", "0.0000001": "1e-7",
	} {
		d, ok := parseDecimal(in)
		require.True(t, ok)
		assert.Equal(t, want, string(canonicalJSON(nil, d)), in)
	}
	assert.Equal(t, "\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\"/\"", string(canonicalJSON(nil, "\u20ac$\u000f\nA'B\"\\\"/")))
	keys := map[string]any{"\u20ac": "a", "\r": "b", "\ufb33": "c", "1": "d", "\U0001f600": "e", "\u0080": "f", "\u00f6": "g"}
	exactly(t, "{\"\\r\":\"b\",\"1\":\"d\",\"\u0080\":\"f\",\"\u00f6\":\"g\",\"\u20ac\":\"a\",\"\U0001f600\":\"e\",\"\ufb33\":\"c\"}", string(canonicalJSON(nil, keys)))
	assert.Equal(t, `[true,false,null,[],{}]`, string(canonicalJSON(nil, []any{true, false, nil, []any{}, map[string]any{}})))
}

func TestVersionIsTheHashOfWhatHolds(t *testing.T) {
	r := load(t, small)
	text := canonicalJSON(nil, r.resolved())
	require.True(t, json.Valid(text))
	sum := sha256.Sum256(text)
	assert.Equal(t, "sha256:"+hex.EncodeToString(sum[:]), r.Version())
	exactly(t, `{"agents":{"support":{"agent":{"id":"support","match":[{"attr":{"gen_ai.agent.name":"support"}}]},`+
		`"allow":[{"id":"list","operations":["read"],"tool":"list_customers"}],"decisions":"optional","mode":"enforce","owner":"user:carol@acme.example",`+
		`"principals":{"direct":true,"required":false}}},"apiVersion":"spanwarden/v1alpha1","tools":[]}`, string(text))
	// Comments, quoting, the names of files and defaults written out change nothing.
	same := load(t, "# comment\n"+small+"  mode: \"enforce\"\n  principals: {direct: true}\n")
	assert.Equal(t, r.Version(), same.Version())
	assert.Empty(t, same.Diff(r))
	assert.NotEqual(t, r.Version(), load(t, small+"  mode: warn\n").Version())
	assert.NotEqual(t, r.Version(), load(t, small, "apiVersion: spanwarden/v1alpha1\nkind: ToolCatalog\nspec: {tools: [{tool: x, operation: read}]}").Version())
}

func TestDiff(t *testing.T) {
	desk := load(t, pair)
	next := load(t, pair+"    - {id: new, tool: x}\n", small)
	assert.Equal(t, []Change{
		{Kind: Changed, Agent: "reader", Paths: []string{"allow[new]"}}, {Kind: Added, Agent: "support"},
	}, next.Diff(desk))
	assert.Equal(t, []Change{
		{Kind: Changed, Agent: "reader", Paths: []string{"allow[new]"}}, {Kind: Removed, Agent: "support"},
	}, desk.Diff(next))
	assert.Len(t, desk.Diff(nil), 2)
	tools := load(t, pair, "apiVersion: spanwarden/v1alpha1\nkind: ToolCatalog\nspec: {tools: [{tool: x, operation: read}]}")
	assert.Equal(t, []Change{{Kind: Changed, Paths: []string{"tools[0]"}}}, tools.Diff(desk))
}

// TestDiffIsEmptyExactlyForEqualVersions also holds that changed rules are named.
func TestDiffIsEmptyExactlyForEqualVersions(t *testing.T) {
	for seed := range uint64(100) {
		g := newGen(seed)
		one, two := g.rules(true), g.rules(true)
		head := g.head()
		a, b := load(t, string(one.text(head))), load(t, string(two.text(head)))
		assert.Equal(t, a.Version() == b.Version(), len(b.Diff(a)) == 0, "seed %d", seed)
		assert.Empty(t, a.Diff(load(t, string(one.text(head)))))
	}
}

func TestHistory(t *testing.T) {
	at := func(m int) time.Time { return time.Date(2026, 11, 2, 9, m, 0, 0, time.UTC) }
	regs := make([]*Registry, 0, 40)
	for i := range 40 {
		regs = append(regs, load(t, small+"  mode: shadow\n  valid: {until: "+at(i).AddDate(1, 0, 0).Format(time.RFC3339)+"}\n"))
	}
	h := NewHistory(0)
	r, exact := h.At(at(0))
	assert.Nil(t, r)
	assert.False(t, exact)
	assert.Nil(t, h.Current())
	h = h.Add(at(10), regs[0]).Add(at(20), regs[1])
	kept := h
	h = h.Add(at(20).Add(time.Second), regs[1]) // the same again
	assert.Equal(t, 2, h.Len())
	for _, c := range []struct {
		minute int
		want   *Registry
		exact  bool
	}{{5, regs[0], false}, {10, regs[0], true}, {19, regs[0], true}, {20, regs[1], true}, {59, regs[1], true}} {
		r, exact := h.At(at(c.minute))
		assert.Same(t, c.want, r, "minute %d", c.minute)
		assert.Equal(t, c.exact, exact)
	}
	h = h.Add(at(15), regs[2]) // it was in force before, and we hear of it late
	r, _ = h.At(at(16))
	assert.Same(t, regs[2], r)
	for i := 3; i < 40; i++ {
		h = h.Add(at(20+i), regs[i])
	}
	assert.Equal(t, DefaultHistory, h.Len())
	assert.Equal(t, 8, h.Dropped())
	assert.Same(t, regs[39], h.Current())
	assert.Equal(t, 2, kept.Len(), "a history is not changed by adding to it")
}
