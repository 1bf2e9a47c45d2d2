package main

import (
	"compress/gzip"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadNamesFileAndLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.csv.gz")
	f, err := os.Create(path)
	require.NoError(t, err)
	w := gzip.NewWriter(f)
	_, _ = w.Write([]byte("offset_s,input_tokens\n0.5,3\n2,4\n"))
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
	got, err := read(path)
	require.NoError(t, err)
	assert.Equal(t, []float64{.5, 2}, got)

	bad := filepath.Join(t.TempDir(), "bad.csv")
	require.NoError(t, os.WriteFile(bad, []byte("offset_s\n1\nsoon\n"), 0o600))
	_, err = read(bad)
	assert.ErrorContains(t, err, `bad.csv: line 3: offset_s: "soon"`)
}

func TestIncidentsAreJoined(t *testing.T) {
	assert.Equal(t, 2, incidents(map[int]string{5: "x", 6: "x", 40: "x", 200: "x"}, 300, 10))
}

// The protocol on the streams that lie beside the repository: tenfold bursts are
// all found within three bins, and clean streams are quiet.
func TestStreams(t *testing.T) {
	for _, name := range []string{"azure_conv.csv.gz", "mooncake_conv.csv.gz"} {
		path := filepath.Join("../../../../shared/benchmarks/llm-traffic", name)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("the benchmark data are not here: %s", path)
		}
		offsets, err := read(path)
		require.NoError(t, err)
		for _, keep := range []float64{1, .05} {
			for trial := range uint64(20) {
				r := rand.New(rand.NewPCG(9, trial))
				counts := bins(offsets, keep, 10, r)
				assert.Empty(t, alerts(counts), "%s, trial %d", name, trial)
				from := len(counts) - 20
				mean := 0.0
				for _, n := range counts[:from] {
					mean += float64(n) / float64(from)
				}
				for b := from; b < from+6; b++ {
					counts[b] += poisson(r, 9*mean)
				}
				got := alerts(counts)
				_, one := got[from]
				_, two := got[from+1]
				_, three := got[from+2]
				assert.True(t, one || two || three, "%s kept %v, trial %d", name, keep, trial)
			}
		}
	}
}
