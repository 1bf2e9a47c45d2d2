package ledger

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestRefusedFiles(t *testing.T) {
	raw, err := os.ReadFile("testdata/refused.yaml")
	require.NoError(t, err)
	var cases []struct {
		File string
		Want []string
	}
	require.NoError(t, yaml.Unmarshal(raw, &cases))
	for i, c := range cases {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			b, err := ParseBudgets("b.yaml", []byte(c.File))
			require.Error(t, err)
			assert.Nil(t, b)
			for _, want := range c.Want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
	_, err = ParseBudgets("b.yaml", []byte(strings.Repeat(" ", maxFileBytes+1)))
	assert.ErrorContains(t, err, "b.yaml:1: 1048577 bytes")
	_, err = ParseBudgets("b.yaml", []byte("version: 1\nbudgets: ["+strings.Repeat("{},", maxBudgets+1)+"]"))
	assert.ErrorContains(t, err, "b.yaml:2: budgets: 1001 of them, 1000 at most")
}

func TestShippedFile(t *testing.T) {
	raw, err := os.ReadFile("../../configs/policy/budgets.yaml")
	require.NoError(t, err)
	b := budgets(t, string(raw))
	assert.Len(t, b.All(), 3)
	assert.False(t, b.HaltOnStateLoss())
	assert.True(t, budgets(t, "version: 1\non_state_loss: halt").HaltOnStateLoss())
}

func TestNewBudgets(t *testing.T) {
	file := budgets(t, everything)
	same, err := NewBudgets(file, nil)
	require.NoError(t, err)
	assert.Equal(t, file.Version(), same.Version())
	specs := []Spec{
		{Source: "agents.yaml:69", Agent: "invoice-bot", Kind: "cost_usd", Limit: "5", Per: "run", OnExceed: "deny", Mode: "enforce"},
		{Source: "agents.yaml:70", Agent: "invoice-bot", Kind: "wall_clock", Limit: "30m", Per: "run", OnExceed: "halt", Mode: "enforce"},
		{Source: "agents.yaml:71", Agent: "a*", Kind: "tokens", Limit: "10", Per: "rolling:24h"},
	}
	b, err := NewBudgets(file, specs)
	require.NoError(t, err)
	require.Len(t, b.All(), 7)
	assert.Len(t, file.All(), 4, "the file's own set is not touched")
	assert.Equal(t, "agent/a*/tokens/rolling:24h", b.All()[4].ID)
	assert.Equal(t, Warn, b.All()[4].Mode)
	assert.Equal(t, "Europe/Berlin", b.All()[4].period.loc.String())
	assert.NotEqual(t, file.Version(), b.Version())
	specs[0], specs[2] = specs[2], specs[0]
	turned, err := NewBudgets(file, specs)
	require.NoError(t, err)
	assert.Equal(t, b.Version(), turned.Version(), "their order says nothing")
	specs[0].Limit = "11"
	changed, err := NewBudgets(file, specs)
	require.NoError(t, err)
	assert.NotEqual(t, b.Version(), changed.Version())
	other, err := NewBudgets(budgets(t, everything+"\n"), specs)
	require.NoError(t, err)
	assert.NotEqual(t, changed.Version(), other.Version(), "the version covers the file too")

	for _, change := range []func(*Spec){
		func(s *Spec) { s.Controls = []string{"A.8.9"} }, func(s *Spec) { s.Reason = "trial over" }, func(s *Spec) { s.Mode = "shadow" },
		func(s *Spec) { s.OnExceed = "halt" }, func(s *Spec) { s.Timezone = "Asia/Tokyo" }, func(s *Spec) { s.Tenant = "t" },
	} {
		one := append([]Spec(nil), specs...)
		change(&one[0])
		next, err := NewBudgets(file, one)
		require.NoError(t, err)
		assert.NotEqual(t, changed.Version(), next.Version(), "%+v", one[0])
	}

	// An agent's id is no pattern.
	l := New(b, Options{})
	s := Scopes{Tenant: "t", Agent: "abc"}
	l.Charge(&Charge{Action: actionID(1), Scopes: s, Kind: ModelCall, Start: epoch, End: epoch, Tokens: 11})
	assert.Empty(t, l.Halts())
	for _, one := range l.Balances(&s, epoch) {
		assert.NotEqual(t, "agent/a*/tokens/rolling:24h", one.Budget.ID)
	}
}

func TestRefusedSpecs(t *testing.T) {
	file := budgets(t, "version: 1\nbudgets: [{id: agent/a/calls/run, scope: tenant, limit_usd: 1}]")
	_, err := NewBudgets(file, []Spec{
		{Source: "x.yaml:1", Agent: "a", Kind: "calls", Limit: "1", Per: "run"},
		{Source: "x.yaml:2", Agent: "b", Kind: "calls", Limit: "1", Per: "run"},
		{Source: "x.yaml:3", Agent: "b", Kind: "calls", Limit: "2", Per: "run"},
		{Source: "x.yaml:4", Kind: "money", Limit: "-1", Per: "eon", OnExceed: "no", Mode: "no", Timezone: "Mars"},
		{Source: "x.yaml:5", Agent: "c", Kind: "cost_usd", Limit: "-1"},
		{Source: "x.yaml:6", Agent: "c", Kind: "wall_clock", Limit: "3", Per: "rolling:1h"},
	})
	for _, want := range []string{
		`x.yaml:1: id: "agent/a/calls/run" is taken by the budget of budgets.yaml:2`, `x.yaml:3: id: "agent/b/calls/run" is taken by the budget of x.yaml:2`,
		"x.yaml:4: agent: ", `timezone: "Mars"`, `per: "eon"`, `kind: "money"`, `on_exceed: "no"`, `mode: "no"`,
		"x.yaml:5: per: ", `limit: "-1"`, `x.yaml:6: limit: "3"`, "per: rolling:1h0m0s cannot limit wall_clock",
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestRaisingTheMode(t *testing.T) {
	with := func(rest string) *Budgets {
		return budgets(t, "version: 1\nbudgets: [{id: x, scope: session, limit_calls: 1, "+rest+"}]")
	}
	require.ErrorContains(t, with("mode: warn").CheckEdit(with("mode: enforce")), `budgets.yaml:2: budget "x": mode: raising it from warn to enforce needs a reason`)
	require.NoError(t, with("mode: warn").CheckEdit(with("mode: enforce, reason: it proved itself")))
	require.NoError(t, with("mode: enforce").CheckEdit(with("mode: shadow")))
	l := New(with("mode: warn"), Options{})
	_, err := l.SetBudgets(with("mode: enforce"), epoch)
	require.Error(t, err)
	assert.Equal(t, with("mode: warn").Version(), l.Budgets().Version(), "the old budgets keep serving")
	assert.Zero(t, l.Seq())
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"a", "a", true},
		{"a", "ab", false},
		{"*", "", true},
		{"a*", "a", true},
		{"a*b", "ab", true},
		{"a*b", "a", false},
		{"a*a", "a", false},
		{"*a*", "bab", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "acb", false},
		{"**", "x", true},
	} {
		assert.Equal(t, c.want, globMatch(c.pattern, c.s), "%q %q", c.pattern, c.s)
	}
}

// written writes budgets as a file.
func written(t *testing.T, b *Budgets) []byte {
	t.Helper()
	list := make([]map[string]any, 0, len(b.All()))
	for _, one := range b.All() {
		amount := one.Limit.Big().String()
		switch one.Unit {
		case USD:
			amount = strings.TrimSuffix(one.Limit.Text(USD), " USD")
		case WallClock:
			amount = time.Duration(one.Limit.Lo).String()
		case Tokens, Calls, ToolCalls:
		}
		m := map[string]any{
			"id": one.ID, "scope": one.Scope.String(), "limit_" + one.Unit.String(): amount, "period": one.Period(), "timezone": one.period.loc.String(),
			"warn_at": one.WarnAt, "on_exceed": one.OnExceed.String(), "mode": one.Mode.String(), "reason": one.Reason,
		}
		if one.Controls != nil {
			m["controls"] = one.Controls
		}
		if one.UpperBound {
			m["unpriced"] = "upper_bound"
		}
		sel := map[string]string{}
		for _, s := range one.selects {
			sel[s.scope.String()] = s.glob
		}
		m["select"] = sel
		if p := one.projection; p != nil {
			pm := map[string]any{"action": p.action.String(), "floors": map[string]any{"calls": int64(p.calls), "elapsed": p.elapsed.String(), "spend": p.spend / one.Unit.Scale()}}
			if p.horizon > 0 {
				pm["horizon"] = p.horizon.String()
			}
			m["projection"] = pm
		}
		list = append(list, m)
	}
	file := map[string]any{"version": 1, "budgets": list}
	if b.haltOnLoss {
		file["on_state_loss"] = "halt"
	}
	out, err := yaml.Marshal(file)
	require.NoError(t, err)
	return out
}
