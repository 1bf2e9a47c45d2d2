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
// zone: they last 23 or 25 hours where the clocks change.
func (p period) bounds(t time.Time) (start, end time.Time) {
	l := t.In(p.loc)
	y, m, d := l.Date()
	switch p.kind {
	case hour:
		// Counted back in real time, as one local hour may exist twice.
		start = l.Add(-time.Duration(l.Minute())*time.Minute - time.Duration(l.Second())*time.Second - time.Duration(l.Nanosecond()))
		return start, start.Add(time.Hour)
	case week:
		d -= (int(l.Weekday()) + 6) % 7
		return time.Date(y, m, d, 0, 0, 0, 0, p.loc), time.Date(y, m, d+7, 0, 0, 0, 0, p.loc)
	case month:
		return time.Date(y, m, 1, 0, 0, 0, 0, p.loc), time.Date(y, m+1, 1, 0, 0, 0, 0, p.loc)
	default:
		return time.Date(y, m, d, 0, 0, 0, 0, p.loc), time.Date(y, m, d+1, 0, 0, 0, 0, p.loc)
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
