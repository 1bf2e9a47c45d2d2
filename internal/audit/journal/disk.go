package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// The files of a journal. The snapshot is replaced as a whole; what happened since
// stands in the log, one JSON object a line.
const (
	fileKey      = "key"
	fileName     = "writer"
	fileLock     = "lock"
	filePlace    = "place"
	fileSnapshot = "snapshot.json"
	fileLog      = "log.jsonl"
)

// maxSlots bounds how many collectors share a directory.
const maxSlots = 256

// compactBytes is how large the log grows before a snapshot takes its place.
const compactBytes = 4 << 20

// record is one line of the log; it has one of the first four.
type record struct {
	Pending *Pending `json:"pending,omitempty"`
	Leaf    string   `json:"leaf,omitempty"`
	Drop    string   `json:"drop,omitempty"`
	Sent    uint64   `json:"sent,omitempty"`
	Note    string   `json:"note,omitempty"`
	Content string   `json:"content,omitempty"`
}

type snapshot struct {
	Epoch   uint64            `json:"epoch"`
	Size    int64             `json:"size"`
	Edge    []string          `json:"edge"` // hex
	Ended   bool              `json:"ended"`
	Recent  []recentBatch     `json:"recent"`
	Pending []*Pending        `json:"pending"`
	Unsent  []record          `json:"unsent"`
	Count   tlog.Counters     `json:"counters"`
	Told    map[string]string `json:"told,omitempty"`
	Vkey    string            `json:"vkey,omitempty"`
}

type recentBatch struct {
	Content  string `json:"content"`
	Observed int64  `json:"observed"`
	Digest   string `json:"digest"` // hex
}

// ErrInUse means that others have all places of the directory.
var ErrInUse = errors.New("is in use")

func (j *Journal) takeSlot() error {
	slots := j.opts.Slots
	if slots <= 0 || slots > maxSlots {
		slots = maxSlots
	}
	for slot := range slots {
		dir := filepath.Join(j.opts.Directory, strconv.Itoa(slot))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(dir, fileLock), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		if lock(f) == nil {
			j.dir, j.held = dir, f
			return nil
		}
		_ = f.Close() // somebody else's
	}
	return fmt.Errorf("%w by %d writers", ErrInUse, slots)
}

// load reads the snapshot and what happened since. A snapshot that is not there
// leaves the epoch 0: a new log begins. So does a damaged file, which is set aside:
// a log that is not the one that was written must not be gone on with.
func (j *Journal) load() error {
	raw, err := os.ReadFile(filepath.Join(j.dir, fileSnapshot))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	damage := j.restore(raw)
	if damage == nil {
		if raw, err = os.ReadFile(filepath.Join(j.dir, fileLog)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		damage = j.replay(raw)
	}
	if damage == nil {
		return nil
	}
	j.Fresh = damage.Error()
	return j.setAside()
}

// setAside keeps the files of a log that is not continued, in place of those that
// were set aside before.
func (j *Journal) setAside() error {
	j.writer.Epoch, j.tree = 0, tlog.Tree{}
	for _, name := range []string{fileSnapshot, fileLog} {
		file := filepath.Join(j.dir, name)
		if err := os.Rename(file, file+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (j *Journal) restore(raw []byte) error {
	var s snapshot
	text, err := unchecked(raw)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err == nil {
		err = j.take(&s)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", fileSnapshot, err)
	}
	return nil
}

func (j *Journal) take(s *snapshot) error {
	edge := make([]tlog.Hash, len(s.Edge))
	for i, text := range s.Edge {
		if n, err := hex.Decode(edge[i][:], []byte(text)); err != nil || n != len(edge[i]) {
			return fmt.Errorf("edge %d: no hash", i)
		}
	}
	var err error
	if j.tree, err = tlog.Restore(s.Size, edge); err != nil {
		return err
	}
	for _, u := range s.Unsent {
		leaf, err := tlog.ParseLeaf(u.Leaf)
		if err != nil {
			return err
		}
		j.unsent = append(j.unsent, audit.SignedLeaf{Leaf: leaf, Note: u.Note})
	}
	for _, p := range s.Pending {
		if err := j.addPending(p); err != nil {
			return err
		}
	}
	for _, r := range s.Recent {
		sealed := sealedBatch{observed: r.Observed}
		if n, err := hex.Decode(sealed.digest[:], []byte(r.Digest)); err != nil || n != len(sealed.digest) {
			return fmt.Errorf("digest of a sealed batch: %q", r.Digest)
		}
		j.remember(r.Content, sealed)
	}
	j.writer.Epoch, j.ended, j.counters, j.vkey = s.Epoch, s.Ended, s.Count, s.Vkey
	j.told = s.Told
	return nil
}

func (j *Journal) addPending(p *Pending) error {
	d, err := hex.DecodeString(p.Digest)
	if err != nil || len(d) != len(p.digest) {
		return fmt.Errorf("digest of a pending batch: %q", p.Digest)
	}
	p.digest, p.busy = [32]byte(d), 0
	j.pending[p.Content] = p
	return nil
}

// replay reads the log. Its last line may be torn: what it says did not happen.
func (j *Journal) replay(raw []byte) error {
	for n, line := range bytes.SplitAfter(raw, []byte("\n")) {
		line, whole := bytes.CutSuffix(line, []byte("\n"))
		if !whole {
			break // torn, or nothing
		}
		var r record
		text, err := unchecked(line)
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err == nil {
			err = j.redo(&r)
		}
		if err != nil {
			return fmt.Errorf("%s: line %d: %w", fileLog, n+1, err)
		}
	}
	return nil
}

// redo does what a line says, unless the snapshot has it.
func (j *Journal) redo(r *record) error {
	switch {
	case r.Pending != nil:
		if _, sealed := j.recent[r.Pending.Content]; sealed {
			return nil
		}
		return j.addPending(r.Pending)
	case r.Drop != "":
		delete(j.pending, r.Drop)
	case r.Sent > 0:
		for len(j.unsent) > 0 && j.unsent[0].Seq < r.Sent {
			j.unsent = j.unsent[1:]
		}
	case r.Leaf != "":
		leaf, err := tlog.ParseLeaf(r.Leaf)
		if err != nil {
			return err
		}
		if leaf.Epoch != j.writer.Epoch || leaf.Seq < uint64(j.tree.Size()) {
			return nil
		}
		if leaf.Seq > uint64(j.tree.Size()) {
			return fmt.Errorf("leaf %d follows leaf %d", leaf.Seq, j.tree.Size()-1)
		}
		j.apply(&leaf, r)
		if leaf.Kind != tlog.Batch { // it has said what the snapshot counted
			j.counters = tlog.Counters{}
		}
	}
	return nil
}

// write appends a line and returns when it is on the disk. After a failure it is
// not known what the disk has: nothing is appended until memory was written anew.
func (j *Journal) write(r *record) error {
	if err := j.mend(); err != nil {
		return err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	line = append(checked(line), '\n')
	if _, err = j.wal.Write(line); err == nil && r.Sent == 0 {
		err = j.wal.Sync()
	}
	if err != nil {
		j.broken = fmt.Errorf("writing the journal: %w", err)
		return j.broken
	}
	j.walBytes += int64(len(line))
	return nil
}

// mend brings disk and memory together again after a failure, when there is room.
func (j *Journal) mend() error {
	if j.broken == nil {
		return nil
	}
	if err := j.compact(); err != nil {
		return fmt.Errorf("%w; and %w", j.broken, err)
	}
	j.broken = nil
	return nil
}

// compact writes a snapshot and begins the log anew.
func (j *Journal) compact() error {
	s := snapshot{Epoch: j.writer.Epoch, Size: j.tree.Size(), Ended: j.ended, Count: j.counters, Told: j.told, Vkey: j.vkey}
	for _, h := range j.tree.Edge() {
		s.Edge = append(s.Edge, hex.EncodeToString(h[:]))
	}
	for _, c := range j.order {
		s.Recent = append(s.Recent, recentBatch{c, j.recent[c].observed, fmt.Sprintf("%x", j.recent[c].digest)})
	}
	for _, p := range j.pending {
		s.Pending = append(s.Pending, p)
	}
	for i := range j.unsent {
		s.Unsent = append(s.Unsent, record{Leaf: j.unsent[i].Text(), Note: j.unsent[i].Note})
	}
	raw, err := json.Marshal(&s)
	if err != nil {
		return err
	}
	file := filepath.Join(j.dir, fileSnapshot)
	if err := writeFile(file+".new", checked(raw)); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	if err := syncDir(j.dir); err != nil {
		return err
	}
	if j.wal != nil {
		_ = j.wal.Close() // all of it is in the snapshot
	}
	j.walBytes = 0
	j.wal, err = os.OpenFile(filepath.Join(j.dir, fileLog), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	return err
}

func writeFile(name string, raw []byte) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(raw); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes a new file's name survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
