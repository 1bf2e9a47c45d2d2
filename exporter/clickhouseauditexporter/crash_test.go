package clickhouseauditexporter

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/journal"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// The points at which a collector may end between taking a batch and having its
// leaf in the store.
const (
	beforeInsert = iota
	beforeLeaf
	beforeSending
	crashPoints
)

// die ends the collector as a crash would: what is on its disk at that moment is
// all that is left of it.
func (c *collector) die(t *testing.T, left string) {
	t.Helper()
	require.NoError(t, os.CopyFS(left, os.DirFS(c.e.cfg.Integrity.Directory)))
	require.NoError(t, os.Remove(filepath.Join(left, "0", "place"))) // it stands for the folder itself, not for a copy
	l := c.e.ledger
	l.mu.Lock()
	j := l.journal
	l.journal = nil
	l.mu.Unlock()
	require.NoError(t, c.Shutdown(t.Context()))
	require.NoError(t, l.conn.Close())
	require.NoError(t, j.Close())
}

// A crash at any point between insert and leaf is explained, never called
// tampering, and the next start mends it; what is delivered again is stored once.
func TestCrashes(t *testing.T) {
	s := storetest.Start(t)
	for point := range crashPoints {
		t.Run(fmt.Sprint("point ", point), func(t *testing.T) {
			database, left := fmt.Sprint("crash_", point), t.TempDir()+"/left"
			c := collectorOf(t, s, database, t.TempDir(), "")
			require.NoError(t, c.ConsumeTraces(t.Context(), calls(0, 5)))
			td := calls(5, 5)
			c.crashAt(t, td, point, left)
			sc := &scene{realStore: &realStore{T: t, cfg: realConfig(t, s, database)}, keys: publicKey(t, left)}
			report := sc.verify(0, false)
			want := verify.Incomplete
			if point == beforeInsert {
				want = verify.OK
			}
			require.Equal(t, want, report.Result, report.Issues)
			later := sc.verify(time.Hour, false)
			require.Equal(t, verify.Incomplete, later.Result, "silent since: %v", later.Issues)

			again := collectorOf(t, s, database, left, "")
			require.NoError(t, again.ConsumeTraces(t.Context(), td)) // the queue delivers it again
			require.NoError(t, again.ConsumeTraces(t.Context(), calls(10, 5)))
			require.NoError(t, again.Shutdown(t.Context()))
			report = sc.verify(time.Hour, false)
			assert.Equal(t, verify.OK, report.Result, report.Issues)
			assert.Equal(t, uint64(15), report.Rows)
			assert.Zero(t, report.Redelivered)
		})
	}
}

func (c *collector) crashAt(t *testing.T, td ptrace.Traces, point int, left string) {
	t.Helper()
	l, w, now := c.e.ledger, c.e.ledger.writer(), time.Now()
	_, _, err := batchOf(td).encode(c.e, w, now, func(b *audit.Encoded) error {
		step, _, err := l.journal.Begin(b, &journal.Attempt{Writer: w, Observed: now.UnixNano(), First: now.UnixNano(), Now: now.UnixNano()})
		require.NoError(t, err)
		require.Equal(t, journal.Insert, step)
		if point > beforeInsert {
			require.NoError(t, l.store.sender.Insert(t.Context(), b))
		}
		if point > beforeLeaf {
			require.NoError(t, l.journal.Commit(b, now))
		}
		return nil
	})
	require.NoError(t, err)
	c.die(t, left)
}

func publicKey(t *testing.T, dir string) string {
	t.Helper()
	key, err := os.ReadFile(dir + "/key.pub")
	require.NoError(t, err)
	return string(key)
}

// The same of a collector that had ended in order and was started again just now: rows
// of its first minute are not forged.
func TestCrashAfterARestart(t *testing.T) {
	s := storetest.Start(t)
	dir, left := t.TempDir(), t.TempDir()+"/left"
	c := collectorOf(t, s, "restarted", dir, "")
	require.NoError(t, c.ConsumeTraces(t.Context(), calls(0, 5)))
	require.NoError(t, c.Shutdown(t.Context()))
	c = collectorOf(t, s, "restarted", dir, "")
	require.NoError(t, c.e.ledger.prepare(t.Context()))
	c.crashAt(t, calls(5, 5), beforeLeaf, left)
	sc := &scene{realStore: &realStore{T: t, cfg: realConfig(t, s, "restarted")}, keys: publicKey(t, left)}
	report := sc.verify(0, false)
	require.Equal(t, verify.Incomplete, report.Result, report.Issues)
}

// A disk that was set back does not make a second history: a new log begins.
func TestJournalThatWasSetBack(t *testing.T) {
	s := storetest.Start(t)
	dir, old := t.TempDir(), t.TempDir()+"/old"
	c := collectorOf(t, s, "set_back", dir, "")
	require.NoError(t, c.ConsumeTraces(t.Context(), calls(0, 5)))
	require.NoError(t, os.CopyFS(old, os.DirFS(dir)))
	require.NoError(t, c.ConsumeTraces(t.Context(), calls(5, 5)))
	require.NoError(t, c.Shutdown(t.Context()))
	again := collectorOf(t, s, "set_back", old, "")
	require.NoError(t, again.ConsumeTraces(t.Context(), calls(5, 5)))
	require.NoError(t, again.Shutdown(t.Context()))
	sc := &scene{realStore: &realStore{T: t, cfg: realConfig(t, s, "set_back")}, keys: publicKey(t, dir)}
	report := sc.verify(time.Hour, false)
	assert.Equal(t, verify.OK, report.Result, report.Issues)
	assert.Len(t, report.Logs, 2)
}

// A store that has nothing of the log is another one: what was sealed for the first
// is stored in it all the same, under a log of its own.
func TestJournalOfAnotherStore(t *testing.T) {
	s := storetest.Start(t)
	dir := t.TempDir()
	for _, database := range []string{"first", "second"} {
		c := collectorOf(t, s, database, dir, "")
		require.NoError(t, c.ConsumeTraces(t.Context(), calls(0, 5)))
		require.NoError(t, c.Shutdown(t.Context()))
		sc := &scene{realStore: &realStore{T: t, cfg: realConfig(t, s, database)}, keys: publicKey(t, dir)}
		report := sc.verify(time.Hour, false)
		assert.Equal(t, verify.OK, report.Result, report.Issues)
		assert.Equal(t, uint64(5), report.Rows, database)
	}
}

// Without a place for its journal the exporter takes nothing: rows without a seal
// would be called forged.
func TestNoPlaceForTheJournal(t *testing.T) {
	s := storetest.Start(t)
	cfg := realConfig(t, s, "no_place")
	cfg.Retry.Enabled = false
	cfg.Integrity.Directory = "/dev/null/journal"
	exp, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.NoError(t, exp.Start(t.Context(), componenttest.NewNopHost()))
	require.ErrorContains(t, exp.ConsumeTraces(t.Context(), calls(0, 1)), "/dev/null/journal")
	require.NoError(t, exp.Shutdown(t.Context()))
}
