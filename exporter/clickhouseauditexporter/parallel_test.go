package clickhouseauditexporter

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Several collectors write at once, each from several goroutines, one batch twice at
// the same moment, while the store is verified: nothing is lost, nothing is taken
// for tampering, and each row is stored once.
func TestCollectorsInParallel(t *testing.T) {
	s := storetest.Start(t)
	dir := t.TempDir()
	const collectors, pushers, batches = 3, 3, 4
	all := make([]*collector, collectors)
	for i := range all {
		all[i] = collectorOf(t, s, "parallel", dir, "")
		require.NoError(t, all[i].e.prepare(t.Context()))
	}
	sc := &scene{realStore: &realStore{T: t, cfg: realConfig(t, s, "parallel")}, keys: publicKey(t, dir)}
	var work sync.WaitGroup
	for i, c := range all {
		for p := range pushers {
			work.Go(func() {
				for b := range batches {
					td := calls(((i*pushers+p)*batches+b)*7, 7)
					var twice sync.WaitGroup
					for _, part := range []ptrace.Traces{td, copyOf(td)} {
						twice.Go(func() { assert.NoError(t, c.ConsumeTraces(t.Context(), part)) })
					}
					twice.Wait()
					assert.NoError(t, c.e.ledger.beat(t.Context(), tlog.Heartbeat))
				}
			})
		}
	}
	for range 3 {
		report := sc.verify(0, false)
		assert.NotEqual(t, verify.Tampered, report.Result, report.Issues)
	}
	work.Wait()
	for _, c := range all {
		require.NoError(t, c.Shutdown(t.Context()))
	}
	report := sc.verify(time.Hour, false)
	assert.Equal(t, verify.OK, report.Result, report.Issues)
	assert.Equal(t, uint64(collectors*pushers*batches*7), report.Rows)
	assert.Equal(t, collectors*pushers*batches, report.Batches)
	assert.Zero(t, report.Redelivered)
	assert.Positive(t, report.Peers)
}

func copyOf(td ptrace.Traces) ptrace.Traces {
	other := ptrace.NewTraces()
	td.CopyTo(other)
	return other
}
