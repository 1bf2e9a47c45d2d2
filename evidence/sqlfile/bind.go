package sqlfile

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checks read a value of a type as people write it and return it as the store
// reads it.
var checks = map[string]func(value string, now time.Time) (string, error){
	"String":              func(v string, _ time.Time) (string, error) { return v, nil },
	"UInt32":              func(v string, _ time.Time) (string, error) { return whole(v, 32) },
	"UInt64":              func(v string, _ time.Time) (string, error) { return whole(v, 64) },
	"DateTime64(3,'UTC')": moment,
}

func whole(v string, bits int) (string, error) {
	if _, err := strconv.ParseUint(v, 10, bits); err != nil {
		return "", fmt.Errorf("want a whole number from 0, not %q", v)
	}
	return v, nil
}

var ago = regexp.MustCompile(`^now(?:-(\d{1,6})([smhd]))?$`)

var units = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// Clock is how the store reads a time.
const Clock = "2006-01-02 15:04:05.000"

// moment reads now, now-30d, RFC 3339, or a day or time of day in UTC.
func moment(v string, now time.Time) (string, error) {
	t, ok := instant(v, now)
	if !ok {
		return "", fmt.Errorf("want now, now-30d, 2006-01-02, 2006-01-02 15:04:05 or RFC 3339, in UTC, not %q", v)
	}
	if y := t.UTC().Year(); y < 1970 || y > 2261 {
		return "", fmt.Errorf("%q is outside the years 1970 to 2261", v)
	}
	return t.UTC().Format(Clock), nil
}

func instant(v string, now time.Time) (time.Time, bool) {
	if m := ago.FindStringSubmatch(v); m != nil {
		if m[1] == "" {
			return now, true
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || n > math.MaxInt64/int64(units[m[2]]) {
			return time.Time{}, err == nil // long before 1970
		}
		return now.Add(-time.Duration(n) * units[m[2]]), true
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, time.DateOnly, "2006-01-02T15:04:05", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Bind checks the values and fills in the defaults. Now is what "now" means; id is
// what a message calls the question. All faults are returned at once, each naming
// parameter and value.
func Bind(id string, params []Param, values map[string]string, now time.Time) (map[string]string, error) {
	bound := map[string]string{}
	var errs []error
	for _, p := range params {
		v, ok := values[p.Name]
		if !ok {
			if !p.HasDefault {
				errs = append(errs, fmt.Errorf("%s: missing; it is %s", p.Name, p.Doc))
				continue
			}
			v = p.Default
		}
		checked, err := checks[p.Type](v, now)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
			continue
		}
		bound[p.Name] = checked
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !Has(params, name) {
			errs = append(errs, fmt.Errorf("%s: %s takes no such parameter, only %s", name, id, strings.Join(names(params), ", ")))
		}
	}
	if start, end := bound["period_start"], bound["period_end"]; start != "" && end != "" && start >= end {
		errs = append(errs, fmt.Errorf("period_start: %s is not before period_end, %s", start, end))
	}
	return bound, errors.Join(errs...)
}

func names(params []Param) []string {
	names := make([]string, 0, len(params))
	for _, p := range params {
		names = append(names, p.Name)
	}
	return names
}
