package ledger

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func actionID(n int) (id ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n)+1)
	binary.BigEndian.PutUint64(id[:8], (uint64(n)+1)*0x9e3779b97f4a7c15)
	return id
}

func amount(tb testing.TB, s string) pricing.Amount {
	tb.Helper()
	if s == "" {
		return pricing.Amount{}
	}
	p, err := pricing.ParseUSD(s)
	require.NoError(tb, err)
	return pricing.KnownAmount(p)
}

func budgets(tb testing.TB, text string) *Budgets {
	tb.Helper()
	b, err := ParseBudgets("budgets.yaml", []byte(text))
	require.NoError(tb, err)
	return b
}

const everything = `version: 1
timezone: Europe/Berlin
budgets:
  - {id: s, scope: session, limit_usd: 100, warn_at: [0.5], on_exceed: halt, mode: enforce, projection: {horizon: 15s, action: halt}}
  - {id: d, scope: tenant, limit_usd: 200, period: day, on_exceed: deny, mode: enforce, projection: {}}
  - {id: r, scope: project, limit_tokens: 5000, period: "rolling:1h", on_exceed: deny, mode: enforce}
  - {id: u, scope: agent, limit_tool_calls: 3, period: run, on_exceed: deny, mode: enforce}
`

func randomCharges(r *rand.Rand, n int) []Charge {
	out := make([]Charge, n)
	pick := func(p string, n int) string { return p + strconv.Itoa(r.IntN(n)) }
	maybe := func(s string) string {
		if r.IntN(6) == 0 {
			return ""
		}
		return s
	}
	// A month's end, a change of clocks, and the nights around them.
	from := time.Date(2026, 3, 27, 9, 0, 0, 0, time.UTC)
	for i := range out {
		end := from.Add(time.Duration(r.IntN(6*24*3600)) * time.Second)
		out[i] = Charge{
			Action: actionID(i), Start: end.Add(-time.Duration(r.IntN(3000)) * time.Second), End: end, Kind: Kind(r.IntN(3)), Tokens: r.Uint64N(1000),
			Scopes: Scopes{
				Tenant: pick("t", 2), Project: maybe(pick("p", 3)), Agent: pick("a", 4), Ancestors: []string{pick("a", 4), pick("a", 4)},
				Session: maybe(pick("s", 5)), Principal: maybe(pick("u", 3)), Root: maybe(pick("r", 4)), Run: maybe(pick("run", 3)),
			},
			Trace: actionID(10 + r.IntN(6)),
		}
		if r.IntN(2) == 0 {
			out[i].AncestorRuns = []string{maybe(pick("run", 3)), maybe(pick("run", 3))}
		}
		if out[i].Kind != ModelCall {
			continue // only a model call has a price
		}
		if r.IntN(4) > 0 {
			out[i].Response = ResponseID(out[i].Tenant, pick("resp", n/3))
		}
		switch r.IntN(8) {
		case 0: // unpriced
		case 1:
			out[i].Bound = pricing.KnownAmount(pricing.Pico(r.Uint64N(3 * pricing.PicoPerUSD)))
		case 2:
			out[i].Cost = pricing.KnownAmount(0)
		default:
			out[i].Cost = pricing.KnownAmount(pricing.Pico(r.Uint64N(3 * pricing.PicoPerUSD)))
		}
	}
	return out
}
