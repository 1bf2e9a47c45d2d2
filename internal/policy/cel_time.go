package policy

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// maxZones bounds the time zones that are remembered; there are some 600.
const maxZones = 1024

// zones remembers time zones by name: CEL's own functions read and parse the
// zone's file at every evaluation.
var (
	zones     sync.Map
	zoneCount atomic.Int64
)

func zone(name string) (*time.Location, error) {
	if loc, ok := zones.Load(name); ok {
		return loc.(*time.Location), nil
	}
	loc, err := loadZone(name)
	if err == nil && zoneCount.Add(1) <= maxZones {
		zones.Store(name, loc)
	}
	return loc, err
}

// loadZone takes the name of a zone, or an offset from UTC such as -08:30.
func loadZone(name string) (*time.Location, error) {
	if !strings.Contains(name, ":") {
		if name == "Local" {
			return nil, fmt.Errorf("unknown time zone %s", name) // the machine's zone is no fact of the action
		}
		return time.LoadLocation(name)
	}
	sign := 1
	text, minus := strings.CutPrefix(name, "-")
	if minus {
		sign = -1
	}
	t, err := time.Parse("15:04", strings.TrimPrefix(text, "+"))
	if err != nil {
		return nil, fmt.Errorf("%q is no offset such as +01:00", name)
	}
	return time.FixedZone(name, sign*(t.Hour()*3600+t.Minute()*60)), nil
}

// timeParts are the functions of a timestamp that take a time zone, and the ids
// of CEL's own overloads that these replace.
var timeParts = []struct {
	name, id string
	get      func(time.Time) int
}{
	{"getFullYear", "timestamp_to_year_with_tz", time.Time.Year},
	{"getMonth", "timestamp_to_month_with_tz", func(t time.Time) int { return int(t.Month()) - 1 }},
	{"getDayOfYear", "timestamp_to_day_of_year_with_tz", func(t time.Time) int { return t.YearDay() - 1 }},
	{"getDayOfMonth", "timestamp_to_day_of_month_with_tz", func(t time.Time) int { return t.Day() - 1 }},
	{"getDate", "timestamp_to_day_of_month_1_based_with_tz", time.Time.Day},
	{"getDayOfWeek", "timestamp_to_day_of_week_with_tz", func(t time.Time) int { return int(t.Weekday()) }},
	{"getHours", "timestamp_to_hours_with_tz", time.Time.Hour},
	{"getMinutes", "timestamp_to_minutes_with_tz", time.Time.Minute},
	{"getSeconds", "timestamp_to_seconds_tz", time.Time.Second},
	{"getMilliseconds", "timestamp_to_milliseconds_with_tz", func(t time.Time) int { return t.Nanosecond() / 1e6 }},
}

// standardLibrary is CEL's, with the functions above in place of its own.
func standardLibrary() []cel.EnvOption {
	subset := &env.LibrarySubset{}
	opts := make([]cel.EnvOption, 1, len(timeParts)+1)
	for _, p := range timeParts {
		subset.ExcludeFunctions = append(subset.ExcludeFunctions, env.NewFunction(p.name, &env.Overload{ID: p.id}))
		get := p.get
		opts = append(opts, cel.Function(p.name, cel.MemberOverload(p.id,
			[]*cel.Type{cel.TimestampType, cel.StringType}, cel.IntType,
			cel.BinaryBinding(func(ts, tz ref.Val) ref.Val {
				t, ok1 := ts.(types.Timestamp)
				name, ok2 := tz.(types.String)
				if !ok1 || !ok2 {
					return types.MaybeNoSuchOverloadErr(ts)
				}
				loc, err := zone(string(name))
				if err != nil {
					return types.WrapErr(err)
				}
				return types.Int(get(t.In(loc)))
			}))))
	}
	opts[0] = cel.StdLib(cel.StdLibSubset(subset))
	return opts
}
