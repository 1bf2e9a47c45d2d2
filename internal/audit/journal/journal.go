// Package journal is what a writer of the audit store keeps on its own disk: its
// key, where its log ends, the batches that it is about to insert, and the leaves
// that the store does not have yet. A Journal may be used concurrently.
package journal

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// maxRecent is how many sealed batches are remembered, so that one that comes
// again is known: as many as the store remembers tokens.
const maxRecent = 10_000

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
	// Slots is how many writers may share the directory at a time, each with a log of
	// its own. 0 is as many as there can be.
	Slots int
}

// Journal is the state of one writer.
type Journal struct {
	Public string // the public key
	NewKey bool   // the key was made just now
	// Recovered says that a process before this one did not end in order.
	Recovered bool
	// Fresh says why a new log began although there was one here; "" where it did not.
	Fresh string

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
	ended    bool              // the last leaf is a stop
	told     map[string]string // settings as the log tells them
	vkey     string            // the public key that the log says it is signed by
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
	if err := j.checkPlace(); err != nil {
		return err
	}
	id, err := j.loadName()
	if err != nil {
		return err
	}
	j.writer.ID = id
	if j.Fresh == "" {
		err = j.load()
	} else {
		err = j.setAside()
	}
	if err != nil {
		return err
	}
	if j.writer.Epoch != 0 {
		there, err := j.resume()
		if err != nil {
			return err
		}
		if !there {
			j.Fresh = "the key that signed the log is not there"
			epoch := j.writer.Epoch
			if err := j.setAside(); err != nil {
				return err
			}
			j.writer.Epoch = epoch // the next is another
			return j.begin(now)
		}
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
	if j.Fresh != "" {
		detail["fresh"] = j.Fresh
	}
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

// Ended tells whether the last leaf says that the writer ended in order.
func (j *Journal) Ended() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ended
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

// Settings appends a leaf with those settings that are not as the log tells them,
// if there are any. It is for a start with a journal of before.
func (j *Journal) Settings(detail map[string]string, now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	changed := map[string]string{}
	for key, value := range detail {
		if j.told[key] != value {
			changed[key] = value
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return j.append(tlog.Leaf{Kind: tlog.ConfigChange, Detail: changed}, "", now)
}

func settingsAfter(told, changed map[string]string) map[string]string {
	all := maps.Clone(told)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, changed)
	return all
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
	switch leaf.Kind {
	case tlog.Genesis:
		j.told, j.vkey = maps.Clone(leaf.Detail), leaf.Detail["vkey"]
	case tlog.ConfigChange:
		j.told = settingsAfter(j.told, leaf.Detail)
	case tlog.KeyRotation:
		j.vkey = leaf.Detail["vkey"]
	}
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
