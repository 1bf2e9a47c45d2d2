// Command nab scores the processor's kernel for series on the Numenta Anomaly
// Benchmark, writes its scores row by row, and prints beside them what a one-line
// rule reaches.
//
//	go run ./test/bench/nab -data DIR -windows FILE -out DIR
package main

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/kernels"
	"github.com/spanwarden/spanwarden/test/bench/nab/internal/nabscore"
)

func main() {
	log.SetFlags(0)
	data := flag.String("data", "", "folder with <group>/<file>.csv: timestamp,value")
	windows := flag.String("windows", "", "label file; without it scores are written and nothing is scored")
	out := flag.String("out", "", "folder for <group>/<file>.csv: timestamp,value,anomaly_score; without it nothing is written")
	known := flag.String("known", "", "folder with stored results <detector>/<group>/<file>.csv to score beside ours")
	flag.Parse()
	if err := run(*data, *windows, *out, *known); err != nil {
		log.Fatalf("nab: %v", err)
	}
}

func run(data, windows, out, known string) error {
	if data == "" {
		return errors.New("-data: missing")
	}
	series, err := nabscore.Column(data, "value")
	if err != nil {
		return err
	}
	scores := make([][]float64, len(series))
	for i := range series {
		if scores[i], err = Detect(&series[i]); err != nil {
			return err
		}
		if out == "" {
			continue
		}
		if err := write(filepath.Join(out, series[i].Name), &series[i], scores[i]); err != nil {
			return err
		}
	}
	if windows == "" {
		return nil
	}
	labels, err := nabscore.Windows(windows)
	if err != nil {
		return err
	}
	return report(series, scores, labels, known)
}

// Detect scores a series with the kernel of the processor, as it stands.
func Detect(s *nabscore.Series) ([]float64, error) {
	p := kernels.SeriesDefaults()
	var state kernels.Series
	out := make([]float64, len(s.Values))
	for i, x := range s.Values {
		at, err := time.Parse(time.DateTime, s.Times[i])
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: timestamp: %w", s.Name, i+2, err)
		}
		out[i] = state.Observe(&p, x, int64(math.Floor(float64(at.Unix())/3600))).Score
	}
	return out, nil
}

// rangeRule is the one line that a detector has to beat: the value leaves all
// values before it by more than 5 % of their range.
func rangeRule(values []float64) []float64 {
	out := make([]float64, len(values))
	low, high := math.Inf(1), math.Inf(-1)
	for i, x := range values {
		if high > low && max(x-high, low-x) > .05*(high-low) {
			out[i] = 1
		}
		low, high = min(low, x), max(high, x)
	}
	return out
}

func report(series []nabscore.Series, scores [][]float64, labels map[string][][2]string, known string) error {
	label := func(of []nabscore.Series, scores func(i int) []float64) ([]nabscore.File, error) {
		var files []nabscore.File
		for i := range of {
			f, err := nabscore.Label(&of[i], scores(i), labels)
			if errors.Is(err, nabscore.ErrUnlabelled) {
				continue // counted below
			}
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		return files, nil
	}
	ours, err := label(series, func(i int) []float64 { return scores[i] })
	if err != nil {
		return err
	}
	rule, err := label(series, func(i int) []float64 { return rangeRule(series[i].Values) })
	if err != nil {
		return err
	}
	if n := len(series) - len(ours); n > 0 {
		fmt.Printf("%d files are not in the label file and not scored\n", n)
	}
	rows := 0
	for i := range ours {
		rows += len(ours[i].Scores)
	}
	threshold := kernels.SeriesDefaults().Threshold
	fmt.Printf("%d files, %d rows, one threshold for all; standard / lowFP / lowFN\n", len(ours), rows)
	fmt.Printf("%-34s %s\n", fmt.Sprintf("spanwarden at its threshold %.3f", threshold), line(ours, &threshold))
	fmt.Printf("%-34s %s\n", "spanwarden, best threshold", line(ours, nil))
	fmt.Printf("%-34s %s\n", "range rule, one line", line(rule, nil))
	groups(ours, threshold)
	return others(known, label)
}

// line prints the three profiles, at a threshold or at the best for each.
func line(files []nabscore.File, threshold *float64) string {
	normal, hits := make([]string, 0, len(nabscore.Profiles)), make([]string, 0, len(nabscore.Profiles))
	for _, p := range nabscore.Profiles {
		r := nabscore.Best(files, p)
		if threshold != nil {
			r = nabscore.At(files, p, *threshold)
		}
		normal = append(normal, fmt.Sprintf("%5.2f", r.Normalised))
		hits = append(hits, fmt.Sprintf("%d of %d windows, %d false rows", r.Hit, r.Windows, r.FalseRows))
	}
	return strings.Join(normal, " / ") + "   " + hits[0]
}

func groups(files []nabscore.File, threshold float64) {
	by := map[string][]nabscore.File{}
	var names []string
	for _, f := range files {
		g, _, _ := strings.Cut(f.Name, "/")
		if by[g] == nil {
			names = append(names, g)
		}
		by[g] = append(by[g], f)
	}
	slices.Sort(names)
	for _, g := range names {
		r := nabscore.At(by[g], nabscore.Profiles[0], threshold)
		fmt.Printf("  %-32s %5.2f   %d of %d windows, %d false rows\n", g, r.Normalised, r.Hit, r.Windows, r.FalseRows)
	}
}

func others(known string, label func([]nabscore.Series, func(int) []float64) ([]nabscore.File, error)) error {
	if known == "" {
		return nil
	}
	dirs, err := os.ReadDir(known)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		stored, err := nabscore.Column(filepath.Join(known, d.Name()), "anomaly_score")
		if err != nil {
			return err
		}
		files, err := label(stored, func(i int) []float64 { return stored[i].Values })
		if err != nil {
			return err
		}
		fmt.Printf("%-34s %s\n", d.Name()+", stored, best threshold", line(files, nil))
	}
	return nil
}

func write(path string, s *nabscore.Series, scores []float64) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	_ = w.Write([]string{"timestamp", "value", "anomaly_score"})
	for i := range scores {
		_ = w.Write([]string{s.Times[i], strconv.FormatFloat(s.Values[i], 'g', -1, 64), strconv.FormatFloat(scores[i], 'g', -1, 64)})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}
