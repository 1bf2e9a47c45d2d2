package chain_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/chain"
)

func span(trace, id byte, parent byte, role chain.Role) chain.Record {
	r := chain.Record{Ref: refOf(trace, id), Role: role, Start: 10 * sec, End: 20 * sec}
	if parent != 0 {
		r.Parent = refOf(trace, parent).Span
	}
	return r
}

func types(evs []chain.Event) (out []chain.EventType) {
	for _, ev := range evs {
		out = append(out, ev.Type)
	}
	return out
}

// What a processor asks for each span of a batch, as the batch arrives.
func TestResolve(t *testing.T) {
	e := chain.New(chain.Options{}, openWorld())
	child := agentSpan(refOf(2, 1), "b", chain.Link{To: refOf(1, 2), Type: chain.Delegate})
	child.Run.Stated = chain.Principal{}
	e.Add(30*sec, child, span(2, 2, 1, chain.Plumbing), span(2, 3, 2, chain.Work), span(3, 1, 9, chain.Work))
	require.Empty(t, e.Flush(30*sec), "nothing is known for certain yet")
	a, ok := e.Resolve(refOf(2, 3))
	require.True(t, ok)
	assert.Equal(t, "b", a.Agent)
	assert.False(t, a.Resolved)
	assert.Equal(t, -1, a.Depth)
	_, ok = e.Resolve(refOf(3, 1))
	assert.False(t, ok, "no run is known around it")
	_, ok = e.Resolve(refOf(4, 1))
	assert.False(t, ok)

	e.Add(31*sec, agentSpan(refOf(1, 1), "a"), span(1, 2, 1, chain.Calls))
	assert.Equal(t, []chain.EventType{chain.RunResolved, chain.RunResolved, chain.EdgeFound}, types(e.Flush(31*sec)))
	a, ok = e.Resolve(refOf(2, 3))
	require.True(t, ok)
	assert.True(t, a.Resolved)
	assert.Equal(t, 1, a.Depth)
	assert.Equal(t, []string{"a"}, a.Ancestors)
	assert.Equal(t, refOf(1, 1), a.Root)
	assert.Equal(t, chain.ChainID(refOf(1, 1)), a.Chain)
	assert.Equal(t, "user:alice", a.Principal.String())
	assert.Equal(t, chain.AuthorityRespected, a.Authority)
	require.NotNil(t, a.Delegation)
	assert.Equal(t, chain.DelegationView{Delegator: "a", Grade: chain.Structural}, *a.Delegation)

	e.Add(32*sec, child)
	assert.Empty(t, e.Flush(32*sec), "nothing follows from what is known")
	assert.Equal(t, 1, e.Stats.Duplicates)
}

// A chain settles when it is idle, or has been open too long, by time of arrival;
// then it stays for a while and goes.
func TestLife(t *testing.T) {
	e := chain.New(chain.Options{Settle: time.Minute, MaxOpen: 5 * time.Minute, Retain: time.Minute}, openWorld())
	now := 30 * sec
	e.Add(now, agentSpan(refOf(1, 1), "a"))
	e.Flush(now)
	for i := range 9 {
		now += 40 * sec
		e.Add(now, toolSpan(refOf(1, byte(10+i)), refOf(1, 1)))
		settledNow := false
		for _, ev := range e.Flush(now) {
			settledNow = settledNow || ev.Type == chain.ChainSettled
		}
		assert.Equal(t, i == 7, settledNow, "after %d s", (i+1)*40)
	}
	evs := e.Flush(now + 61*sec)
	require.Len(t, evs, 1)
	assert.Equal(t, 2, evs[0].Chain.Revision)
	assert.Equal(t, 1, evs[0].Chain.Supersedes)
	assert.Empty(t, e.Flush(now+100*sec))
	assert.Len(t, e.Chains(), 1)
	e.Flush(now + 200*sec)
	assert.Empty(t, e.Chains())
	open, kept, spans := e.Sizes()
	assert.Zero(t, open+kept+spans)
}

// A clock that was a year ahead and is set right holds up no chain.
func TestClockSetBack(t *testing.T) {
	const year = 365 * 24 * 3600 * sec
	e := chain.New(chain.Options{Settle: time.Minute, Retain: time.Minute}, openWorld())
	settled := func(now int64) (n int) {
		for _, ev := range e.Flush(now) {
			if ev.Type == chain.ChainSettled {
				n++
			}
		}
		return n
	}
	now := 30 * sec
	for i := range byte(3) {
		e.Add(now+year, agentSpan(refOf(1+i, 1), "a"))
	}
	assert.Zero(t, settled(now+year))
	e.Add(now, agentSpan(refOf(9, 1), "b"))
	assert.Zero(t, settled(now), "idle from now on")
	assert.Equal(t, 4, settled(now+60*sec))
	assert.Zero(t, settled(now+180*sec))
}

// A new root gives a settled chain another id: the old record is superseded and
// its findings end.
func TestSuperseded(t *testing.T) {
	e := chain.New(chain.Options{}, openWorld())
	child := agentSpan(refOf(2, 1), "b", chain.Link{To: refOf(1, 1), Type: chain.Delegate})
	e.Add(30*sec, child)
	assert.Equal(t, []chain.EventType{chain.RunResolved, chain.EdgeFound, chain.FindingFired, chain.FindingFired, chain.ChainSettled}, types(e.Flush(100*sec)))
	e.Add(110*sec, agentSpan(refOf(1, 1), "a"))
	var ended int
	var over *chain.ChainView
	for _, ev := range append(e.Flush(110*sec), e.Flush(200*sec)...) {
		switch ev.Type {
		case chain.FindingResolved:
			ended++
		case chain.ChainSuperseded:
			over = ev.Chain
		default:
		}
	}
	assert.Equal(t, 2, ended)
	require.NotNil(t, over)
	assert.Equal(t, chain.ChainID(refOf(2, 1)), over.ID)
	assert.Equal(t, chain.ChainID(refOf(1, 1)), over.SupersededBy)
	p, ok := e.Chain(over.SupersededBy)
	require.True(t, ok)
	assert.Equal(t, chain.UnbrokenUnverified, p.Chain.Verdict)
	_, ok = e.Chain(over.ID)
	assert.False(t, ok)
}

// Tenants share nothing: neither links nor task ids lead from one to another.
func TestTenants(t *testing.T) {
	e := chain.New(chain.Options{}, openWorld())
	ours, theirs := agentSpan(refOf(1, 1), "a"), agentSpan(refOf(2, 1), "b", chain.Link{To: refOf(1, 1), Type: chain.Delegate})
	ours.Tenant, theirs.Tenant = "t1", "t2"
	call := span(1, 2, 1, chain.Calls)
	call.Tenant, call.Agent, call.Asked = "t1", "b", []string{"task:1"}
	third := agentSpan(refOf(3, 1), "b")
	third.Tenant, third.Answers = "t2", []string{"task:1"}
	e.Add(30*sec, ours, theirs, call, third)
	e.Flush(100 * sec)
	for _, p := range e.Pages() {
		assert.Len(t, p.Runs, 1)
		assert.Equal(t, p.Runs[0].Tenant, p.Chain.Tenant)
	}
	assert.Positive(t, e.Stats.TenantsCrossed)
}

// The kernel knows nothing of the collector.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	for dep := range strings.FieldsSeq(string(out)) {
		for _, no := range []string{"go.opentelemetry.io", "go.uber.org/zap", "gopkg.in", "go.yaml.in"} {
			assert.False(t, strings.HasPrefix(dep, no), dep)
		}
	}
}
