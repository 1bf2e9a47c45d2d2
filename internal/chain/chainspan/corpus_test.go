package chainspan

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/conformance"
	"github.com/spanwarden/spanwarden/internal/genai"
)

const second = int64(1e9)

// records decodes every request of a scenario, each on its own.
func records(t *testing.T, s *conformance.Scenario) [][]chain.Record {
	t.Helper()
	out := make([][]chain.Record, 0, len(s.Requests))
	r := New()
	r.Bind = func(it *genai.Item) string { return it.Action.Agent.Name }
	for _, raw := range s.Requests {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(raw)
		require.NoError(t, err)
		var b genai.Batch
		b.Decode(td, nil)
		rs := make([]chain.Record, 0, len(b.Items))
		for i := range b.Items {
			rs = append(rs, r.Read(&b.Items[i]))
		}
		out = append(out, rs)
	}
	return out
}

// edges lists the edges between agents that an engine without a registry finds,
// as the truth writes them. An agent that goes on itself is none.
func edges(batches [][]chain.Record) []string {
	e := chain.New(chain.Options{}, chain.NoRegistry)
	now := int64(0)
	for _, b := range batches {
		for i := range b {
			now = max(now, b[i].Start, b[i].End)
		}
	}
	for _, b := range batches {
		e.Add(now, b...)
		e.Flush(now)
	}
	e.Flush(now + 120*second)
	var out []string
	for _, p := range e.Pages() {
		for _, ed := range p.Edges {
			if ed.Delegator != ed.Delegatee {
				out = append(out, fmt.Sprintf("%s %s>%s", ed.Kind, plain(ed.Delegator), plain(ed.Delegatee)))
			}
		}
	}
	slices.Sort(out)
	return out
}

// plain is a name without its spelling: one stack writes Weather Agent on spans
// and weather-agent in its code.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

var kinds = map[string]chain.Kind{
	"agent_as_tool": chain.Delegate, "nested_call": chain.Delegate, "handoff": chain.Transfer,
	"return": chain.Join, // control given back carries a result and no authority
}

// truths reads which agents really let which others work.
func truths(t *testing.T) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile("../../../testdata/corpus/truth.json")
	require.NoError(t, err)
	var all struct {
		Scenarios map[string]struct {
			Edges []struct{ From, To, Type string } `json:"agent_edges"`
		}
	}
	require.NoError(t, json.Unmarshal(raw, &all))
	out := map[string][]string{}
	for name, s := range all.Scenarios {
		for _, e := range s.Edges {
			k, ok := kinds[e.Type]
			require.True(t, ok, e.Type)
			out[name] = append(out[name], fmt.Sprintf("%s %s>%s", k, plain(e.From), plain(e.To)))
		}
		slices.Sort(out[name])
	}
	return out
}

// Every edge of the truth is found with its kind, whatever the order of arrival,
// and none is invented.
func TestCorpusEdges(t *testing.T) {
	c, err := conformance.Load("../../../testdata/corpus")
	require.NoError(t, err)
	want := truths(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range c.Scenarios {
		s := &c.Scenarios[i]
		t.Run(s.Name, func(t *testing.T) {
			bs := records(t, s)
			assert.Equal(t, want[s.Name], edges(bs))
			var all [][]chain.Record
			for _, b := range bs {
				for k := range b {
					all = append(all, b[k:k+1])
				}
			}
			for range 5 {
				rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				assert.Equal(t, want[s.Name], edges(all))
			}
		})
	}
}
