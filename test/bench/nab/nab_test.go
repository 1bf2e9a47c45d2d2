package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/kernels"
	"github.com/spanwarden/spanwarden/test/bench/nab/internal/nabscore"
)

// The data lie beside the repository and are not part of it.
const data = "../../../../shared/benchmarks/nab"

// unpack skips the test, saying so, where the data are missing.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	f, err := os.Open(filepath.Join(data, archive))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the benchmark data are not here: %s", filepath.Join(data, archive))
	}
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	zipped, err := gzip.NewReader(f)
	require.NoError(t, err)
	dir := t.TempDir()
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		require.NoError(t, err)
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(h.Name) {
			continue
		}
		path := filepath.Join(dir, h.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, raw, 0o600))
	}
}

func labels(t *testing.T) map[string][][2]string {
	t.Helper()
	l, err := nabscore.Windows(filepath.Join(data, "labels", "combined_windows.json"))
	require.NoError(t, err)
	return l
}

// The scorer gives the scores that are known of two detectors, for every profile,
// at the best threshold and at the published one.
func TestScorerAgainstKnownResults(t *testing.T) {
	dir := unpack(t, "nab-tuning-known-results.tar.gz")
	raw, err := os.ReadFile(filepath.Join(data, "expected.json"))
	require.NoError(t, err)
	type at struct {
		Threshold  float64 `json:"threshold"`
		Raw        float64 `json:"raw"`
		Normalised float64 `json:"normalised"`
		Hit        int     `json:"windows_hit"`
		FalseRows  int     `json:"false_positive_rows"`
	}
	var want struct {
		Detectors map[string]struct {
			Best map[string]at `json:"best_threshold_on_these_files"`
		} `json:"detectors"`
	}
	require.NoError(t, json.Unmarshal(raw, &want))
	require.Len(t, want.Detectors, 2)
	for name, d := range want.Detectors {
		series, err := nabscore.Column(filepath.Join(dir, "results", name), "anomaly_score")
		require.NoError(t, err)
		files := make([]nabscore.File, 0, len(series))
		for i := range series {
			f, err := nabscore.Label(&series[i], series[i].Values, labels(t))
			require.NoError(t, err)
			files = append(files, f)
		}
		for _, p := range nabscore.Profiles {
			w, ok := d.Best[p.Name]
			require.True(t, ok, p.Name)
			got := nabscore.Best(files, p)
			assert.InDelta(t, w.Raw, got.Raw, 1e-6, "%s %s", name, p.Name)
			assert.InDelta(t, w.Normalised, got.Normalised, 1e-6, "%s %s", name, p.Name)
			assert.Equal(t, w.Threshold, got.Threshold, "%s %s", name, p.Name)
			assert.Equal(t, w.Hit, got.Hit)
			assert.Equal(t, w.FalseRows, got.FalseRows)
		}
	}
}

// The kernel, at the threshold that it ships with, on the half that it was tuned
// on. The other half is not in this repository and was not looked at.
func TestSeriesOnTuningHalf(t *testing.T) {
	dir := unpack(t, "nab-tuning.tar.gz")
	series, err := nabscore.Column(filepath.Join(dir, "data"), "value")
	require.NoError(t, err)
	require.Len(t, series, 34)
	files := make([]nabscore.File, 0, len(series))
	for i := range series {
		scores, err := Detect(&series[i])
		require.NoError(t, err)
		require.Len(t, scores, len(series[i].Values))
		f, err := nabscore.Label(&series[i], scores, labels(t))
		require.NoError(t, err)
		files = append(files, f)
	}
	for i, least := range []float64{66, 61, 69} {
		got := nabscore.At(files, nabscore.Profiles[i], kernels.SeriesDefaults().Threshold)
		assert.Greater(t, got.Normalised, least, nabscore.Profiles[i].Name)
	}
}

func TestRunWritesEveryRow(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(in, "group"), 0o755))
	var text strings.Builder
	text.WriteString("timestamp,value\n")
	for i := range 100 {
		fmt.Fprintf(&text, "2026-01-01 %02d:%02d:00,%v\n", i/60, i%60, math.Sin(float64(i)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(in, "group", "a.csv"), []byte(text.String()), 0o600))
	require.NoError(t, run(in, "", out, ""))
	back, err := nabscore.Column(out, "anomaly_score")
	require.NoError(t, err)
	require.Len(t, back, 1)
	assert.Equal(t, "group/a.csv", back[0].Name)
	assert.Len(t, back[0].Values, 100)

	require.NoError(t, os.WriteFile(filepath.Join(in, "group", "a.csv"), []byte("timestamp,value\n2026-01-01 00:00:00,many\n"), 0o600))
	assert.ErrorContains(t, run(in, "", "", ""), "a.csv: line 2: value")
	assert.ErrorContains(t, run("", "", "", ""), "-data: missing")
}
