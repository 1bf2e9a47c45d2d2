package rates

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// model is the same, slow and obvious: it forgets nothing.
type model map[Key]map[ID]int64

func (m model) add(k Key, id ID, at int64) {
	if m[k] == nil {
		m[k] = map[ID]int64{}
	}
	m[k][id] = at
}

func (m model) count(k Key, id ID, from, until int64) (n int64) {
	for other, at := range m[k] {
		if at > from && (at < until || at == until && string(other[:]) < string(id[:])) {
			n++
		}
	}
	return n
}

// held compares a counter with the model: where it says that a count is
// complete it is exact, and it never counts too many.
func held(t *testing.T, seed []byte, limits Limits) {
	t.Helper()
	var s [32]byte
	copy(s[:], seed)
	r := rand.New(rand.NewChaCha8(s))
	c, m := New(limits), model{}
	bounded := limits.PerKey > 0 || limits.Total > 0
	starts := map[ID]int64{}
	for range 300 {
		k := Key{Agent: "a", Rule: string(rune('a' + r.IntN(4)))}
		var id ID
		binary.BigEndian.PutUint64(id[:], r.Uint64N(40))
		at, known := starts[id]
		if !known {
			at = r.Int64N(50)
			starts[id] = at
		}
		if r.IntN(3) > 0 {
			c.Add(k, id, at)
			m.add(k, id, at)
		}
		from := at - r.Int64N(30)
		n, complete := c.Count(k, id, from, at)
		want := m.count(k, id, from, at)
		if complete {
			require.Equal(t, want, n)
		}
		require.LessOrEqual(t, n, want)
		require.True(t, complete || bounded, "without reaching a bound nothing is forgotten")
	}
	if limits.Total > 0 {
		assert.LessOrEqual(t, c.Len(), limits.Total)
	}
}

func TestCounter(t *testing.T) {
	for i := range byte(100) {
		held(t, []byte{i}, Limits{})
		held(t, []byte{i}, Limits{PerKey: 5})
		held(t, []byte{i}, Limits{Total: 12})
		held(t, []byte{i}, Limits{PerKey: 3, Total: 7})
	}
}

func FuzzCounter(f *testing.F) {
	f.Add([]byte("seed"), 3, 7)
	f.Fuzz(func(t *testing.T, seed []byte, perKey, total int) {
		held(t, seed, Limits{PerKey: perKey % 50, Total: total % 100})
	})
}

func BenchmarkCounter(b *testing.B) {
	c := New(Limits{})
	k := Key{"acme", "support", "send-email"}
	at := int64(0)
	for b.Loop() {
		at++
		var id ID
		binary.BigEndian.PutUint64(id[:], uint64(at))
		c.Count(k, id, at-100, at)
		c.Add(k, id, at)
	}
	if c.Len() == 0 {
		b.Fatal("nothing was counted")
	}
}
