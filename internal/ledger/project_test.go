package ledger

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The figures of the seed scenario and of its twins, by the formulas alone.
func TestProjectionFigures(t *testing.T) {
	b := budgets(t, `version: 1
budgets: [{id: cap, scope: session, limit_usd: 100, on_exceed: halt, mode: enforce,
  projection: {horizon: 15s, action: halt, floors: {calls: 5, elapsed: 5s, spend_usd: 10}}}]`).All()[0]
	start := epoch.UnixNano()
	for _, c := range []struct {
		name                     string
		spent                    string
		calls                    uint64
		lasted, later            time.Duration
		short                    float64 // the fast rate at the last charge, in USD a second
		low, high                float64
		earliest, latest         float64 // seconds from then on; 0: never
		enough, certain, perhaps bool
	}{
		{"the seed: 87 USD after 30 s", "87", 60, 30 * time.Second, 0, 3.30, 130.5, 136.5, 13 / 3.3, 13 / 2.9, true, true, true},
		{"87 USD over 30 min, the last of it fast", "87", 60, 30 * time.Minute, 0, 1.2, 87.725, 105, 13 / 1.2, 13 / (87. / 1800), true, false, true},
		{"87 USD over 30 min, then idle", "87", 60, 30 * time.Minute, 5 * time.Minute, 2.9, 87, 87.725, 13 / (87. / 1800), 0, true, false, false},
		{"one call of 87 USD", "87", 1, 30 * time.Second, 0, 3.30, 130.5, 136.5, 13 / 3.3, 13 / 2.9, false, true, true},
		{"the slowest pace that trips", "87", 60, 87 * 15 * time.Second / 13, 0, 13. / 15, 100, 100, 15, 15, true, false, false},
		{"a hair faster than that", "87", 60, 87*15*time.Second/13 - 10*time.Millisecond, 0, 0.8668, 100.001, 100.002, 14.998, 14.9988, true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := amount(t, c.spent).Pico()
			last := start + int64(c.lasted)
			cl := cell{now: totals{usd: SumOf(uint64(p)), calls: c.calls, first: start, last: last}}
			h := b.halfLife
			require.InDelta(t, 10, h, 0)
			cl.ewma = c.short * 1e12 * h / math.Ln2 * (1 - fade(c.lasted.Seconds()/h))
			now := last + int64(c.later)
			got, enough := cl.project(b, now)
			assert.Equal(t, c.enough, enough)
			assert.InDelta(t, c.low, got.Low, 0.005)
			assert.InDelta(t, c.high, got.High, 0.005)
			assert.Equal(t, c.certain, got.Low > 100+1e-9)
			assert.Equal(t, c.perhaps, got.High > 100+1e-9)
			for want, at := range map[float64]time.Time{c.earliest: got.ExhaustEarliest, c.latest: got.ExhaustLatest} {
				if want > 0 {
					assert.InDelta(t, want, at.Sub(time.Unix(0, now)).Seconds(), 0.01)
				}
			}
		})
	}
}

// The burn-rate table: windows and thresholds by the length of the period.
func TestBurnWindows(t *testing.T) {
	const oneDay = 24 * time.Hour
	for _, c := range []struct {
		p    period
		want []burnPair
	}{
		{period{kind: month}, []burnPair{
			{time.Hour, 5 * time.Minute, 14.4, true},
			{6 * time.Hour, 30 * time.Minute, 6, true},
			{3 * oneDay, 6 * time.Hour, 1, false},
		}},
		{period{kind: day}, []burnPair{
			{3 * time.Minute, time.Minute, 9.6, true},
			{15 * time.Minute, 75 * time.Second, 4.8, true},
			{144 * time.Minute, 12 * time.Minute, 1, false},
		}},
		{period{kind: hour}, nil},
		{period{kind: rolling, roll: 6*time.Hour - 1}, nil},
		{period{kind: rolling, roll: 6 * time.Hour}, []burnPair{
			{3 * time.Minute, time.Minute, 2.4, true},
			{15 * time.Minute, 75 * time.Second, 1.2, true},
			// 10 % of 6 h in 1 h is slower than the even pace: left out.
		}},
	} {
		got := c.p.burnPairs()
		require.Len(t, got, len(c.want), "%v", c.p)
		for i, w := range c.want {
			assert.Equal(t, w.long, got[i].long)
			assert.Equal(t, w.short, got[i].short)
			assert.InDelta(t, w.threshold, got[i].threshold, 1e-9)
			assert.Equal(t, w.page, got[i].page)
		}
	}
}
