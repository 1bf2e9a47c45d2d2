package shard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRing: whatever the order of the collectors, a key has one owner; without one
// of them only its own keys move; and none owns much more than its part.
func TestRing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 12; n++ {
		names := make([]string, 0, n)
		for i := range n {
			names = append(names, fmt.Sprintf("spanwarden-%d.spanwarden:4317", i))
		}
		ring, err := New(names)
		require.NoError(t, err)
		mixed := slices.Clone(names)
		random.Shuffle(n, func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		other, err := New(mixed)
		require.NoError(t, err)
		var fewer *Ring
		if n > 1 {
			fewer, err = New(names[1:])
			require.NoError(t, err)
		}
		owned := map[string]int{}
		const keys = 20_000
		for i := range keys {
			key := fmt.Sprint("session-", i)
			owner := ring.Owner(key)
			owned[owner]++
			require.Equal(t, owner, other.Owner(key))
			require.True(t, ring.Has(owner))
			if fewer != nil && owner != names[0] {
				require.Equal(t, owner, fewer.Owner(key), "keys of others stay")
			}
		}
		for name, count := range owned {
			assert.Less(t, count*n, keys*3/2, "%s of %d", name, n)
		}
	}
}

func TestNewNamesTheValue(t *testing.T) {
	_, err := New(nil)
	require.ErrorContains(t, err, "at least one")
	_, err = New([]string{"a:4317", "a"})
	require.ErrorContains(t, err, `"a"`)
	_, err = New(make([]string, MaxCollectors+1))
	require.ErrorContains(t, err, "257")
}

func FuzzOwner(f *testing.F) {
	f.Add("a:1", "b:2", "c:3", "s1")
	f.Fuzz(func(t *testing.T, a, b, c, key string) {
		ring, err := New([]string{a, b, c})
		if err != nil {
			return
		}
		owner := ring.Owner(key)
		assert.Contains(t, []string{a, b, c}, owner)
		again, err := New([]string{c, b, a})
		require.NoError(t, err)
		assert.Equal(t, owner, again.Owner(key))
	})
}
