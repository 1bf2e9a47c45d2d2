package ledger

import (
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const modelled = `version: 1
timezone: Europe/Berlin
budgets:
  - {id: session, scope: session, limit_usd: 60, on_exceed: halt, mode: enforce, unpriced: upper_bound}
  - {id: day, scope: tenant, limit_usd: 70, period: day, on_exceed: deny, mode: enforce}
  - {id: hour, scope: principal, limit_tokens: 8000, period: hour, on_exceed: halt, mode: enforce}
  - {id: week, scope: project, limit_calls: 25, period: week}
  - {id: month, scope: delegation_root, limit_usd: 40, period: month, on_exceed: halt, mode: enforce}
  - {id: run, scope: agent, limit_tool_calls: 6, period: run, on_exceed: deny, mode: enforce}
  - {id: agent-session, scope: agent, limit_tool_calls: 9, period: session, on_exceed: deny, mode: enforce}
  - {id: of-p1, scope: agent, select: {project: p1}, limit_calls: 12, on_exceed: deny, mode: enforce}
  - {id: rolling, scope: project, limit_tokens: 1000000000, period: "rolling:1h"}
`

func modelBudgets(tb testing.TB) []modelBudget {
	tb.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(tb, err)
	const usd = 1_000_000_000_000
	return []modelBudget{
		{id: "session", scope: Session, unit: USD, bound: true, limit: 60 * usd, enforce: true},
		{id: "day", scope: Tenant, unit: USD, limit: 70 * usd, period: "2006-01-02", zone: berlin, enforce: true},
		{id: "hour", scope: Principal, unit: Tokens, limit: 8000, period: "2006-01-02T15", zone: time.UTC, enforce: true},
		{id: "week", scope: Project, unit: Calls, limit: 25, period: "week", zone: berlin},
		{id: "month", scope: DelegationRoot, unit: USD, limit: 40 * usd, period: "2006-01", zone: berlin, enforce: true},
		{id: "run", scope: Agent, unit: ToolCalls, limit: 6, period: "run", enforce: true},
		{id: "agent-session", scope: Agent, unit: ToolCalls, limit: 9, period: "session", enforce: true},
		{id: "of-p1", scope: Agent, unit: Calls, limit: 12, enforce: true, fits: func(s *Scopes, _ string) bool { return s.Project == "p1" }},
		{
			id: "agent/a1/calls/month", scope: Agent, unit: Calls, limit: 20, period: "2006-01", zone: berlin, enforce: true,
			fits: func(_ *Scopes, key string) bool { return key == "a1" },
		},
		{id: "rolling", scope: Project, unit: Tokens, period: "rolling"},
	}
}

func modelledBudgets(tb testing.TB) *Budgets {
	tb.Helper()
	b, err := NewBudgets(budgets(tb, modelled), []Spec{
		{Source: "agents.yaml:3", Agent: "a1", Kind: "calls", Limit: "20", Per: "month", OnExceed: "halt", Mode: "enforce"},
	})
	require.NoError(tb, err)
	return b
}

// store is a storage of evicted keys.
type store map[string][]byte

func (s store) options(o Options) Options {
	o.Evict = func(k string, b []byte) { s[k] = slices.Clone(b) }
	o.Load = func(k string) []byte { return s[k] }
	return o
}

// The ledger is the obvious model, on any history: with repeats, late ancestors,
// second spans of a response, other years' clocks, and keys that go to storage
// and come back.
func TestModel(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		charges := randomCharges(r, 250)
		stored := store{}
		l := New(modelledBudgets(t), stored.options(Options{MaxKeys: 20, ActionTTL: 1e6 * time.Hour, ResponseTTL: 1e6 * time.Hour}))
		m := newModel(modelBudgets(t))
		for range 2 * len(charges) {
			c := charges[r.IntN(len(charges))]
			if r.IntN(3) == 0 {
				c.Ancestors, c.AncestorRuns = nil, nil // not known yet
			}
			if r.IntN(5) == 0 {
				c.Root = ""
			}
			events, repeat := l.Book(&c, nil)
			require.Equal(t, m.charge(&c), repeat, "seed %d", seed)
			requireFired(t, m, events)
		}
		requireModel(t, m, l, charges)
		assert.Positive(t, l.Counters().EvictedKeys)
		assert.Positive(t, l.Counters().LoadedKeys)
	}
}

func requireFired(t *testing.T, m *model, events []Event) {
	t.Helper()
	got := make([]string, 0, len(events))
	for _, e := range events {
		if !e.Resolved {
			got = append(got, string(e.Type)+" "+e.Budget)
		}
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(m.fired))
	require.Equal(t, strings.Join(want, ","), strings.Join(got, ","))
}

func requireModel(t *testing.T, m *model, l *Ledger, charges []Charge) {
	t.Helper()
	for k, want := range m.spend {
		p := strings.Split(k, "|")
		got, ok := l.Spend(Scope(slices.Index(scopeNames, p[0])), p[1], p[2])
		require.True(t, ok, k)
		for name, pair := range map[string][2]*big.Int{
			"usd": {&want.usd, got.USD.Big()}, "bound": {&want.bound, got.Bound.Big()}, "own": {&want.own, got.Own.Big()},
			"tokens": {&want.tokens, SumOf(got.Tokens).Big()}, "calls": {&want.calls, SumOf(got.Calls).Big()},
			"tools": {&want.tools, SumOf(got.ToolCalls).Big()}, "unpriced": {&want.unpriced, SumOf(got.UnpricedCalls).Big()},
		} {
			require.Zero(t, pair[0].Cmp(pair[1]), "%s of %s: want %s, got %s", name, k, pair[0], pair[1])
		}
	}
	for i := range charges {
		c := &charges[i]
		for _, b := range l.Balances(&c.Scopes, c.End) {
			requireBalance(t, m, l, c, &b)
		}
	}
	for _, h := range l.Halts() {
		require.True(t, m.halted[join(h.Budget, h.Tenant, h.Key, h.Run+h.Session)], "%+v", h)
	}
	for k := range maps.Keys(m.halted) {
		p := strings.Split(k, "|")
		require.Equal(t, m.halted[k], slices.ContainsFunc(l.Halts(), func(h Halt) bool {
			return h.Budget == p[0] && h.Tenant == p[1] && h.Key == p[2] && h.Run+h.Session == p[3]
		}), k)
	}
}

func requireBalance(t *testing.T, m *model, l *Ledger, c *Charge, b *Balance) {
	t.Helper()
	i := slices.IndexFunc(m.budgets, func(mb modelBudget) bool { return mb.id == b.Budget.ID })
	mb := &m.budgets[i]
	k := join(mb.id, b.Tenant, b.Key, b.Run+b.Session)
	if mb.period == "rolling" {
		low, high := m.window(k, time.Hour)
		got := l.balance(accountKey{scope: Project, tenant: b.Tenant, key: b.Key}, l.find(accountKey{scope: Project, tenant: b.Tenant, key: b.Key}), b.Budget, epoch)
		require.True(t, low <= got.Spent.Lo && got.Spent.Lo <= high, "%d in [%d, %d]", got.Spent.Lo, low, high)
		return
	}
	period := ""
	if mb.zone != nil {
		period = periodName(c.End.In(mb.zone), mb.period)
	}
	want := big.NewInt(0)
	if s := m.counted[k+"|"+period]; s != nil {
		want = s.of(mb)
	}
	if l.late(m, k, period) {
		return // too old to be kept
	}
	require.Zero(t, want.Cmp(b.Spent.Big()), "%s %s: want %s, got %s", k, period, want, b.Spent.Big())
}

// late reports whether the period is not one of the newest that are kept.
func (*Ledger) late(m *model, k, period string) bool {
	newer := 0
	for name := range m.counted {
		if p, ok := strings.CutPrefix(name, k+"|"); ok && p > period {
			newer++
		}
	}
	return newer > keptPeriods
}

// Any order, duplication and batching gives the same sums, halts of periods
// aside: which charge proves them is a matter of order.
func TestOrder(t *testing.T) {
	for seed := range uint64(15) {
		r := rand.New(rand.NewPCG(seed, 2))
		charges := randomCharges(r, 200)
		for i := range charges {
			if twin := &charges[r.IntN(i+1)]; twin.Response != (ID{}) && i%3 == 0 {
				id := charges[i].Action
				charges[i] = *twin // a gateway saw the same call
				charges[i].Action, charges[i].Trace = id, ResponseID("gateway", "")
			}
			if !charges[i].Cost.Known() {
				charges[i].Response = ID{}
			}
		}
		// Responses that differ in trace and tokens are another test's.
		tokens := map[ID]uint64{}
		for i := range charges {
			if n, ok := tokens[charges[i].Response]; ok && n != charges[i].Tokens {
				charges[i].Response = ID{}
			}
			tokens[charges[i].Response] = charges[i].Tokens
		}
		var first *Ledger
		for range 3 {
			l := New(modelledBudgets(t), store{}.options(Options{MaxKeys: 24, ActionTTL: 1e6 * time.Hour, ResponseTTL: 1e6 * time.Hour}))
			for _, i := range append(r.Perm(len(charges)), r.Perm(len(charges))...) {
				l.Charge(&charges[i])
			}
			if first == nil {
				first = l
				continue
			}
			for i := range charges {
				c := &charges[i]
				for scope := range scopes {
					a, _ := first.Spend(scope, c.Tenant, c.key(scope))
					b, _ := l.Spend(scope, c.Tenant, c.key(scope))
					require.Equal(t, a, b)
				}
				require.Equal(t, spents(first, c), spents(l, c))
			}
		}
	}
}

func spents(l *Ledger, c *Charge) map[string]string {
	out := map[string]string{}
	for _, b := range l.Balances(&c.Scopes, c.End) {
		out[join(b.Budget.ID, b.Key, b.Run, b.Session)] = b.Spent.Text(b.Budget.Unit)
	}
	return out
}
