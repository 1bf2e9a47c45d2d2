package decision

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/policy"
)

// Whatever is registered and revoked, a grant that still carries an action has
// parents that carry it too, ends no later than they do and leaves fewer hops.
func TestGrantsNeverWiden(t *testing.T) {
	reg := registry(t)
	agents := []string{"shadow", "warn", "enforce", "nobody"}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		g, now := NewGrants(64), t0
		var ids []string
		registered := 0
		for i := range 40 {
			now = now.Add(time.Duration(r.IntN(300)) * time.Second)
			depth := r.IntN(4)
			a := &Asked{
				Delegator: agents[r.IntN(4)], Delegatee: agents[r.IntN(4)], Scope: [][]string{{"look"}, {"sell"}, {"look", "sell"}, {"burn"}}[r.IntN(4)],
				TTL: time.Duration(r.IntN(90)) * time.Minute, MaxDepth: &depth,
			}
			if len(ids) > 0 && r.IntN(2) == 0 {
				a.Parent = ids[r.IntN(len(ids))]
			}
			if len(ids) > 0 && r.IntN(8) == 0 {
				_, err := g.Revoke(ids[r.IntN(len(ids))], "carol", "why", now)
				require.NoError(t, err)
			}
			var random [10]byte
			binary.BigEndian.PutUint64(random[:], uint64(i))
			x, err := g.Register(a, reg, NewID(now, random), now)
			if err != nil {
				continue
			}
			registered++
			ids = append(ids, x.ID)
			require.NotContains(t, x.Items, "burn", "only what may be passed on")
			if parent, ok := g.Get(x.Parent); ok {
				require.False(t, x.Expires.After(parent.Expires), "seed %d", seed)
				require.Less(t, x.MaxDepth, parent.MaxDepth)
				require.Equal(t, parent.Chain, x.Chain)
			}
			for _, id := range ids {
				checkAuthority(t, g, reg, id, now)
			}
		}
		_ = registered
	}
}

func checkAuthority(t *testing.T, g *Grants, reg *policy.Registry, id string, now time.Time) {
	t.Helper()
	x, _ := g.Get(id)
	for _, tool := range []string{"look", "sell", "burn"} {
		ask := func(id, agent string) policy.Reason {
			q := &policy.Request{Source: policy.FromRequest, Tool: tool, Args: policy.NoArgs(), Time: now}
			reason, _ := g.Authority(id, agent, q, reg, now)
			return reason
		}
		require.Equal(t, policy.ReasonDelegationNotAllowed, ask(id, x.Delegatee+"!"), "a grant is for one agent")
		if ask(id, x.Delegatee) != "" {
			continue
		}
		require.True(t, now.Before(x.Expires) && x.Revoked.IsZero())
		if parent, ok := g.Get(x.Parent); ok {
			require.Empty(t, ask(parent.ID, parent.Delegatee), "what a child carries its parent does")
		}
	}
}

func TestApprovals(t *testing.T) {
	rule := registry(t).Agent("enforce").Rule("careful")
	a := NewApprovals(2)
	p := &Pending{Decision: NewID(t0, [10]byte{1}), Agent: "enforce", Rules: []*policy.Rule{rule}, Digest: "h", Requester: "agent:enforce", Principal: "user:ann"}
	a.Asked(p)
	id := p.Decision.String()
	tried, err := a.Approve("1", id, "user:ann", nil, "mine", time.Time{}, t0)
	require.ErrorIs(t, err, ErrMayNot)
	assert.True(t, tried.Rejected)
	assert.Equal(t, policy.ApprovalMissing, a.Judge("1", "h", rule, t0), "what was refused is not remembered")
	_, err = a.Approve("1", id, "", nil, "why", time.Time{}, t0)
	require.ErrorIs(t, err, ErrNoWhoAndWhy)
	got, err := a.Approve("1", id, "user:bob", nil, "checked", t0.Add(time.Hour), t0)
	require.NoError(t, err)
	assert.Equal(t, t0.Add(5*time.Minute), got.Until, "no longer than the rule says")
	assert.Equal(t, policy.ApprovalFits, a.Judge("1", "h", rule, t0.Add(4*time.Minute)))
	assert.Equal(t, policy.ApprovalMissing, a.Judge("1", "h", rule, t0.Add(5*time.Minute)))
	assert.Equal(t, policy.ApprovalMismatch, a.Judge("1", "other", rule, t0))
	assert.Equal(t, policy.ApprovalMissing, a.Judge("2", "h", rule, t0))
	assert.Equal(t, policy.ApprovalMissing, a.Judge("", "h", rule, t0))
	a.Withdraw("1")
	a.Withdraw("nobody's")
	assert.Equal(t, policy.ApprovalMissing, a.Judge("1", "h", rule, t0), "what was taken back is none")
	for i := range byte(3) {
		a.Asked(&Pending{Decision: NewID(t0, [10]byte{9, i})})
	}
	_, err = a.Approve("3", id, "user:bob", nil, "late", time.Time{}, t0)
	require.ErrorIs(t, err, ErrNoPending, "the oldest question went to make room")
	assert.EqualValues(t, 2, a.Forgotten())
}
