package clickhouseauditexporter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// anchor leaves copies of the checkpoint outside the store and notes on it where.
// One that fails keeps no other from being written.
func (l *ledger) anchor(ctx context.Context, row *audit.SignedCheckpoint, now time.Time) error {
	var errs []error
	keep := func(kind, uri string, err error) {
		text := ""
		if err != nil {
			errs = append(errs, fmt.Errorf("anchoring at %s: %w", uri, err))
			text = err.Error()
		}
		row.AnchorKinds = append(row.AnchorKinds, kind)
		row.AnchorURIs = append(row.AnchorURIs, uri)
		row.AnchorErrors = append(row.AnchorErrors, text)
	}
	if dir := l.cfg.Integrity.Anchors.Directory; dir != "" {
		file, err := anchorFile(dir, &row.Checkpoint, row.Note, now)
		keep("directory", file, err)
	}
	if l.client != nil {
		uri := l.cfg.Integrity.Anchors.HTTP.Get().Endpoint
		keep("http", uri, l.post(ctx, uri, row.Note, now))
	}
	return errors.Join(errs...)
}

// post sends the checkpoint as a line of an anchor file: whoever takes it may append
// it to one as it is.
func (l *ledger) post(ctx context.Context, uri, signed string, now time.Time) error {
	line, err := json.Marshal(anchored{now.UTC(), signed})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, bytes.NewReader(append(line, '\n')))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := l.client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if res.StatusCode/100 != 2 {
		err = errors.Join(err, fmt.Errorf("it answered %s", res.Status))
	}
	return errors.Join(err, res.Body.Close())
}

// anchored is one line of an anchor file.
type anchored struct {
	Time time.Time `json:"time"`
	Note string    `json:"note"`
}

// anchorFile appends a signed checkpoint to the file of its log and returns the
// file's name. Nothing there is ever changed.
func anchorFile(dir string, c *tlog.Checkpoint, signed string, now time.Time) (file string, err error) {
	file = filepath.Join(dir, fmt.Sprintf("%s.%d.checkpoints", c.Writer, c.Epoch))
	line, err := json.Marshal(anchored{now.UTC(), signed})
	if err != nil {
		return file, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return file, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return file, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(append(line, '\n')); err != nil {
		return file, err
	}
	return file, f.Sync()
}

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
func (l *ledger) checkpoint(ctx context.Context, now time.Time) error {
	l.sending.Lock()
	signed := l.head.Note
	l.sending.Unlock()
	text, _, _ := strings.Cut(signed, "\n\n")
	c, err := tlog.ParseCheckpoint(text + "\n")
	if err != nil {
		return err
	}
	row := audit.SignedCheckpoint{Checkpoint: c, TS: now.UnixMilli(), Note: signed}
	failed := l.anchor(ctx, &row, now)
	block, err := audit.EncodeCheckpoints([]audit.SignedCheckpoint{row})
	if err != nil {
		return err
	}
	return errors.Join(l.store.sender.Insert(ctx, block), failed)
}
