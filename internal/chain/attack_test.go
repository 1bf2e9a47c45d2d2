package chain_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// Whoever can send spans can send any spans. Each attack stays within bounds, is
// counted, and leaves no chain unbroken that it touched.

func numbered(n int) (r chain.Ref) {
	binary.BigEndian.PutUint64(r.Trace[8:], uint64(n)+1)
	r.Span[7] = 1
	return r
}

func agentSpan(ref chain.Ref, agent string, links ...chain.Link) chain.Record {
	return chain.Record{
		Ref: ref, Role: chain.Opens, Agent: agent, Start: 10 * sec, End: 20 * sec, Links: links,
		Run: &chain.Opening{Stated: chain.Principal{Type: "user", ID: "alice", Grade: chain.Declared}},
	}
}

func toolSpan(ref, parent chain.Ref) chain.Record {
	return chain.Record{Ref: ref, Parent: parent.Span, Role: chain.Acts, Start: 11 * sec, End: 12 * sec, Act: &chain.Act{Tool: "read", Args: "10"}}
}

func openWorld() *worldT {
	w := &worldT{agents: map[string]*agentT{}}
	for _, n := range []string{"a", "b"} {
		w.agents[n] = &agentT{name: n, tools: map[string]int{"read": 100}, to: []string{"a", "b"}, scope: []string{"read"}, depth: -1, direct: true, reentry: true}
	}
	return w
}

// reasons settles everything and returns the reasons of each chain by root.
func reasons(e *chain.Engine, now int64) map[chain.Ref][]chain.Code {
	out := map[chain.Ref][]chain.Code{}
	for _, ev := range e.Flush(now + 61*sec) {
		if ev.Type == chain.ChainSettled {
			out[ev.Chain.Root] = ev.Chain.Reasons
		}
	}
	return out
}

func TestLinkBomb(t *testing.T) {
	e := chain.New(chain.Options{Limits: chain.Limit{OpenChains: 500, Links: 16, RunsPerChain: 50}}, openWorld())
	now := 30 * sec
	for i := range 300 {
		ls := make([]chain.Link, 0, 1000)
		for k := range 1000 {
			ls = append(ls, chain.Link{To: numbered(1_000_000 + i*1000 + k), Type: chain.Delegate})
		}
		e.Add(now, agentSpan(numbered(i), "a", ls...))
		e.Flush(now)
	}
	open, kept, _ := e.Sizes()
	assert.LessOrEqual(t, open+kept, 500)
	assert.Equal(t, 300, e.Stats.LinksCut)
	assert.Positive(t, e.Stats.PlacesRefused)
	for root, why := range reasons(e, now) {
		assert.Contains(t, why, chain.IncompleteEvidence, root)
		assert.Contains(t, why, chain.BrokenLink, root)
	}
}

func TestGiantComponent(t *testing.T) {
	e := chain.New(chain.Options{Limits: chain.Limit{RunsPerChain: 800, FanOut: 100}}, openWorld())
	now := 30 * sec
	root := numbered(0)
	e.Add(now, agentSpan(root, "a"))
	for i := 1; i < 2000; i++ {
		e.Add(now, agentSpan(numbered(i), "b", chain.Link{To: root, Type: chain.Delegate}))
		if i%100 == 0 {
			e.Flush(now)
		}
	}
	largest := 0
	e.Flush(now + 61*sec)
	for _, p := range e.Pages() {
		largest = max(largest, len(p.Runs))
		if len(p.Runs) > 1 || p.Chain.Root != root {
			assert.Contains(t, p.Chain.Reasons, chain.IncompleteEvidence)
		}
	}
	assert.LessOrEqual(t, largest, 800)
	assert.Equal(t, 1200, e.Stats.ChainsRefused)
	assert.Positive(t, e.Stats.FanOutCut)
	assert.Positive(t, e.Stats.Deferred, "a large chain is not judged for each batch")
}

func TestForgedParents(t *testing.T) {
	e := chain.New(chain.Options{Limits: chain.Limit{SpansPerTrace: 100, Spans: 150}}, openWorld())
	now := 30 * sec
	for i := range 300 {
		a := numbered(i % 3)
		binary.BigEndian.PutUint64(a.Span[:], uint64(i)+10)
		parent := a
		binary.BigEndian.PutUint64(parent.Span[:], uint64(i)+100_000)
		e.Add(now, toolSpan(a, parent))
	}
	_, _, spans := e.Sizes()
	assert.Equal(t, 150, spans)
	assert.Equal(t, 150, e.Stats.SpansRefused)
	e.Flush(now + 61*sec)
	assert.Equal(t, 150, e.Stats.Unattributed)
	assert.Empty(t, e.Pages())
}

func TestFutureTimestamps(t *testing.T) {
	e := chain.New(chain.Options{}, openWorld())
	now := 30 * sec
	s := agentSpan(numbered(1), "a")
	s.Start = now + int64(400*24*time.Hour)
	s.End = s.Start
	e.Add(now, s, agentSpan(numbered(2), "a"))
	got := reasons(e, now)
	assert.Equal(t, 1, e.Stats.Future)
	assert.Equal(t, []chain.Code{chain.IncompleteEvidence}, got[numbered(1)], "the watermark is the time of arrival")
	assert.Empty(t, got[numbered(2)])
}

func TestIDReuse(t *testing.T) {
	var want []string
	honest, forged := agentSpan(numbered(1), "a"), agentSpan(numbered(1), "b")
	for _, order := range [][]chain.Record{{honest, forged}, {forged, honest}, {honest, forged, honest, forged}} {
		e := chain.New(chain.Options{}, openWorld())
		e.Add(30*sec, order...)
		e.Flush(100 * sec)
		require.Len(t, e.Pages(), 1)
		assert.Equal(t, []chain.Code{chain.IncompleteEvidence}, e.Pages()[0].Chain.Reasons)
		assert.Positive(t, e.Stats.Conflicts)
		if want == nil {
			want = describe(e)
		}
		assert.Equal(t, want, describe(e), "whoever comes first does not win")
	}
}

// A link into somebody's chain puts the forger into it; it does not touch what
// the others did.
func TestForgedLink(t *testing.T) {
	e := chain.New(chain.Options{}, openWorld())
	victim, forger := numbered(1), numbered(2)
	act := victim
	act.Span[7] = 9
	e.Add(30*sec, agentSpan(victim, "a"), toolSpan(act, victim), agentSpan(forger, "stranger", chain.Link{To: victim, Type: chain.Delegate, DelegationID: "made-up"}))
	e.Flush(100 * sec)
	p := e.Pages()
	require.Len(t, p, 1)
	assert.Equal(t, chain.AuthorityRespected, p[0].Actions[0].Authority)
	for _, f := range p[0].Findings {
		assert.Equal(t, forger, f.Run, f.Code)
	}
	assert.Contains(t, p[0].Chain.Reasons, chain.UnregisteredAgent)
}

func TestEviction(t *testing.T) {
	e := chain.New(chain.Options{Limits: chain.Limit{OpenChains: 10}}, openWorld())
	var verdicts []chain.Code
	for i := range 50 {
		now := 30*sec + int64(i)
		e.Add(now, agentSpan(numbered(i), "a"))
		for _, ev := range e.Flush(now) {
			if ev.Type == chain.ChainSettled {
				verdicts = append(verdicts, ev.Chain.Verdict)
			}
		}
		open, kept, _ := e.Sizes()
		require.LessOrEqual(t, open+kept, 10)
	}
	assert.Equal(t, 40, e.Stats.ChainsEvicted)
	assert.Equal(t, slices.Repeat([]chain.Code{chain.IncompleteEvidence}, 40), verdicts)
}

func TestKeysBounded(t *testing.T) {
	e := chain.New(chain.Options{Limits: chain.Limit{Keys: 20}}, openWorld())
	for i := range 200 {
		id := numbered(i).String()
		s := agentSpan(numbered(i), "a")
		s.Answers = []string{"task:" + id}
		e.Add(30*sec, s)
		e.AddGrants(30*sec, chain.Grant{ID: id})
		e.AddApprovals(30*sec, chain.Approval{ID: id})
		e.AddDecisions(30*sec, chain.Decision{ID: id})
		e.AddHalts(30*sec, chain.Halt{ID: id})
		e.AddMarks(30*sec, chain.Mark{Span: numbered(i), Code: chain.BudgetExceeded})
	}
	assert.GreaterOrEqual(t, e.Stats.KeysEvicted, 6*180)
	assert.Less(t, len(e.Snapshot()), 200_000)
}

// A chain that can still be wanted leaves memory and comes back.
func TestPark(t *testing.T) {
	w := openWorld()
	e := chain.New(chain.Options{Retain: time.Minute}, w)
	g := chain.Grant{ID: "g", Delegator: "a", Delegatee: "b", Scope: []string{"read"}, NotBefore: sec, ExpiresAt: 900_000 * sec}
	e.AddGrants(30*sec, g)
	root, child := numbered(1), numbered(2)
	ask := root
	ask.Span[7] = 2
	task := chain.Record{Ref: ask, Parent: root.Span, Role: chain.Calls, Agent: "b", Start: 12 * sec, End: 13 * sec, Asked: []string{"task:9"}}
	e.Add(30*sec, agentSpan(root, "a"), task)
	var parked *chain.Parked
	collect := func(evs []chain.Event) (wanted []string) {
		for _, ev := range evs {
			switch ev.Type {
			case chain.ChainParked:
				parked = ev.Parked
			case chain.Wanted:
				wanted = append(wanted, ev.Parked.Name)
			default:
			}
		}
		return wanted
	}
	collect(e.Flush(100 * sec))
	collect(e.Flush(300 * sec))
	require.NotNil(t, parked)
	open, kept, _ := e.Sizes()
	require.Zero(t, open+kept)

	after := chain.New(chain.Options{Retain: time.Minute}, w)
	require.NoError(t, after.Restore(e.Snapshot()), "what is parked is known after a restart")
	after.Add(400*sec, agentSpan(child, "b", chain.Link{To: ask, Type: chain.Delegate, DelegationID: "g"}))
	wanted := collect(after.Flush(400 * sec))
	require.Equal(t, []string{parked.Name}, wanted)
	require.NoError(t, after.Unpark(400*sec, parked.Data))
	require.Error(t, after.Unpark(400*sec, parked.Data[:len(parked.Data)-3]))
	got := reasons(after, 400*sec)
	assert.Equal(t, []chain.Code(nil), got[root])
	p := after.Pages()
	require.Len(t, p, 1)
	assert.Equal(t, chain.Unbroken, p[0].Chain.Verdict)
	assert.Equal(t, 2, p[0].Chain.Revision)
}

// A revocation reaches every chain that uses the grant, however many there are.
func TestCrowdedGrant(t *testing.T) {
	w := openWorld()
	e := chain.New(chain.Options{}, w)
	e.AddGrants(30*sec, chain.Grant{ID: "g", Delegator: "a", Delegatee: "b", Scope: []string{"read"}, NotBefore: sec, ExpiresAt: 900 * sec})
	const n = 300
	for i := range n {
		root, child := numbered(2*i), numbered(2*i+1)
		act := child
		act.Span[7] = 9
		e.Add(30*sec, agentSpan(root, "a"), agentSpan(child, "b", chain.Link{To: root, Type: chain.Delegate, DelegationID: "g"}), toolSpan(act, child))
	}
	e.Flush(30 * sec)
	e.Revoke(31*sec, "g", sec, "somebody")
	revoked := 0
	for _, ev := range e.Flush(31 * sec) {
		if ev.Type == chain.FindingFired && ev.Finding.Code == chain.RevokedAuthority {
			revoked++
		}
	}
	assert.Equal(t, n, revoked)
}
