package clickhouseauditexporter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// maxPeers bounds how many other logs a heartbeat vouches for.
const maxPeers = 64

// peers are the newest checkpoints of the other writers: whoever deletes the log
// of one contradicts what others signed.
func (l *ledger) peers(ctx context.Context) (map[string]string, error) {
	rows, err := l.conn.Query(ctx, "SELECT writer_id, writer_epoch, argMax(note, size) FROM "+l.table("ledger_checkpoints")+
		fmt.Sprintf(" WHERE writer_id != ? GROUP BY writer_id, writer_epoch ORDER BY max(ts) DESC, writer_id LIMIT %d", maxPeers), l.journal.Writer().ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	peers := map[string]string{}
	for rows.Next() {
		var id, signed string
		var epoch uint64
		if err := rows.Scan(&id, &epoch, &signed); err != nil {
			return nil, err
		}
		text, _, _ := strings.Cut(signed, "\n\n")
		if c, err := tlog.ParseCheckpoint(text + "\n"); err == nil {
			peers[fmt.Sprintf("peer_%d", len(peers))] = tlog.PeerText(&c)
		}
	}
	return peers, rows.Err()
}

// checkpoint hands on the newest signed root of which the store has all leaves: one
// that counts more would make a crash look like a tail that was cut.
func (l *ledger) checkpoint(ctx context.Context, now time.Time, last bool) error {
	l.sending.Lock()
	signed := l.head.Note
	l.sending.Unlock()
	text, _, _ := strings.Cut(signed, "\n\n")
	c, err := tlog.ParseCheckpoint(text + "\n")
	if err != nil {
		return err
	}
	row := audit.SignedCheckpoint{Checkpoint: c, TS: now.UnixMilli(), Note: signed}
	failed := l.anchors.take(ctx, &row, l.leafHashes, now, last)
	block, err := audit.EncodeCheckpoints([]audit.SignedCheckpoint{row})
	if err != nil {
		return err
	}
	return errors.Join(l.store.sender.Insert(ctx, block), failed)
}
