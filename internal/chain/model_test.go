package chain_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// describe writes down what an engine says in the form of the oracle.
func describe(e *chain.Engine) []string {
	var out []string
	write := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, p := range e.Pages() {
		for _, r := range p.Runs {
			own := r.Codes
			write("run %s depth=%d %s [%s]", short(r.Run), r.Depth, r.Principal, codeText(own))
		}
		for _, ed := range p.Edges {
			write("edge %s>%s %s %s id=%s auth=%v asked=%s [%s]", short(ed.From), short(ed.To), ed.Kind, ed.Grade, ed.DelegationID, ed.Authority,
				short(ed.DelegatingSpan), codeText(ed.Codes))
		}
		for _, a := range p.Actions {
			refused := slices.Clone(a.RefusedBy)
			slices.Sort(refused)
			write("action %s %s %s [%s] %s", short(a.Span), a.Boundary, a.Authority, codeText(a.Codes), strings.Join(refused, " "))
		}
		c := p.Chain
		write("chain %s %s resolved=%v depth=%d %s [%s]", short(c.Root), c.ID, c.RootResolved, c.Depth, c.Grade, codeText(c.Reasons))
	}
	slices.Sort(out)
	return out
}

const settled = 200 * sec

// play delivers spans and grants in random order, some of them twice, in batches.
func play(r *rand.Rand, e *chain.Engine, now int64, spans []chain.Record, grants []chain.Grant, take func([]chain.Event)) {
	type parcel struct {
		span  *chain.Record
		grant *chain.Grant
	}
	var row []parcel
	for i := range spans {
		for n := 1 + r.IntN(2)*r.IntN(2); n > 0; n-- {
			row = append(row, parcel{span: &spans[i]})
		}
	}
	for i := range grants {
		row = append(row, parcel{grant: &grants[i]})
	}
	r.Shuffle(len(row), func(i, j int) { row[i], row[j] = row[j], row[i] })
	for _, p := range row {
		if p.span != nil {
			e.Add(now, *p.span)
		} else {
			e.AddGrants(now, *p.grant)
		}
		if r.IntN(4) == 0 {
			take(e.Flush(now))
		}
	}
	take(e.Flush(now))
}

func ignore([]chain.Event) {}

// modelCase plays one random world: some spans come late, some never; what the
// engine says then is what the oracle says. It returns that.
func modelCase(t *testing.T, seed uint64) []string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	w := randomWorld(r)
	var early, late []chain.Record
	for _, s := range w.spans {
		switch n := r.IntN(12); {
		case n == 0: // never comes
		case n < 4:
			late = append(late, s)
		default:
			early = append(early, s)
		}
	}
	e := chain.New(chain.Options{}, w)
	play(r, e, settled, early, w.grants, ignore)
	e.Flush(settled + 61*sec)
	require.Equal(t, consult(w, early), describe(e), "seed %d, before the late spans", seed)
	if r.IntN(3) == 0 {
		snap := e.Snapshot()
		again := chain.New(chain.Options{}, w)
		require.NoError(t, again.Restore(snap))
		require.Equal(t, snap, again.Snapshot(), "seed %d", seed)
		e = again
	}
	play(r, e, settled+70*sec, late, nil, ignore)
	e.Flush(settled + 140*sec)
	want := consult(w, append(early, late...))
	require.Equal(t, want, describe(e), "seed %d", seed)
	return want
}

// unreached are the codes that the random worlds cannot have: they need
// decisions, halts, approvals, workloads, or what cannot be decided.
var unreached = []chain.Code{
	chain.AfterHaltAction, chain.DeniedButExecuted, chain.ArgsDiffer, chain.BudgetExceeded, chain.GhostDelegatee, chain.SharedIdentity,
	chain.SelfApproval, chain.ApprovalMismatch, chain.ApprovalMissing, chain.ExecutedWithoutDecision, chain.SubsetUnknown,
}

// The engine, fed in any order, agrees with an oracle that recomputes everything
// from all spans; and the worlds have every code that they can.
func TestModel(t *testing.T) {
	seen := map[string]bool{}
	n := uint64(1200)
	if testing.Short() {
		n = 200
	}
	for seed := range n {
		for _, line := range modelCase(t, seed) {
			_, codes, _ := strings.Cut(line, "[")
			codes, _, _ = strings.Cut(codes, "]")
			for c := range strings.FieldsSeq(codes) {
				seen[c] = true
			}
		}
	}
	if testing.Short() {
		return
	}
	for _, c := range chain.Codes() {
		assert.Equal(t, !slices.Contains(unreached, c), seen[string(c)], c)
	}
}

// FuzzModel looks for worlds in which engine and oracle differ.
func FuzzModel(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { modelCase(t, seed) })
}

// FuzzOrders builds a world from bytes, plays it in two orders, and looks for a
// difference; for a chain called unbroken although a span of it is missing; and
// for a snapshot that is not the state.
func FuzzOrders(f *testing.F) {
	f.Add([]byte("a world of its own"), uint64(3))
	f.Add([]byte{0, 255, 3, 7, 1, 1, 1, 200, 9, 9, 42, 13, 77}, uint64(1))
	f.Fuzz(func(t *testing.T, world []byte, order uint64) {
		if len(world) > 256 {
			return
		}
		var seed [32]byte
		for i, b := range world {
			seed[i%32] = seed[i%32]*31 + b
		}
		r := rand.New(rand.NewChaCha8(seed))
		w := randomWorld(r)
		spans := slices.DeleteFunc(w.spans, func(chain.Record) bool { return r.IntN(8) == 0 })
		var all [2][]string
		for k := range all {
			e := chain.New(chain.Options{}, w)
			play(rand.New(rand.NewPCG(order, uint64(k))), e, settled, spans, w.grants, ignore)
			e.Flush(settled + 61*sec)
			all[k] = describe(e)
			unbrokenIsWhole(t, e, spans)
			again := chain.New(chain.Options{}, w)
			require.NoError(t, again.Restore(e.Snapshot()))
			require.Equal(t, all[k], describe(again))
		}
		require.Equal(t, all[0], all[1])
	})
}

// unbrokenIsWhole checks that no chain is called unbroken of which a parent or a
// linked span has not come.
func unbrokenIsWhole(t *testing.T, e *chain.Engine, spans []chain.Record) {
	t.Helper()
	have := map[chain.Ref]*chain.Record{}
	for i := range spans {
		have[spans[i].Ref] = &spans[i]
	}
	for _, p := range e.Pages() {
		if v := p.Chain.Verdict; v != chain.Unbroken && v != chain.UnbrokenUnverified {
			continue
		}
		for _, r := range p.Runs {
			s := have[r.Run]
			require.NotNil(t, s)
			up := chain.Ref{Trace: s.Ref.Trace, Span: s.Parent}
			require.True(t, s.Parent == (chain.SpanID{}) || have[up] != nil, "the parent of %s is missing", r.Run)
			for _, l := range s.Links {
				require.NotNil(t, have[l.To], "a link of %s is missing", r.Run)
			}
		}
		for _, a := range p.Actions {
			require.Equal(t, chain.AuthorityRespected, a.Authority)
			require.Equal(t, chain.BoundaryRespected, a.Boundary)
		}
	}
}

// Damaged snapshots are refused, and leave an empty engine.
func FuzzRestore(f *testing.F) {
	w := randomWorld(rand.New(rand.NewPCG(4, 4)))
	e := chain.New(chain.Options{}, w)
	e.Add(settled, w.spans...)
	e.AddGrants(settled, w.grants...)
	e.Flush(settled)
	f.Add(e.Snapshot())
	f.Add([]byte("spanwarden.chain/1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e := chain.New(chain.Options{}, w)
		err := e.Restore(data)
		open, kept, spans := e.Sizes()
		if err != nil {
			require.Zero(t, open+kept+spans)
			return
		}
		e.Flush(settled + 100*sec)
		_ = e.Pages()
	})
}
