package oracle_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/pricing"
	"github.com/spanwarden/spanwarden/internal/pricing/oracle"
)

func TestOracle(t *testing.T) {
	data, err := os.ReadFile("../../../testdata/oracle/cost-cases.jsonl")
	require.NoError(t, err)
	cases, err := oracle.Read(bytes.NewReader(data))
	require.NoError(t, err)
	require.Len(t, cases, 1014)
	book, err := pricing.Embedded()
	require.NoError(t, err)
	used := map[string]bool{}
	for _, c := range cases {
		v := oracle.Run(book, c)
		if v.Problem != "" && v.Excused == "" {
			t.Errorf("%s %s: %s", c.ID, c.Model, v.Problem)
		}
		used[c.ID] = v.Problem != ""
	}
	for id := range oracle.Exceptions {
		assert.True(t, used[id], "exception %s is not needed", id)
	}
}
