package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The subset that every change runs; `make fault` runs them all. It needs `make
// build engine`.
func TestQuickFaults(t *testing.T) {
	bin, err := filepath.Abs("../../_build")
	require.NoError(t, err)
	opts := options{bin: bin, config: "../../configs/spanwarden.yaml", work: t.TempDir(), down: 3 * time.Second}
	for _, sc := range scenarios(opts) {
		if !sc.Quick {
			continue
		}
		t.Run(sc.Name, func(t *testing.T) {
			res := sc.play(t.Context(), opts)
			assert.Empty(t, res.Faults)
			assert.Positive(t, res.Accepted)
			t.Log(res.Name, res.Accepted, res.Stored, res.Dead, res.Spend, res.Chains, res.Verify, res.Peak>>20, "MiB", res.Took)
		})
	}
}

// No two spans of a shape share an id: what is counted is counted by it.
func TestNumbersOfSpans(t *testing.T) {
	s := shape{Calls: 3}
	seen := map[uint64]bool{}
	td := s.request(0, 100)
	for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		seen[numberOf(span.SpanID())] = true
	}
	assert.Len(t, seen, 100*s.spans())
}
