package journal

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// maxPending bounds batches that were begun and not sealed.
const maxPending = 10_000

// Pending is a batch that was about to be inserted.
type Pending struct {
	Content  string   `json:"content"` // digest of the content, hex
	Observed int64    `json:"observed"`
	Begun    int64    `json:"begun"` // ns since 1970
	Table    string   `json:"table"`
	Rows     uint32   `json:"rows"`
	Digest   string   `json:"digest"` // D, hex
	Version  uint8    `json:"hash_v"`
	MinTS    int64    `json:"min_ts"`
	MaxTS    int64    `json:"max_ts"`
	busy     int      // pushes that are inserting it
	digest   [32]byte // of Digest
}

// Step is what is to be done about a batch.
type Step int

const (
	// Insert means: insert it and then call Commit or Fail.
	Insert Step = iota
	// Known means that it was inserted and sealed before.
	Known
	// Again means that it was begun before, and may be in the store as it was then. Encode
	// it as of that time.
	Again
	// Foreign means that it was encoded for another log. Encode it again.
	Foreign
)

// Attempt is when and for whom a batch was encoded. Times are ns since 1970.
type Attempt struct {
	Writer   audit.Writer
	Observed int64   // the time its rows bear
	First    int64   // when it came
	Tried    []int64 // times of Again so far
	Now      int64
}

// Begin makes known, on the disk, that the batch will be inserted. With Again and
// Foreign comes the time as of which it is to be encoded.
func (j *Journal) Begin(b *audit.Encoded, a *Attempt) (step Step, at int64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.mend(); err != nil {
		return Insert, 0, err
	}
	if a.Writer != j.writer {
		return Foreign, a.Observed, nil
	}
	name, known, p := j.find(b, a)
	switch {
	case known != nil && known.digest == b.Seal.Digest:
		return Known, 0, nil
	case known != nil:
		return Again, known.observed, nil
	case p != nil && p.digest == b.Seal.Digest:
		p.busy++
		return Insert, a.Observed, nil
	case p != nil:
		return Again, p.Observed, nil
	case name != b.Seal.Hint && a.Observed != a.First:
		return Again, a.First, nil // something else has its hint: this one was never seen
	}
	if len(j.pending) >= maxPending {
		return Insert, 0, fmt.Errorf("%d batches were begun and not sealed", maxPending)
	}
	p = &Pending{
		Content: name, Observed: a.Observed, Begun: a.Now, Table: b.Table, Rows: uint32(b.Rows), Digest: hex.EncodeToString(b.Seal.Digest[:]),
		Version: b.Seal.HashVersion, MinTS: b.Seal.MinTS, MaxTS: b.Seal.MaxTS, digest: b.Seal.Digest, busy: 1,
	}
	if err := j.write(&record{Pending: p}); err != nil {
		return Insert, 0, err
	}
	j.pending[name] = p
	return Insert, a.Observed, nil
}

// find returns what is known of the batch and the name it has here: the hint, or
// one of its own where the hint is that of something else. That is so where the
// batch was encoded as of the other's time and is not the same.
func (j *Journal) find(b *audit.Encoded, a *Attempt) (name string, known *sealedBatch, p *Pending) {
	fits := func(digest [32]byte, observed int64) bool {
		return digest == b.Seal.Digest || observed != a.Observed && !slices.Contains(a.Tried, observed)
	}
	for _, name = range names(b) {
		s, sealed := j.recent[name]
		p, begun := j.pending[name]
		switch {
		case sealed && fits(s.digest, s.observed):
			return name, &s, nil
		case begun && fits(p.digest, p.Observed):
			return name, nil, p
		case !sealed && !begun:
			return name, nil, nil
		}
	}
	return name, nil, nil
}

func names(b *audit.Encoded) [2]string {
	return [2]string{b.Seal.Hint, b.Seal.Hint + "/" + hex.EncodeToString(b.Seal.Digest[:])}
}

// begun returns the batch that Begin told to insert.
func (j *Journal) begun(b *audit.Encoded) *Pending {
	for _, name := range names(b) {
		if p, ok := j.pending[name]; ok && p.digest == b.Seal.Digest {
			return p
		}
	}
	return nil
}

// Commit appends the leaf of a batch that the store has.
func (j *Journal) Commit(b *audit.Encoded, now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := j.begun(b)
	if p == nil {
		return nil // sealed by another push of the same batch
	}
	p.busy--
	return j.seal(p, now)
}

// Fail ends an insert whose fate is open.
func (j *Journal) Fail(b *audit.Encoded) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if p := j.begun(b); p != nil {
		p.busy--
	}
}

// Unsettled are the batches that were begun before a time (ns since 1970) and that
// no push is inserting.
func (j *Journal) Unsettled(before int64) []Pending {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []Pending
	for _, p := range j.pending {
		if p.busy == 0 && p.Begun < before {
			out = append(out, *p)
		}
	}
	return out
}

// Settle appends the leaf of a batch of Unsettled that was found in the store, or
// one that says that it never came there, and forgets it.
func (j *Journal) Settle(content string, found bool, now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	p, ok := j.pending[content]
	if !ok || p.busy > 0 {
		return nil
	}
	if found {
		return j.seal(p, now)
	}
	detail := map[string]string{"reason": "not_stored", "table": p.Table, "rows": strconv.FormatUint(uint64(p.Rows), 10), "digest": p.Digest}
	if err := j.append(tlog.Leaf{Kind: tlog.Void, Detail: detail}, "", now); err != nil {
		return err
	}
	if err := j.write(&record{Drop: content}); err != nil {
		return err
	}
	delete(j.pending, content)
	return nil
}

func (j *Journal) seal(p *Pending, now time.Time) error {
	leaf := tlog.Leaf{
		Kind: tlog.Batch, Table: p.Table, Rows: p.Rows, Digest: p.digest, HashVersion: p.Version, MinTS: p.MinTS, MaxTS: p.MaxTS,
	}
	return j.append(leaf, p.Content, now)
}
