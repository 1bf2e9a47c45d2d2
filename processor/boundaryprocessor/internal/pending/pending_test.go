package pending

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 9, 24, 12, 0, 0, 0, time.UTC)

func id(n int) (id ID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// Whatever comes and goes: bounds hold, each item ripens at most once and never
// early, and what was not evicted is there until its time.
func held(t *testing.T, seed uint64, limits Limits) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	table := New[int](limits)
	put, ripe := map[int]time.Time{}, map[int]bool{}
	now := start
	visit := func(_ ID, n int) {
		require.False(t, ripe[n], "an item ripens once")
		require.False(t, now.Before(put[n].Add(limits.Ripe)), "and not early")
		ripe[n] = true
	}
	for n := range 400 {
		now = now.Add(time.Duration(r.IntN(20)) * time.Second)
		table.Put(id(n), n, 1+r.IntN(10), now)
		put[n] = now
		table.Put(id(r.IntN(n+1)), -1, 1, now.Add(-time.Hour*9000)) // again, or long gone
		if r.IntN(4) == 0 {
			delete(put, -1)
			table.Tick(now, func(i ID, n int) {
				if n >= 0 {
					visit(i, n)
				}
			})
			for m, at := range put {
				if now.Sub(at) >= limits.TTL {
					v, there := table.Get(id(m))
					require.False(t, there && v >= 0, "forgotten in time")
				}
			}
		}
		require.LessOrEqual(t, table.Len(), limits.Items)
		require.LessOrEqual(t, table.bytes, limits.Bytes)
	}
	table.Drain(func(i ID, n int) {
		if n >= 0 {
			require.False(t, ripe[n])
		}
	})
}

func TestTable(t *testing.T) {
	for seed := range uint64(50) {
		held(t, seed, Limits{Items: 20, Bytes: 60, Ripe: time.Minute, TTL: 5 * time.Minute})
		held(t, seed, Limits{Items: 1000, Bytes: 100_000, Ripe: time.Minute, TTL: time.Hour})
	}
}

func TestTableIsOneStory(t *testing.T) {
	table := New[string](Limits{Items: 2, Bytes: 100, Ripe: time.Minute, TTL: time.Hour})
	var told []string
	tell := func(_ ID, s string) { told = append(told, s) }
	table.Put(id(1), "one", 1, start)
	table.Put(id(1), "again", 1, start)
	table.Put(id(2), "two", 1, start.Add(time.Second))
	table.Tick(start.Add(time.Minute), tell)
	assert.Equal(t, []string{"one"}, told)
	table.Put(id(3), "three", 1, start.Add(time.Minute))
	_, there := table.Get(id(1))
	assert.False(t, there, "the oldest gave way")
	table.Drain(tell)
	assert.Equal(t, []string{"one", "two", "three"}, told)
	table.Tick(start.Add(3*time.Hour), tell)
	assert.Equal(t, Stats{Evicted: 1, Expired: 2}, table.Stats)
	assert.Zero(t, table.Len())
}
