package boltfile

import (
	"errors"
	"io"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/spanwarden/spanwarden/extension/checkedstorageextension/internal/seal"
)

// perCommit is how many bytes are written at once.
const perCommit = 16 << 20

// Carried is what a new file holds of a damaged one.
type Carried struct {
	Entries int
	// Queue is set where it is a collector's queue; nothing else is carried over.
	// Entries are its items, and Missing is how many could not be, -1 where nobody can
	// say.
	Queue   bool
	Missing int
}

// Rewrite writes a new database to path, with the items of a damaged queue that can
// be read. Of anything else it writes nothing.
func Rewrite(path string, r io.ReaderAt, report *Report) (c Carried, err error) {
	entries, meta, c, err := carry(r, report)
	if err != nil || !c.Queue {
		return c, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := put(db, QueueKey, meta); err != nil {
		return c, err
	}
	for len(entries) > 0 {
		n, bytes := 0, int64(0)
		for n < len(entries) && (n == 0 || bytes+entries[n].size <= perCommit) {
			bytes += entries[n].size
			n++
		}
		if err := copyAll(db, r, entries[:n]); err != nil {
			return c, err
		}
		entries = entries[n:]
	}
	return c, nil
}

// carry decides which entries the new file holds, and what its queue's metadata is.
func carry(r io.ReaderAt, report *Report) (entries []Pair, meta []byte, c Carried, err error) {
	var old []byte
	sealed := false
	for _, p := range report.Pairs {
		_, notNumber := strconv.ParseUint(p.Key, 10, 64)
		c.Queue = c.Queue || p.Key == QueueKey || notNumber == nil // the page with the metadata may be gone
		switch {
		case p.Key == QueueKey:
			if !p.Reached {
				continue
			}
			if old, err = p.Value(r); err != nil {
				return nil, nil, c, err
			}
		case p.Key == seal.Mark:
			sealed = true
			entries = append(entries, p)
		case notNumber != nil && p.Reached:
			entries = append(entries, p)
		}
	}
	if !c.Queue {
		return nil, nil, c, nil
	}
	if old, err = seal.Open(old, sealed); err != nil {
		old = nil // as if it were not there
	}
	q := Requeue(report.Pairs, old)
	c.Entries, c.Missing = len(q.Items), q.Missing
	if report.Older && c.Missing == 0 {
		c.Missing = -1 // the last commit may have added one
	}
	return append(entries, q.Items...), seal.Seal(q.Meta), c, nil
}

func put(db *bbolt.DB, key string, value []byte) error {
	return db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(Bucket))
		if err != nil {
			return err
		}
		return b.Put([]byte(key), value)
	})
}

func copyAll(db *bbolt.DB, r io.ReaderAt, entries []Pair) error {
	return db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(Bucket))
		if err != nil {
			return err
		}
		for i := range entries {
			value, err := entries[i].Value(r)
			if err != nil {
				return err
			}
			if err := b.Put([]byte(entries[i].Key), value); err != nil {
				return err
			}
		}
		return nil
	})
}
