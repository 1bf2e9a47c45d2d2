package evidence

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/evidence/sqlfile"
)

// Queries stand on views alone: these show each thing once, and on a cluster they
// read every shard.
func TestQueriesStandOnViews(t *testing.T) {
	queries, err := List()
	require.NoError(t, err)
	tables := regexp.MustCompile(`(?i)\b(?:FROM|JOIN|IN)\s+(actions|attributions|content|finding_events|config_versions|delegations|runs|chains)\b`)
	control := regexp.MustCompile(`^(CC\d\.\d|A1\.\d|PI1\.\d|C1\.\d|P\d\.\d|A\.[5-8]\.\d{1,2})$`)
	for _, q := range queries {
		assert.NotRegexp(t, tables, q.SQL, q.ID)
		assert.NotContains(t, q.SQL, ";", q.ID)
		assert.True(t, strings.HasSuffix(q.Question, "?"), q.ID)
		for _, c := range q.Controls {
			assert.Regexp(t, control, c, q.ID)
		}
	}
}

// A header that cannot be right names every fault with its line.
func TestParseNamesEveryFault(t *testing.T) {
	_, err := Parse("x", "-- id: y\n-- colour: red\n-- param: p Float64 # a number\n-- param: q\n-- param: session String # one\n-- param: session String # two\nSELECT {a:String}")
	for _, want := range []string{
		`id: want "x"`, `line 2: "colour"`, "line 3: param: p: type Float64", `line 4: param: want "name Type`, "line 6: param: session is there already",
		"question: missing", "controls: missing", "empty: missing", "a is in the statement and not in the header", `session is String here and "" in the statement`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestHeaderLinesGoOn(t *testing.T) {
	q, err := Parse("x", "-- id: x\n-- question: What\n--   is it?\n-- controls: CC6.1\n-- param: n UInt32 = 3 # how many\n-- param: s String = # or not\n-- empty: Nothing.\nSELECT {n:UInt32}, {s:String}, {period_start:DateTime64(3,'UTC')}\n")
	require.NoError(t, err)
	assert.Equal(t, "What is it?", q.Question)
	bound, err := q.Bind(map[string]string{"period_start": "now-90m"}, epoch)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"n": "3", "s": "", "period_start": "2026-11-20 08:30:00.000"}, bound)
}

func TestAnswersAreWritten(t *testing.T) {
	seven := int64(7)
	a := Answer{Columns: []string{"a", "b"}, Rows: [][]any{
		{"x\ty\x1b[2J", nil},
		{map[string]string{"k": "v", "a": "b"}, []*int64{&seven, nil}},
		{epoch, true},
	}}
	for format, want := range map[string]string{
		Table: "a                     b\nx·y·[2J               -\na=b, k=v              7, -\n2026-11-20T10:00:00Z  true\n",
		JSON:  "{\"a\":\"x\\ty\\u001b[2J\",\"b\":null}\n{\"a\":{\"a\":\"b\",\"k\":\"v\"},\"b\":[7,null]}\n{\"a\":\"2026-11-20T10:00:00Z\",\"b\":true}\n",
		CSV:   "a,b\nx\ty\x1b[2J,\n\"a=b, k=v\",\"7, \"\n2026-11-20T10:00:00Z,true\n",
	} {
		var b strings.Builder
		require.NoError(t, a.Write(&b, format))
		assert.Equal(t, want, b.String(), format)
	}
	require.ErrorContains(t, a.Write(&strings.Builder{}, "xml"), `"xml"`)
}

// FuzzBind: whatever is given as a time is a time that the store reads, or an
// error that names it.
func FuzzBind(f *testing.F) {
	q := Query{ID: "q", Params: []Param{{Name: "t", Type: "DateTime64(3,'UTC')"}, {Name: "n", Type: "UInt32"}}}
	for _, v := range []string{"now", "now-5d", "now-999999d", "2026-11-20", "2026-11-20T10:00:00+14:00", "9999-01-01", "-1", "4294967296"} {
		f.Add(v, v)
	}
	f.Fuzz(func(t *testing.T, moment, number string) {
		bound, err := q.Bind(map[string]string{"t": moment, "n": number}, epoch)
		if v, ok := bound["t"]; ok {
			at, err := time.Parse(sqlfile.Clock, v)
			require.NoError(t, err)
			assert.Less(t, at.Year(), 2262)
			assert.GreaterOrEqual(t, at.Year(), 1970)
			if strings.HasPrefix(moment, "now") {
				assert.False(t, at.After(epoch), "ago is not ahead")
			}
		} else {
			require.ErrorContains(t, err, "t: ")
		}
		if v, ok := bound["n"]; ok {
			_, err := strconv.ParseUint(v, 10, 32)
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "n: ")
		}
	})
}
