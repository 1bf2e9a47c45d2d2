package chain_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// A snapshot, and a journal that begins at it or before it, give back what was
// there: with every record, grant and mark since, and nothing twice.
func TestJournal(t *testing.T) {
	for seed := range uint64(150) {
		checkJournal(t, seed)
	}
}

func checkJournal(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 5))
	w := randomWorld(r)
	e := chain.New(chain.Options{}, w)
	var inputs [][]byte
	snapshot, from, now := e.Snapshot(), 0, 10_000*sec
	for left := w.spans; len(left) > 0; {
		now += sec
		n := 1 + r.IntN(len(left))
		in := chain.Input{At: now, Records: left[:n]}
		if len(w.grants) > 0 && r.IntN(3) == 0 {
			in.Grants = w.grants[:1+r.IntN(len(w.grants))]
		}
		if r.IntN(4) == 0 {
			in.Marks = []chain.Mark{{Span: left[0].Ref, Code: chain.BudgetExceeded, Note: "b"}}
		}
		left = left[n:]
		e.AddGrants(now, in.Grants...)
		e.AddMarks(now, in.Marks...)
		e.Add(now, in.Records...)
		e.Flush(now)
		inputs = append(inputs, in.Append(nil))
		if r.IntN(4) == 0 {
			snapshot, from = e.Snapshot(), r.IntN(len(inputs)+1)
		}
	}
	again := chain.New(chain.Options{}, w)
	require.NoError(t, again.Restore(snapshot))
	var journal []byte
	for _, in := range inputs[from:] {
		journal = append(journal, in...)
	}
	_, err := again.Replay(journal)
	require.NoError(t, err)
	require.Equal(t, whole(t, e), whole(t, again), "seed %d", seed)
	for range 20 {
		if len(journal) == 0 {
			break
		}
		cut := chain.New(chain.Options{}, w)
		_, _ = cut.Replay(journal[:r.IntN(len(journal))]) // whatever it says, it returns
	}
}

// whole is what an engine knows, without the numbers of its revisions: those count
// what was told. No list is an empty one.
func whole(t *testing.T, e *chain.Engine) string {
	t.Helper()
	pages := e.Pages()
	for i := range pages {
		pages[i].Chain.Revision, pages[i].Chain.Supersedes = 0, 0
		pages[i].Revisions = nil
	}
	raw, err := json.Marshal(pages)
	require.NoError(t, err)
	return strings.ReplaceAll(string(raw), "null", "[]")
}

// Nothing that a damaged disk gives back may bring the collector down, or make it
// hold more than it read.
func FuzzReplay(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 5))
	w := randomWorld(r)
	in := chain.Input{At: 10_000 * sec, Records: w.spans, Grants: w.grants, Marks: []chain.Mark{{Span: w.spans[0].Ref, Code: chain.BudgetExceeded}}}
	f.Add(in.Append(nil))
	f.Fuzz(func(t *testing.T, journal []byte) {
		e := chain.New(chain.Options{}, chain.NoRegistry)
		_, err := e.Replay(journal)
		_, _, spans := e.Sizes()
		require.LessOrEqual(t, spans, len(journal))
		if err == nil && len(journal) > 0 {
			again := chain.New(chain.Options{}, chain.NoRegistry)
			_, err := again.Replay(append(slices.Clip(journal), journal...))
			require.NoError(t, err)
			_, _, twice := again.Sizes()
			require.Equal(t, spans, twice, "what is known changes nothing")
		}
	})
}
