package journal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sumnote "golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// encoded is a batch of the content n, as of a time.
func encoded(n, observed byte) *audit.Encoded {
	return &audit.Encoded{Table: "actions", Rows: 3, Digest: [32]byte{n, observed}, Seal: &audit.Seal{Digest: [32]byte{n, observed}, HashVersion: 1, Hint: strconv.Itoa(int(n))}}
}

func openIn(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(Options{Directory: dir, Host: "a host/1", Detail: map[string]string{"x": "y"}}, now)
	require.NoError(t, err)
	return j
}

func TestSteps(t *testing.T) {
	dir := t.TempDir()
	j := openIn(t, dir)
	assert.True(t, j.NewKey)
	assert.False(t, j.Recovered)
	w := j.Writer()
	step := func(b *audit.Encoded, observed int64, want Step, at int64) {
		t.Helper()
		got, when, err := j.Begin(b, &Attempt{Writer: w, Observed: observed, First: observed, Now: now.UnixNano()})
		require.NoError(t, err)
		assert.Equal(t, want, got)
		if want == Again {
			assert.Equal(t, at, when)
		}
	}
	step(encoded(1, 1), 100, Insert, 0)
	step(encoded(1, 2), 200, Again, 100) // a retry, as of another time
	step(encoded(1, 1), 100, Insert, 0)
	assert.Empty(t, j.Unsettled(now.UnixNano()+1), "somebody is at it")
	require.NoError(t, j.Commit(encoded(1, 1), now))
	require.NoError(t, j.Commit(encoded(1, 1), now), "the other push of it")
	assert.Equal(t, int64(2), j.Size(), "one leaf")
	step(encoded(1, 3), 300, Again, 100)
	step(encoded(1, 1), 100, Known, 0)
	step(encoded(2, 1), 100, Insert, 0)
	j.Fail(encoded(2, 1))
	require.Len(t, j.Unsettled(now.UnixNano()+1), 1)
	assert.Empty(t, j.Unsettled(now.UnixNano()))
	require.NoError(t, j.Settle(j.Unsettled(now.UnixNano() + 1)[0].Content, false, now))
	step(encoded(2, 9), 900, Insert, 0) // forgotten
	got, _, err := j.Begin(encoded(3, 1), &Attempt{Writer: audit.Writer{ID: w.ID, Epoch: 1}})
	require.NoError(t, err)
	assert.Equal(t, Foreign, got)

	other := openIn(t, dir)
	assert.NotEqual(t, w.ID, other.Writer().ID, "the folder is shared, the log is not")
	assert.Equal(t, j.Public, other.Public)
	assert.False(t, other.NewKey)
	require.NoError(t, other.Close())
	require.NoError(t, j.Append(tlog.Stop, nil, now))
	require.NoError(t, j.Close())
	j = openIn(t, dir)
	assert.Equal(t, w, j.Writer())
	assert.False(t, j.Recovered)
	step(encoded(1, 3), 300, Again, 100)
	step(encoded(1, 1), 100, Known, 0)
	require.NoError(t, j.Restart(now))
	assert.Greater(t, j.Writer().Epoch, w.Epoch)
	require.NoError(t, j.Close())
}

// Batches with one hint are told apart by their digests, and none is taken for
// another.
func TestHintsThatCollide(t *testing.T) {
	j := openIn(t, t.TempDir())
	w := j.Writer()
	other := encoded(1, 1)
	asOf := map[int64]byte{100: 9, 200: 8} // its digest, as of two times
	begin := func(b *audit.Encoded, at int64, tried ...int64) (Step, int64) {
		if b == other {
			b.Seal = &audit.Seal{Digest: [32]byte{asOf[at]}, Hint: "1"}
		}
		step, when, err := j.Begin(b, &Attempt{Writer: w, Observed: at, First: map[bool]int64{true: 200, false: 100}[b == other], Tried: tried, Now: now.UnixNano()})
		require.NoError(t, err)
		return step, when
	}
	step, _ := begin(encoded(1, 1), 100)
	assert.Equal(t, Insert, step)
	step, at := begin(other, 200)
	assert.Equal(t, Again, step)
	assert.Equal(t, int64(100), at)
	step, at = begin(other, 100, 100) // as of that time it is still another
	assert.Equal(t, Again, step)
	assert.Equal(t, int64(200), at, "so it bears its own")
	step, _ = begin(other, 200, 100, 200)
	assert.Equal(t, Insert, step)
	require.NoError(t, j.Commit(other, now))
	require.NoError(t, j.Commit(encoded(1, 1), now))
	assert.Equal(t, int64(3), j.Size())
	step, _ = begin(other, 200, 100, 200)
	assert.Equal(t, Known, step)
	step, _ = begin(encoded(1, 1), 100)
	assert.Equal(t, Known, step)
	require.NoError(t, j.Close())
}

// Whatever a crash leaves of the log file, the journal is what the whole lines say,
// and goes on from there without a second history.
func TestEveryTornLog(t *testing.T) {
	dir := t.TempDir()
	j := openIn(t, dir)
	w, r := j.Writer(), rand.New(rand.NewPCG(3, 4))
	roots := map[int64]tlog.Hash{}
	note := func() {
		c, _, err := j.Checkpoint()
		require.NoError(t, err)
		roots[c.Size] = c.Root
	}
	note()
	for i := range 40 {
		b := encoded(byte(r.IntN(12)), byte(i))
		step, _, err := j.Begin(b, &Attempt{Writer: w, Observed: int64(i), First: int64(i), Now: now.UnixNano()})
		require.NoError(t, err)
		if step == Insert {
			if r.IntN(3) == 0 {
				j.Fail(b)
			} else {
				require.NoError(t, j.Commit(b, now))
				note()
			}
		}
		if r.IntN(5) == 0 {
			j.Count(tlog.Counters{Received: 1})
			require.NoError(t, j.Append(tlog.Heartbeat, map[string]string{"peer_0": "x"}, now))
		}
		if r.IntN(7) == 0 {
			require.NoError(t, j.Sent(w, uint64(j.Size()-1)))
		}
		note()
	}
	log, err := os.ReadFile(filepath.Join(j.dir, fileLog))
	require.NoError(t, err)
	left := t.TempDir()
	require.NoError(t, os.CopyFS(left, os.DirFS(dir)))
	require.NoError(t, os.Remove(filepath.Join(left, "0", filePlace)), "as if it had not been copied")
	file, snap := filepath.Join(left, "0", fileLog), filepath.Join(left, "0", fileSnapshot)
	before, err := os.ReadFile(snap)
	require.NoError(t, err)
	for cut := 0; cut <= len(log); cut += 1 + r.IntN(97) {
		require.NoError(t, os.WriteFile(file, log[:cut], 0o600))
		require.NoError(t, os.WriteFile(snap, before, 0o600))
		again := openIn(t, left)
		c, signed, err := again.Checkpoint()
		require.NoError(t, err)
		if c.Size > 0 { // the empty one has no root of its own
			require.Equal(t, roots[c.Size], c.Root, "cut at %d", cut)
		}
		leaves := int64(bytes.Count(log[:bytes.LastIndexByte(log[:cut], '\n')+1], []byte(`"leaf":`)))
		require.Equal(t, leaves, c.Size, "every whole line counts")
		keys, err := tlog.Keys(again.Public)
		require.NoError(t, err)
		opened, err := tlog.Open(signed, sumnote.VerifierList(keys...))
		require.NoError(t, err)
		require.Equal(t, c, opened)
		require.NoError(t, again.Append(tlog.Recover, nil, now))
		for _, l := range again.Unsent(1000) {
			require.Less(t, l.Seq, uint64(again.Size()))
		}
		require.NoError(t, again.Close())
		third := openIn(t, left)
		require.Equal(t, c.Size+1, third.Size())
		require.NoError(t, third.Close())
	}
	require.NoError(t, j.Close())
}

func TestFaults(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileKey), []byte("x\ny\n"), 0o600))
	_, err := Open(Options{Directory: dir}, now)
	assert.ErrorContains(t, err, "key file "+filepath.Join(dir, fileKey))
	file := filepath.Join(t.TempDir(), "k")
	private, _, err := tlog.NewKey("a")
	require.NoError(t, err)
	_, public, err := tlog.NewKey("a")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "%s\n%s\n", private, public), 0o600))
	_, err = Open(Options{Directory: t.TempDir(), KeyFile: file}, now)
	assert.ErrorContains(t, err, "must be the public key of the first")
}

// A disk that fails, for want of room say, and is mended: nothing counts that was
// not written, and the journal goes on by itself.
func TestDiskThatFailsForAWhile(t *testing.T) {
	dir := t.TempDir()
	j := openIn(t, dir)
	require.NoError(t, j.wal.Close())
	blocked := filepath.Join(j.dir, fileSnapshot+".new")
	require.NoError(t, os.Mkdir(blocked, 0o700), "no snapshot can be written either")
	for range 2 {
		require.Error(t, j.Append(tlog.Heartbeat, nil, now))
		_, _, err := j.Begin(encoded(1, 1), &Attempt{Writer: j.Writer()})
		require.Error(t, err)
		require.Equal(t, int64(1), j.Size(), "nothing was written")
	}
	require.NoError(t, os.Remove(blocked))
	require.NoError(t, j.Append(tlog.Heartbeat, nil, now))
	w, size := j.Writer(), j.Size()
	require.Equal(t, int64(2), size)
	require.NoError(t, j.Close())
	again := openIn(t, dir)
	assert.Equal(t, w, again.Writer())
	assert.Equal(t, size, again.Size())
	assert.Empty(t, again.Fresh)
}

// Whichever byte of a file is changed: the journal opens, and either it is what
// was written or a new log begins that says why. The old file is kept.
func TestEveryFlippedByte(t *testing.T) {
	dir := t.TempDir()
	j := openIn(t, dir)
	for i := range byte(8) {
		b := encoded(i, i)
		_, _, err := j.Begin(b, &Attempt{Writer: j.Writer(), Observed: int64(i), First: int64(i), Now: now.UnixNano()})
		require.NoError(t, err)
		require.NoError(t, j.Commit(b, now))
		if i == 4 {
			require.NoError(t, j.compact())
		}
	}
	whole, _, err := j.Checkpoint()
	require.NoError(t, err)
	fresh := 0
	for _, name := range []string{fileSnapshot, fileLog} {
		raw, err := os.ReadFile(filepath.Join(j.dir, name))
		require.NoError(t, err)
		for at := 0; at < len(raw); at += 31 {
			left := t.TempDir()
			require.NoError(t, os.CopyFS(left, os.DirFS(dir)))
			require.NoError(t, os.Remove(filepath.Join(left, "0", filePlace)), "as if it had not been copied")
			spoilt := bytes.Clone(raw)
			spoilt[at] ^= 0x15
			require.NoError(t, os.WriteFile(filepath.Join(left, "0", name), spoilt, 0o600))
			again := openIn(t, left)
			c, _, err := again.Checkpoint()
			require.NoError(t, err)
			if again.Fresh != "" {
				fresh++
				kept, err := os.ReadFile(filepath.Join(left, "0", name+".old"))
				require.NoError(t, err)
				require.Equal(t, spoilt, kept)
				require.Greater(t, c.Epoch, whole.Epoch-1)
				require.Equal(t, int64(1), c.Size, "a log of its own")
				require.Contains(t, again.Unsent(1)[0].Detail, "fresh")
			} else {
				require.LessOrEqual(t, c.Size, whole.Size, "%s: byte %d", name, at)
				require.Equal(t, whole.Epoch, c.Epoch)
			}
			require.NoError(t, again.Close())
		}
	}
	assert.Positive(t, fresh)
	require.NoError(t, j.Close())
}

// A copy of the folder writes a log of its own, under a name of its own; the
// original goes on.
func TestCopiedFolder(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	j := openIn(t, dir)
	w := j.Writer()
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	twin := openIn(t, copied)
	assert.NotEqual(t, w.ID, twin.Writer().ID)
	assert.Equal(t, j.Public, twin.Public, "the key is the same")
	assert.Equal(t, "the folder was copied here", twin.Fresh)
	name := twin.Writer()
	require.NoError(t, twin.Close())
	require.NoError(t, j.Close())
	for place, want := range map[string]audit.Writer{dir: w, copied: name} {
		again := openIn(t, place)
		assert.Equal(t, want, again.Writer())
		assert.Empty(t, again.Fresh)
		require.NoError(t, again.Close())
	}
}

// What a log tells of its writer is told again where it is different, also by
// another process and after the journal was compacted.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	j := openIn(t, dir)
	require.NoError(t, j.Settings(map[string]string{"x": "y"}, now), "as the first leaf says")
	assert.Equal(t, int64(1), j.Size())
	for n, c := range []struct {
		settings, leaf map[string]string
	}{
		{map[string]string{"x": "z", "new": "1"}, map[string]string{"x": "z", "new": "1"}},
		{map[string]string{"x": "z", "new": "1"}, nil},
		{map[string]string{"x": "z", "new": "2"}, map[string]string{"new": "2"}},
		{map[string]string{"x": "y"}, map[string]string{"x": "y"}},
		{map[string]string{"x": "y", "new": "2"}, nil},
	} {
		before := j.Size()
		require.NoError(t, j.Settings(c.settings, now))
		if c.leaf == nil {
			assert.Equal(t, before, j.Size(), n)
		} else {
			leaves := j.Unsent(100)
			last := &leaves[len(leaves)-1]
			assert.Equal(t, tlog.ConfigChange, last.Kind)
			assert.Equal(t, c.leaf, last.Detail)
		}
		if n%2 == 0 { // as after a crash: the log is read again
			require.NoError(t, j.wal.Close())
			require.NoError(t, j.held.Close())
		} else {
			require.NoError(t, j.Close())
		}
		j = openIn(t, dir)
	}
	require.NoError(t, j.Close())
}
