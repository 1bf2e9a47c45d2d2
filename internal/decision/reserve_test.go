package decision

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/ledger"
)

func calls(spent, limit uint64) []ledger.Balance {
	return []ledger.Balance{{
		Budget: &ledger.Budget{ID: "cap", Unit: ledger.ToolCalls, Mode: ledger.Enforce, OnExceed: ledger.EffectHalt}, Key: "a",
		Spent: ledger.SumOf(spent), Limit: ledger.SumOf(limit),
	}}
}

// The last of a budget is given once, and given again when nothing came of it.
func TestLastCall(t *testing.T) {
	r := NewReservations(time.Minute, 10)
	assert.Nil(t, r.Take(calls(9, 10), "read", ledger.Sum{}, t0))
	assert.NotNil(t, r.Take(calls(9, 10), "read", ledger.Sum{}, t0))
	assert.NotNil(t, r.Take(calls(9, 10), "read", ledger.Sum{}, t0.Add(59*time.Second)))
	assert.Nil(t, r.Take(calls(9, 10), "read", ledger.Sum{}, t0.Add(time.Minute)), "nothing was done within a minute")
	assert.Nil(t, r.Take(calls(10, 10), "invoke_model", ledger.Sum{}, t0), "a model call is no tool call")
}

// Whatever is asked, charged and forgotten, no more is ever allowed than the
// budget has, as long as what is done is charged before its reservation ends.
func TestNeverTwice(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		r, now := NewReservations(time.Minute, 4), t0
		limit, spent := uint64(1+rnd.IntN(20)), uint64(0)
		var open []time.Time // allowed, not charged yet
		for range 200 {
			now = now.Add(time.Duration(rnd.IntN(3)) * time.Second)
			for len(open) > 0 && (now.Sub(open[0]) >= 50*time.Second || rnd.IntN(4) == 0) {
				open = open[1:]
				spent++
			}
			if r.Take(calls(spent, limit), "read", ledger.Sum{}, now) == nil {
				open = append(open, now)
			}
			require.LessOrEqual(t, spent+uint64(len(open)), limit, "seed %d", seed)
		}
		require.Equal(t, limit, spent+uint64(len(open)), "seed %d: all of it is given in the end", seed)
	}
}

func TestReservationBounds(t *testing.T) {
	r := NewReservations(time.Minute, 1)
	for range maxReserved + 10 {
		require.Nil(t, r.Take(calls(0, 1<<20), "read", ledger.Sum{}, t0))
	}
	assert.Len(t, r.held[keyOf(&calls(0, 0)[0])].entries, maxReserved)
	other := calls(0, 10)
	other[0].Key = "b"
	assert.Nil(t, r.Take(other, "read", ledger.Sum{}, t0), "no room: judged by what was charged")
	assert.EqualValues(t, 1, r.Full())
	assert.Nil(t, NewReservations(0, 1).Take(calls(10, 10), "read", ledger.Sum{}, t0), "a ttl of 0 reserves nothing")
}
