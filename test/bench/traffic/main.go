// Command traffic measures the processor's rate kernel on a stream of requests:
// how often it cries over the clean stream, and how fast it finds bursts that are
// added to it.
//
//	go run ./test/bench/traffic -stream FILE
//
// FILE is a CSV, gzipped if it ends in .gz, with a column offset_s in order of
// time.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/kernels"
)

const trials = 60

func main() {
	log.SetFlags(0)
	path := flag.String("stream", "", "the stream: offset_s,...")
	seed := flag.Uint64("seed", 1, "of the trials")
	width := flag.Float64("bin", 10, "width of a bin in seconds")
	flag.Parse()
	if *path == "" {
		log.Fatal("traffic: -stream: missing")
	}
	offsets, err := read(*path)
	if err != nil {
		log.Fatalf("traffic: %v", err)
	}
	last := offsets[len(offsets)-1]
	fmt.Printf("%s: %d requests in %.0f s, bins of %.0f s\n", *path, len(offsets), last, *width)
	for _, keep := range []float64{1, .05} {
		clean(offsets, keep, *width, *seed)
		for _, c := range []spike{{10, 6}, {3, 30}} {
			c.measure(offsets, keep, *width, *seed)
		}
	}
}

func read(path string) ([]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var from io.Reader = bufio.NewReader(f)
	if strings.HasSuffix(path, ".gz") {
		if from, err = gzip.NewReader(from); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	rows, err := csv.NewReader(from).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s: no requests", path)
	}
	at := slices.Index(rows[0], "offset_s")
	if at < 0 {
		return nil, fmt.Errorf("%s: line 1: no column offset_s", path)
	}
	out := make([]float64, 0, len(rows)-1)
	for i, row := range rows[1:] {
		v, err := strconv.ParseFloat(row[at], 64)
		if err != nil || v < 0 || math.IsNaN(v) {
			return nil, fmt.Errorf("%s: line %d: offset_s: %q is no offset", path, i+2, row[at])
		}
		out = append(out, v)
	}
	slices.Sort(out)
	return out, nil
}

// bins keeps each request with a probability and counts the whole bins.
func bins(offsets []float64, keep, width float64, r *rand.Rand) []int {
	counts := make([]int, int(offsets[len(offsets)-1]/width))
	for _, o := range offsets {
		if b := int(o / width); b < len(counts) && (keep >= 1 || r.Float64() < keep) {
			counts[b]++
		}
	}
	return counts
}

// alerts runs the kernel over the bins, as the processor does for a key without
// parent, and returns which bins fired and by which rule.
func alerts(counts []int) map[int]string {
	p := kernels.RateDefaults()
	var r kernels.Rate
	out := map[int]string{}
	for b, n := range counts {
		if v, _ := r.Add(&p, int64(b), uint32(n), nil); v.Fired {
			out[b] = string(v.Rule)
		}
	}
	return out
}

// incidents joins alerts that follow each other within the cool-down of 15
// minutes: one incident is one finding.
func incidents(fired map[int]string, n int, width float64) int {
	count, last := 0, math.Inf(-1)
	for b := range n {
		if _, ok := fired[b]; !ok {
			continue
		}
		if float64(b)*width-last > 900 {
			count++
		}
		last = float64(b) * width
	}
	return count
}

func clean(offsets []float64, keep, width float64, seed uint64) {
	runs := trials
	if keep >= 1 {
		runs = 1
	}
	judged, fired, found := 0, 0, 0
	rules := map[string]int{}
	for t := range runs {
		counts := bins(offsets, keep, width, rand.New(rand.NewPCG(seed, uint64(t))))
		got := alerts(counts)
		fired += len(got)
		for _, rule := range got {
			rules[rule]++
		}
		found += incidents(got, len(counts), width)
		judged += len(counts) - int(kernels.RateDefaults().Warm)
	}
	if judged <= 0 {
		fmt.Printf("kept %.2f clean: not measured, the stream is shorter than the warm-up\n", keep)
		return
	}
	days := float64(judged) * width / 86_400
	fmt.Printf("kept %.2f clean: %d bins that fire, %d findings in %.2f days: %.2f and %.2f a day", keep, fired, found, days, float64(fired)/days, float64(found)/days)
	if fired > 0 {
		fmt.Printf(", by rule %v", rules)
	}
	if runs > 1 {
		fmt.Printf(" (%d thinnings of one stream)", runs)
	}
	fmt.Println()
}

// spike is a burst: times the mean, and for how many bins.
type spike struct {
	times float64
	bins  int
}

func (c spike) measure(offsets []float64, keep, width float64, seed uint64) {
	hits, within3 := 0, 0
	var delays []int
	rules := map[string]int{}
	for t := range trials {
		r := rand.New(rand.NewPCG(seed, 1000+uint64(t)))
		counts := bins(offsets, keep, width, r)
		room := len(counts) - c.bins - 1 - len(counts)/2
		if room < 1 || len(counts)/2 < int(kernels.RateDefaults().Warm) {
			fmt.Printf("kept %.2f, %gx for %d bins: not measured, the stream has only %d bins\n", keep, c.times, c.bins, len(counts))
			return
		}
		from := len(counts)/2 + r.IntN(room)
		mean := 0.0
		for _, n := range counts[:from] {
			mean += float64(n) / float64(from)
		}
		for b := from; b < from+c.bins; b++ {
			counts[b] += poisson(r, (c.times-1)*mean)
		}
		got := alerts(counts)
		for b := from; b < from+c.bins; b++ {
			if rule, ok := got[b]; ok {
				hits++
				delays = append(delays, b-from+1)
				rules[rule]++
				if b-from < 3 {
					within3++
				}
				break
			}
		}
	}
	slices.Sort(delays)
	median := 0
	if len(delays) > 0 {
		median = delays[len(delays)/2]
	}
	fmt.Printf("kept %.2f, %gx for %d bins: recall %.3f, within 3 bins %.3f, median delay %d bins, first rule %v\n",
		keep, c.times, c.bins, float64(hits)/trials, float64(within3)/trials, median, rules)
}

// poisson draws a count by adding exponential gaps.
func poisson(r *rand.Rand, mean float64) int {
	n := 0
	for sum := r.ExpFloat64(); sum < mean; sum += r.ExpFloat64() {
		n++
	}
	return n
}
