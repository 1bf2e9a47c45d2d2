package governanceextension

import (
	"context"
	"encoding/binary"
	"fmt"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/spanwarden/spanwarden/internal/squeeze"
)

// What is stored, and under which key:
//
//	meta      version, first journal entry, first finding of the outbox
//	snapshot  the whole state as of journal entry meta.first
//	j/<n>     journal entry n: what changed since
//	k/<key>   the state of an idle key that was pushed out of memory
//	o/<n>     finding n of the outbox
//	chains    the snapshot of the delegation chains
//	chainlog  first entry that it does not have
//	c/<n>     entry n: what the chains were told since
//	p/<name>  a parked chain
//
// One Batch writes everything that one change needs, so that a crash leaves all
// of it or nothing. State of idle keys is written with a snapshot only: written
// earlier, a replay of the journal would charge on top of what it already holds.
const (
	metaKey      = "meta"
	snapshotKey  = "snapshot"
	metaVersion  = 1
	metaLen      = 1 + 8 + 8
	journalFloor = 4 << 20 // a journal shorter than this never makes a snapshot due
	idleCeiling  = 8 << 20 // bytes of idle keys in memory that make one due
)

func journalKey(n uint64) string { return fmt.Sprintf("j/%016x", n) }
func outboxKey(n uint64) string  { return fmt.Sprintf("o/%016x", n) }
func idleKey(key string) string  { return "k/" + key }

var errMeta = fmt.Errorf("%w, or of another version", errDamaged)

// store keeps the state in a storage extension. Without one (client nil) it
// keeps nothing. It has one owner, who also calls it under one lock.
type store struct {
	client storage.Client

	ops          []*storage.Operation // not stored yet
	stored       func()               // called when they are; nil for nobody
	first, next  uint64               // journal entries: of the snapshot's time, and the next to write
	head, tail   uint64               // outbox: oldest and next
	journalBytes int
	snapshot     int               // bytes of the last one
	idle         map[string][]byte // pushed out of memory since the last snapshot
	idleBytes    int
	filter       *idleFilter // of what is stored
}

// packedKind begins what is packed: charges name the same agents, sessions and
// people again and again, and the storage copies what it holds more than once.
// Without it the bytes are as they are.
const packedKind = 'z'

// pack returns a copy, which shares nothing with entry.
func pack(entry []byte) []byte {
	return squeeze.Pack([]byte{packedKind}, entry)
}

func unpack(stored []byte) ([]byte, error) {
	if len(stored) == 0 || stored[0] != packedKind {
		return stored, nil
	}
	entry, err := squeeze.Unpack(stored[1:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	return entry, nil
}

func (s *store) enabled() bool { return s.client != nil }

// load reads what is stored: the snapshot, then each journal entry, then each
// finding of the outbox. found is false where nothing was ever stored.
func (s *store) load(ctx context.Context, restore func(snapshot []byte) error, replay, outbox func([]byte) error) (found bool, err error) {
	if !s.enabled() {
		return false, nil
	}
	if s.filter, err = filterOf(ctx, s.client); err != nil {
		return false, err
	}
	raw, err := s.client.Get(ctx, metaKey)
	if err != nil || raw == nil {
		return false, err
	}
	if len(raw) != metaLen || raw[0] != metaVersion {
		return true, errMeta
	}
	s.first, s.head = binary.BigEndian.Uint64(raw[1:]), binary.BigEndian.Uint64(raw[9:])
	snapshot, err := s.client.Get(ctx, snapshotKey)
	if err != nil {
		return true, err
	}
	s.snapshot = len(snapshot)
	if snapshot, err = unpack(snapshot); err != nil {
		return true, fmt.Errorf("%w: %s: %w", errDamaged, snapshotKey, err)
	}
	if err := restore(snapshot); err != nil {
		return true, fmt.Errorf("%w: %w", errDamaged, err)
	}
	s.next, err = s.each(ctx, s.first, journalKey, func(entry []byte) error {
		s.journalBytes += len(entry)
		entry, err := unpack(entry)
		if err != nil {
			return err
		}
		return replay(entry)
	})
	if err != nil {
		return true, err
	}
	s.tail, err = s.each(ctx, s.head, outboxKey, outbox)
	return true, err
}

// each reads entries from n until one is missing, and returns its number.
func (s *store) each(ctx context.Context, n uint64, key func(uint64) string, visit func([]byte) error) (uint64, error) {
	for ; ; n++ {
		entry, err := s.client.Get(ctx, key(n))
		if err != nil || entry == nil {
			return n, err
		}
		if err := visit(entry); err != nil {
			return n, fmt.Errorf("%w: %s: %w", errDamaged, key(n), err)
		}
	}
}

func (s *store) meta() *storage.Operation {
	raw := append(make([]byte, 0, metaLen), metaVersion)
	raw = binary.BigEndian.AppendUint64(raw, s.first)
	raw = binary.BigEndian.AppendUint64(raw, s.head)
	return storage.SetOperation(metaKey, raw)
}

func (s *store) queue(ops ...*storage.Operation) {
	if s.enabled() {
		s.ops = append(s.ops, ops...)
	}
}

// journal queues an entry.
func (s *store) journal(entry []byte) {
	if !s.enabled() || len(entry) == 0 {
		return
	}
	packed := pack(entry)
	s.queue(storage.SetOperation(journalKey(s.next), packed))
	s.next++
	s.journalBytes += len(packed)
}

// put queues a finding for the outbox and returns its number.
func (s *store) put(finding []byte) uint64 {
	n := s.tail
	s.tail++
	s.queue(storage.SetOperation(outboxKey(n), finding))
	return n
}

// took queues the removal of the outbox's oldest finding.
func (s *store) took() {
	op := storage.DeleteOperation(outboxKey(s.head))
	s.head++
	s.queue(s.meta(), op)
}

// commit stores what is queued. After an error it stays queued.
func (s *store) commit(ctx context.Context) error {
	if len(s.ops) == 0 {
		return nil
	}
	if err := s.client.Batch(ctx, s.ops...); err != nil {
		return fmt.Errorf("storing the ledger's state: %w", err)
	}
	s.ops = nil
	if s.stored != nil {
		s.stored()
	}
	return nil
}

// due tells whether the journal has grown as long as a snapshot: replaying it
// and writing snapshots then both cost in proportion to the charges.
func (s *store) due() bool {
	return s.enabled() && (s.journalBytes > max(journalFloor, s.snapshot) || s.idleBytes > idleCeiling)
}

// checkpoint stores a snapshot in place of the journal.
func (s *store) checkpoint(ctx context.Context, snapshot []byte) error {
	if !s.enabled() {
		return nil
	}
	snapshot = pack(snapshot)
	first := s.first
	s.first = s.next
	s.queue(storage.SetOperation(snapshotKey, snapshot))
	for key, state := range s.idle {
		s.queue(storage.SetOperation(idleKey(key), state))
		s.filter.add(key)
	}
	s.queue(s.meta())
	for n := first; n < s.next; n++ {
		s.queue(storage.DeleteOperation(journalKey(n)))
	}
	s.snapshot, s.journalBytes = len(snapshot), 0
	s.idle, s.idleBytes = nil, 0
	return s.commit(ctx)
}

// evict keeps the state of an idle key for the next snapshot.
func (s *store) evict(key string, state []byte) {
	if s.idle == nil {
		s.idle = map[string][]byte{}
	}
	s.idleBytes += len(state) - len(s.idle[key])
	s.idle[key] = state
}

// find returns the state of an idle key, or nil. It has no caller to give an
// error to: the last one is kept for the next commit to report.
func (s *store) find(ctx context.Context, key string) ([]byte, error) {
	if state, ok := s.idle[key]; ok {
		return state, nil
	}
	if !s.filter.may(key) {
		return nil, nil
	}
	return s.client.Get(ctx, idleKey(key))
}
