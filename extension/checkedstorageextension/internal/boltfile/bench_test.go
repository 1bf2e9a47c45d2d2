package boltfile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// What a start costs: a queue of large batches, and state of many small entries.
func BenchmarkCheck(b *testing.B) {
	for name, e := range map[string]struct{ n, size int }{"queue": {2000, 100_000}, "state": {400_000, 300}} {
		b.Run(name, func(b *testing.B) {
			all := make([]entry, 0, e.n)
			for i := range e.n {
				all = append(all, entry{fmt.Sprintf("k%07d", i), e.size + rand.IntN(100)})
			}
			raw := build(b, [][]entry{all})
			b.SetBytes(int64(len(raw)))
			b.ResetTimer()
			for b.Loop() {
				if report, err := Salvage(bytes.NewReader(raw), int64(len(raw))); err != nil || report.Damages > 0 {
					b.Fatal(report, err)
				}
			}
		})
	}
}
