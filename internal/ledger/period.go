package ledger

import (
	"fmt"
	"strings"
	"time"
)

type periodKind uint8

const (
	lifetime periodKind = iota
	run
	hour
	day
	week
	month
	rolling
	session // one session of a key of another scope
)

var periodNames = []string{"lifetime", "run", "hour", "day", "week", "month", "", "session"}

// part is what of a key a budget is kept for.
type part uint8

const (
	partNone part = iota // the whole key
	partRun
	partSession
)

func (p period) part() part {
	switch p.kind {
	case run:
		return partRun
	case session:
		return partSession
	default:
		return partNone
	}
}

// period is a span of time that a budget starts anew in.
type period struct {
	kind periodKind
	roll time.Duration
	loc  *time.Location
	text string // as budget files write it
}

func parsePeriod(s string, loc *time.Location) (period, error) {
	for i, n := range periodNames {
		if s == n && n != "" {
			return period{kind: periodKind(i), loc: loc, text: n}, nil
		}
	}
	if rest, ok := strings.CutPrefix(s, "rolling:"); ok {
		if d, err := time.ParseDuration(rest); err == nil && d >= time.Minute && d <= 366*24*time.Hour {
			return period{kind: rolling, roll: d, loc: loc, text: "rolling:" + d.String()}, nil
		}
	}
	return period{}, fmt.Errorf("period: %q is none of lifetime, session, run, hour, day, week, month, rolling:<1m to 8784h>", s)
}

func (p period) String() string { return p.text }

// calendar reports whether the period starts and ends by the clock.
func (p period) calendar() bool { return p.kind >= hour && p.kind <= month }

// bounds returns the calendar period that holds t. Days are days of the time
// zone: they last 23 or 25 hours where the clocks change. Periods follow each
// other without a gap or an overlap, whatever the clocks do.
func (p period) bounds(t time.Time) (start, end time.Time) {
	l := t.In(p.loc)
	if p.kind == hour {
		return hourOf(l)
	}
	y, m, d := l.Date()
	step := func(n int) time.Time { return midnight(y, m, d+n, p.loc) }
	switch p.kind {
	case week:
		d -= (int(l.Weekday()) + 6) % 7
		step = func(n int) time.Time { return midnight(y, m, d+7*n, p.loc) }
	case month:
		step = func(n int) time.Time { return midnight(y, m+time.Month(n), 1, p.loc) }
	default: // a day
	}
	// Clocks that went back over midnight show the old date once more.
	n := 0
	for !t.Before(step(n + 1)) {
		n++
	}
	return step(n), step(n + 1)
}

// hourOf returns the hour of the clock that holds l. Counted in real time, as one
// local hour may exist twice; a change of clocks by half an hour ends one early.
func hourOf(l time.Time) (start, end time.Time) {
	start = l.Add(-time.Duration(l.Minute())*time.Minute - time.Duration(l.Second())*time.Second - time.Duration(l.Nanosecond()))
	end = start.Add(time.Hour)
	from, to := l.ZoneBounds()
	if !from.IsZero() && start.Before(from) {
		start = from
	}
	if !to.IsZero() && end.After(to) {
		end = to
	}
	return start, end
}

// midnight returns the first instant of a day: 00:00, or later where the clocks
// skip that, or the first of two.
func midnight(y int, m time.Month, d int, loc *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, loc)
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	began := func(t time.Time) bool { // whether the clock shows that day, or a later one
		y, m, d := t.In(loc).Date()
		return !time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Before(day)
	}
	from, to := t.ZoneBounds()
	switch {
	case !began(t):
		return to // 00:00 is skipped, and Date took the hour before
	case from.IsZero() || t.Sub(from) > 24*time.Hour:
		return t
	case began(from.Add(-1)):
		_, off := from.Add(-1).Zone()
		return day.Add(-time.Duration(off) * time.Second).In(loc) // 00:00 comes twice
	case began(from):
		return from // 00:00 is skipped
	default:
		return t
	}
}

// length is how long the period nominally lasts; 0 if nobody knows.
func (p period) length() time.Duration {
	const oneDay = 24 * time.Hour
	return []time.Duration{0, 0, time.Hour, oneDay, 7 * oneDay, 30 * oneDay, p.roll, 0}[p.kind]
}

// halfLife of the fast rate: 10 s for a session, 1 h for a month.
func (p period) halfLife() float64 {
	h := p.length() / 720
	return max(10*time.Second, min(time.Hour, h)).Seconds()
}
