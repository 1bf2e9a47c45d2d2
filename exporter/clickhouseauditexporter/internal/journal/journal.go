// Package journal is what a writer of the audit store keeps on its own disk: its
// key, where its log ends, the batches that it is about to insert, and the leaves
// that the store does not have yet. A Journal may be used concurrently.
package journal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// maxRecent is how many sealed batches are remembered, so that one that comes
// again is known: as many as the store remembers tokens.
const maxRecent = 10_000

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

// sealedBatch is how a batch was sealed.
type sealedBatch struct {
	observed int64
	digest   [32]byte
}

// Options say where the journal is and what begins a log.
type Options struct {
	Directory string
	KeyFile   string            // default: key in Directory
	Host      string            // part of the writer's name
	Detail    map[string]string // of the genesis leaf
}

// Journal is the state of one writer.
type Journal struct {
	Public string // the public key
	NewKey bool   // the key was made just now
	// Recovered says that a process before this one did not end in order.
	Recovered bool

	opts   Options
	dir    string
	held   *os.File
	signer note.Signer

	mu       sync.Mutex
	wal      *os.File
	walBytes int64
	broken   error // the disk failed: what is in memory is not what is on it
	writer   audit.Writer
	tree     tlog.Tree
	ended    bool // the last leaf is a stop
	recent   map[string]sealedBatch
	order    []string // of recent, the oldest first
	pending  map[string]*Pending
	unsent   []audit.SignedLeaf
	counters tlog.Counters
}

// Open takes the first journal of the directory that nobody holds, or makes one.
// Several collectors may share a directory.
func Open(opts Options, now time.Time) (*Journal, error) {
	j := &Journal{opts: opts, recent: map[string]sealedBatch{}, pending: map[string]*Pending{}}
	if err := j.open(now); err != nil {
		if j.held != nil {
			_ = j.held.Close()
		}
		return nil, fmt.Errorf("opening the journal in %s: %w", opts.Directory, err)
	}
	return j, nil
}

func (j *Journal) open(now time.Time) error {
	if err := j.takeSlot(); err != nil {
		return err
	}
	if err := j.loadKey(); err != nil {
		return err
	}
	id, err := j.loadName()
	if err != nil {
		return err
	}
	j.writer.ID = id
	if err := j.load(); err != nil {
		return err
	}
	if j.writer.Epoch == 0 {
		return j.begin(now)
	}
	j.Recovered = !j.ended
	return j.compact()
}

// begin starts a new log: the old one, if there was any, is not continued.
func (j *Journal) begin(now time.Time) error {
	j.writer.Epoch = max(uint64(now.UnixMilli()), j.writer.Epoch+1)
	j.tree, j.ended = tlog.Tree{}, false
	clear(j.recent)
	clear(j.pending)
	j.order, j.unsent = nil, nil
	if err := j.compact(); err != nil {
		return err
	}
	detail := map[string]string{"vkey": j.Public}
	maps.Copy(detail, j.opts.Detail)
	return j.append(tlog.Leaf{Kind: tlog.Genesis, Detail: detail}, "", now)
}

// Restart begins a new log. It is for a store that has more of this one than the
// disk, which was set back: going on would write two histories. And it is for a
// store that has nothing of it: what was sealed for another store is not in this.
func (j *Journal) Restart(now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.begin(now)
}

// Writer is who writes now.
func (j *Journal) Writer() audit.Writer {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.writer
}

// Size is the number of leaves.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.tree.Size()
}

// Acknowledged is the number of leaves that the store has confirmed.
func (j *Journal) Acknowledged() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.tree.Size() - int64(len(j.unsent))
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
	if j.broken != nil {
		return Insert, 0, j.broken
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
// forgets it.
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

// Count adds to what the next leaf with counters says.
func (j *Journal) Count(c tlog.Counters) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counters.Add(c)
}

// Append adds a leaf that is no batch, with the counters since the one before.
func (j *Journal) Append(kind string, detail map[string]string, now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	counters := j.counters
	if err := j.append(tlog.Leaf{Kind: kind, Detail: detail, Counters: counters}, "", now); err != nil {
		return err
	}
	j.counters = tlog.Counters{}
	return nil
}

// append is called with mu held. The leaf is on the disk before it counts.
func (j *Journal) append(leaf tlog.Leaf, content string, now time.Time) error {
	leaf.Writer, leaf.Epoch, leaf.Seq, leaf.SealedAt = j.writer.ID, j.writer.Epoch, uint64(j.tree.Size()), now.UnixMilli()
	tree, err := tlog.Restore(j.tree.Size(), j.tree.Edge())
	if err != nil {
		return err
	}
	tree.Append(leaf.Hash())
	c := tlog.Checkpoint{Writer: leaf.Writer, Epoch: leaf.Epoch, Size: tree.Size(), Root: tree.Root()}
	signed, err := c.Sign(j.signer)
	if err != nil {
		return err
	}
	r := &record{Leaf: leaf.Text(), Note: signed, Content: content}
	if err := j.write(r); err != nil {
		return err
	}
	j.apply(&leaf, r)
	return nil
}

// apply takes over a leaf that is on the disk.
func (j *Journal) apply(leaf *tlog.Leaf, r *record) {
	j.tree.Append(leaf.Hash())
	j.ended = leaf.Kind == tlog.Stop
	j.unsent = append(j.unsent, audit.SignedLeaf{Leaf: *leaf, Note: r.Note})
	if r.Content == "" {
		return
	}
	sealed := sealedBatch{digest: leaf.Digest}
	if p, ok := j.pending[r.Content]; ok {
		sealed.observed = p.Observed
	}
	delete(j.pending, r.Content)
	j.remember(r.Content, sealed)
}

func (j *Journal) remember(content string, sealed sealedBatch) {
	if _, ok := j.recent[content]; !ok {
		j.order = append(j.order, content)
	}
	j.recent[content] = sealed
	if len(j.order) > maxRecent {
		delete(j.recent, j.order[0])
		j.order = j.order[1:]
	}
}

// Unsent are the leaves that the store has not acknowledged, at most n.
func (j *Journal) Unsent(n int) []audit.SignedLeaf {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]audit.SignedLeaf(nil), j.unsent[:min(n, len(j.unsent))]...)
}

// Sent says that the store has all leaves of the log below seq.
func (j *Journal) Sent(w audit.Writer, seq uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if w != j.writer {
		return nil
	}
	for len(j.unsent) > 0 && j.unsent[0].Seq < seq {
		j.unsent = j.unsent[1:]
	}
	if err := j.write(&record{Sent: seq}); err != nil {
		return err
	}
	if j.walBytes > compactBytes {
		return j.compact()
	}
	return nil
}

// Checkpoint is the newest signed checkpoint.
func (j *Journal) Checkpoint() (tlog.Checkpoint, string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := tlog.Checkpoint{Writer: j.writer.ID, Epoch: j.writer.Epoch, Size: j.tree.Size(), Root: j.tree.Root()}
	signed, err := c.Sign(j.signer)
	return c, signed, err
}

// Close lets go of the journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.compact()
	return errors.Join(err, j.wal.Close(), j.held.Close())
}
