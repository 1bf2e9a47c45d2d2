// Package sealing brings a writer's journal and the store together: it settles what
// a process before this one left open, brings leaves to the store and reads whom else
// the store has heard of. It has no clock; a Link may not be used concurrently.
package sealing

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
	"github.com/spanwarden/spanwarden/internal/audit/journal"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Link is a journal and the store that has its leaves.
type Link struct {
	Conn    driver.Conn
	Sender  *insert.Sender
	Journal *journal.Journal
	// Table names a table of the store as it is read, with its database.
	Table func(name string) string

	head audit.SignedLeaf // the newest that the store has
}

// settleAfter is how long the store is given to finish an insert that nobody waits
// for any more.
const settleAfter = 10 * time.Minute

// leavesAtOnce bounds one insert of leaves.
const leavesAtOnce = 10_000

// maxPeers bounds how many other logs a leaf vouches for.
const maxPeers = 64

// Meet ends what a process before this one left open. Nothing may be inserting. It
// tells whether a new log was begun because journal and store do not fit.
func (l *Link) Meet(ctx context.Context, now time.Time) (anew bool, err error) {
	w := l.Journal.Writer()
	var next uint64
	if err := l.Conn.QueryRow(ctx, "SELECT toUInt64(if(count() = 0, 0, max(seq) + 1)) FROM "+l.Table("ledger_batches")+
		" WHERE writer_id = ? AND writer_epoch = ?", w.ID, w.Epoch).Scan(&next); err != nil {
		return false, err
	}
	if next > uint64(l.Journal.Size()) || next == 0 && l.Journal.Acknowledged() > 0 {
		return true, l.Journal.Restart(now)
	}
	if err := l.settle(ctx, now); err != nil {
		return false, err
	}
	if !l.Journal.Recovered {
		_, err := l.Journal.Rotate(now)
		return false, err
	}
	open := strconv.Itoa(len(l.Journal.Unsettled(now.UnixNano())))
	if err := l.Journal.Append(tlog.Recover, map[string]string{"open": open}, now); err != nil {
		return false, err
	}
	l.Journal.Recovered = false // that is said now
	_, err = l.Journal.Rotate(now)
	return false, err
}

// settle seals what was inserted although nobody heard of it. What is not there is
// forgotten once it cannot arrive any more.
func (l *Link) settle(ctx context.Context, now time.Time) error {
	w := l.Journal.Writer()
	for _, p := range l.Journal.Unsettled(now.UnixNano()) {
		found, err := l.stored(ctx, w, &p)
		if err != nil {
			return err
		}
		if found || p.Begun < now.Add(-settleAfter).UnixNano() {
			if err := l.Journal.Settle(p.Content, found, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// stored tells whether the store has the batch as it was encoded.
func (l *Link) stored(ctx context.Context, w audit.Writer, p *journal.Pending) (bool, error) {
	for _, t := range audit.SealedTables(p.Version) {
		if t.Name != p.Table {
			continue
		}
		condition := fmt.Sprintf("\nWHERE writer_id = '%s' AND writer_epoch = %d AND batch_id = unhex('%s')", w.ID, w.Epoch, p.Digest[:32])
		var n uint64
		err := l.Conn.QueryRow(ctx, "SELECT count() FROM ("+t.BatchDigests(l.Table(p.Table), condition)+
			") WHERE batch_digest = '"+strings.ToUpper(p.Digest)+"'").Scan(&n)
		return n > 0, err
	}
	return false, nil
}

// Insert stores a sealed block and appends its leaf to the journal; Flush brings it
// to the store. observed is the time that the rows bear, in ns since 1970.
func (l *Link) Insert(ctx context.Context, b *audit.Encoded, observed int64, now time.Time) error {
	a := journal.Attempt{Writer: l.Journal.Writer(), Observed: observed, First: observed, Now: now.UnixNano()}
	step, at, err := l.Journal.Begin(b, &a)
	for err == nil && step == journal.Again {
		// Something alike was sealed before. What is said twice is said twice.
		a.Tried = append(a.Tried, at)
		step, at, err = l.Journal.Begin(b, &a)
	}
	switch {
	case err != nil:
		return err
	case step == journal.Known:
		return nil
	case step == journal.Foreign:
		return fmt.Errorf("rows of %s were encoded for another log", b.Table)
	}
	if err := l.Sender.Insert(ctx, b); err != nil {
		l.Journal.Fail(b)
		return err
	}
	return l.Journal.Commit(b, now)
}

// Flush brings the leaves that the store does not have to it.
func (l *Link) Flush(ctx context.Context) error {
	for {
		leaves := l.Journal.Unsent(leavesAtOnce)
		if len(leaves) == 0 {
			return nil
		}
		block, err := audit.EncodeLeaves(leaves)
		if err != nil {
			return err
		}
		if err := l.Sender.Insert(ctx, block); err != nil {
			return err
		}
		last := leaves[len(leaves)-1]
		l.head = last
		if err := l.Journal.Sent(audit.Writer{ID: last.Writer, Epoch: last.Epoch}, last.Seq+1); err != nil {
			return err
		}
	}
}

// Peers are the newest checkpoints of the other writers, as details of a leaf:
// whoever deletes the log of one contradicts what others signed.
func (l *Link) Peers(ctx context.Context) (map[string]string, error) {
	rows, err := l.Conn.Query(ctx, "SELECT argMax(note, size) FROM "+l.Table("ledger_checkpoints")+
		fmt.Sprintf(" WHERE writer_id != ? GROUP BY writer_id, writer_epoch ORDER BY max(ts) DESC, writer_id LIMIT %d", maxPeers), l.Journal.Writer().ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	peers := map[string]string{}
	for rows.Next() {
		var signed string
		if err := rows.Scan(&signed); err != nil {
			return nil, err
		}
		if c, err := checkpointOf(signed); err == nil {
			peers[fmt.Sprintf("peer_%d", len(peers))] = tlog.PeerText(&c)
		}
	}
	return peers, rows.Err()
}

// Checkpoint writes the newest signed root of which the store has all leaves.
func (l *Link) Checkpoint(ctx context.Context, now time.Time) error {
	c, err := checkpointOf(l.head.Note)
	if err != nil {
		return err
	}
	block, err := audit.EncodeCheckpoints([]audit.SignedCheckpoint{{Checkpoint: c, TS: now.UnixMilli(), Note: l.head.Note}})
	if err != nil {
		return err
	}
	return l.Sender.Insert(ctx, block)
}

func checkpointOf(signed string) (tlog.Checkpoint, error) {
	text, _, _ := strings.Cut(signed, "\n\n")
	return tlog.ParseCheckpoint(text + "\n")
}
