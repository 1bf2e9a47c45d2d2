package ledger

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAgentsAndLateAncestors(t *testing.T) {
	l := New(nil, Options{})
	c := Charge{Action: actionID(1), Scopes: Scopes{Tenant: "t", Agent: "b"}, Start: epoch, End: epoch, Kind: ModelCall, Cost: amount(t, "2.42")}
	l.Charge(&c)
	c.Ancestors = []string{"a", "b", "a"}
	assert.True(t, l.Charge(&c).Duplicate)
	l.Charge(&c)
	for key, own := range map[string]float64{"a": 0, "b": 2.42} {
		s, ok := l.Spend(Agent, "t", key)
		require.True(t, ok)
		assert.Equal(t, 2.42, s.USD.In(USD))
		assert.Equal(t, own, s.Own.In(USD))
	}
	s, _ := l.Spend(Tenant, "t", "t")
	assert.Equal(t, 2.42, s.USD.In(USD))
}

func TestReleaseAndLimits(t *testing.T) {
	text := "version: 1\nbudgets: [{id: x, scope: session, limit_calls: LIMIT, on_exceed: halt, mode: enforce}]"
	with := func(limit string) *Budgets { return budgets(t, replace(text, limit)) }
	l := New(with("1"), Options{})
	s := Scopes{Tenant: "t", Session: "s"}
	for i := range 2 {
		l.Charge(&Charge{Action: actionID(i), Scopes: s, Start: epoch, End: epoch, Kind: ModelCall})
	}
	h, ok := l.Halted(&s)
	require.True(t, ok)
	_, err := l.Release(h, "ann", "", epoch)
	require.ErrorIs(t, err, ErrNoReason)
	events, err := l.SetBudgets(with("5"), epoch)
	require.NoError(t, err)
	require.Len(t, events, 2)
	assert.True(t, events[0].Resolved)
	events, err = l.SetBudgets(with("1"), epoch)
	require.NoError(t, err)
	require.Len(t, events, 2)
	assert.Equal(t, BudgetExceeded, events[0].Type)
	ev, err := l.Release(h, "ann", "known batch", epoch)
	require.NoError(t, err)
	assert.Equal(t, "ann", ev.By)
	r := l.Charge(&Charge{Action: actionID(9), Scopes: s, Start: epoch, End: epoch, Kind: ModelCall})
	assert.Empty(t, r.Events)
}

func replace(text, limit string) string {
	return text[:len("version: 1\nbudgets: [{id: x, scope: session, limit_calls: ")] + limit +
		text[len("version: 1\nbudgets: [{id: x, scope: session, limit_calls: LIMIT"):]
}
