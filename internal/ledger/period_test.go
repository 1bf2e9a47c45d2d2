package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLateSpansGoToTheirOwnDay(t *testing.T) {
	l := New(budgets(t, `version: 1
timezone: Europe/Berlin
budgets: [{id: day, scope: tenant, limit_calls: 1, period: day, on_exceed: halt, mode: enforce}]`), Options{})
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	midnight := time.Date(2026, 3, 29, 0, 0, 0, 0, berlin)
	s := Scopes{Tenant: "t"}
	n := 0
	charge := func(at time.Time) []Event {
		n++
		return l.Charge(&Charge{Action: actionID(n), Scopes: s, Start: at, End: at, Kind: ModelCall}).Events
	}
	require.Empty(t, charge(midnight.Add(-time.Hour)))
	require.Len(t, charge(midnight.Add(-time.Minute)), 2)
	events := l.Tick(midnight)
	require.Len(t, events, 2, "the halt is released, the finding resolved")
	require.Empty(t, l.Tick(midnight.Add(time.Second)))
	require.Empty(t, charge(midnight.Add(-time.Second)), "yesterday alerts nobody")
	require.Empty(t, charge(midnight.Add(time.Second)))
	require.Empty(t, charge(midnight.Add(-2*time.Second)))
	_, halted := l.Halted(&s)
	assert.False(t, halted)
	assert.Equal(t, SumOf(1), l.Balances(&s, midnight)[0].Spent)
	assert.Equal(t, SumOf(4), l.Balances(&s, midnight.Add(-1))[0].Spent)
}

func TestSpansFromBeforeTheEpoch(t *testing.T) {
	l := New(budgets(t, everything), Options{})
	for i, at := range []time.Time{{}, time.Unix(-1e9, 0), time.Unix(0, 0), epoch, time.Unix(1e18, 0)} {
		l.Charge(&Charge{Action: actionID(i), Scopes: Scopes{Tenant: "t", Project: "p", Session: "s"}, Start: at, End: at, Kind: ModelCall})
	}
	s, _ := l.Spend(Session, "t", "s")
	assert.Equal(t, uint64(5), s.Calls)
}

func TestPeriodsAcrossClockChanges(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, c := range []struct {
		kind  periodKind
		at    time.Time
		hours float64
	}{
		{day, time.Date(2026, 3, 29, 12, 0, 0, 0, berlin), 23},
		{day, time.Date(2026, 10, 25, 12, 0, 0, 0, berlin), 25},
		{day, time.Date(2026, 10, 26, 12, 0, 0, 0, berlin), 24},
		{week, time.Date(2026, 3, 29, 12, 0, 0, 0, berlin), 167},
		{week, time.Date(2026, 10, 25, 23, 59, 59, 999, berlin), 169},
		{month, time.Date(2026, 3, 31, 23, 59, 0, 0, berlin), 31*24 - 1},
		{month, time.Date(2026, 10, 1, 0, 0, 0, 0, berlin), 31*24 + 1},
		{month, time.Date(2028, 2, 29, 0, 0, 0, 0, berlin), 29 * 24},
		{hour, time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), 1},
	} {
		start, end := period{kind: c.kind, loc: berlin}.bounds(c.at)
		assert.Equal(t, c.hours, end.Sub(start).Hours(), "%v", c)
		assert.False(t, c.at.Before(start) || !c.at.Before(end), "%v", c)
	}
}

// Periods tile time: each instant is in one, and the next begins where it ends,
// also where the clocks skip midnight, show it twice, change by half an hour,
// or a whole day is missing.
func TestPeriodsTile(t *testing.T) {
	for _, c := range []struct {
		zone string
		year int
	}{
		{"UTC", 2026},
		{"Europe/Berlin", 2026},
		{"America/New_York", 2026},
		{"Asia/Kolkata", 2026},
		{"Australia/Lord_Howe", 2026},
		{"Africa/Cairo", 2024},
		{"Asia/Beirut", 2025},
		{"America/Havana", 2024},
		{"America/Santiago", 2025},
		{"America/Sao_Paulo", 2018},
		{"America/Asuncion", 2023},
		{"Atlantic/Azores", 2026},
		{"America/St_Johns", 2006},
		{"Pacific/Apia", 2011},
		{"Asia/Kathmandu", 2026},
	} {
		loc, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		for _, kind := range []periodKind{hour, day, week, month} {
			p := period{kind: kind, loc: loc}
			at := time.Date(c.year, 1, 1, 12, 0, 0, 0, time.UTC)
			_, from := p.bounds(at)
			for from.Before(at.AddDate(1, 1, 0)) {
				start, end := p.bounds(from)
				require.True(t, start.Equal(from), "%s %d: %s starts the period of %s", c.zone, kind, start, from)
				require.True(t, end.After(start))
				for _, in := range []time.Time{end.Add(-1), start.Add(end.Sub(start) / 2), end.Add(-40 * time.Minute)} {
					if in.Before(start) {
						continue
					}
					s, e := p.bounds(in)
					require.True(t, s.Equal(start) && e.Equal(end), "%s %d: %s is in [%s, %s), not [%s, %s)", c.zone, kind, in, start, end, s, e)
				}
				from = end
			}
		}
	}
}
