package governanceextension

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// chainLogKey holds the number of the first entry that the snapshot of the chains
// does not have; the entries are c/<n>.
const chainLogKey = "chainlog"

func chainEntryKey(n uint64) string { return fmt.Sprintf("c/%016x", n) }

// maxChainLog bounds, in bytes, what waits for a storage that takes nothing.
const maxChainLog = 16 << 20

// chainLog is what the chain engine was told since its last snapshot, so that a
// crash forgets nothing. It is guarded by the lock of the chains.
type chainLog struct {
	on     bool
	fresh  []byte             // told, not queued yet
	queued []byte             // what op holds, packed
	op     *storage.Operation // of the entry next, between queue and stored
	// first and next are numbers of entries; cut is the new first once a queued
	// snapshot is stored, 0 for none.
	first, next, cut uint64
	full             bool // too much waited: only a snapshot tells it all
}

func (l *chainLog) add(in *chain.Input) {
	switch {
	case !l.on || l.full:
	case len(l.fresh)+len(l.queued) > maxChainLog:
		l.fresh, l.full = nil, true
	default:
		l.fresh = in.Append(l.fresh)
	}
}

// queue puts what was told into the storage's next batch. Where an entry waits
// there already, it grows.
func (l *chainLog) queue(s *store) {
	if len(l.fresh) == 0 && (len(l.queued) == 0 || l.op != nil) {
		return
	}
	l.queued, l.fresh = append(l.queued, l.fresh...), l.fresh[:0]
	if l.op != nil {
		l.op.Value = pack(l.queued)
		return
	}
	l.op = storage.SetOperation(chainEntryKey(l.next), pack(l.queued))
	s.queue(l.op)
}

// snapshot puts the removal of what a snapshot holds into the same batch as it.
func (l *chainLog) snapshot(s *store) {
	l.fresh, l.full = l.fresh[:0], false
	for n := l.first; n < l.next; n++ {
		s.queue(storage.DeleteOperation(chainEntryKey(n)))
	}
	l.cut = l.next
	s.queue(storage.SetOperation(chainLogKey, binary.BigEndian.AppendUint64(nil, l.next)))
}

// stored says that the storage took its batch, dropped that the batch was given up.
func (l *chainLog) stored() {
	if l.op != nil {
		l.op, l.queued = nil, l.queued[:0]
		l.next++
	}
	if l.cut > 0 {
		l.first, l.cut = l.cut, 0
	}
}

func (l *chainLog) dropped() { l.op, l.cut = nil, 0 }

// waiting tells whether something was told that is not stored.
func (l *chainLog) waiting() bool { return l.full || len(l.fresh)+len(l.queued) > 0 }

// queueChains puts what the chains were told into the storage's next batch: all of
// them again where too much waited.
func (e *governor) queueChains() {
	c := e.chains
	c.mu.Lock()
	full := c.log.full
	c.log.queue(&e.book.store)
	c.mu.Unlock()
	if full {
		c.due = time.Time{}
		e.storeChains(true)
	}
}

func (e *governor) chainsStored() {
	e.chains.mu.Lock()
	defer e.chains.mu.Unlock()
	e.chains.log.stored()
}

// chainsDropped is for a batch that is never stored: what it held is queued again,
// a snapshot as well.
func (e *governor) chainsDropped() {
	e.chains.mu.Lock()
	defer e.chains.mu.Unlock()
	e.chains.log.dropped()
	e.chains.changed = true
}

// Keep implements the interface of internal/governance/lineage.
func (e *governor) Keep(ctx context.Context) error {
	e.chains.mu.Lock()
	waiting := e.chains.log.waiting()
	e.chains.mu.Unlock()
	if !waiting {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.ready(ctx); err != nil {
		return err
	}
	return e.commit(ctx)
}

// replayChains tells the engine again what it was told after its snapshot. What
// follows may have been passed on before the crash, or not: it is passed on again.
func (e *governor) replayChains(ctx context.Context) error {
	s, c := &e.book.store, e.chains
	raw, err := s.client.Get(ctx, chainLogKey)
	if err != nil {
		return err
	}
	if len(raw) == 8 {
		c.log.first = binary.BigEndian.Uint64(raw)
	}
	c.log.next, err = s.each(ctx, c.log.first, chainEntryKey, func(entry []byte) error {
		c.used.Store(true)
		// An entry that an older build wrote is not packed, and may look as if.
		if told, err := unpack(entry); err == nil {
			entry = told
		}
		events, err := c.engine.Replay(entry)
		c.replayed = append(c.replayed, c.sift(events)...)
		return err
	})
	return err
}
