package ledger

import (
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func actionID(n int) (id ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n)+1)
	binary.BigEndian.PutUint64(id[:8], (uint64(n)+1)*0x9e3779b97f4a7c15)
	return id
}

func amount(tb testing.TB, s string) pricing.Amount {
	tb.Helper()
	if s == "" {
		return pricing.Amount{}
	}
	p, err := pricing.ParseUSD(s)
	require.NoError(tb, err)
	return pricing.KnownAmount(p)
}

func budgets(tb testing.TB, text string) *Budgets {
	tb.Helper()
	b, err := ParseBudgets("budgets.yaml", []byte(text))
	require.NoError(tb, err)
	return b
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var c struct {
				Budgets string
				Steps   []struct {
					At, Every  time.Duration
					USD, Bound string
					Times      int
					Want       []EventType
					Halted     bool
				}
			}
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, yaml.Unmarshal(raw, &c))
			l, n := New(budgets(t, c.Budgets), Options{}), 0
			for i, s := range c.Steps {
				var got []EventType
				for k := range max(1, s.Times) {
					end := epoch.Add(s.At + time.Duration(k)*max(s.Every, time.Second))
					r := l.Charge(&Charge{
						Action: actionID(n), Scopes: Scopes{Tenant: "t", Session: "s", Project: "p"}, Kind: ModelCall,
						Start: end.Add(-time.Second), End: end, Cost: amount(t, s.USD), Bound: amount(t, s.Bound),
					})
					n++
					for _, e := range r.Events {
						got = append(got, e.Type)
						assert.LessOrEqual(t, len(e.Trajectory), 64)
					}
				}
				assert.Equal(t, s.Want, got, "step %d", i)
				_, halted := l.Halted(&Scopes{Tenant: "t", Session: "s"})
				assert.Equal(t, s.Halted, halted, "step %d", i)
			}
		})
	}
}

const everything = `version: 1
timezone: Europe/Berlin
budgets:
  - {id: s, scope: session, limit_usd: 100, warn_at: [0.5], on_exceed: halt, mode: enforce, projection: {horizon: 15s, action: halt}}
  - {id: d, scope: tenant, limit_usd: 200, period: day, on_exceed: deny, mode: enforce, projection: {}}
  - {id: r, scope: project, limit_tokens: 5000, period: "rolling:1h", on_exceed: deny, mode: enforce}
  - {id: u, scope: agent, limit_tool_calls: 3, period: run, on_exceed: deny, mode: enforce}
`

func randomCharges(r *rand.Rand, n int) []Charge {
	out := make([]Charge, n)
	pick := func(p string, n int) string { return p + strconv.Itoa(r.IntN(n)) }
	for i := range out {
		end := epoch.Add(time.Duration(r.IntN(30*3600)) * time.Second)
		out[i] = Charge{
			Action: actionID(i), Start: end.Add(-time.Second), End: end, Kind: Kind(r.IntN(3)), Tokens: r.Uint64N(1000),
			Scopes: Scopes{
				Tenant: pick("t", 2), Project: pick("p", 3), Agent: pick("a", 4), Ancestors: []string{pick("a", 4), pick("a", 4)},
				Session: pick("s", 5), Principal: pick("u", 3), Root: pick("r", 4), Run: pick("run", 3),
			},
		}
		if r.IntN(4) > 0 {
			out[i].Cost = pricing.KnownAmount(pricing.Pico(r.Uint64N(3 * pricing.PicoPerUSD)))
		}
	}
	return out
}

// Any order and duplication gives the ledger of a naive map of big integers.
func TestOrderAndDuplicates(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		charges := randomCharges(r, 300)
		model := map[string]*big.Int{}
		for i := range charges {
			c := &charges[i]
			p, _ := c.Cost.Pico()
			keys := map[string]bool{}
			for scope := range scopes {
				keys[scope.String()+c.Tenant+c.key(scope)] = true
			}
			for _, a := range c.Ancestors {
				keys["agent"+c.Tenant+a] = true
			}
			for k := range keys {
				if model[k] == nil {
					model[k] = new(big.Int)
				}
				model[k].Add(model[k], new(big.Int).SetUint64(uint64(p)))
			}
		}
		stored := map[string][]byte{}
		l := New(budgets(t, everything), Options{
			MaxKeys: 16, ActionTTL: 48 * time.Hour, Evict: func(k string, b []byte) { stored[k] = b }, Load: func(k string) []byte { return stored[k] },
		})
		order := append(r.Perm(len(charges)), r.Perm(len(charges))...)
		for _, i := range order {
			l.Charge(&charges[i])
		}
		for i := range charges {
			c := &charges[i]
			for scope := range scopes {
				got, ok := l.Spend(scope, c.Tenant, c.key(scope))
				require.True(t, ok)
				require.Equal(t, model[scope.String()+c.Tenant+c.key(scope)], got.USD.Big(), "seed %d %s %s", seed, scope, c.key(scope))
			}
		}
		assert.Positive(t, l.Counters().EvictedKeys)
	}
}

// A restart at any point, with everything replayed, is no restart at all.
func TestRestart(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		charges := randomCharges(r, 400)
		b := budgets(t, everything)
		opt := Options{ActionTTL: 48 * time.Hour}
		one, two := New(b, opt), New(b, opt)
		for i := range charges {
			first, second := one.Charge(&charges[i]), two.Charge(&charges[i])
			require.Equal(t, first, second)
			if r.IntN(40) > 0 {
				continue
			}
			snapshot := two.Snapshot()
			two = New(b, opt)
			require.NoError(t, two.Restore(snapshot))
			for k := range i + 1 {
				again := two.Charge(&charges[k])
				require.True(t, again.Duplicate)
				require.Empty(t, again.Events)
			}
			require.Equal(t, snapshot, two.Snapshot())
			require.Equal(t, one.Halts(), two.Halts())
		}
	}
}

// The seed's scenario: 87 USD after 30 s of a session of 100 USD.
func TestSeedScenario(t *testing.T) {
	l := New(budgets(t, `version: 1
budgets: [{id: cap, scope: session, limit_usd: 100, on_exceed: halt, mode: enforce, controls: [A.8.16],
  projection: {horizon: 15s, action: halt, floors: {calls: 5, elapsed: 5s, spend_usd: 10}}}]`), Options{})
	s := Scopes{Tenant: "t", Session: "s"}
	var events []Event
	for i := range 5 {
		require.Empty(t, events)
		end := epoch.Add(time.Duration(i+1) * 6 * time.Second)
		r := l.Charge(&Charge{Action: actionID(i), Scopes: s, Start: end.Add(-6 * time.Second), End: end, Kind: ModelCall, Cost: amount(t, "17.4")})
		events = r.Events
	}
	require.Len(t, events, 2)
	assert.Equal(t, BudgetProjected, events[0].Type)
	ev := events[1]
	assert.Equal(t, BudgetHalt, ev.Type)
	assert.Equal(t, 87.0, ev.Observed.In(USD))
	assert.InDelta(t, 2.9, ev.Projection.RateLong, 1e-9)
	assert.InDelta(t, 130.5, ev.Projection.Low, 1e-9)
	assert.InDelta(t, 140.1, ev.Projection.High, 0.2)
	assert.InDelta(t, 13/2.9, ev.Projection.ExhaustLatest.Sub(ev.At).Seconds(), 1e-6)
	assert.Len(t, ev.Trajectory, 5)
	h, ok := l.Halted(&s)
	require.True(t, ok)
	assert.Equal(t, EffectHalt, h.Effect)
	p, ok := l.Project("cap", "t", "s", "", ev.At.Add(time.Hour))
	require.True(t, ok)
	assert.InDelta(t, 87, p.Low, 0.001)
}

func TestLateSpansGoToTheirOwnDay(t *testing.T) {
	l := New(budgets(t, `version: 1
timezone: Europe/Berlin
budgets: [{id: day, scope: tenant, limit_calls: 1, period: day, on_exceed: halt, mode: enforce}]`), Options{})
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	midnight := time.Date(2026, 3, 29, 0, 0, 0, 0, berlin)
	s := Scopes{Tenant: "t"}
	n := 0
	charge := func(at time.Time) []Event {
		n++
		return l.Charge(&Charge{Action: actionID(n), Scopes: s, Start: at, End: at, Kind: ModelCall}).Events
	}
	require.Empty(t, charge(midnight.Add(-time.Hour)))
	require.Len(t, charge(midnight.Add(-time.Minute)), 2)
	events := l.Tick(midnight)
	require.Len(t, events, 2, "the halt is released, the finding resolved")
	require.Empty(t, l.Tick(midnight.Add(time.Second)))
	require.Empty(t, charge(midnight.Add(-time.Second)), "yesterday alerts nobody")
	require.Empty(t, charge(midnight.Add(time.Second)))
	require.Empty(t, charge(midnight.Add(-2*time.Second)))
	_, halted := l.Halted(&s)
	assert.False(t, halted)
	assert.Equal(t, SumOf(1), l.Balances(&s, midnight)[0].Spent)
	assert.Equal(t, SumOf(4), l.Balances(&s, midnight.Add(-1))[0].Spent)
}

func TestSpansFromBeforeTheEpoch(t *testing.T) {
	l := New(budgets(t, everything), Options{})
	for i, at := range []time.Time{{}, time.Unix(-1e9, 0), time.Unix(0, 0), epoch, time.Unix(1e18, 0)} {
		l.Charge(&Charge{Action: actionID(i), Scopes: Scopes{Tenant: "t", Project: "p", Session: "s"}, Start: at, End: at, Kind: ModelCall})
	}
	s, _ := l.Spend(Session, "t", "s")
	assert.Equal(t, uint64(5), s.Calls)
}

func TestPeriodsAcrossClockChanges(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, c := range []struct {
		kind  periodKind
		at    time.Time
		hours float64
	}{
		{day, time.Date(2026, 3, 29, 12, 0, 0, 0, berlin), 23},
		{day, time.Date(2026, 10, 25, 12, 0, 0, 0, berlin), 25},
		{week, time.Date(2026, 3, 29, 12, 0, 0, 0, berlin), 167},
		{month, time.Date(2026, 3, 31, 23, 59, 0, 0, berlin), 31*24 - 1},
		{hour, time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), 1},
	} {
		start, end := period{kind: c.kind, loc: berlin}.bounds(c.at)
		assert.Equal(t, c.hours, end.Sub(start).Hours(), "%v", c)
		assert.False(t, c.at.Before(start) || !c.at.Before(end), "%v", c)
	}
}

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

func TestRefusedFiles(t *testing.T) {
	for text, want := range map[string]string{
		"version: 1\nbudgets:\n  - {id: a, scope: planet, limit_usd: 1}":                                            `b.yaml:3: scope: "planet"`,
		"version: 1\nbudgets:\n  - id: a\n    scope: session\n    limit_usd: -1":                                    `b.yaml:5: limit_usd: "-1"`,
		"version: 1\nbudgets:\n  - {id: a, scope: session, limit_usd: 1}\n  - {id: a, scope: tenant, limit_usd: 1}": `b.yaml:4: id: "a"`,
		"version: 1\nbudgets:\n  - id: a\n    scop: session":                                                        `b.yaml:4: scop: unknown key`,
		"version: 1\nbudget: []": `b.yaml:2`,
		"version: 2":             `b.yaml:1: version: 2`,
	} {
		_, err := ParseBudgets("b.yaml", []byte(text))
		assert.ErrorContains(t, err, want)
	}
	raw, err := os.ReadFile("../../configs/policy/budgets.yaml")
	require.NoError(t, err)
	assert.Len(t, budgets(t, string(raw)).All(), 3)
}

func FuzzParseBudgets(f *testing.F) {
	f.Add([]byte(everything))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBudgets("f", data)
		if err == nil {
			again, err := ParseBudgets("f", data)
			require.NoError(t, err)
			assert.Equal(t, b.Version(), again.Version())
		} else {
			assert.ErrorContains(t, err, "f:")
		}
	})
}

func FuzzRestore(f *testing.F) {
	l := New(budgets(f, everything), Options{})
	charges := randomCharges(rand.New(rand.NewPCG(1, 1)), 20)
	for i := range charges {
		l.Charge(&charges[i])
	}
	f.Add(l.Snapshot())
	f.Fuzz(func(t *testing.T, data []byte) {
		l := New(budgets(t, everything), Options{})
		if l.Restore(data) == nil {
			for i := range charges {
				l.Charge(&charges[i])
			}
		}
	})
}

func BenchmarkApply(b *testing.B) {
	l := New(budgets(b, everything), Options{})
	c := Charge{Scopes: Scopes{Tenant: "t", Project: "p", Agent: "a"}, Kind: ModelCall, Cost: amount(b, "0.000001"), Tokens: 10}
	sessions := make([]string, 1000)
	for i := range sessions {
		sessions[i] = "session-" + strconv.Itoa(i)
	}
	n := 0
	var events []Event
	b.ReportAllocs()
	for b.Loop() {
		c.Action, c.Session = actionID(n), sessions[n%len(sessions)]
		c.End = epoch.Add(time.Duration(n) * time.Millisecond)
		c.Start = c.End
		events, _ = l.Apply(&c, events[:0])
		n++
	}
}

func TestMemoryOf200kSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := New(budgets(t, everything), Options{})
	for i := range 400_000 {
		at := epoch.Add(time.Duration(i) * time.Millisecond)
		l.Apply(&Charge{
			Action: actionID(i), Scopes: Scopes{Tenant: "t", Session: "0123456789abcdef-" + strconv.Itoa(i%199_990)}, Start: at, End: at,
			Kind: ModelCall, Cost: amount(t, "0.01"),
		}, nil)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	mb := float64(after.HeapAlloc-before.HeapAlloc) / 1e6
	t.Logf("%.0f MB for %d keys", mb, l.Keys())
	assert.Less(t, mb, 250.0)
	runtime.KeepAlive(l)
}
