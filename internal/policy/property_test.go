package policy

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mustLoad(tb testing.TB, text []byte) *Agent {
	tb.Helper()
	r, err := Load([]File{{"random.yaml", text}})
	require.NoError(tb, err, "%s", text)
	return r.Agent("a")
}

func judge(a *Agent, q Request) Result {
	var out Result
	a.Judge(&q, &out)
	return out
}

// TestOrderDoesNotMatter: within a list the order of rules decides nothing but
// which of several rules is named.
func TestOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(300) {
		g := newGen(seed)
		head, lists := g.head(), g.rules(true)
		one := mustLoad(t, lists.text(head))
		for _, list := range lists {
			slices.Reverse(list)
		}
		other := mustLoad(t, lists.text(head))
		for range 30 {
			q := g.request()
			a, b := judge(one, q), judge(other, q)
			a.Rule, a.Failed, a.Arg, a.Finding, a.Reason, a.Needs = nil, 0, "", "", "", nil
			b.Rule, b.Failed, b.Arg, b.Finding, b.Reason, b.Needs = nil, 0, "", "", "", nil
			require.Equal(t, a, b, "seed %d\n%s", seed, lists.text(head))
		}
	}
}

// TestDenyDominates: a deny rule more never makes anything respected or allowed,
// and one that takes everything refuses everything.
func TestDenyDominates(t *testing.T) {
	for seed := range uint64(200) {
		g := newGen(seed)
		head, lists := g.head(), g.rules(true)
		before := mustLoad(t, lists.text(head))
		lists["deny"] = append(lists["deny"], g.rule("deny", "one-more", true))
		after := mustLoad(t, lists.text(head))
		lists["deny"] = append(lists["deny"], "    - {id: all, tool: \"**\"}\n")
		none := mustLoad(t, lists.text(head))
		for range 30 {
			q := g.request()
			a, b, c := judge(before, q), judge(after, q), judge(none, q)
			if a.Verdict != Respected {
				require.NotEqual(t, Respected, b.Verdict)
			}
			if a.Effect != Allow {
				require.NotEqual(t, Allow, b.Effect)
			}
			if q.Tool != "" && b.Verdict != Unregistered && q.Operation != OpInvokeModel {
				require.Equal(t, Deny, c.Effect)
				require.Equal(t, Violation, c.Verdict)
			}
		}
	}
}

// TestFactsOnlyRefine: a fact that becomes known never turns respected into
// violation or the other way; it only settles what was not evaluated. At run time
// what is allowed although a fact is unknown stays allowed when it is known.
func TestFactsOnlyRefine(t *testing.T) {
	refined := 0
	for seed := range uint64(400) {
		g := newGen(seed)
		a := mustLoad(t, g.rules(true).text(g.head()))
		for range 40 {
			full := g.request()
			less := full
			less.Lost = Fields(g.Uint32()) & (FieldPrincipal | FieldTool | FieldOperation | FieldResource | FieldArgs | FieldData |
				FieldModel | FieldDelegatee | FieldTime)
			if g.chance(30) {
				less.Counter = nil
			}
			if g.chance(20) {
				less.ResourceProperties, less.Source, full.Source = nil, FromSpan, FromSpan
			}
			if g.chance(30) {
				less.Args.Erase(g.one("amount", "cur", "tags"))
			}
			x, y := judge(a, less), judge(a, full)
			if x.Verdict != NotEvaluated {
				require.Equal(t, x.Verdict, y.Verdict, "seed %d: %+v\nless %+v\nfull %+v", seed, less, x, y)
			} else if y.Verdict != NotEvaluated {
				refined++
			}
			if x.Effect == Allow {
				require.Equal(t, Allow, y.Effect)
			}
			if x.Verdict == NotEvaluated {
				require.NotZero(t, x.Missing, "seed %d: %+v", seed, x)
				require.NotEqual(t, Allow, x.Effect)
			}
		}
	}
	assert.Greater(t, refined, 1000)
}

// TestIndexMissesNothing: the index finds what holding every rule finds.
func TestIndexMissesNothing(t *testing.T) {
	for seed := range uint64(300) {
		g := newGen(seed)
		a := mustLoad(t, g.rules(true).text(g.head()))
		for range 30 {
			q := g.request()
			got := judge(a, q)
			if got.Verdict == Unregistered || q.Operation == OpInvokeModel {
				continue
			}
			want := map[listKind]Truth{}
			for _, r := range a.Rules() {
				fresh := q
				want[r.list] = want[r.list].Or(r.Eval(&fresh).Truth)
			}
			require.Equal(t, want[inDeny], got.Denied)
			require.Equal(t, want[inAsk], got.Asked)
			if q.Operation != OpDelegate {
				require.Equal(t, want[inAllow], got.Allowed)
			}
		}
	}
}

// TestVerdictAndEffectAgree: what enforcement allows detection respects, and what
// detection respects enforcement allows: one engine, two callers.
func TestVerdictAndEffectAgree(t *testing.T) {
	for seed := range uint64(300) {
		g := newGen(seed)
		a := mustLoad(t, g.rules(true).text(g.head()))
		for range 40 {
			out := judge(a, g.request())
			require.Equal(t, out.Verdict == Respected, out.Effect == Allow, "%+v", out)
			require.Equal(t, out.Verdict == Violation, out.Finding != "", "%+v", out)
			require.Equal(t, out.Effect != Allow, out.Reason != ReasonNone, "%+v", out)
		}
	}
}

// TestModes: shadow and warn answer allow and keep the effect.
func TestModes(t *testing.T) {
	for seed := range uint64(100) {
		g := newGen(seed)
		head, lists := g.head(), g.rules(true)
		text := string(lists.text(head))
		enforce := mustLoad(t, []byte(text))
		shadow := mustLoad(t, []byte(text+"  mode: shadow\n"))
		warn := mustLoad(t, []byte(text+"  mode: warn\n"))
		for range 20 {
			q := g.request()
			e, s, w := judge(enforce, q), judge(shadow, q), judge(warn, q)
			require.Equal(t, e.Effect, s.Effect)
			require.Equal(t, e.Verdict, w.Verdict)
			require.Equal(t, e.Effect, e.Answer)
			require.Equal(t, Allow, s.Answer)
			require.Equal(t, Allow, w.Answer)
			require.False(t, s.Warning)
			require.Equal(t, w.Effect != Allow, w.Warning)
		}
	}
}
