package governanceextension

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of two collectors exactly one owns a session, and each names the other.
func TestElsewhere(t *testing.T) {
	names := []string{"a:4317", "b:4317"}
	shardOf := func(self string) *governor {
		return start(t, nil, budgetFile(t, sessionCap), func(c *Config) { c.Shard = ShardConfig{Collectors: names, Self: self} })
	}
	a, b := shardOf(names[0]), shardOf(names[1])
	defer stop(t, a)
	defer stop(t, b)
	own := 0
	for i := range 100 {
		session := fmt.Sprint("s", i)
		if a.Elsewhere(session) == "" {
			own++
			assert.Equal(t, names[0], b.Elsewhere(session))
		} else {
			assert.Equal(t, names[1], a.Elsewhere(session))
			assert.Empty(t, b.Elsewhere(session))
		}
	}
	assert.InDelta(t, 50, own, 30)
	assert.Empty(t, a.Elsewhere(""), "no session is nobody's")
	alone := start(t, nil, "")
	defer stop(t, alone)
	assert.Empty(t, alone.Elsewhere("s1"))
}

// Budgets that no collector sees the whole of are named.
func TestOwnerless(t *testing.T) {
	const budgets = `
version: 1
budgets:
  - {id: by-session, scope: session, limit_usd: 1, period: lifetime}
  - {id: by-run, scope: agent, limit_usd: 1, period: run}
  - {id: by-project, scope: project, limit_usd: 1, period: month}
`
	e := start(t, nil, budgetFile(t, budgets))
	defer stop(t, e)
	assert.Equal(t, []string{"by-project"}, ownerless(e.book.ledger.Budgets()))
}

func TestShardConfig(t *testing.T) {
	for name, c := range map[string]struct {
		shard ShardConfig
		want  string
	}{
		"not on the list": {ShardConfig{Collectors: []string{"a:1", "b:1"}, Self: "c:1"}, `shard::self: want one of a:1, b:1, not "c:1"`},
		"no list":         {ShardConfig{Self: "c:1"}, "shard::collectors: at least one"},
		"named twice":     {ShardConfig{Collectors: []string{"a:1", "a:1"}, Self: "a:1"}, `shard::collectors: each collector must be named once, not "a:1"`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			cfg.Shard = c.shard
			require.ErrorContains(t, cfg.Validate(), c.want)
		})
	}
}
