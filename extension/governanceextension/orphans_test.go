package governanceextension

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// Whatever comes and goes, the count is right, the bound is kept, and no more is
// remembered of the order than of the traces.
func TestOrphansAgainstAModel(t *testing.T) {
	const limit = 50
	rng := rand.New(rand.NewPCG(7, 7))
	o := newOrphans(limit)
	for step := range 30_000 {
		c := &governance.Charge{TraceID: pcommon.TraceID{byte(step >> 8), byte(step), 1}}
		if rng.IntN(2) == 0 {
			c.TraceID = pcommon.TraceID{0, byte(rng.IntN(8))}
		}
		c.Action = ledger.ID{byte(rng.IntN(40)), c.TraceID[0], c.TraceID[1]}
		switch rng.IntN(4) {
		case 0:
			o.remove(c)
		case 1:
			got := o.take(chain.TraceID(c.TraceID), func(*governance.Charge) bool { return rng.IntN(2) == 0 })
			for _, x := range got {
				assert.Equal(t, c.TraceID, x.TraceID)
			}
		default:
			o.add(c)
		}
		n := 0
		for _, held := range o.byTrace {
			n += len(held)
		}
		if !assert.Equal(t, n, o.n) || !assert.LessOrEqual(t, n, limit) || !assert.Len(t, o.all(), n) {
			return
		}
		assert.LessOrEqual(t, len(o.order), 1024+2*limit+1)
	}
}

// An agent's work is charged before it is known who drove it; a restart later the
// driver pays all the same.
func TestAncestorsAfterARestart(t *testing.T) {
	d := newDisk()
	e := start(t, d, "")
	trace := chain.TraceID{1}
	record := func(span, parent byte, role chain.Role, agent string) chain.Record {
		r := chain.Record{Ref: chain.Ref{Trace: trace, Span: chain.SpanID{span}}, Role: role, Agent: agent, Start: began.UnixNano(), End: began.UnixNano() + 1e9, Tenant: "acme"}
		if parent != 0 {
			r.Parent = chain.SpanID{parent}
		}
		if role == chain.Opens {
			r.Run = &chain.Opening{}
		}
		return r
	}
	e.Observe([]chain.Record{record(3, 2, chain.Work, "")})
	c := call(1, "s", 0, 5)
	c.TraceID, c.SpanID, c.Agent = pcommon.TraceID(trace), pcommon.SpanID{3}, "helper"
	charge(t, e, c)
	stop(t, e)

	e = start(t, d, "")
	e.Observe([]chain.Record{record(2, 1, chain.Opens, "helper"), record(1, 0, chain.Opens, "lead")})
	for agent, own := range map[string]bool{"helper": true, "lead": false} {
		spend, ok := e.book.ledger.Spend(ledger.Agent, "acme", agent)
		assert.True(t, ok, agent)
		assert.EqualValues(t, 1, spend.Calls, agent)
		assert.Equal(t, own, spend.Own.Float() > 0, agent)
	}
	assert.Zero(t, e.book.orphans.n)
	stop(t, e)
}
