package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOrders(t *testing.T) {
	l := New(budgets(t, everything), Options{MaxHalts: 3})
	order := Order{Scope: Agent, Tenant: "t", Key: "bot", By: "ann", Reason: "it loops"}
	h, ev, err := l.Halt(order, epoch)
	require.NoError(t, err)
	assert.Equal(t, Halt{
		Scope: Agent, Tenant: "t", Key: "bot", Effect: EffectHalt, Since: epoch, Rule: RulePerson, By: "ann", Reason: "it loops",
		PolicyVersion: l.Budgets().Version(),
	}, h)
	assert.Equal(t, BudgetHalt, ev.Type)
	assert.Equal(t, h.ID(), ev.HaltID)
	assert.Equal(t, "it loops", ev.Reason)
	found, ok := l.FindHalt(h.ID())
	require.True(t, ok)
	assert.Equal(t, h, found)

	again, _, err := l.Halt(order, epoch.Add(time.Hour))
	require.ErrorIs(t, err, ErrHaltExists)
	assert.Equal(t, h, again)
	order.Rule, order.Run = "boundary.after_halt", "run-1"
	inRun, _, err := l.Halt(order, epoch)
	require.NoError(t, err)
	assert.NotEqual(t, h.ID(), inRun.ID())
	for _, bad := range []Order{
		{Scope: Agent, Key: "bot", Reason: "r"},
		{Scope: Agent, Key: "bot", By: "b"},
		{Scope: Agent, By: "b", Reason: "r"},
		{Scope: 99, Key: "k", By: "b", Reason: "r"},
		{Scope: Agent, Key: "k", By: "b", Reason: "r", Effect: 9},
		{Scope: Agent, Key: "k", By: "b", Reason: "r", Run: "r", Session: "s"},
		{Scope: Agent, Key: "k", By: "b", Reason: "r", Until: epoch},
		{Scope: Tenant, Tenant: "a", Key: "b", By: "b", Reason: "r"},
		{Scope: Agent, Key: "k", By: "b", Reason: strings.Repeat("r", maxOrder)},
	} {
		before := l.Snapshot()
		_, _, err := l.Halt(bad, epoch)
		require.Error(t, err, "%+v", bad)
		require.Equal(t, before, l.Snapshot())
	}

	tenant, _, err := l.Halt(Order{Scope: Tenant, Tenant: "t", By: "b", Reason: "r", Effect: EffectDeny, Until: epoch.Add(time.Hour)}, epoch)
	require.NoError(t, err)
	assert.Equal(t, "t", tenant.Key)
	_, _, err = l.Halt(Order{Scope: Session, Tenant: "t", Key: "s", By: "b", Reason: "r"}, epoch)
	require.ErrorIs(t, err, ErrTooManyHalts)
	assert.Equal(t, uint64(1), l.Counters().RefusedHalts)

	for name, c := range map[string]struct {
		s    Scopes
		want string
	}{
		"the agent":                 {Scopes{Tenant: "t", Agent: "bot"}, h.ID()},
		"what it drives":            {Scopes{Tenant: "t", Agent: "sub", Ancestors: []string{"bot"}}, h.ID()},
		"the tenant denies":         {Scopes{Tenant: "t", Agent: "other"}, tenant.ID()},
		"another tenant is another": {Scopes{Tenant: "u", Agent: "bot"}, ""},
	} {
		got, ok := l.Halted(&c.s)
		assert.Equal(t, c.want != "", ok, name)
		if ok {
			assert.Equal(t, c.want, got.ID(), name)
		}
	}
	assert.Len(t, l.Tick(epoch.Add(time.Hour)), 1, "an order may end by itself")

	_, err = l.ReleaseID(h.ID(), "", "why", epoch)
	require.ErrorIs(t, err, ErrNoReason)
	_, err = l.ReleaseID("0000000000000000", "bob", "why", epoch)
	require.ErrorIs(t, err, ErrNoHalt)
	_, err = l.ReleaseID("0000000000000000", "", "why", epoch)
	require.ErrorIs(t, err, ErrNoReason)
	ev, err = l.ReleaseID(h.ID(), "bob", "mended", epoch.Add(time.Minute))
	require.NoError(t, err)
	assert.Equal(t, []string{"bob", "mended", h.ID()}, []string{ev.By, ev.Reason, ev.HaltID})
	assert.True(t, ev.Resolved)
	_, err = l.ReleaseID(h.ID(), "bob", "mended", epoch)
	require.ErrorIs(t, err, ErrNoHalt)
	// A later halt of the same key has another id: the old one cannot release it.
	order.Rule, order.Run = "", ""
	later, _, err := l.Halt(order, epoch.Add(2*time.Hour))
	require.NoError(t, err)
	assert.NotEqual(t, h.ID(), later.ID())
	// A restart changes no id.
	next := New(l.Budgets(), Options{})
	require.NoError(t, next.Restore(l.Snapshot()))
	assert.Equal(t, l.Halts(), next.Halts())
}

func TestHaltsAreBounded(t *testing.T) {
	l := New(budgets(t, "version: 1\nbudgets: [{id: x, scope: session, limit_calls: 0, on_exceed: halt, mode: enforce}]"), Options{MaxHalts: 2})
	for i, s := range []string{"a", "b", "c", "c"} {
		l.Charge(&Charge{Action: actionID(i), Scopes: Scopes{Session: s}, Start: epoch, End: epoch, Kind: ModelCall})
	}
	require.Len(t, l.Halts(), 2)
	assert.Equal(t, uint64(2), l.Counters().RefusedHalts)
	h, ok := l.Halted(&Scopes{Session: "a"})
	require.True(t, ok, "none was dropped to make room")
	_, err := l.Release(h, "ann", "checked", epoch)
	require.NoError(t, err)
	l.Charge(&Charge{Action: actionID(9), Scopes: Scopes{Session: "c"}, Start: epoch, End: epoch, Kind: ModelCall})
	_, ok = l.Halted(&Scopes{Session: "c"})
	assert.True(t, ok, "with room again, the next charge latches")
}

func TestPardonOutlivesStorage(t *testing.T) {
	stored := store{}
	l := New(budgets(t, "version: 1\nbudgets: [{id: x, scope: session, limit_calls: 0, on_exceed: halt, mode: enforce}]"), stored.options(Options{MaxKeys: 16}))
	n := 0
	charge := func(session string) []Event {
		n++
		return l.Charge(&Charge{Action: actionID(n), Scopes: Scopes{Session: session}, Start: epoch, End: epoch, Kind: ModelCall}).Events
	}
	require.Len(t, charge("a"), 2)
	h := l.Halts()[0]
	assert.Equal(t, `1 calls spent of a limit of 0 calls in budget "x"`, h.Reason)
	for _, s := range names("other-", 40) {
		charge(s)
	}
	require.Nil(t, l.accounts[h.accountKey()], "it is in storage")
	_, err := l.Release(h, "ann", "checked", epoch)
	require.NoError(t, err)
	require.Nil(t, l.accounts[h.accountKey()], "and stays there")
	assert.Empty(t, charge("a"))
}

func TestEachBalance(t *testing.T) {
	b, err := NewBudgets(budgets(t, everything), []Spec{
		{Source: "a:1", Agent: "bot", Tenant: "t", Kind: "calls", Limit: "5", Per: "day"},
		{Source: "a:2", Agent: "idle", Kind: "calls", Limit: "7", Per: "day"},
	})
	require.NoError(t, err)
	l := New(b, Options{})
	gauges := func(now time.Time) map[string]string {
		out := map[string]string{}
		l.EachBalance(now, func(b *Balance) {
			k := b.Budget.ID + " of " + b.Tenant + "/" + b.Key
			require.NotContains(t, out, k)
			out[k] = b.Spent.Text(b.Budget.Unit) + " of " + b.Limit.Text(b.Budget.Unit) + ", left " + b.Remaining.Text(b.Budget.Unit)
		})
		return out
	}
	atLoad := map[string]string{
		"d of /": "0 USD of 200 USD, left 200 USD", "r of /": "0 tokens of 5000 tokens, left 5000 tokens",
		"tenant/t/agent/bot/calls/day of t/bot": "0 calls of 5 calls, left 5 calls",
		"agent/idle/calls/day of /idle":         "0 calls of 7 calls, left 7 calls",
	}
	assert.Equal(t, atLoad, gauges(epoch))
	for i := range 3 {
		l.Charge(&Charge{
			Action: actionID(i), Scopes: Scopes{Tenant: "t", Project: "p", Agent: "bot", Session: "s"}, Start: epoch, End: epoch, Kind: ModelCall,
			Tokens: 2000, Cost: amount(t, "1.5"),
		})
	}
	got := gauges(epoch)
	assert.Equal(t, "4.5 USD of 200 USD, left 195.5 USD", got["d of t/t"])
	assert.Equal(t, "6000 tokens of 5000 tokens, left 0 tokens", got["r of t/p"])
	assert.Equal(t, "3 calls of 5 calls, left 2 calls", got["tenant/t/agent/bot/calls/day of t/bot"])
	assert.Equal(t, "0 calls of 7 calls, left 7 calls", got["agent/idle/calls/day of /idle"])
	got = gauges(epoch.Add(48 * time.Hour))
	assert.Equal(t, "0 USD of 200 USD, left 200 USD", got["d of t/t"], "no traffic is a series at 0")
	assert.Equal(t, "0 tokens of 5000 tokens, left 5000 tokens", got["r of t/p"])
	before := l.Snapshot()
	gauges(epoch.Add(time.Hour))
	assert.Equal(t, before, l.Snapshot(), "looking changes nothing")
}

// What fires of a key in storage resolves when its period ends, and the key
// stays in storage.
func TestStorageWakes(t *testing.T) {
	stored := store{}
	l := New(budgets(t, `version: 1
budgets:
  - {id: day, scope: session, limit_calls: 0, period: day, on_exceed: halt, mode: enforce}
  - {id: life, scope: session, limit_calls: 0}
  - {id: soon, scope: session, limit_usd: 100, projection: {horizon: 10s, floors: {calls: 0, elapsed: 0s, spend_usd: 0}}}
`), stored.options(Options{MaxKeys: 16, MaxHalts: 20}))
	for i, s := range names("s", 36) {
		l.Charge(&Charge{Action: actionID(i), Scopes: Scopes{Session: s}, Start: epoch, End: epoch.Add(time.Second), Kind: ModelCall, Cost: amount(t, "50")})
	}
	require.Equal(t, uint64(21), l.Counters().EvictedKeys)
	require.Len(t, l.waiting, 20)
	assert.Equal(t, uint64(1), l.Counters().UnwatchedKeys)
	l.Tick(epoch.Add(time.Minute))
	resolved := map[EventType]int{}
	for _, e := range l.Tick(epoch.Add(2 * time.Minute)) {
		require.True(t, e.Resolved)
		resolved[e.Type]++
	}
	assert.Equal(t, map[EventType]int{BudgetProjected: 35}, resolved, "36 keys, one of them unwatched")
	next := New(l.Budgets(), l.opt)
	require.NoError(t, next.Restore(l.Snapshot()))
	clear(resolved)
	for _, e := range next.Tick(epoch.Add(24 * time.Hour)) {
		require.True(t, e.Resolved)
		resolved[e.Type]++
	}
	assert.Equal(t, map[EventType]int{BudgetExceeded: 35, BudgetHalt: 20}, resolved)
	assert.Empty(t, next.waiting)
	assert.Empty(t, next.Tick(epoch.Add(25*time.Hour)))
	assert.Equal(t, uint64(21), next.Counters().EvictedKeys)
}
