package main

import (
	"fmt"
	"slices"
	"time"
)

// result is what one run took. CPU times are seconds of the collector's process for
// a million spans.
type result struct {
	cpu     float64 // until the store held every span
	whole   float64 // and until the process had ended
	wall    time.Duration
	rss     int64 // bytes, at most
	stored  float64
	refused int64
	tables  string
	columns string
}

const header = "side           CPU s/M   to end   wall s   peak MB   stored B/span   refused"

func (r *result) row(name string) string {
	return fmt.Sprintf("%-14s %7.1f  %7.1f  %7.1f  %8.0f  %14.1f  %8d", name, r.cpu, r.whole, r.wall.Seconds(), float64(r.rss)/1e6, r.stored, r.refused)
}

// summary prints medians, and the ratios to the peer.
func summary(chosen []*side, results map[string][]result) {
	medians := map[string]result{}
	for name, rs := range results {
		medians[name] = result{
			cpu:     median(rs, func(r result) float64 { return r.cpu }),
			whole:   median(rs, func(r result) float64 { return r.whole }),
			wall:    time.Duration(median(rs, func(r result) float64 { return float64(r.wall) })),
			rss:     int64(median(rs, func(r result) float64 { return float64(r.rss) })),
			stored:  median(rs, func(r result) float64 { return r.stored }),
			refused: int64(median(rs, func(r result) float64 { return float64(r.refused) })),
		}
	}
	fmt.Println("\nmedians")
	fmt.Println(header)
	for _, s := range chosen {
		m := medians[s.name]
		fmt.Println(m.row(s.name))
	}
	if peer, ok := medians["peer"]; ok {
		fmt.Println("\nratios to the peer  CPU    to end   peak RSS   stored")
		for _, s := range chosen {
			if m := medians[s.name]; s.name != "peer" && m.stored > 0 {
				fmt.Printf("%-17s %5.2f  %8.2f  %9.2f  %7.2f\n", s.name, m.cpu/peer.cpu, m.whole/peer.whole, float64(m.rss)/float64(peer.rss), m.stored/peer.stored)
			}
		}
	}
	fmt.Println("\nwhat was run")
	for _, s := range chosen {
		fmt.Printf("%-14s %s\n", s.name, s.about)
	}
	for _, s := range chosen {
		last := results[s.name][len(results[s.name])-1]
		if last.tables != "" {
			fmt.Printf("\ntables of %s: rows, bytes, bytes a span\n%s\n", s.name, last.tables)
		}
		if last.columns != "" {
			fmt.Printf("\ncolumns of %s: compressed bytes, a span\n%s\n", s.name, last.columns)
		}
	}
}

func median(rs []result, of func(result) float64) float64 {
	xs := make([]float64, len(rs))
	for i := range rs {
		xs[i] = of(rs[i])
	}
	slices.Sort(xs)
	return (xs[(len(xs)-1)/2] + xs[len(xs)/2]) / 2
}
