package genai_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/conformance"
	"github.com/spanwarden/spanwarden/internal/genai"
)

const testdata = "../../testdata"

// TestCorpus holds the readings of recorded runs, request by request as they
// were sent, against what the model server and the tools noted.
func TestCorpus(t *testing.T) {
	corpus, err := conformance.Load(filepath.Join(testdata, "corpus"))
	require.NoError(t, err)
	deviations, err := conformance.LoadDeviations(filepath.Join(testdata, "deviations.yaml"))
	require.NoError(t, err)
	require.Len(t, corpus.Scenarios, 44)
	for _, s := range corpus.Scenarios {
		t.Run(s.Name, func(t *testing.T) {
			require.NotNil(t, s.Truth)
			actions := replay(t, s.Requests)
			diffs, stale := deviations.Explain(s.Name, conformance.Compare(s.Truth, observe(actions)))
			for _, d := range diffs {
				t.Error(d)
			}
			assert.Empty(t, stale, "deviations that hold no longer")
		})
	}
}

// replay decodes requests one by one with one memory and applies what later
// requests settled about earlier ones.
func replay(tb testing.TB, requests [][]byte) []genai.Action {
	tb.Helper()
	var (
		b       genai.Batch
		actions = make([]genai.Action, 0, 64)
		index   = map[[16]byte]int{}
		m       = genai.NewMemory(genai.Limits{})
		un      ptrace.JSONUnmarshaler
	)
	for _, req := range requests {
		td, err := un.UnmarshalTraces(req)
		require.NoError(tb, err)
		b.Decode(td, nil)
		m.Resolve(&b, time.Unix(1_800_000_000, 0))
		for i := range b.Items {
			it := &b.Items[i]
			index[it.ActionID()] = len(actions)
			actions = append(actions, it.Action)
			for _, s := range it.Settled {
				a := &actions[index[s.ActionID]]
				a.Agent, a.Session, a.Principal = s.Agent, s.Session, s.Principal
			}
		}
	}
	return actions
}

func observe(actions []genai.Action) *conformance.Observed {
	o := &conformance.Observed{
		ByModel: map[string]conformance.Tokens{}, ByAgent: map[string]conformance.Tokens{},
		Tools: map[string]int64{}, AgentNames: map[string]string{},
	}
	for i := range actions {
		a := &actions[i]
		if a.Session != "" {
			o.Sessions = append(o.Sessions, a.Session)
		}
		if a.Principal.ID != "" {
			o.Principals = append(o.Principals, a.Principal.ID)
		}
		if a.Agent.ID != "" {
			o.AgentNames[a.Agent.ID] = a.Agent.Name
		}
		if a.Kind == genai.KindTool && !a.Duplicate {
			o.Tools[a.Tool.Name]++
		}
		if a.IsModelCall() {
			observeCall(o, a)
		}
	}
	return o
}

func observeCall(o *conformance.Observed, a *genai.Action) {
	if a.Outcome == genai.OutcomeFailure && !a.Usage.Any() {
		o.FailedCalls++
		return
	}
	if a.Kind == genai.KindEmbedding {
		o.EmbeddingCalls++
		return
	}
	u := &a.Usage
	one := conformance.Tokens{
		Calls: 1, InputTotal: u.Input.N, CacheRead: u.CacheRead.N, CacheWrite: u.CacheWrite.N,
		OutputTotal: u.Output.N, Reasoning: u.Reasoning.N,
	}
	if u.Any() {
		o.CallsWithUsage++
	}
	o.Total = o.Total.Plus(one)
	model := a.ResponseModel
	if model == "" {
		model = a.RequestModel
	}
	o.ByModel[model] = o.ByModel[model].Plus(one)
	o.ByAgent[a.Agent.ID] = o.ByAgent[a.Agent.ID].Plus(one)
}
