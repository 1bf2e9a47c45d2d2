package journal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sumnote "golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

func newKeyFile(t *testing.T, file string) (public string) {
	t.Helper()
	private, public, err := tlog.NewKey("k")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(private+"\n"+public+"\n"), 0o600))
	return public
}

// signers are who signed each leaf, as far as these keys go.
func signers(t *testing.T, j *Journal, publics ...string) (out []int) {
	t.Helper()
	for _, l := range j.Unsent(100) {
		who := -1
		for i, p := range publics {
			keys, err := tlog.Keys(p)
			require.NoError(t, err)
			if _, err := tlog.Open(l.Note, sumnote.VerifierList(keys...)); err == nil {
				who = i
			}
		}
		out = append(out, who)
	}
	return out
}

// The old key signs the leaf that names the new one and nothing after it, whether
// the writer runs or was away.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	first := newKeyFile(t, file)
	j := openIn(t, dir)
	rotated, err := j.Rotate(now)
	require.NoError(t, err)
	assert.False(t, rotated)
	second := newKeyFile(t, file+NextKey)
	rotated, err = j.Rotate(now)
	require.NoError(t, err)
	assert.True(t, rotated)
	assert.Equal(t, second, j.Public)
	require.NoError(t, j.Append(tlog.Heartbeat, nil, now))
	assert.Equal(t, []int{0, 0, 1}, signers(t, j, first, second))
	leaf := j.Unsent(100)[1]
	assert.Equal(t, tlog.KeyRotation, leaf.Kind)
	assert.Equal(t, map[string]string{"vkey": second, "old_vkey": first}, leaf.Detail)
	// It was away while the next rotation was begun and ended.
	require.NoError(t, j.Close())
	require.NoError(t, os.Rename(file+NextKey, file+OldKey))
	third := newKeyFile(t, file)
	j = openIn(t, dir)
	assert.Equal(t, second, j.Public, "the log goes on under its own key")
	rotated, err = j.Rotate(now)
	require.NoError(t, err)
	assert.True(t, rotated)
	require.NoError(t, j.Append(tlog.Heartbeat, nil, now))
	assert.Equal(t, []int{0, 0, 1, 1, 2}, signers(t, j, first, second, third))
	require.NoError(t, os.Remove(file))
	rotated, err = j.Rotate(now)
	require.NoError(t, err, "a key that was moved away is no reason to stop")
	assert.False(t, rotated)
	newKeyFile(t, file)
	require.NoError(t, os.Remove(file+OldKey))

	// The key of the log is gone: it cannot be handed over, and a new one begins.
	epoch := j.Writer().Epoch
	require.NoError(t, j.Close())
	j = openIn(t, dir)
	assert.NotEqual(t, epoch, j.Writer().Epoch)
	assert.Equal(t, "the key that signed the log is not there", j.Fresh)
	assert.Len(t, j.Unsent(100), 1)
	require.NoError(t, j.Close())
}

// A batch that never came to the store is said to be void.
func TestVoid(t *testing.T) {
	j := openIn(t, t.TempDir())
	b := encoded(1, 1)
	step, _, err := j.Begin(b, &Attempt{Writer: j.Writer(), Observed: 1, First: 1, Now: 1})
	require.NoError(t, err)
	require.Equal(t, Insert, step)
	j.Fail(b)
	require.NoError(t, j.Settle(b.Seal.Hint, false, now))
	leaves := j.Unsent(10)
	require.Len(t, leaves, 2)
	assert.Equal(t, tlog.Void, leaves[1].Kind)
	assert.Equal(t, "not_stored", leaves[1].Detail["reason"])
	assert.Equal(t, "3", leaves[1].Detail["rows"])
	require.NoError(t, j.Close())
}
