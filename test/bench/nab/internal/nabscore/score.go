// Package nabscore scores detectors as the Numenta Anomaly Benchmark does, from
// the rules in words: one threshold for all files, weights by position within a
// window, a sigmoid for what is reported outside. Pure functions.
package nabscore

import (
	"math"
	"slices"
)

// Profile weighs what is found, missed and reported in vain.
type Profile struct {
	Name       string
	TP, FN, FP float64
}

// Profiles are the benchmark's three.
var Profiles = []Profile{{"standard", 1, 1, .11}, {"lowFP", 1, 1, .22}, {"lowFN", 1, 2, .11}}

// Window is a labelled stretch of rows, both ends included.
type Window struct{ First, Last int }

// File is one scored series. Windows are in order and do not overlap.
type File struct {
	Name    string
	Scores  []float64
	Windows []Window
}

// Result is a score at one threshold. Normalised is 0 for a detector that never
// fires and 100 for a perfect one.
type Result struct {
	Threshold, Raw, Normalised float64
	Hit, FalseRows, Windows    int
}

// Never is a threshold above every score.
const Never = 1.1

func sigma(x float64) float64 {
	if x > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*x)) - 1
}

// row is one row that counts: inside window `window`, or outside all (-1).
type row struct {
	score, weight float64
	window        int
}

// probation is how many first rows are not scored.
func probation(n int) int { return min(int(.15*float64(n)), 750) }

// rows weighs every scored row of the file; windows are numbered from base.
func (f *File) rows(p Profile, base int) []row {
	out := make([]row, 0, len(f.Scores))
	next := 0 // the first window that has not ended
	for i := range f.Scores {
		for next < len(f.Windows) && i > f.Windows[next].Last {
			next++
		}
		if i < probation(len(f.Scores)) {
			continue
		}
		r := row{score: f.Scores[i], window: -1}
		switch {
		case next < len(f.Windows) && i >= f.Windows[next].First:
			w := f.Windows[next]
			r.window = base + next
			width := float64(w.Last - w.First + 1)
			r.weight = p.TP * sigma(-float64(w.Last-i+1)/width) / sigma(-1)
		case next > 0:
			w := f.Windows[next-1]
			r.weight = p.FP * sigma(float64(i-w.Last)/float64(w.Last-w.First))
		default:
			r.weight = -p.FP
		}
		out = append(out, r)
	}
	return out
}

// Sweep calls visit with the result at every distinct threshold, from Never
// downwards, equal scores all at once.
func Sweep(files []File, p Profile, visit func(Result)) {
	windows, n := 0, 0
	for i := range files {
		n += len(files[i].Scores)
	}
	all := make([]row, 0, n)
	for i := range files {
		all = append(all, files[i].rows(p, windows)...)
		windows += len(files[i].Windows)
	}
	slices.SortStableFunc(all, func(a, b row) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	best := make([]float64, windows)
	for i := range best {
		best[i] = math.NaN()
	}
	null, perfect := -p.FN*float64(windows), p.TP*float64(windows)
	r := Result{Threshold: Never, Raw: null, Windows: windows}
	emit := func() {
		if perfect > null {
			r.Normalised = 100 * (r.Raw - null) / (perfect - null)
		}
		visit(r)
	}
	emit()
	for i := 0; i < len(all); {
		r.Threshold = all[i].score
		for ; i < len(all) && all[i].score == r.Threshold; i++ {
			w := &all[i]
			switch {
			case w.window < 0:
				r.Raw += w.weight
				r.FalseRows++
			case math.IsNaN(best[w.window]):
				r.Raw += p.FN + w.weight
				r.Hit++
				best[w.window] = w.weight
			case w.weight > best[w.window]:
				r.Raw += w.weight - best[w.window]
				best[w.window] = w.weight
			}
		}
		emit()
	}
}

// Best returns the result at the threshold with the highest raw score; a tie
// keeps the higher threshold.
func Best(files []File, p Profile) Result {
	best := Result{Raw: math.Inf(-1)}
	Sweep(files, p, func(r Result) {
		if r.Raw > best.Raw {
			best = r
		}
	})
	return best
}

// At returns the result at a given threshold: rows at or above it are detected.
func At(files []File, p Profile, threshold float64) Result {
	var at Result
	Sweep(files, p, func(r Result) {
		if r.Threshold >= threshold {
			at = r
		}
	})
	at.Threshold = threshold
	return at
}
