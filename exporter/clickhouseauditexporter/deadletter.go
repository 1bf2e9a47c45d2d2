package clickhouseauditexporter

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// deadLetterFile is the name of the file in the dead-letter directory: one JSON
// object a line.
const deadLetterFile = "traces.jsonl"

var errDeadLetterFull = errors.New("the dead-letter file is full (dead_letter::max_bytes)")

// deadLetter appends batches that the store will never take to a file. A mutex
// guards it: writing is rare, and a line must never be torn.
type deadLetter struct {
	dir      string
	maxBytes int64
	mu       sync.Mutex
}

// deadRecord is one line. Traces is OTLP JSON and can be sent again as it is.
type deadRecord struct {
	Time   time.Time       `json:"time"`
	Reason string          `json:"reason"`
	Error  string          `json:"error"`
	Spans  int             `json:"spans"`
	Traces json.RawMessage `json:"traces"`
}

// write returns only when the line is on the disk.
func (d *deadLetter) write(now time.Time, reason string, cause error, td ptrace.Traces) error {
	var marshal ptrace.JSONMarshaler
	traces, err := marshal.MarshalTraces(td)
	if err != nil {
		return fmt.Errorf("encoding a dead letter: %w", err)
	}
	line, err := json.Marshal(deadRecord{
		Time: now.UTC(), Reason: reason, Error: cause.Error(), Spans: td.SpanCount(), Traces: traces,
	})
	if err != nil {
		return fmt.Errorf("encoding a dead letter: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.append(append(line, '\n')); err != nil {
		return fmt.Errorf("writing a dead letter: %w", err)
	}
	return nil
}

func (d *deadLetter) append(line []byte) (err error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(d.dir, deadLetterFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
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
