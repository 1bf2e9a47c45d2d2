package nabscore

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// file has 100 rows, of which 15 are not scored, and a window from 40 to 59.
func file(detected ...int) File {
	f := File{Name: "f", Scores: make([]float64, 100), Windows: []Window{{40, 59}}}
	for _, i := range detected {
		f.Scores[i] = 1
	}
	return f
}

func raw(f File) float64 { return At([]File{f}, Profiles[0], .5).Raw }

// Weights by hand, from the rules in words.
func TestWeights(t *testing.T) {
	s := func(x float64) float64 { return 2/(1+math.Exp(5*x)) - 1 }
	assert.Equal(t, -1.0, raw(file()), "a missed window")
	assert.InDelta(t, 1, raw(file(40)), 1e-12, "the first row of a window")
	assert.InDelta(t, s(-10./20)/s(-1), raw(file(50)), 1e-12)
	assert.InDelta(t, 1, raw(file(40, 50, 59)), 1e-12, "only the first counts")
	assert.InDelta(t, -1-.11, raw(file(20)), 1e-12, "before any window")
	assert.InDelta(t, -1+.11*s(3./19), raw(file(62)), 1e-12, "after one")
	assert.InDelta(t, -1-.11*.9, raw(file(99)), .02, "far after one")
	assert.Equal(t, -1.0, raw(file(3)), "probation")
}

func TestBest(t *testing.T) {
	f := file(45)
	f.Scores[20], f.Scores[46] = 1, .4
	r := Best([]File{f}, Profiles[0])
	assert.Equal(t, 1.0, r.Threshold)
	f.Scores[20], f.Scores[70] = 0, .9
	assert.Equal(t, 1, Best([]File{f}, Profiles[0]).Hit)
	never := file()
	for i := range never.Scores {
		never.Scores[i] = 1
	}
	never.Windows = nil
	assert.Equal(t, Never, Best([]File{never}, Profiles[0]).Threshold, "a detector of noise had better be still")
}

// FuzzSweep: the score at a threshold is the same by the sweep as from scratch.
func FuzzSweep(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 0, 9}, uint8(2), uint8(4))
	f.Fuzz(func(t *testing.T, scores []byte, from, to uint8) {
		if len(scores) < 10 || from >= to || int(to) >= len(scores) {
			return
		}
		file := File{Windows: []Window{{int(from), int(to)}}}
		for _, b := range scores {
			file.Scores = append(file.Scores, float64(b)/255)
		}
		for _, p := range Profiles {
			Sweep([]File{file}, p, func(r Result) {
				best, sum := math.Inf(-1), 0.0
				for _, row := range file.rows(p, 0) {
					switch {
					case row.score < r.Threshold:
					case row.window < 0:
						sum += row.weight
					default:
						best = max(best, row.weight)
					}
				}
				if math.IsInf(best, -1) {
					best = -p.FN
				}
				require.InDelta(t, best+sum, r.Raw, 1e-9)
			})
		}
	})
}
