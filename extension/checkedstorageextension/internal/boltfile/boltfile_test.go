package boltfile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/spanwarden/spanwarden/extension/checkedstorageextension/internal/seal"
)

// shapes are databases as the collector leaves them.
var shapes = map[string]func(dice *rand.Rand) [][]entry{
	"new":          func(*rand.Rand) [][]entry { return nil },
	"empty bucket": func(*rand.Rand) [][]entry { return [][]entry{{}} },
	"small":        func(*rand.Rand) [][]entry { return [][]entry{{{"meta", 20}, {"snapshot", 300}}} },
	"many small": func(*rand.Rand) [][]entry {
		all := make([]entry, 0, 3000)
		for i := range cap(all) {
			all = append(all, entry{fmt.Sprintf("k/%05d", i*7919%3000), 40})
		}
		return [][]entry{all}
	},
	"queue": func(dice *rand.Rand) (out [][]entry) {
		for i := range 400 {
			out = append(out, []entry{{QueueKey, 45}, {strconv.Itoa(i), dice.IntN(9000)}})
			if i > 50 {
				out = append(out, []entry{{QueueKey, 45}, {strconv.Itoa(i - 50), -1}})
			}
		}
		return out
	},
	"large values": func(dice *rand.Rand) (out [][]entry) {
		for i := range 20 {
			out = append(out, []entry{{strconv.Itoa(i), 100_000 + dice.IntN(200_000)}})
		}
		return out
	},
}

// entry is a key with a value of so many bytes; below 0 it is deleted. The
// metadata of a queue holds so many items.
type entry struct {
	key  string
	size int
}

func (e entry) value() []byte {
	if e.key == QueueKey {
		return queueMeta(0, uint64(e.size))
	}
	return bytes.Repeat([]byte(e.key[:1]), e.size)
}

// build writes a database, a commit for each group of entries.
func build(tb testing.TB, commits [][]entry) []byte {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	require.NoError(tb, err)
	for _, commit := range commits {
		require.NoError(tb, db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(Bucket))
			for _, e := range commit {
				if err == nil && e.size < 0 {
					err = b.Delete([]byte(e.key))
				} else if err == nil {
					err = b.Put([]byte(e.key), seal.Seal(e.value()))
				}
			}
			return err
		}))
	}
	require.NoError(tb, db.Close())
	raw, err := os.ReadFile(path)
	require.NoError(tb, err)
	return raw
}

func TestWholeFilesAreWhole(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			raw := build(t, shape(rand.New(rand.NewPCG(1, 2))))
			report, err := Salvage(bytes.NewReader(raw), int64(len(raw)))
			require.NoError(t, err)
			assert.Zero(t, report.Damages, report.Texts)
			live := map[string]int{}
			for _, commit := range shape(rand.New(rand.NewPCG(1, 2))) {
				for _, e := range commit {
					live[e.key] = e.size
					if e.size < 0 {
						delete(live, e.key)
					}
				}
			}
			got := map[string]int{}
			for _, p := range report.Pairs {
				value, err := p.Value(bytes.NewReader(raw))
				require.NoError(t, err)
				value, err = seal.Open(value, true)
				require.NoError(t, err, p.Key)
				got[p.Key] = len(value)
				if p.Key == QueueKey {
					got[p.Key] = live[p.Key]
				}
			}
			assert.Equal(t, live, got)
		})
	}
	report, err := Check(strings.NewReader(""), 0)
	require.NoError(t, err)
	assert.Zero(t, report.Damages, "an empty file becomes a database")
}

// What Check passes bbolt can work with: it neither panics nor reads what is not
// there. (Were that wrong, a goroutine of bbolt's ends this test.)
func TestWhatPassesWorks(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			raw := build(t, shape(rand.New(rand.NewPCG(1, 2))))
			dice := rand.New(rand.NewPCG(3, 4))
			found := 0
			for range 60 {
				bad := bytes.Clone(raw)
				spoil(dice, bad)
				if dice.IntN(10) == 0 {
					bad = bad[:dice.IntN(len(bad))]
				}
				report, err := Check(bytes.NewReader(bad), int64(len(bad)))
				if err != nil || report.Damages > 0 {
					found++
					continue
				}
				use(t, bad)
			}
			assert.Positive(t, found)
		})
	}
}

// spoil changes a few bytes, mostly at the beginning of pages, where it hurts.
func spoil(dice *rand.Rand, raw []byte) {
	for range 1 + dice.IntN(4) {
		at := dice.IntN(len(raw))
		if dice.IntN(2) == 0 {
			at = at/4096*4096 + dice.IntN(64)
		}
		raw[min(at, len(raw)-1)] ^= byte(1 + dice.IntN(255))
	}
}

func use(t *testing.T, raw []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, Timeout: time.Second})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	total := 0
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(Bucket))
		if err != nil {
			return err
		}
		for k, v := b.Cursor().First(); k != nil; k, v = b.Cursor().Seek(append(bytes.Clone(k), 0)) {
			total += len(v)
		}
		if err := b.Put([]byte("5"), make([]byte, 5000)); err != nil {
			return err
		}
		return b.Delete([]byte("7"))
	}))
}

func TestSalvage(t *testing.T) {
	const items = 200
	commits := make([][]entry, 0, items)
	for i := range items {
		commits = append(commits, []entry{{QueueKey, i + 1}, {strconv.Itoa(i), 3000}})
	}
	raw := build(t, commits)
	for name, c := range map[string]struct {
		spoil func(raw []byte)
		least int // items that must be found
	}{
		"nothing":          {func([]byte) {}, items},
		"both meta pages":  {func(raw []byte) { clear(raw[:8192]) }, items},
		"newer meta page":  {func(raw []byte) { clear(raw[4096*(items%2) : 4096*(items%2)+4096]) }, items},
		"one data page":    {func(raw []byte) { clear(raw[len(raw)/2/4096*4096:][:4096]) }, items - 4},
		"cut in half":      {func(raw []byte) { clear(raw[len(raw)/2:]) }, items / 3},
		"every tenth page": {func(raw []byte) { every(raw, 10) }, items * 7 / 10},
	} {
		t.Run(name, func(t *testing.T) {
			bad := bytes.Clone(raw)
			c.spoil(bad)
			report, err := Salvage(bytes.NewReader(bad), int64(len(bad)))
			require.NoError(t, err)
			assert.Equal(t, name != "nothing", report.Damages > 0 || name == "one data page", report.Texts)

			path := filepath.Join(t.TempDir(), "db")
			carried, err := Rewrite(path, bytes.NewReader(bad), &report)
			require.NoError(t, err)
			assert.True(t, carried.Queue)
			assert.GreaterOrEqual(t, carried.Entries, c.least)
			again, err := os.ReadFile(path)
			require.NoError(t, err)
			report, err = Check(bytes.NewReader(again), int64(len(again)))
			require.NoError(t, err)
			assert.Zero(t, report.Damages, report.Texts)
			use(t, again)
		})
	}
}

func every(raw []byte, n int) {
	for at := 2 * 4096; at+4096 <= len(raw); at += n * 4096 {
		clear(raw[at : at+4096])
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte("no database"))
	f.Add(make([]byte, 3*4096))
	f.Fuzz(func(t *testing.T, raw []byte) {
		report, err := Salvage(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		for _, p := range report.Pairs {
			_, _ = p.Value(bytes.NewReader(raw)) // must not panic
		}
	})
}
