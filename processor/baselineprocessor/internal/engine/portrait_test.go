package engine

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAPortraitSaysWhatIsNormal(t *testing.T) {
	w := newWorld(t)
	_, ok := w.e.Portrait("", "p", "a", nil)
	assert.False(t, ok, "an agent that nobody saw")
	w.days(20)
	before := w.e.Snapshot(nil)
	p, ok := w.e.Portrait("", "p", "a", []string{"http_get", "never_used"})
	require.True(t, ok)
	assert.Equal(t, before, w.e.Snapshot(nil), "looking changes nothing")

	levels := map[string]Level{}
	for _, l := range p.Levels {
		levels[l.Name] = l
	}
	assert.InDelta(t, 1000, levels["tokens of a call"].Usual.V, 150)
	assert.Greater(t, levels["tokens of a call"].High.V, levels["tokens of a call"].Usual.V)
	assert.InDelta(t, 3*levels["tokens of a call"].High.V, levels["tokens of a call"].Limit.V, 1e-6)
	assert.InDelta(t, 7.5, levels["calls in a session"].Usual.V, 1.5)
	assert.Greater(t, levels["calls in a session"].Maturity, .8)
	assert.Greater(t, p.Sessions, uint32(100))
	require.Len(t, p.Tools, 1, "a tool that was never used has no baseline")
	assert.True(t, p.Tools[0].Known)
	assert.Equal(t, "http_get", p.Tools[0].Name)
	assert.InDelta(t, .1, p.Tools[0].Latency.Usual.V, .03)
	assert.Equal(t, Seen{Sessions: int(p.Sessions), Distinct: 1, Known: 1}, p.Models)
	assert.True(t, p.Drift[tokens].Anchor.Known, "frozen after two weeks")
	assert.Empty(t, p.Open)

	for range 8 {
		w.now = w.now.Add(5 * time.Second)
		w.action(Action{Kind: Tool, Tool: "http_get", Arguments: `{"url":"https://api.example.com/x"}`, Failed: true, Error: "429"})
	}
	p, _ = w.e.Portrait("", "p", "a", nil)
	require.NotEmpty(t, p.Open)
	assert.Equal(t, Loop, p.Open[0].Type)
	assert.Len(t, p.Open[0].Traces, 1)
	raw, err := json.Marshal(&p)
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"began"`)
	raw, err = json.Marshal([]Number{{}, Known(1)})
	require.NoError(t, err)
	assert.JSONEq(t, `[null, 1]`, string(raw), "unknown is null, not 0")
}
