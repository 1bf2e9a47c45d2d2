package clickhouseauditexporter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/journal"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// ledger seals what the exporter inserts: it is the shell around the journal. open
// is guarded by mu; flushing by sending, so that leaves reach the store in order.
type ledger struct {
	cfg    *Config
	store  *store
	logger *zap.Logger
	build  component.BuildInfo
	config string // digest of the collector's configuration, "" where nobody knows it
	tel    *metadata.TelemetryBuilder
	books  *books
	// anchors are used by beat alone.
	anchors *anchors

	mu      sync.Mutex
	journal *journal.Journal
	conn    driver.Conn
	ready   bool

	sending sync.Mutex
	head    audit.SignedLeaf // the newest that the store has; guarded by sending
}

// settleAfter is how long the store is given to finish an insert that nobody waits
// for any more.
const settleAfter = 10 * time.Minute

// leavesAtOnce bounds one insert of leaves.
const leavesAtOnce = 10_000

// prepare opens the journal and brings it and the store together. It is cheap once
// that has succeeded.
func (l *ledger) prepare(ctx context.Context) error {
	if !l.cfg.Integrity.Enabled {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ready {
		return nil
	}
	if err := l.open(); err != nil {
		return err
	}
	if err := l.meet(ctx); err != nil {
		return fmt.Errorf("bringing journal and store together: %w", err)
	}
	if err := l.journal.Settings(l.settings(), time.Now()); err != nil {
		return err
	}
	// Rows of a log whose first leaf is not in the store would be called forged.
	if err := l.flush(ctx); err != nil {
		return err
	}
	l.ready = true
	return nil
}

func (l *ledger) open() error {
	if l.journal != nil {
		return nil
	}
	host, _ := os.Hostname() // a name is made up where there is none
	j, err := journal.Open(journal.Options{
		Directory: l.cfg.Integrity.Directory, KeyFile: l.cfg.Integrity.KeyFile, Host: host,
		Detail: l.settings(),
	}, time.Now())
	if err != nil {
		return err
	}
	if j.NewKey {
		l.logger.Warn("A new key was made that signs the audit store's ledger. Keep the public key where nobody who can change "+
			"the store can change it, and back up the private one: without the public key nothing can be verified, and rows sealed "+
			"under another key are not vouched for by this one.",
			zap.String("public_key", j.Public), zap.String("directory", l.cfg.Integrity.Directory))
	}
	if j.Fresh != "" {
		l.logger.Warn("The journal of the audit store's ledger was not continued. A new log begins; the old files are kept beside it.",
			zap.String("why", j.Fresh), zap.String("writer", j.Writer().ID), zap.String("directory", l.cfg.Integrity.Directory))
	}
	opts := *l.store.opts
	if l.conn, err = clickhouse.Open(&opts); err != nil {
		return errors.Join(err, j.Close())
	}
	l.journal = j
	return nil
}

// settings are what the log tells of this collector: see the kinds of leaves.
func (l *ledger) settings() map[string]string {
	detail := map[string]string{
		"build":          l.build.Command + " " + l.build.Version,
		"expiry":         "recorded",
		"retention":      l.cfg.Retention,
		"interval_ms":    strconv.FormatInt(l.cfg.Integrity.Interval.Milliseconds(), 10),
		"retention_days": strconv.Itoa(audit.RetentionDays(l.cfg.Retention)),
		"started_by":     startedBy(),
	}
	if l.config != "" {
		detail["config_digest"] = l.config
	}
	return detail
}

// startedBy is the account that this process runs under, and the host, as far as
// the system tells them.
func startedBy() string {
	account := "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		account = u.Username + " (" + u.Uid + ")"
	}
	if host, err := os.Hostname(); err == nil {
		account += " on " + host
	}
	return account
}

// meet ends what a process before this one left open. Nothing is pushed yet.
func (l *ledger) meet(ctx context.Context) error {
	w := l.journal.Writer()
	var next uint64
	if err := l.conn.QueryRow(ctx, "SELECT toUInt64(if(count() = 0, 0, max(seq) + 1)) FROM "+l.table("ledger_batches")+
		" WHERE writer_id = ? AND writer_epoch = ?", w.ID, w.Epoch).Scan(&next); err != nil {
		return err
	}
	if next > uint64(l.journal.Size()) {
		l.logger.Warn("The store has more of this collector's ledger than its journal, which was set back. A new log begins.",
			zap.String("writer", w.ID), zap.Uint64("store", next), zap.Int64("journal", l.journal.Size()))
		return l.journal.Restart(time.Now())
	}
	if next == 0 && l.journal.Acknowledged() > 0 {
		l.logger.Warn("The store has nothing of this collector's ledger: it is another store, or it was emptied. A new log begins.",
			zap.String("writer", w.ID), zap.Int64("journal", l.journal.Size()))
		return l.journal.Restart(time.Now())
	}
	if err := l.settle(ctx, time.Now(), false); err != nil {
		return err
	}
	if !l.journal.Recovered {
		if l.journal.Ended() { // a log that ended has no rows to come: a crash would look like forgery
			if err := l.journal.Append(tlog.Heartbeat, nil, time.Now()); err != nil {
				return err
			}
		}
		return l.rotate()
	}
	open := strconv.Itoa(len(l.journal.Unsettled(time.Now().UnixNano())))
	if err := l.journal.Append(tlog.Recover, map[string]string{"open": open}, time.Now()); err != nil {
		return err
	}
	l.journal.Recovered = false // that is said now
	return l.rotate()
}

// rotate changes over to another key where there is one.
func (l *ledger) rotate() error {
	old := l.journal.Public
	rotated, err := l.journal.Rotate(time.Now())
	if rotated {
		l.logger.Info("Another key signs the audit store's ledger from now on; the old one signed that.",
			zap.String("public_key", l.journal.Public), zap.String("old_public_key", old), zap.String("writer", l.journal.Writer().ID))
	}
	return err
}

// settle seals what was inserted although nobody heard of it. What is not there is
// forgotten once it cannot arrive any more.
func (l *ledger) settle(ctx context.Context, before time.Time, forget bool) error {
	w := l.journal.Writer()
	for _, p := range l.journal.Unsettled(before.UnixNano()) {
		found, err := l.stored(ctx, w, &p)
		if err != nil {
			return err
		}
		if found || forget {
			if err := l.journal.Settle(p.Content, found, time.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}

// stored tells whether the store has the batch as it was encoded.
func (l *ledger) stored(ctx context.Context, w audit.Writer, p *journal.Pending) (bool, error) {
	for _, t := range audit.SealedTables(p.Version) {
		if t.Name != p.Table {
			continue
		}
		id := p.Digest[:32]
		condition := fmt.Sprintf("\nWHERE writer_id = '%s' AND writer_epoch = %d AND batch_id = unhex('%s')", w.ID, w.Epoch, id)
		var n uint64
		err := l.conn.QueryRow(ctx, "SELECT count() FROM ("+t.BatchDigests(l.table(p.Table), condition)+
			") WHERE batch_digest = '"+strings.ToUpper(p.Digest)+"'").Scan(&n)
		return n > 0, err
	}
	return false, nil
}

func (l *ledger) table(name string) string { return "`" + l.store.database + "`." + name }

// writer is who rows are written by; nobody where nothing is sealed.
func (l *ledger) writer() audit.Writer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.journal == nil {
		return audit.Writer{}
	}
	return l.journal.Writer()
}

// void seals that a batch went to the dead-letter file. Why in words stays there: the
// store's errors quote what they refuse.
func (l *ledger) void(reason string, b batch) error {
	if !l.cfg.Integrity.Enabled {
		return nil
	}
	detail := map[string]string{"reason": reason, "dead_letter": b.deadFile(), "items": strconv.Itoa(b.items())}
	return l.journal.Append(tlog.Void, detail, time.Now())
}

// againError means that a batch has to be encoded as of another time.
type againError struct{ at int64 }

func (*againError) Error() string { return "the batch was begun at another time" }

// insert stores a block and appends its leaf.
func (l *ledger) insert(ctx context.Context, b *audit.Encoded, a journal.Attempt) (known bool, err error) {
	if b.Seal == nil {
		return false, l.store.sender.Insert(ctx, b)
	}
	a.Now = time.Now().UnixNano()
	step, at, err := l.journal.Begin(b, &a)
	switch {
	case err != nil:
		return false, err
	case step == journal.Known:
		return true, nil
	case step != journal.Insert:
		return false, &againError{at}
	}
	if err := l.store.sender.Insert(ctx, b); err != nil {
		l.journal.Fail(b)
		return false, err
	}
	return false, l.journal.Commit(b, time.Now())
}

// flush brings the leaves that the store does not have to it.
func (l *ledger) flush(ctx context.Context) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	for {
		leaves := l.journal.Unsent(leavesAtOnce)
		if len(leaves) == 0 {
			return nil
		}
		block, err := audit.EncodeLeaves(leaves)
		if err != nil {
			return err
		}
		if err := l.store.sender.Insert(ctx, block); err != nil {
			return err
		}
		last := &leaves[len(leaves)-1]
		l.head = *last
		l.tel.ExporterClickhouseAuditLeaves.Add(ctx, int64(len(leaves)))
		if err := l.journal.Sent(audit.Writer{ID: last.Writer, Epoch: last.Epoch}, last.Seq+1); err != nil {
			return err
		}
	}
}

// beat is done at every interval: what is open is settled, the writer says that it
// lives, what went through it and whom it saw, and a checkpoint goes to the store and
// to the anchors. It says so also where the store cannot be reached: the journal
// keeps the leaf, so that the time is not one in which nobody watched.
func (l *ledger) beat(ctx context.Context, kind string) error {
	now := time.Now()
	away := errors.Join(l.settle(ctx, now, false), l.settle(ctx, now.Add(-settleAfter), true))
	detail := l.books.detail(ctx)
	if away == nil {
		var peers map[string]string
		peers, away = l.peers(ctx)
		maps.Copy(detail, peers)
	}
	if err := l.rotate(); err != nil {
		return err
	}
	if err := errors.Join(l.journal.Append(kind, detail, now), away); err != nil {
		return err
	}
	if err := l.flush(ctx); err != nil {
		return err
	}
	return l.checkpoint(ctx, now, kind == tlog.Stop)
}

// run beats until ctx ends.
func (l *ledger) run(ctx context.Context) {
	if !l.cfg.Integrity.Enabled {
		return
	}
	tick := time.NewTicker(l.cfg.Integrity.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := l.beat(ctx, tlog.Heartbeat); err != nil && ctx.Err() == nil {
				l.tel.ExporterClickhouseAuditLedgerFailures.Add(ctx, 1)
				l.logger.Warn("The ledger could not be brought up to date. It is tried again.", zap.Error(err))
			}
		}
	}
}

// stopWithin bounds the last words.
const stopWithin = 5 * time.Second

// close says that the writer ends in order. Where the store does not hear it, the
// next start brings it.
func (l *ledger) close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.journal == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := l.beat(ctx, tlog.Stop); err != nil {
		l.logger.Warn("The end of the ledger did not reach the store. The next start brings it.", zap.Error(err))
	}
	return errors.Join(l.journal.Close(), l.conn.Close())
}
