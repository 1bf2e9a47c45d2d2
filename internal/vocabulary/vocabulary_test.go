package vocabulary

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func size(name string) int { return len(name) }

// Whatever came before, the memo says what the function says.
func FuzzMemo(f *testing.F) {
	f.Add("a.b c", "a.b d c")
	f.Add("", "x x x  ")
	f.Add(strings.Repeat("n ", 300), strings.Repeat("mm ", 300))
	f.Fuzz(func(t *testing.T, first, second string) {
		m := New(size)
		for range 2 {
			for _, span := range []string{first, second} {
				names := strings.Split(span, " ")
				m.Begin(len(names))
				for _, name := range names {
					require.Equal(t, len(name), *m.Next(name), "%q", name)
				}
			}
		}
	})
}

// However many names there are, few are kept, and those that are not are answered too.
func TestBounds(t *testing.T) {
	m, r := New(size), rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + r.IntN(2*maxOrder)
		m.Begin(n)
		for range n {
			name := fmt.Sprint("name", r.IntN(4*maxNames))
			require.Equal(t, len(name), *m.Next(name))
		}
	}
	assert.Len(t, m.known, maxNames)
	for _, order := range m.orders {
		assert.LessOrEqual(t, len(order), maxOrder)
	}
}

// Spans that say the same again cost nothing.
func TestNoAllocations(t *testing.T) {
	m := New(size)
	chat, tool := []string{"a", "b", "c"}, []string{"a", "c"}
	round := func() {
		for _, span := range [][]string{chat, tool} {
			m.Begin(len(span))
			for _, name := range span {
				_ = m.Next(name)
			}
		}
	}
	round()
	assert.Zero(t, testing.AllocsPerRun(100, round))
}
