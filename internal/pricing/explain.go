package pricing

import (
	"cmp"
	"slices"
	"strings"
)

// Explanation is a price with all that led to it, for people.
type Explanation struct {
	Result Result
	Lines  []Line
	// Source says where the entry's figures come from.
	SourceName, SourceURL, SourceChecked, SourceNote string
	// Near lists ids with a name close to the one that was not found.
	Near []string
}

// Explain prices q as Price does, and says how. It allocates.
func (b *Book) Explain(q *Query) Explanation {
	var x Explanation
	b.price(q, &x.Result, &x.Lines)
	if e := b.entries[x.Result.PriceID]; e != nil {
		x.SourceName, x.SourceURL = strings.TrimSpace(e.source.Name+" "+e.source.Version), e.source.URL
		x.SourceChecked, x.SourceNote = e.source.Checked, e.source.Note
		return x
	}
	x.Near = b.near(x.Result.Provider, cmp.Or(q.ResponseModel, q.RequestModel), 5)
	return x
}

// near returns up to n ids whose names differ least from the model's, those of
// the provider only if it is known.
func (b *Book) near(provider, model string, n int) []string {
	type candidate struct {
		id       string
		distance int
	}
	model = strings.ToLower(strings.TrimSpace(model))
	if model == "" || len(model) > maxName {
		return nil
	}
	var all []candidate
	for _, e := range b.entries {
		if provider != "" && e.provider != provider {
			continue
		}
		best := len(model)
		for _, name := range e.names {
			best = min(best, distance(model, name))
		}
		if best <= len(model)/2 {
			all = append(all, candidate{e.id, best})
		}
	}
	slices.SortFunc(all, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(x.distance, y.distance), strings.Compare(x.id, y.id))
	})
	var out []string
	for _, c := range all[:min(n, len(all))] {
		out = append(out, c.id)
	}
	return out
}

// distance is how many single-byte edits turn a into b.
func distance(a, b string) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		diagonal := prev[0]
		prev[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = prev[j+1]
			prev[j+1] = min(prev[j+1]+1, prev[j]+1, change)
		}
	}
	return prev[len(b)]
}
