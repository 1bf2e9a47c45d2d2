package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A restart at any point, with everything replayed, is no restart at all.
func TestRestart(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		charges := randomCharges(r, 400)
		b := budgets(t, everything)
		opt := Options{ActionTTL: 1e6 * time.Hour, ResponseTTL: 1e6 * time.Hour}
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
			require.Equal(t, one.Snapshot(), two.Snapshot())
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

func randomRecord(r *rand.Rand, l *Ledger, c Charge, now time.Time, versions []string) Record {
	switch n := r.IntN(40); {
	case n == 0:
		return Record{Kind: RecordTick, Now: now}
	case n == 1:
		return Record{Kind: RecordHalt, Now: now, Order: Order{Scope: Agent, Tenant: c.Tenant, Key: c.Agent, By: "ann", Reason: "a drill", Rule: []string{"", "drill"}[r.IntN(2)]}}
	case n <= 3:
		rec := Record{Kind: RecordRelease, By: "bob", Reason: "looked at it", Now: now}
		if hs := l.Halts(); len(hs) > 0 {
			rec.HaltID = hs[r.IntN(len(hs))].ID()
		}
		return rec
	case n == 4:
		return Record{Kind: RecordBudgets, Now: now, Version: versions[r.IntN(len(versions))]}
	case n <= 6:
		return Record{Kind: RecordSettle, Charge: c, Late: KeysOf(Session, Agent)}
	default:
		return Record{Kind: RecordCharge, Charge: c}
	}
}

// told says in a line each what events say; all of it by a hash of the event.
func told(events []Event) []string {
	out := make([]string, 0, len(events))
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s %v %s %s", e.Cause(), e.Resolved, e.Reason, e.At))
	}
	return out
}

// Killed at any point, and in the middle of a write, the ledger comes back with
// the numbers, halts and judgements of one that lived: to the last unit, with
// keys in storage that were stored before and after the snapshot.
func TestKill(t *testing.T) {
	sets := map[string]*Budgets{}
	versions := make([]string, 0, 3)
	for _, text := range []string{everything, modelled, everything + "  - {id: more, scope: session, limit_usd: 3, on_exceed: deny, mode: enforce}\n"} {
		b := budgets(t, text)
		sets[b.Version()] = b
		versions = append(versions, b.Version())
	}
	torn := 0
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 3))
		charges := randomCharges(r, 250)
		opt := Options{MaxKeys: 20, ActionTTL: 1e6 * time.Hour, ResponseTTL: 1e6 * time.Hour}
		start := sets[versions[0]]
		lives, dies := newShell(start, sets, opt), newShell(start, sets, opt)
		now := charges[0].End
		for range 400 {
			now = now.Add(time.Duration(r.IntN(1200)) * time.Second)
			rec := randomRecord(r, lives.l, charges[r.IntN(len(charges))], now, versions)
			again := rec
			switch r.IntN(30) {
			case 0:
				dies.kill(t)
			case 1:
				dies.keep(r.IntN(2) == 0)
			case 2: // dies within the write; the sender tries again
				lost := rec
				dies.do(&lost, func(n int) int { return r.IntN(n) })
				dies.kill(t)
				torn++
			}
			require.Equal(t, told(lives.do(&rec, nil)), told(dies.do(&again, nil)), "seed %d", seed)
		}
		dies.kill(t)
		require.Equal(t, lives.l.Seq(), dies.l.Seq())
		require.Equal(t, lives.l.Halts(), dies.l.Halts())
		for i := range charges {
			c := &charges[i]
			for scope := range scopes {
				a, _ := lives.l.Spend(scope, c.Tenant, c.key(scope))
				b, _ := dies.l.Spend(scope, c.Tenant, c.key(scope))
				require.Equal(t, a, b)
			}
			require.Equal(t, spents(lives.l, c), spents(dies.l, c))
		}
	}
	assert.Positive(t, torn)
}

// A shell that keeps a journal of its own, of calls without their numbers and
// without each Tick, and that drops it at each snapshot: every charge is there
// once after a kill.
func TestKillOwnJournal(t *testing.T) {
	b := budgets(t, everything)
	sets := map[string]*Budgets{b.Version(): b}
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 4))
		charges := randomCharges(r, 250)
		opt := Options{MaxKeys: 20, ActionTTL: 1e6 * time.Hour, ResponseTTL: 1e6 * time.Hour}
		lives, dies := newShell(b, sets, opt), newShell(b, sets, opt)
		dies.own = true
		now := charges[0].End
		for range 400 {
			now = now.Add(time.Duration(r.IntN(1200)) * time.Second)
			rec := randomRecord(r, lives.l, charges[r.IntN(len(charges))], now, []string{b.Version()})
			again := rec
			switch r.IntN(20) {
			case 0:
				dies.kill(t)
			case 1:
				dies.keep(true)
			case 2:
				dies.do(&Record{Kind: RecordTick, Now: now}, nil)
				lives.do(&Record{Kind: RecordTick, Now: now}, nil)
			}
			lives.do(&rec, nil)
			dies.do(&again, nil)
		}
		dies.kill(t)
		dies.do(&Record{Kind: RecordTick, Now: now}, nil)
		lives.do(&Record{Kind: RecordTick, Now: now}, nil)
		require.Equal(t, lives.l.Halts(), dies.l.Halts(), "seed %d", seed)
		for i := range charges {
			c := &charges[i]
			for scope := range scopes {
				a, _ := lives.l.Spend(scope, c.Tenant, c.key(scope))
				b, _ := dies.l.Spend(scope, c.Tenant, c.key(scope))
				require.Equal(t, a, b)
			}
			require.Equal(t, spents(lives.l, c), spents(dies.l, c))
		}
	}
}

func TestSnapshotsThatCannotBe(t *testing.T) {
	l := New(nil, Options{})
	l.Charge(&Charge{Action: actionID(1), Scopes: Scopes{Tenant: "t", Session: "s"}, Start: epoch, End: epoch, Kind: ModelCall, Cost: amount(t, "1"), Response: actionID(7)})
	before := l.Snapshot()
	whole := func() state {
		s := state{actions: l.actions.all(), responses: l.responses.all()}
		for i := range l.rings {
			l.rings[i].each(func(a *account) { s.accounts = append(s.accounts, a) })
		}
		return s
	}
	for name, spoil := range map[string]func(*state){
		"":                   func(*state) {},
		"a key twice":        func(s *state) { s.accounts = append(s.accounts, s.accounts[0]) },
		"an action twice":    func(s *state) { s.actions = append(s.actions, s.actions[0]) },
		"a response twice":   func(s *state) { s.responses = append(s.responses, s.responses[0]) },
		"a scope of nowhere": func(s *state) { s.accounts = append(s.accounts, &account{accountKey: accountKey{scope: scopes}}) },
		"time that runs back": func(s *state) {
			s.accounts = append(s.accounts, &account{accountKey: accountKey{key: "k"}, life: totals{first: 2, last: 1}})
		},
	} {
		c, s := codec{b: []byte{stateVersion}}, whole()
		spoil(&s)
		l.state(&c, &s)
		err := l.Restore(c.b)
		if name == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, ErrState, name)
		require.Equal(t, before, l.Snapshot(), name)
	}
}

// Ids that all want the same place are found, and still found when those before
// them are forgotten.
func TestCrowdedMemory(t *testing.T) {
	var m memory[int]
	m.put(actionID(0), 0, 0, 64)
	var crowd []ID
	for n := 1; len(crowd) < 40; n++ {
		id := actionID(n)
		if at, _ := m.slot(&id); at < 2 {
			crowd = append(crowd, id)
		}
	}
	for i := range crowd {
		m.put(crowd[i], int64(i), i, 64)
	}
	m.drop()
	for i := range crowd {
		for k := range crowd {
			if v := m.get(&crowd[k]); k < i {
				require.Nil(t, v)
			} else {
				require.NotNil(t, v)
				require.Equal(t, k, *v)
			}
		}
		m.drop()
	}
	require.Zero(t, m.n)
	for _, e := range m.index {
		require.Zero(t, e)
	}
}
