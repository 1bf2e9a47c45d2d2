package conformance

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Observed is what an observer knows of one run. A nil map is not compared.
type Observed struct {
	// Total sums the generation calls that succeeded; embeddings are apart.
	// Total.Calls counts them, with or without usage.
	Total Tokens
	// CallsWithUsage counts the calls of Total that state any token count.
	CallsWithUsage int64
	EmbeddingCalls int64
	// FailedCalls counts failed attempts. Many stacks hide retries, so the truth
	// is an upper bound.
	FailedCalls int64
	// ByModel is keyed by response or request model, whichever the observer has:
	// the truth's own call list tells which response model answers which request.
	// Calls without any agent or model stand under the key "".
	ByModel, ByAgent map[string]Tokens
	// AgentNames gives the name of an agent whose key in ByAgent is an id.
	AgentNames map[string]string
	// Tools counts executed tool calls by name: "get_weather" and
	// "mcp/<server>/get_weather" are the same tool here. Hand-overs and duplicates
	// are not counted.
	Tools map[string]int64
	// Sessions and Principals are compared as subsets: not every stack exports
	// what the run declared.
	Sessions, Principals []string
}

// Difference is one disagreement between truth and observation. Field is a path
// such as "total.input", "agent.billing.calls", "model.gpt-4o.output" or
// "tools.get_weather".
type Difference struct{ Field, Want, Got string }

func (d Difference) String() string { return d.Field + ": want " + d.Want + ", got " + d.Got }

// Compare lists where the observation departs from the truth, sorted by field.
// What the truth does not state is not compared; see Uncompared.
func Compare(t *Truth, o *Observed) []Difference {
	if t == nil {
		return nil
	}
	c := &comparer{}
	c.calls(t, o)
	c.groups("agent", t.expectedByAgent(), t.foldAgents(o.ByAgent, o.AgentNames))
	c.groups("model", t.expectedByModel(), t.foldModels(o.ByModel))
	c.tools(t.Tools, o.Tools)
	if t.Identity != nil {
		c.subset("sessions", slices.Concat(t.Identity.Sessions, t.Identity.Threads), o.Sessions)
		c.subset("principals", t.Identity.Users, o.Principals)
	}
	slices.SortFunc(c.diffs, func(a, b Difference) int { return strings.Compare(a.Field, b.Field) })
	return c.diffs
}

// Uncompared names the parts that the truth does not state.
func Uncompared(t *Truth) []string {
	if t == nil {
		return []string{"everything: no truth"}
	}
	var out []string
	for _, p := range []struct {
		name string
		have bool
	}{
		{"calls", t.LLM != nil && t.LLM.GenerationCalls != nil},
		{"total", t.visible() != nil},
		{"agent", t.expectedByAgent() != nil},
		{"model", t.expectedByModel() != nil},
		{"tools", t.Tools != nil},
	} {
		if !p.have {
			out = append(out, p.name)
		}
	}
	return out
}

type comparer struct{ diffs []Difference }

func (c *comparer) equal(field string, want, got int64) {
	if want != got {
		c.diffs = append(c.diffs, Difference{field, strconv.FormatInt(want, 10), strconv.FormatInt(got, 10)})
	}
}

func (c *comparer) tokens(prefix string, want, got Tokens) {
	w, g := want.fields(), got.fields()
	for i := range w {
		if want.missing&(1<<i) == 0 {
			c.equal(prefix+"."+w[i].field, *w[i].value, *g[i].value)
		}
	}
}

func (c *comparer) calls(t *Truth, o *Observed) {
	if v := t.visible(); v != nil {
		want := *v
		want.missing |= 1 // calls are compared below, from another ledger
		c.tokens("total", want, o.Total)
		if t.Visible != nil && t.Visible.missing&1 == 0 {
			c.equal("calls_with_usage", t.Visible.Calls, o.CallsWithUsage)
		}
	}
	if t.LLM == nil {
		return
	}
	if t.LLM.GenerationCalls != nil {
		c.equal("calls", *t.LLM.GenerationCalls-int64(len(t.hidden())), o.Total.Calls)
	}
	if t.LLM.EmbeddingCalls != nil {
		c.equal("embedding_calls", *t.LLM.EmbeddingCalls, o.EmbeddingCalls)
	}
	if o.FailedCalls > t.LLM.Failed {
		c.equal("failed_calls", t.LLM.Failed, o.FailedCalls)
	}
}

func (c *comparer) groups(prefix string, want, got map[string]Tokens) {
	if want == nil || got == nil {
		return
	}
	for _, name := range union(want, got) {
		c.tokens(prefix+"."+name, want[name], got[name])
	}
}

func (c *comparer) tools(t *Tools, got map[string]int64) {
	if t == nil || got == nil {
		return
	}
	want, notFunctions := map[string]int64{}, map[string]bool{}
	for _, e := range t.Executed {
		want[e.Name]++
	}
	for _, r := range t.Requested {
		// A tool through which an agent runs another agent is delegation; the
		// ledger of functions does not hold it unless the application wrote it.
		if r.Kind != "" && r.Kind != "function" && want[r.Name] == 0 {
			notFunctions[r.Name] = true
		}
	}
	plain := map[string]int64{}
	for name, n := range got {
		if i := strings.LastIndexByte(name, '/'); i >= 0 && strings.HasPrefix(name, "mcp/") && want[name] == 0 {
			name = name[i+1:]
		}
		if !notFunctions[name] {
			plain[name] += n
		}
	}
	for _, name := range union(want, plain) {
		c.equal("tools."+name, want[name], plain[name])
	}
}

func (c *comparer) subset(field string, all, got []string) {
	if len(all) == 0 {
		return
	}
	for _, g := range got {
		if !slices.Contains(all, g) {
			c.diffs = append(c.diffs, Difference{field, "one of " + strings.Join(all, ", "), g})
		}
	}
}

func union[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}
