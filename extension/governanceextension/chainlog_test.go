package governanceextension

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// family is a trace of a lead that asks a worker, who calls a tool.
func family(n byte) []chain.Record {
	record := func(span, parent byte, role chain.Role, agent string) chain.Record {
		at := began.Add(time.Duration(n) * time.Second).UnixNano()
		r := chain.Record{Ref: chain.Ref{Trace: chain.TraceID{n, 9}, Span: chain.SpanID{span}}, Role: role, Agent: agent, Start: at, End: at + 1e9, Tenant: "acme"}
		if parent != 0 {
			r.Parent = chain.SpanID{parent}
		}
		switch role { //nolint:exhaustive // the others say nothing more
		case chain.Opens:
			r.Run = &chain.Opening{}
		case chain.Acts:
			r.Act = &chain.Act{Tool: "look"}
		}
		return r
	}
	return []chain.Record{record(1, 0, chain.Opens, "lead"), record(2, 1, chain.Opens, "worker"), record(3, 2, chain.Work, ""), record(4, 2, chain.Acts, "")}
}

func pages(t *testing.T, e *governor) string {
	t.Helper()
	all := e.chains.engine.Pages()
	for i := range all {
		all[i].Chain.Revision, all[i].Chain.Supersedes, all[i].Revisions = 0, 0, nil
	}
	raw, err := json.Marshal(all)
	require.NoError(t, err)
	return strings.ReplaceAll(string(raw), "null", "[]")
}

// Whatever was kept is there after a kill at any moment, whether the disk took
// everything at once or not: the chains are those of a collector that nothing
// happened to.
func TestChainsSurviveKills(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 8))
		d := newDisk()
		e := start(t, d, "")
		clean := start(t, newDisk(), "")
		var unkept [][]chain.Record
		for n := range byte(40) {
			all := family(n)
			cut := rng.IntN(len(all) + 1)
			for _, part := range [][]chain.Record{all[:cut], all[cut:]} {
				clean.Observe(part)
				unkept = append(unkept, part)
			}
			d.set(rng.IntN(4) == 0, false)
			for len(unkept) > 0 { // as senders repeat what was not acknowledged
				e.Observe(unkept[0])
				if e.Keep(t.Context()) != nil {
					break
				}
				unkept = unkept[1:]
			}
			if rng.IntN(5) == 0 {
				e.tick(t.Context(), true)
			}
			if rng.IntN(6) == 0 {
				d.set(false, false)
				d = crash(t, e, d)
				e = start(t, d, "")
			}
		}
		d.set(false, false)
		for _, part := range unkept {
			e.Observe(part)
			require.NoError(t, e.Keep(t.Context()))
		}
		d = crash(t, e, d)
		e = start(t, d, "")
		assert.Equal(t, pages(t, clean), pages(t, e), "seed %d", seed)
		stop(t, e)
		stop(t, clean)
		entries := 0
		for key := range d.data {
			if strings.HasPrefix(key, "c/") {
				entries++
			}
		}
		assert.LessOrEqual(t, entries, 1, "a snapshot takes the place of the log")
	}
}

// What followed before a kill may not have been passed on: it is told again.
func TestToldAgainAfterAKill(t *testing.T) {
	d := newDisk()
	e := start(t, d, "")
	told := e.Observe(family(1))
	require.NotEmpty(t, told)
	require.NoError(t, e.Keep(t.Context()))
	e = start(t, crash(t, e, d), "")
	assert.Len(t, e.Settle(), len(told))
	stop(t, e)
}

// What a storage never takes is not held for ever.
func TestChainLogIsBounded(t *testing.T) {
	l := chainLog{on: true}
	in := chain.Input{Records: family(1)}
	in.Records[0].Agent = strings.Repeat("x", 1<<20)
	for range 40 {
		l.add(&in)
	}
	assert.Less(t, len(l.fresh), maxChainLog+2<<20)
	assert.True(t, l.waiting(), "a snapshot is due")
}

// Any byte of the state is changed: it is noticed, and where the audit store can
// be asked the collector starts all the same and counts again; else it does not
// start, and says what to do.
func TestDamagedState(t *testing.T) {
	d := newDisk()
	e := start(t, d, "")
	for i := range 50 {
		charge(t, e, call(i, "s", time.Duration(i)*time.Second, 100))
	}
	e.Observe(family(1))
	require.NoError(t, e.Keep(t.Context()))
	d = crash(t, e, d)
	rng := rand.New(rand.NewPCG(2, 2))
	for key, value := range d.data {
		for range 5 {
			spoilt := d.copy()
			raw := append([]byte(nil), value...)
			raw[rng.IntN(len(raw))] ^= byte(1 + rng.IntN(255))
			spoilt.data[key] = raw
			e := start(t, spoilt, "", func(c *Config) { c.Rebuild.DSN = "http://127.0.0.1:1/spanwarden" })
			e.mu.Lock()
			assert.True(t, e.rebuilding, "%s: what was spent is counted again", key)
			e.mu.Unlock()
			stop(t, e)
		}
	}
}
