package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chaos makes actions of several tenants, agents, tools and sessions, among them
// loops, bursts, duplicates, late ones and ones without an agent. It is decided by
// the bytes alone.
func chaos(raw []byte) []Action {
	now := begin
	out := make([]Action, 0, len(raw))
	for i, x := range raw {
		now = now.Add(time.Duration(x%32) * time.Duration(x%32) * time.Second)
		a := Action{
			Tenant: fmt.Sprint("t", x%2), Project: fmt.Sprint("p", x%3), Agent: fmt.Sprint("a", x%3), Session: fmt.Sprint("s", int(x%5)+i/50),
			Service: "svc", Kind: Kind(x % 3), Tool: fmt.Sprint("tool", x%4), Model: fmt.Sprint("m", x%2),
			End: now, Start: now.Add(-time.Duration(x) * time.Millisecond),
			Failed: x > 200, Error: "429", Tokens: Known(float64(x) * 10), Cost: Known(float64(x) / 100),
			Arguments: fmt.Sprintf(`{"to": "v%d", "n": %d}`, x%7, x), Result: fmt.Sprint("r", x%3, " v", x%7), Prompt: fmt.Sprint("please do v", x%5),
		}
		a.ID[0], a.ID[1], a.ID[2] = byte(i), byte(i>>8), byte(i>>16)
		a.TraceID[0], a.SpanID[0] = x, x
		switch {
		case x == 7 && i > 0:
			a.ID = out[i-1].ID
		case x == 8:
			a.End = now.Add(-5 * time.Minute)
		case x == 9:
			a.Agent = ""
		}
		out = append(out, a)
	}
	return out
}

func small() Options {
	opt := Defaults()
	opt.Limits = Limits{Keys: 60, Sessions: 12, Incidents: 20, Actions: 200}
	opt.Key.K0 = 5
	opt.Level.Warm, opt.Rate.Warm, opt.Errors.Warm = 3, 3, 3
	return opt
}

// check runs the actions through two engines, one of which is restored from its
// snapshot every so often, and holds what must hold of any.
func check(tb testing.TB, actions []Action, every int) {
	tb.Helper()
	opt := small()
	a, b := New(opt), New(opt)
	open := map[string]bool{}
	for i := range actions {
		if i%every == every-1 {
			fresh := New(opt)
			require.NoError(tb, fresh.Restore(b.Snapshot(nil)))
			b = fresh
		}
		ra, rb := a.Observe(&actions[i]), b.Observe(&actions[i])
		require.Equal(tb, ra.Maturity, rb.Maturity, "action %d", i)
		require.Equal(tb, append([]Alert(nil), ra.Alerts...), append([]Alert(nil), rb.Alerts...), "action %d", i)
		for k := range ra.Alerts {
			holds(tb, &ra.Alerts[k], open)
		}
		s := a.Stats()
		require.LessOrEqual(tb, s.Keys, opt.Limits.Keys)
		require.LessOrEqual(tb, s.Sessions, opt.Limits.Sessions)
		require.LessOrEqual(tb, s.Incidents, opt.Limits.Incidents)
		if ra.Maturity.Known {
			require.True(tb, ra.Maturity.V >= 0 && ra.Maturity.V <= 1)
		}
	}
	require.Equal(tb, a.Snapshot(nil), b.Snapshot(nil))
	end := begin.AddDate(1, 0, 0)
	ta := append([]Alert(nil), a.Tick(end)...)
	require.Equal(tb, ta, append([]Alert(nil), b.Tick(end)...))
	for k := range ta {
		holds(tb, &ta[k], open)
	}
	require.Empty(tb, open, "every incident ends")
	require.Zero(tb, a.Stats().Incidents)
	require.Zero(tb, a.Stats().Sessions)
}

// holds follows incidents: each begins, may be updated, and ends once.
func holds(tb testing.TB, a *Alert, open map[string]bool) {
	tb.Helper()
	id := fmt.Sprint(a.Type, a.Tenant, a.Project, a.Key, a.Began)
	require.NotEmpty(tb, a.Message)
	require.NotEmpty(tb, a.Rule)
	require.NotContains(tb, a.Message, "%!")
	require.False(tb, strings.Contains(a.Message, "NaN") || strings.Contains(a.Message, "Inf"), a.Message)
	require.False(tb, a.At.Before(a.Began) && a.Resolved)
	if a.Resolved {
		require.True(tb, open[id], "only what began ends")
		delete(open, id)
		return
	}
	open[id] = true
}

func TestRestoreIsReplay(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		raw := make([]byte, 1500)
		for i := range raw {
			raw[i] = byte(r.IntN(256))
			if i > 0 && r.IntN(3) == 0 {
				raw[i] = raw[i-1] // loops and bursts
			}
		}
		check(t, chaos(raw), 97)
	}
}

func FuzzEngine(f *testing.F) {
	f.Add([]byte{1, 4, 4, 4, 250, 250, 250, 250, 7, 8, 9}, uint8(3))
	f.Fuzz(func(t *testing.T, raw []byte, every uint8) {
		if len(raw) > 400 {
			raw = raw[:400]
		}
		check(t, chaos(raw), int(every)+1)
	})
}

// FuzzRestore: a snapshot that was tampered with is refused, or is a state that
// writes itself down again; it never panics, and a refusal changes nothing.
func FuzzRestore(f *testing.F) {
	e := New(small())
	for _, a := range chaos([]byte{1, 4, 4, 4, 250, 250, 250, 250, 40, 41}) {
		e.Observe(&a)
	}
	f.Add(e.Snapshot(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		e := New(small())
		before := e.Snapshot(nil)
		if err := e.Restore(raw); err != nil {
			require.Equal(t, before, e.Snapshot(nil))
			return
		}
		again := New(small())
		require.NoError(t, again.Restore(e.Snapshot(nil)))
		require.Equal(t, e.Snapshot(nil), again.Snapshot(nil))
		for _, a := range chaos([]byte{1, 4, 250, 250, 250}) {
			e.Observe(&a)
		}
	})
}

func TestRefusedSnapshots(t *testing.T) {
	e := New(small())
	raw := e.Snapshot(nil)
	other := small()
	other.Key.K0++
	assert.ErrorIs(t, New(other).Restore(raw), ErrConfig)
	assert.ErrorIs(t, e.Restore(append([]byte{99}, raw[1:]...)), ErrVersion)
	assert.ErrorIs(t, e.Restore(raw[:5]), ErrDamaged)
	assert.ErrorIs(t, e.Restore(append(raw, 1)), ErrDamaged)
}
