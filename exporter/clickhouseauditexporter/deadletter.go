package clickhouseauditexporter

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The files in the dead-letter directory: one JSON object a line.
const (
	deadTraces = "traces.jsonl"
	deadLogs   = "logs.jsonl"
)

var errDeadLetterFull = errors.New("the dead-letter file is full (dead_letter::max_bytes)")

// deadLetter appends batches that the store will never take to a file. A mutex
// guards it: writing is rare, and a line must never be torn.
type deadLetter struct {
	dir      string
	maxBytes int64
	mu       sync.Mutex
}

// deadRecord is one line. Traces and Logs, of which it has one, are OTLP JSON and
// can be sent again as they are.
type deadRecord struct {
	Time    time.Time       `json:"time"`
	Reason  string          `json:"reason"`
	Error   string          `json:"error"`
	Spans   int             `json:"spans,omitempty"`
	Records int             `json:"records,omitempty"`
	Traces  json.RawMessage `json:"traces,omitempty"`
	Logs    json.RawMessage `json:"logs,omitempty"`
}

// write returns only when the line is on the disk.
func (d *deadLetter) write(now time.Time, reason string, cause error, b batch) error {
	record := deadRecord{Time: now.UTC(), Reason: reason, Error: cause.Error()}
	file, err := b.record(&record)
	if err != nil {
		return fmt.Errorf("encoding a dead letter: %w", err)
	}
	line, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encoding a dead letter: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.append(file, append(line, '\n')); err != nil {
		return fmt.Errorf("writing a dead letter: %w", err)
	}
	return nil
}

func (d *deadLetter) append(file string, line []byte) (err error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(d.dir, file), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size()+int64(len(line)) > d.maxBytes {
		return errDeadLetterFull
	}
	if _, err = f.Write(line); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(info.Size())) // no torn line
	}
	if info.Size() == 0 {
		return syncDir(d.dir)
	}
	return nil
}

// syncDir makes a new file's name survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
