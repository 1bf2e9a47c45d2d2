package pipeline

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/test/bench/fleet"
)

// BenchmarkSpan is what one span costs, in a fleet of 20 processes: to decode it
// from OTLP, to take it through the processors, and to encode it as rows.
func BenchmarkSpan(b *testing.B) {
	for _, encode := range []bool{false, true} {
		name := "processors"
		if encode {
			name = "and rows"
		}
		b.Run(name, func(b *testing.B) { span(b, encode) })
	}
}

func span(b *testing.B, encode bool) {
	b.Helper()
	const services, perRequest = 20, 512
	registry, budgets, err := fleet.Policy(b.TempDir(), services, 0)
	require.NoError(b, err)
	enc := audit.NewEncoder(audit.Limits{ValueBytes: 16384, Attributes: 256, BlockRows: 100000}, audit.Content{})
	enc.SealFor(audit.Writer{ID: "w", Epoch: 1})
	sink, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		if !encode {
			return nil
		}
		_, err := enc.Encode(td, time.Now(), func(*audit.Encoded) error { return nil })
		return err
	})
	require.NoError(b, err)
	p, err := New(b.Context(), Options{Registry: registry, Budgets: budgets}, sink)
	require.NoError(b, err)
	f := fleet.New(fleet.Spec{Seed: 1, Services: services, Turns: 2, Start: time.Now().Add(-time.Hour), Every: time.Second})
	var marshal ptrace.ProtoMarshaler
	raw := make([][]byte, 0, b.N/perRequest+1)
	for range cap(raw) {
		one, err := marshal.MarshalTraces(f.Request(perRequest))
		require.NoError(b, err)
		raw = append(raw, one)
	}
	var unmarshal ptrace.ProtoUnmarshaler
	b.ReportAllocs()
	b.ResetTimer()
	for i := range raw {
		td, err := unmarshal.UnmarshalTraces(raw[i])
		require.NoError(b, err)
		require.NoError(b, p.Consume(b.Context(), td))
	}
	b.StopTimer()
	require.NoError(b, p.Close(context.Background()))
}
