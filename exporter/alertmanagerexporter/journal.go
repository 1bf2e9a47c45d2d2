package alertmanagerexporter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/alerts"
)

// journal keeps the state in a storage extension: a snapshot in chunks, and after
// it entries, one or more for each save. When the entries outweigh the snapshot, a new one is
// written. One goroutine at a time may use it.
//
// A storage client cannot list its keys, so the head says which there are.
type journal struct {
	client storage.Client
	head   head
	next   uint64 // number of the next entry
	weight int    // bytes of the entries since the snapshot
	size   int    // bytes of the snapshot
	least  int    // weight that never asks for a new snapshot
}

// head is the one record that decides which others count. It is written in one
// operation, last.
type head struct {
	Version    int    `json:"version"`
	Generation uint64 `json:"generation"`
	Chunks     int    `json:"chunks"`
	First      uint64 `json:"first"` // number of the first entry after the snapshot
}

const (
	journalVersion = 1
	headKey        = "head"
	// minCompact keeps a small state from being written anew all the time.
	minCompact = 1 << 20
	// chunkBytes is about how large a record is.
	chunkBytes = 256 << 10
)

var errVersion = errors.New("the kept state is of another version of this exporter")

func entryKey(n uint64) string { return "entry/" + strconv.FormatUint(n, 10) }

func chunkKey(generation uint64, i int) string {
	return "chunk/" + strconv.FormatUint(generation, 10) + "/" + strconv.Itoa(i)
}

func openJournal(ctx context.Context, host component.Host, storageID, self component.ID) (*journal, error) {
	ext, ok := host.GetExtensions()[storageID]
	if !ok {
		return nil, fmt.Errorf("storage: there is no extension %q in service::extensions", storageID)
	}
	from, ok := ext.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: %q is no storage extension", storageID)
	}
	client, err := from.GetClient(ctx, component.KindExporter, self, "alerts")
	if err != nil {
		return nil, fmt.Errorf("storage: opening %q: %w", storageID, err)
	}
	return &journal{client: client, least: minCompact}, nil
}

// load returns the changes to be applied in order. Where records cannot be read,
// the error says which; the others are returned. A broken client, or a state of
// another version, is fatal: nothing may be written over it.
func (j *journal) load(ctx context.Context) (changes []alerts.Change, damage, fatal error) {
	raw, err := j.client.Get(ctx, headKey)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the state: %w", err)
	}
	if raw != nil {
		if err := json.Unmarshal(raw, &j.head); err != nil || j.head.Version != journalVersion {
			return nil, nil, fmt.Errorf("%w: %.80q", errVersion, raw)
		}
	}
	var bad []error
	for i := range j.head.Chunks {
		n, err := j.read(ctx, chunkKey(j.head.Generation, i), &changes, &bad)
		if err != nil {
			return nil, nil, err
		}
		if n == 0 {
			bad = append(bad, fmt.Errorf("%s: missing", chunkKey(j.head.Generation, i)))
		}
		j.size += n
	}
	for j.next = j.head.First; ; j.next++ {
		n, err := j.read(ctx, entryKey(j.next), &changes, &bad)
		if err != nil {
			return nil, nil, err
		}
		if n == 0 {
			return changes, errors.Join(bad...), j.sweep(ctx)
		}
		j.weight += n
	}
}

func (j *journal) read(ctx context.Context, key string, to *[]alerts.Change, bad *[]error) (int, error) {
	raw, err := j.client.Get(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("reading the state: %s: %w", key, err)
	}
	var changes []alerts.Change
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &changes); err != nil {
			*bad = append(*bad, fmt.Errorf("%s: %w", key, err))
		}
	}
	*to = append(*to, changes...)
	return len(raw), nil
}

// sweep deletes entries before the snapshot that a crash left behind.
func (j *journal) sweep(ctx context.Context) error {
	for n := j.head.First; n > 0; n-- {
		raw, err := j.client.Get(ctx, entryKey(n-1))
		if err != nil || raw == nil {
			return err
		}
		if err := j.client.Delete(ctx, entryKey(n-1)); err != nil {
			return err
		}
	}
	return nil
}

// add appends the changes, in entries of about chunkBytes, in one operation.
func (j *journal) add(ctx context.Context, changes []alerts.Change) error {
	var ops []*storage.Operation
	weight := 0
	for len(changes) > 0 {
		n := fit(changes)
		raw, err := json.Marshal(changes[:n])
		if err != nil {
			return fmt.Errorf("encoding the state: %w", err)
		}
		ops = append(ops, storage.SetOperation(entryKey(j.next+uint64(len(ops))), raw))
		weight += len(raw)
		changes = changes[n:]
	}
	if err := j.client.Batch(ctx, ops...); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	j.next += uint64(len(ops))
	j.weight += weight
	return nil
}

// fit returns how many changes make a record of about chunkBytes; at least one.
func fit(changes []alerts.Change) int {
	n, bytes := 0, 0
	for n < len(changes) && bytes < chunkBytes {
		bytes += len(changes[n].Key) + len(changes[n].Value)
		n++
	}
	return n
}

func (j *journal) heavy() bool { return j.weight > max(j.least, j.size) }

// compact replaces snapshot and entries by a new snapshot. If it fails half-way,
// the old ones still count.
func (j *journal) compact(ctx context.Context, snapshot []alerts.Change) error {
	next := head{Version: journalVersion, Generation: j.head.Generation + 1, First: j.next}
	size := 0
	for len(snapshot) > 0 {
		n := fit(snapshot)
		raw, err := json.Marshal(snapshot[:n])
		if err != nil {
			return fmt.Errorf("encoding the state: %w", err)
		}
		if err := j.client.Set(ctx, chunkKey(next.Generation, next.Chunks), raw); err != nil {
			return fmt.Errorf("writing a snapshot of the state: %w", err)
		}
		next.Chunks++
		size += len(raw)
		snapshot = snapshot[n:]
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encoding the state: %w", err)
	}
	if err := j.client.Set(ctx, headKey, raw); err != nil {
		return fmt.Errorf("writing a snapshot of the state: %w", err)
	}
	old := j.head
	j.head, j.size, j.weight = next, size, 0
	return j.drop(ctx, old)
}

// drop deletes what a new snapshot has replaced. A crash before it leaves entries
// that nobody reads; sweep finds them at the next start.
func (j *journal) drop(ctx context.Context, old head) error {
	var ops []*storage.Operation
	for i := range old.Chunks {
		ops = append(ops, storage.DeleteOperation(chunkKey(old.Generation, i)))
	}
	for n := old.First; n < j.head.First; n++ {
		ops = append(ops, storage.DeleteOperation(entryKey(n)))
	}
	if err := j.client.Batch(ctx, ops...); err != nil {
		return fmt.Errorf("deleting an old snapshot of the state: %w", err)
	}
	return nil
}

func (j *journal) close(ctx context.Context) error { return j.client.Close(ctx) }
