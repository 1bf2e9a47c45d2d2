package ledger

import (
	"sync"
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

// A million calls of one pico-USD are exactly a millionth of a USD.
func TestSmallestAmounts(t *testing.T) {
	l := New(nil, Options{})
	c := Charge{Scopes: Scopes{Tenant: "t"}, Start: epoch, End: epoch, Kind: ModelCall, Cost: amount(t, "0.000000000001")}
	for i := range 1_000_000 {
		c.Action = actionID(i)
		l.Apply(&c, nil)
	}
	s, _ := l.Spend(Tenant, "t", "t")
	assert.Equal(t, "0.000001 USD", s.USD.Text(USD))
}

// A ledger under a lock, as a shell holds it: a hundred hands, retries of each
// other and budgets that change meanwhile, and the sum is exact.
func TestManyHands(t *testing.T) {
	sets := []*Budgets{budgets(t, everything), budgets(t, modelled)}
	l := New(sets[0], Options{})
	var mu sync.Mutex
	var hands sync.WaitGroup
	for hand := range 100 {
		hands.Go(func() {
			c := Charge{Scopes: Scopes{Tenant: "t", Session: "s", Project: "p"}, Start: epoch, End: epoch, Kind: ModelCall, Cost: amount(t, "0.01")}
			for i := range 50 {
				c.Action = actionID(hand/2*50 + i) // each is delivered by two hands
				mu.Lock()
				l.Apply(&c, nil)
				if i == hand%50 {
					_, err := l.SetBudgets(sets[hand%2], epoch)
					assert.NoError(t, err)
				}
				mu.Unlock()
				sets[hand%2].All() // budgets are shared without a lock
			}
		})
	}
	hands.Wait()
	for _, scope := range []struct {
		scope Scope
		key   string
	}{{Tenant, "t"}, {Session, "s"}, {Project, "p"}} {
		s, _ := l.Spend(scope.scope, "t", scope.key)
		assert.Equal(t, "25 USD", s.USD.Text(USD))
	}
}

// Balances of 128 bits do not wrap, and stop at the largest.
func TestSums(t *testing.T) {
	most := Sum{1<<64 - 1, 1<<64 - 1}
	assert.Equal(t, most, most.Plus(SumOf(1)))
	assert.Equal(t, Sum{1, 0}, SumOf(1<<64-1).Plus(SumOf(1)))
	assert.Equal(t, SumOf(1<<64-1), Sum{1, 0}.Minus(SumOf(1)))
	assert.Equal(t, Sum{}, SumOf(1).Minus(SumOf(2)))
	assert.Equal(t, "18446744.073709551616 USD", Sum{1, 0}.Text(USD))
	assert.Equal(t, "0 USD", Sum{}.Text(USD))
	assert.Equal(t, "1h30m0s", SumOf(5_400_000_000_000).Text(WallClock))
	assert.Equal(t, "7 tool calls", SumOf(7).Text(ToolCalls))
	assert.Equal(t, 1, Sum{1, 0}.Cmp(SumOf(5)))
}
