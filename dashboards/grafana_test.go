package dashboards

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// choice is what the reader of a dashboard chose: []string in a variable of
// several values, string in one of a single value, and all where all are chosen.
type choice map[string]any

type everything struct{}

var all everything

// viewer is what Grafana and its ClickHouse plugin put into a query: the reader's
// choice in the browser, then the macros in the plugin's back end. It knows what
// the dashboards use and refuses the rest, so that no macro or format goes
// unnoticed.
type viewer struct {
	from, to time.Time
	step     time.Duration // of $__timeInterval; the plugin takes at least a second
	chosen   choice
}

var (
	reference = regexp.MustCompile(`\$\{(\w+):(\w+)\}`)
	interval  = regexp.MustCompile(`\$__timeInterval\(([a-z_]+)\)`)
	left      = regexp.MustCompile(`\$[_{a-zA-Z][^\s,)]*`)
)

func (v viewer) fill(sql string) (string, error) {
	var err error
	sql = reference.ReplaceAllStringFunc(sql, func(s string) string {
		m := reference.FindStringSubmatch(s)
		value, ok := v.chosen[m[1]]
		if m[2] != "percentencode" || !ok {
			err = fmt.Errorf("%s: no such variable, or no format for what comes from spans", s)
		}
		return percent(value)
	})
	// a moment has no zone: ClickHouse gives it that of the session
	sql = strings.NewReplacer(
		"$__fromTime_ms", fmt.Sprintf("fromUnixTimestamp64Milli(%d)", v.from.UnixMilli()),
		"$__toTime_ms", fmt.Sprintf("fromUnixTimestamp64Milli(%d)", v.to.UnixMilli()),
	).Replace(sql)
	sql = interval.ReplaceAllString(sql, fmt.Sprintf("toStartOfInterval(toDateTime($1), INTERVAL %d second)", int(max(v.step, time.Second).Seconds())))
	if rest := left.FindString(sql); rest != "" && err == nil {
		err = fmt.Errorf("%s: not a macro or a variable that dashboards may use", rest)
	}
	return sql, err
}

// percent is the format percentencode: several values in braces with commas, then
// escaped like a part of a URL, with !'()* too.
func percent(value any) string {
	text := "*" // the value that variables give to All
	switch x := value.(type) {
	case string:
		text = x
	case []string:
		text = "{" + strings.Join(x, ",") + "}"
	}
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

func TestViewer(t *testing.T) {
	v := viewer{
		from: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), to: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC),
		chosen: choice{"a": []string{"x y", "z"}, "b": "it's*\\", "c": all},
	}
	for give, want := range map[string]string{
		"$__fromTime_ms, $__toTime_ms":    "fromUnixTimestamp64Milli(1767323045006), fromUnixTimestamp64Milli(1767398400000)",
		"$__timeInterval(ts)":             "toStartOfInterval(toDateTime(ts), INTERVAL 1 second)",
		"'${a:percentencode}'":            "'%7Bx%20y%2Cz%7D'",
		"'${b:percentencode}'":            "'it%27s%2A%5C'",
		"'${c:percentencode}' $1 '.+^$('": "'%2A' $1 '.+^$('",
	} {
		got, err := v.fill(give)
		require.NoError(t, err, give)
		assert.Equal(t, want, got)
	}
	for _, give := range []string{"$agent", "${a}", "${a:raw}", "${nobody:percentencode}", "$__timeFilter(ts)", "$__timeInterval(f(ts))", "$__conditionalAll(x, $a)"} {
		_, err := v.fill(give)
		require.Error(t, err, give)
	}
}

func FuzzPercent(f *testing.F) {
	f.Add("it's")
	f.Add(`\`)
	f.Fuzz(func(t *testing.T, s string) {
		got := percent(s)
		require.NotRegexp(t, `[^A-Za-z0-9%._~-]`, got, "nothing in it ends a string")
		back, err := url.PathUnescape(got)
		require.NoError(t, err)
		require.Equal(t, s, back)
	})
}
