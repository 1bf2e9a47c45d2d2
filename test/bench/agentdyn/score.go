package main

import (
	"math/rand/v2"
	"slices"
)

// auc is the probability that a positive scores above a negative, ties half.
func auc(positives, negatives []float64) float64 {
	type one struct {
		score    float64
		positive bool
	}
	all := make([]one, 0, len(positives)+len(negatives))
	for _, s := range positives {
		all = append(all, one{s, true})
	}
	for _, s := range negatives {
		all = append(all, one{s, false})
	}
	slices.SortFunc(all, func(a, b one) int {
		switch {
		case a.score < b.score:
			return -1
		case a.score > b.score:
			return 1
		}
		return 0
	})
	sum, below := 0.0, 0.0
	for i := 0; i < len(all); {
		j, pos, neg := i, 0.0, 0.0
		for ; j < len(all) && all[j].score == all[i].score; j++ {
			if all[j].positive {
				pos++
			} else {
				neg++
			}
		}
		sum += pos * (below + neg/2)
		below += neg
		i = j
	}
	return sum / float64(len(positives)) / float64(len(negatives))
}

// tpr is the share of positives above the (floor(f·n)+1)-th largest negative.
func tpr(positives, negatives []float64, f float64) float64 {
	sorted := slices.Sorted(slices.Values(negatives))
	limit := sorted[len(sorted)-1-int(f*float64(len(sorted)))]
	hits := 0
	for _, s := range positives {
		if s > limit {
			hits++
		}
	}
	return float64(hits) / float64(len(positives))
}

// interval is the 95 % bootstrap interval of a statistic, from a fixed seed.
func interval(positives, negatives []float64, stat func(p, n []float64) float64) (lo, hi float64) {
	const draws = 400
	r := rand.New(rand.NewPCG(1, 2))
	sample := func(from []float64) []float64 {
		out := make([]float64, len(from))
		for i := range out {
			out[i] = from[r.IntN(len(from))]
		}
		return out
	}
	values := make([]float64, draws)
	for i := range values {
		values[i] = stat(sample(positives), sample(negatives))
	}
	slices.Sort(values)
	return values[draws/40], values[draws-1-draws/40]
}
