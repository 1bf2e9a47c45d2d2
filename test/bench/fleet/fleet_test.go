package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func small() Spec {
	return Spec{Seed: 1, Services: 3, Turns: 2, Start: time.Unix(1_790_000_000, 0), Every: 2 * time.Second}
}

// Two fleets of one Spec send the same bytes, and every span once.
func TestAFleetIsItsSpec(t *testing.T) {
	one, other := New(small()), New(small())
	var marshal ptrace.ProtoMarshaler
	seen := map[[8]byte]bool{}
	parents := map[[8]byte]bool{}
	for range 30 {
		td := one.Request(64)
		a, err := marshal.MarshalTraces(td)
		require.NoError(t, err)
		b, err := marshal.MarshalTraces(other.Request(64))
		require.NoError(t, err)
		require.Equal(t, a, b)
		assert.Equal(t, 64, td.SpanCount())
		for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			assert.False(t, seen[span.SpanID()])
			seen[span.SpanID()] = true
			if !span.ParentSpanID().IsEmpty() {
				assert.False(t, seen[span.ParentSpanID()], "a child ends before its parent")
				parents[span.ParentSpanID()] = true
			}
		}
	}
	met := 0
	for id := range parents {
		if seen[id] {
			met++
		}
	}
	assert.Greater(t, met, len(parents)*8/10, "parents come, in the same request or a later one")
}
