package chainspan

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
	var out [][]chain.Record
	r := New()
	r.Bind = func(it *genai.Item) string { return it.Action.Agent.Name }
	for _, raw := range s.Requests {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(raw)
		require.NoError(t, err)
		var b genai.Batch
		b.Decode(td, nil)
		var rs []chain.Record
		for i := range b.Items {
			rs = append(rs, r.Read(&b.Items[i]))
		}
		out = append(out, rs)
	}
	return out
}

// edges lists the edges between agents that an engine without a registry finds.
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
			out = append(out, fmt.Sprintf("%s %s>%s %s", ed.Kind, ed.Delegator, ed.Delegatee, ed.Grade))
		}
	}
	slices.Sort(out)
	return out
}

func TestCorpusEdges(t *testing.T) {
	c, err := conformance.Load("../../../testdata/corpus")
	require.NoError(t, err)
	for i := range c.Scenarios {
		s := &c.Scenarios[i]
		t.Run(s.Name, func(t *testing.T) {
			bs := records(t, s)
			got := edges(bs)
			t.Log(got)
			rnd := rand.New(rand.NewPCG(1, 2))
			for range 5 {
				var all [][]chain.Record
				for _, b := range bs {
					for k := range b {
						all = append(all, b[k:k+1])
					}
				}
				rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				assert.Equal(t, got, edges(all))
			}
		})
	}
}
