package evidence_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/evidence"
)

// What a sheet would run is text in the CSV; numbers and times stay as they are, and
// other formats have what is stored.
func TestNoFormulaInCSV(t *testing.T) {
	at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	a := &evidence.Answer{Columns: []string{"v"}, Types: []string{"String"}, Rows: [][]any{
		{"=1+1"}, {"+1"}, {"-1"}, {"@x"}, {"\tx"}, {"|x"}, {"＝1"}, {[]string{"=a", "b"}}, {map[string]string{"=k": "v"}}, {-1}, {-1.5}, {at}, {""}, {nil}, {"a=1"},
	}}
	var b bytes.Buffer
	require.NoError(t, a.Write(&b, evidence.CSV))
	assert.Equal(t, "v\n'=1+1\n'+1\n'-1\n'@x\n'\tx\n'|x\n'＝1\n\"'=a, b\"\n'=k=v\n-1\n-1.5\n2026-10-01T00:00:00Z\n\n\na=1\n", strings.ReplaceAll(b.String(), "\"'\tx\"", "'\tx"))
	b.Reset()
	require.NoError(t, a.Write(&b, evidence.JSON))
	assert.True(t, strings.HasPrefix(b.String(), `{"v":"=1+1"}`+"\n"), b.String())
}

// A float that JSON does not know is text, and no reason to give up.
func TestFloatsThatAreNoNumbers(t *testing.T) {
	a := &evidence.Answer{Columns: []string{"r"}, Types: []string{"Float64"}, Rows: [][]any{{math.NaN()}, {math.Inf(-1)}, {float32(0.5)}}}
	var b bytes.Buffer
	require.NoError(t, a.WriteRows(&b))
	assert.Equal(t, []string{`{"r":"NaN"}`, `{"r":"-Inf"}`, `{"r":0.5}`, ""}, strings.Split(b.String(), "\n"))
}
