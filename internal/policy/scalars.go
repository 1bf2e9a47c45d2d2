package policy

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// text reads a string that is not empty.
func (d *reader) text(n node) string {
	s, ok := d.scalar(n, "a string", "!!str")
	if ok && s == "" {
		d.fail(n, "is empty")
	}
	return s
}

func (d *reader) texts(n node) []string {
	items := d.list(n)
	out := make([]string, 0, len(items))
	for _, item := range items {
		s := d.text(item)
		if slices.Contains(out, s) && s != "" {
			d.fail(item, "%q is listed twice", s)
			continue
		}
		out = append(out, s)
	}
	return out
}

func (d *reader) boolean(n node) bool {
	s, _ := d.scalar(n, "true or false", "!!bool")
	return strings.EqualFold(s, "true")
}

// whole reads an integer from 0 to limit.
func (d *reader) whole(n node, limit int64) int64 {
	s, ok := d.scalar(n, "a whole number", "!!int")
	if !ok {
		return 0
	}
	i, err := strconv.ParseInt(s, 0, 64)
	if err != nil || i < 0 || i > limit {
		d.fail(n, "%s is not from 0 to %d", s, limit)
		return 0
	}
	return i
}

// choice reads one of the words.
func (d *reader) choice(n node, words ...string) string {
	s := d.text(n)
	if s != "" && !slices.Contains(words, s) {
		d.fail(n, "%q is none of %s", s, strings.Join(words, ", "))
	}
	return s
}

// duration reads a positive duration such as 90s, 15m, 1h or 7d.
func (d *reader) duration(n node) time.Duration {
	s := d.text(n)
	if s == "" {
		return 0
	}
	v, err := parseDuration(s)
	if err != nil || v <= 0 {
		d.fail(n, "%q is no positive duration such as 15m, 1h or 7d", s)
		return 0
	}
	return v
}

func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || n > 36500 {
			return 0, errors.New("no number of days")
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}

// instant reads an RFC 3339 time, quoted or not; a date is its first moment in UTC.
func (d *reader) instant(n node) time.Time {
	s, ok := d.scalar(n, "a time such as 2026-11-01T00:00:00Z", "!!str", "!!timestamp")
	if !ok {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	d.fail(n, "%q is no RFC 3339 time such as 2026-11-01T00:00:00Z", s)
	return time.Time{}
}
