package catalogue_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/evidence/catalogue"
)

// control is an id of SOC 2, ISO 27001, ISO 42001, the EU AI Act, NIST AI RMF,
// FINRA or the SEC, as evidence.md writes them.
var control = regexp.MustCompile(`^(CC\d\.\d|A1\.\d|PI1\.\d|C1\.\d|P\d\.\d|A\.[5-8]\.\d{1,2}|42001-A\.\d{1,2}\.\d(\.\d)?|AIA-\d+(\(\d+\))?(\([a-z]\))?|NIST-(G|M|MS|Mg)\d\.\d|FINRA-\d+|17a-4(\(f\))?|AT-C-205)$`)

// source finds where a statement reads from without a database. It may be what the
// server tells of itself, or what the statement names before.
var source = regexp.MustCompile(`\b(?:FROM|JOIN)\s+([a-z_.]+)\b`)

func TestCatalogue(t *testing.T) {
	queries, err := catalogue.List()
	require.NoError(t, err)
	numbers := map[int]string{}
	for _, q := range queries {
		assert.Empty(t, numbers[q.Number], "%s has the number of", q.ID)
		numbers[q.Number] = q.ID
		assert.Regexp(t, `^ev_[a-z_]+$`, q.ID)
		assert.Regexp(t, `\?$`, q.Question, q.ID)
		assert.NotContains(t, q.SQL, ";", q.ID)
		for _, c := range q.Controls {
			assert.Regexp(t, control, c, q.ID)
		}
		for _, sql := range []string{q.SQL, q.Watched, q.Population} {
			for _, m := range source.FindAllStringSubmatch(sql, -1) {
				own := m[1] == "merge" || strings.HasPrefix(m[1], "system.") || regexp.MustCompile(`\b`+m[1]+`\s+AS\s*\(`).MatchString(sql)
				assert.True(t, own, "%s: tables and views are named with {db}., but not %s", q.ID, m[1])
			}
		}
	}
}

// A header that cannot be right names every fault.
func TestParseNamesEveryFault(t *testing.T) {
	_, err := catalogue.Parse("ev_x", "-- id: ev_y\n-- colour: red\n-- number: one\n-- section: Z\n-- shows: all\n-- column: a\n-- param: p Float64 # a number\n"+
		"-- question: a?\n-- question: b?\nSELECT {a:String}")
	for _, want := range []string{
		`id: want "ev_x"`, "line 2: colour: is no key", "line 3: number", `section: want a letter`, `shows: want records or exceptions, not "all"`,
		`column: want "name # what it is"`, "line 7: param: p: type Float64", "line 9: question: is there already",
		"controls: missing", "not_observed: missing", "zero: missing", "a is in the statement and not in the header",
	} {
		require.ErrorContains(t, err, want)
	}
}
