package oplog

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/journal"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// scene is a store that somebody works on.
type scene struct {
	*testing.T
	conn driver.Conn
	opts *clickhouse.Options
	dir  string
	keys string
}

func newScene(t *testing.T, dsn string) *scene {
	t.Helper()
	opts, err := audit.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database})
	require.NoError(t, err)
	return &scene{t, conn, opts, t.TempDir(), ""}
}

func (s *scene) open(dir string) *Session {
	s.Helper()
	log, err := Open(s.Context(), s.conn, s.opts, Options{Directory: dir, By: "dan", Command: "test", Wait: time.Minute})
	require.NoError(s, err)
	s.keys = log.Public
	return log
}

// hold encodes a hold, which is as good as any other row.
func hold(id string, at int64) func(audit.Writer) (*audit.Encoded, error) {
	return func(w audit.Writer) (*audit.Encoded, error) {
		return audit.EncodeHolds(w, []audit.HoldRow{{ID: id, Event: audit.HoldPlaced, Tenant: audit.All, Table: audit.All, By: "dan", Reason: "r", TS: at, Observer: at}})
	}
}

func (s *scene) place(log *Session, id string) {
	s.Helper()
	at := time.Now().UnixNano()
	require.NoError(s, log.Insert(s.Context(), at, hold(id, at)))
}

func (s *scene) verify(later time.Duration) *verify.Report {
	s.Helper()
	keys, err := tlog.Keys(s.keys)
	require.NoError(s, err)
	report, err := verify.Run(s.Context(), s.conn, verify.Options{Keys: keys, Now: time.Now().Add(later)})
	require.NoError(s, err)
	return report
}

// Calls one after the other go on with one log, and days without one are no silence.
func TestSessions(t *testing.T) {
	s := newScene(t, storetest.Start(t).Database(t))
	for i := range 3 {
		log := s.open(s.dir)
		assert.Equal(t, i == 0, log.NewKey)
		s.place(log, strconv.Itoa(i))
		s.place(log, fmt.Sprint(i, "b"))
		require.NoError(t, log.Close(t.Context()))
	}
	report := s.verify(100 * 24 * time.Hour)
	assert.Equal(t, verify.OK, report.Result, report.Issues)
	require.Len(t, report.Logs, 1)
	assert.True(t, report.Logs[0].Ended)
	assert.Equal(t, uint64(6), report.Rows)
	for _, note := range report.Notes {
		assert.Contains(t, note, "query_log", "what the embedded engine does not have")
	}
	var watching uint64
	require.NoError(t, s.conn.QueryRow(t.Context(), `SELECT count() + (SELECT count() FROM ledger_writers)
FROM ev_ledger_intervals(period_start = '2020-01-01 00:00:00', period_end = '2100-01-01 00:00:00')`).Scan(&watching))
	assert.Zero(t, watching, "people are no collectors, whose absence is a gap")

	log := s.open(s.dir)
	_, err := Open(t.Context(), s.conn, s.opts, Options{Directory: s.dir, Wait: 50 * time.Millisecond})
	require.ErrorIs(t, err, journal.ErrInUse)
	at := time.Now().UnixNano()
	for range 3 { // word for word the same, at one moment: it is there once
		require.NoError(t, log.Insert(t.Context(), at, hold("same", at)))
	}
	require.NoError(t, log.Close(t.Context()))
	assert.Equal(t, uint64(7), s.verify(0).Rows)
	require.NoError(t, s.conn.Exec(t.Context(), "ALTER TABLE legal_holds UPDATE reason = 'another' WHERE hold_id = '1' SETTINGS mutations_sync = 2"))
	assert.Equal(t, verify.Tampered, s.verify(0).Result)
}

// The points at which a call may end between making rows and having their leaf in
// the store.
const (
	beforeInsert = iota
	beforeLeaf
	beforeSending
	beforeStop
	crashPoints
)

// A crash at any point is explained, never called tampering, and the next call mends
// it; also of a log that had ended in order before.
func TestCrashes(t *testing.T) {
	store := storetest.Start(t)
	for _, before := range []int{0, 1} {
		for point := range crashPoints {
			t.Run(fmt.Sprint(before, " calls before, point ", point), func(t *testing.T) {
				s := newScene(t, store.Database(t))
				for range before {
					log := s.open(s.dir)
					s.place(log, "before")
					require.NoError(t, log.Close(t.Context()))
				}
				left := s.crash(point)
				report := s.verify(0)
				want := verify.Incomplete
				if point == beforeInsert || point == beforeStop {
					want = verify.OK
				}
				assert.Equal(t, want, report.Result, report.Issues)
				assert.Equal(t, verify.Incomplete, s.verify(time.Hour).Result)

				log := s.open(left)
				s.place(log, "after")
				require.NoError(t, log.Close(t.Context()))
				report = s.verify(time.Hour)
				assert.Equal(t, verify.OK, report.Result, report.Issues)
				rows := uint64(before + 2)
				if point == beforeInsert {
					rows--
				}
				assert.Equal(t, rows, report.Rows)
			})
		}
	}
}

// crash returns what is left on the disk.
func (s *scene) crash(point int) string {
	s.Helper()
	log, left, at := s.open(s.dir), s.TempDir()+"/left", time.Now().UnixNano()
	j := log.link.Journal
	b, err := hold("crashed", at)(j.Writer())
	require.NoError(s, err)
	_, _, err = j.Begin(b, &journal.Attempt{Writer: j.Writer(), Observed: at, First: at, Now: at})
	require.NoError(s, err)
	if point > beforeInsert {
		require.NoError(s, log.link.Sender.Insert(s.Context(), b))
	}
	if point > beforeLeaf {
		require.NoError(s, j.Commit(b, time.Now()))
	}
	if point > beforeSending {
		require.NoError(s, log.link.Flush(s.Context()))
	}
	require.NoError(s, os.CopyFS(left, os.DirFS(s.dir)))
	// A folder's place stands for the folder itself, not for a copy.
	require.NoError(s, filepath.WalkDir(left, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "place" {
			return err
		}
		return os.Remove(path)
	}))
	require.NoError(s, j.Close())
	log.link.Sender.Close()
	return left
}

// Two stores have two logs with one key.
func TestTwoStores(t *testing.T) {
	store := storetest.Start(t)
	one := newScene(t, store.Database(t))
	two := newScene(t, store.Database(t))
	for i := range 2 {
		for _, s := range []*scene{one, two} {
			log := s.open(one.dir)
			s.place(log, strconv.Itoa(i))
			require.NoError(t, log.Close(t.Context()))
		}
	}
	assert.Equal(t, one.keys, two.keys)
	for _, s := range []*scene{one, two} {
		report := s.verify(0)
		assert.Equal(t, verify.OK, report.Result, report.Issues)
		assert.Len(t, report.Logs, 1)
		assert.Equal(t, uint64(2), report.Rows)
	}
}
