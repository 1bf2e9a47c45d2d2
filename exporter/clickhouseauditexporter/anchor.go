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
