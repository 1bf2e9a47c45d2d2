package ledger

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
