package chain_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// enrich adds what the oracle does not know: hand-overs and agent tools that are
// paired by order, tasks, lineage, steps, hints, data links, workloads,
// credentials, approvals, decisions and halts.
func enrich(r *rand.Rand, w *worldT) (extra []func(*chain.Engine, int64)) {
	for i := range w.spans {
		s := &w.spans[i]
		switch {
		case s.Role == chain.Asks:
			s.Agent = pick(r, agentNames)
			s.Role = pick(r, []chain.Role{chain.Asks, chain.HandsOver, chain.Calls, chain.Serves})
			if s.Role == chain.HandsOver {
				s.Mode = pick(r, []chain.Kind{chain.Transfer, chain.Delegate, ""})
			}
			task := "task:" + strconv.Itoa(r.IntN(3))
			if s.Role == chain.Serves {
				s.Answers = []string{task}
			} else if r.IntN(2) == 0 {
				s.Asked = []string{task}
			}
		case s.Role == chain.Plumbing && r.IntN(2) == 0:
			s.Role, s.Run = chain.Steps, &chain.Opening{Name: pick(r, agentNames)}
			s.Agent = pick(r, []string{"", s.Run.Name, "b"})
		case s.Role == chain.Acts && r.IntN(5) == 0:
			s.Agent = pick(r, agentNames)
		case s.Role == chain.Acts && r.IntN(3) == 0:
			act := *s.Act
			act.DecisionID, act.ApprovalID, act.DelegationID = "d"+strconv.Itoa(r.IntN(4)), "p1", pick(r, []string{"", "g1", "own1"})
			s.Act = &act
		case s.Role == chain.Opens:
			w.enrichRun(r, s)
		}
	}
	for i := range 4 {
		d := chain.Decision{
			ID: "d" + strconv.Itoa(i), Agent: pick(r, agentNames), Answered: pick(r, []string{"allow", "deny", "ask"}), Span: pick(r, w.spans).Ref,
			Actor: pick(r, []string{"", "a", "b"}), DelegationID: pick(r, []string{"", "g1"}), At: int64(r.IntN(90)) * sec,
			Principal: chain.Principal{Type: "user", ID: "carol", Grade: pick(r, []chain.Grade{chain.Verified, chain.Declared})},
		}
		extra = append(extra, func(e *chain.Engine, now int64) { e.AddDecisions(now, d) })
	}
	at := int64(r.IntN(200)) * sec
	extra = append(extra,
		func(e *chain.Engine, now int64) { e.AddApprovals(now, chain.Approval{ID: "p1", Agent: "a"}) },
		func(e *chain.Engine, now int64) {
			e.AddHalts(now, chain.Halt{ID: "h", Scope: "agent", Key: "b", At: at})
		},
		func(e *chain.Engine, now int64) { e.Revoke(now, "g0", at, "somebody") },
		func(e *chain.Engine, now int64) {
			e.AddMarks(now, chain.Mark{Span: w.spans[0].Ref, Code: chain.BudgetExceeded})
		},
	)
	return extra
}

func (w *worldT) enrichRun(r *rand.Rand, s *chain.Record) {
	run := *s.Run
	run.Workload = pick(r, []string{"", "", "w1", "w2"})
	run.Credential = pick(r, []string{"", "", "", "c1"})
	s.Run = &run
	switch r.IntN(6) {
	case 0:
		s.Answers = []string{"task:" + strconv.Itoa(r.IntN(3))}
	case 1:
		s.Asked, s.Answers = []string{"run:" + strconv.Itoa(r.IntN(2))}, []string{"run:" + strconv.Itoa(r.IntN(2))}
	case 2:
		s.Answers = []string{"name:" + pick(r, agentNames), "call:" + strconv.Itoa(100+r.IntN(5))}
	case 3:
		s.Hints = []chain.Hint{{To: pick(r, w.spans).Ref}}
	case 4:
		s.Links = append(slices.Clone(s.Links), chain.Link{To: pick(r, w.spans).Ref, Type: chain.Join})
	default:
	}
}

// ordersCase plays one world in several orders: some spans late, after their
// chain has settled.
func ordersCase(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 11))
	w := randomWorld(r)
	extra := enrich(r, w)
	spans := slices.DeleteFunc(slices.Clone(w.spans), func(chain.Record) bool { return r.IntN(10) == 0 })
	var want []string
	for k := range uint64(4) {
		o := rand.New(rand.NewPCG(seed, 100+k))
		e := chain.New(chain.Options{}, w)
		row := slices.Clone(spans)
		o.Shuffle(len(row), func(i, j int) { row[i], row[j] = row[j], row[i] })
		more := slices.Clone(extra)
		o.Shuffle(len(more), func(i, j int) { more[i], more[j] = more[j], more[i] })
		at, cut := o.IntN(len(more)+1), o.IntN(len(row)+1)
		for _, add := range more[:at] {
			add(e, settled)
		}
		told := newTold()
		play(o, e, settled, row[:cut], w.grants, told.take)
		told.take(e.Flush(settled + 61*sec))
		for _, add := range more[at:] {
			add(e, settled+70*sec)
		}
		play(o, e, settled+70*sec, row[cut:], nil, told.take)
		told.take(e.Flush(settled + 140*sec))
		got := describe(e)
		told.compare(t, e, seed)
		if k == 0 {
			want = got
		}
		require.Equal(t, want, got, "seed %d, order %d", seed, k)
	}
}

func TestOrders(t *testing.T) {
	n := uint64(500)
	if testing.Short() {
		n = 150
	}
	for seed := range n {
		ordersCase(t, seed)
	}
}

// FuzzRichOrders looks for a world whose verdicts depend on the order of arrival.
func FuzzRichOrders(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { ordersCase(t, seed) })
}

// told is what somebody knows who only reads the events.
type told struct {
	runs, actions, chains map[string]string
	firing                map[string]bool
}

func newTold() *told {
	return &told{runs: map[string]string{}, actions: map[string]string{}, chains: map[string]string{}, firing: map[string]bool{}}
}

func runText(r *chain.RunView) string {
	return fmt.Sprint(r.Chain, r.Depth, r.Principal, r.Delegation != nil, r.Ancestors, codeText(r.Codes))
}

func actionText(a *chain.ActionView) string {
	return fmt.Sprint(a.Chain, a.Boundary, a.Authority, codeText(a.Codes), a.RefusedBy, a.DecisionID, len(a.Same))
}

func chainText(c *chain.ChainView) string {
	return fmt.Sprint(c.Root, c.Verdict, codeText(c.Reasons), c.Runs, c.Edges, c.Actions, c.Depth, c.Grade, c.Revision)
}

func findingText(f *chain.Finding) string {
	return fmt.Sprint(f.Type, f.Chain, f.Accused, f.Cause)
}

func (w *told) take(evs []chain.Event) {
	for _, ev := range evs {
		switch ev.Type {
		case chain.RunResolved:
			w.runs[ev.Run.Run.String()] = runText(ev.Run)
		case chain.ActionJudged:
			w.actions[ev.Action.Span.String()] = actionText(ev.Action)
		case chain.FindingFired:
			w.firing[findingText(ev.Finding)] = true
		case chain.FindingResolved:
			delete(w.firing, findingText(ev.Finding))
		case chain.ChainSettled:
			w.chains[ev.Chain.ID] = chainText(ev.Chain)
		case chain.ChainSuperseded:
			delete(w.chains, ev.Chain.ID)
		default:
		}
	}
}

// compare holds what was told against what is. A span that is no longer a run or
// an action has nobody to take back what was said of it; its chain does.
func (w *told) compare(t *testing.T, e *chain.Engine, seed uint64) {
	t.Helper()
	chains, firing := map[string]string{}, map[string]bool{}
	for _, p := range e.Pages() {
		chains[p.Chain.ID] = chainText(&p.Chain)
		for i := range p.Runs {
			require.Equal(t, w.runs[p.Runs[i].Run.String()], runText(&p.Runs[i]), "seed %d", seed)
		}
		for i := range p.Actions {
			require.Equal(t, w.actions[p.Actions[i].Span.String()], actionText(&p.Actions[i]), "seed %d", seed)
		}
		for i := range p.Findings {
			firing[findingText(&p.Findings[i])] = true
		}
	}
	require.Equal(t, chains, w.chains, "seed %d", seed)
	require.Equal(t, firing, w.firing, "seed %d", seed)
}
