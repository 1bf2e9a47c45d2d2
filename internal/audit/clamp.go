package audit

import (
	"strconv"
	"time"
)

// earliest and horizon bound the times that are believed. Nothing spoke OTLP
// before 2000, and a clock that is more than a day ahead is wrong.
var earliest = uint64(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())

const horizon = uint64(24 * time.Hour)

// Values of ts_quality.
const (
	tsOK       = "ok"
	tsStart    = "clamped_start"
	tsEnd      = "clamped_end"
	tsBoth     = "clamped_both"
	tsReversed = "end_before_start"
)

// Attributes that keep what was clamped.
const (
	attrStart = "spanwarden.ts.start_unix_nano"
	attrEnd   = "spanwarden.ts.end_unix_nano"
)

// clampTimes sets ts, duration and quality. A time that cannot be is replaced by
// the span's other time, or by the time of observation; a span that did not end
// or ended before it began lasted 0 ns.
func (r *Row) clampTimes() {
	startOK, endOK := plausible(r.Start, r.Observed), plausible(r.End, r.Observed)
	switch {
	case startOK && endOK && r.End < r.Start:
		r.TS, r.Duration, r.TSQuality = int64(r.Start), 0, tsReversed
	case startOK && endOK:
		r.TS, r.Duration, r.TSQuality = int64(r.Start), r.End-r.Start, tsOK
	case startOK:
		r.TS, r.Duration, r.TSQuality = int64(r.Start), 0, tsEnd
	case endOK:
		r.TS, r.Duration, r.TSQuality = int64(r.End), 0, tsStart
	default:
		r.TS, r.Duration, r.TSQuality = r.Observed, 0, tsBoth
	}
}

// maxNanos is the last time that DateTime64(9) can hold (2262-04-11).
const maxNanos = uint64(1<<63 - 1)

func (r *Row) keepClamped() {
	if r.TSQuality == tsOK {
		return
	}
	r.Attrs = append(r.Attrs,
		Attr{Key: attrStart, Value: strconv.FormatUint(r.Start, 10)},
		Attr{Key: attrEnd, Value: strconv.FormatUint(r.End, 10)})
}
