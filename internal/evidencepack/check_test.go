package evidencepack_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/internal/evidencepack"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// sums are SHA256SUMS of the files as they are: what somebody writes who alters a
// pack and knows how it is checked.
func sums(files fstest.MapFS) {
	var b strings.Builder
	for name, f := range files {
		if name != "SHA256SUMS" {
			b.WriteString(evidence.Digest(string(f.Data)) + "  " + name + "\n")
		}
	}
	files["SHA256SUMS"] = &fstest.MapFile{Data: []byte(b.String())}
}

func TestWhatWasAlteredShows(t *testing.T) {
	s := scope(t)
	made, whole := made(t, &s)
	const rows, manifest = "answers/ev_exceptions/answer.jsonl", "answers/ev_exceptions/manifest.json"
	replace := func(files fstest.MapFS, name, old, by string) {
		files[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(files[name].Data), old, by, 1))}
	}
	for name, c := range map[string]struct {
		alter func(fstest.MapFS)
		want  string
	}{
		"a cell":               {func(f fstest.MapFS) { replace(f, rows, "script", "skript") }, rows + ": was altered"},
		"a file is gone":       {func(f fstest.MapFS) { delete(f, rows) }, rows + ": is missing"},
		"a file is added":      {func(f fstest.MapFS) { f["answers/x"] = &fstest.MapFile{Data: []byte("x")} }, "answers/x: was added"},
		"a cell and its sum":   {func(f fstest.MapFS) { replace(f, rows, "script", "skript"); sums(f) }, "answer.jsonl: its SHA-256, and the result's"},
		"the query":            {func(f fstest.MapFS) { replace(f, "answers/ev_exceptions/query.sql", "SELECT", "select"); sums(f) }, "query.sql: its SHA-256"},
		"the manifest's state": {func(f fstest.MapFS) { replace(f, manifest, "observed_exceptions", "observed_fine"); sums(f) }, "the state of the answer's manifest"},
		"the report":           {func(f fstest.MapFS) { replace(f, "report.html", "Exceptions", "Fine"); sums(f) }, "report.html: its SHA-256 is not the one of manifest.json"},
		"a checkpoint":         {func(f fstest.MapFS) { replace(f, "checkpoints.json", `"note": "note"`, `"note": "nope"`); sums(f) }, "the digest is not that of the note"},
		"a row is gone": {func(f fstest.MapFS) {
			_, rest, _ := strings.Cut(string(f[rows].Data), "\n")
			f[rows] = &fstest.MapFile{Data: []byte(rest)}
			sums(f)
		}, "answer.jsonl: its lines"},
	} {
		files := made.fs()
		c.alter(files)
		checked, err := evidencepack.Check(files, nil)
		require.NoError(t, err, name)
		assert.Contains(t, strings.Join(checked.Wrong, "\n"), c.want, name)
	}
	checked, err := evidencepack.Check(made.fs(), nil)
	require.NoError(t, err)
	assert.Empty(t, checked.Wrong)
	assert.Equal(t, whole.ResultDigest, checked.Digest)
	assert.Equal(t, whole.Rows, checked.Files)

	for name, alter := range map[string]func(fstest.MapFS){
		"no sums":         func(f fstest.MapFS) { delete(f, "SHA256SUMS") },
		"sums of nothing": func(f fstest.MapFS) { f["SHA256SUMS"] = &fstest.MapFile{Data: []byte("x")} },
		"a path outside":  func(f fstest.MapFS) { replace(f, "SHA256SUMS", "  answers", "  ../answers") },
		"another format":  func(f fstest.MapFS) { replace(f, "manifest.json", `"format": 1`, `"format": 2`) },
		"no manifest":     func(f fstest.MapFS) { f["manifest.json"] = &fstest.MapFile{Data: []byte("{")} },
	} {
		files := made.fs()
		alter(files)
		_, err := evidencepack.Check(files, nil)
		assert.Error(t, err, name)
	}
}

func TestCheckpointsAreHeldAgainstKeys(t *testing.T) {
	private, public, err := tlog.NewKey("k")
	require.NoError(t, err)
	signer, err := note.NewSigner(private)
	require.NoError(t, err)
	keys, err := tlog.Keys(public)
	require.NoError(t, err)
	_, stranger, err := tlog.NewKey("s")
	require.NoError(t, err)
	strangers, err := tlog.Keys(stranger)
	require.NoError(t, err)
	c := tlog.Checkpoint{Writer: "w1", Epoch: 1, Size: 7}
	signed, err := c.Sign(signer)
	require.NoError(t, err)

	s := scope(t)
	s.Checkpoints = []evidence.Checkpoint{{Log: "w1/1", Size: 7, Root: c.Root.String(), Digest: evidence.Digest(signed), Note: signed}}
	files, _ := made(t, &s)
	checked, err := evidencepack.Check(files.fs(), keys)
	require.NoError(t, err)
	assert.Empty(t, checked.Wrong)
	assert.Equal(t, []string{"w1/1"}, checked.Signed)
	checked, err = evidencepack.Check(files.fs(), strangers)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(checked.Wrong, "\n"), "signed by none of the keys given")
	s.Checkpoints[0].Size = 8
	files, _ = made(t, &s)
	checked, err = evidencepack.Check(files.fs(), keys)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(checked.Wrong, "\n"), "says something else than what was signed")
}

// Folder and zip hold the same, replace nothing, and leave nothing behind where a
// pack does not come about.
func TestSinks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p.zip")
	write := func(sink evidencepack.Sink) {
		w, err := sink.Create("a/b.txt")
		require.NoError(t, err)
		_, err = w.Write([]byte("text"))
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	var before []byte
	for range 2 {
		z, err := evidencepack.NewZip(path, now)
		require.NoError(t, err)
		write(z)
		require.NoError(t, z.Finish())
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		if before != nil {
			assert.Equal(t, before, raw, "the same pack is the same file")
		}
		before = raw
		_, err = evidencepack.NewZip(path, now)
		require.ErrorContains(t, err, "is there already")
		r, err := zip.OpenReader(path)
		require.NoError(t, err)
		assert.Equal(t, "a/b.txt", r.File[0].Name)
		require.NoError(t, r.Close())
		require.NoError(t, os.Remove(path))
	}
	folder := filepath.Join(dir, "p")
	d, err := evidencepack.NewDir(folder)
	require.NoError(t, err)
	write(d)
	require.NoError(t, d.Finish())
	raw, err := os.ReadFile(filepath.Join(folder, "a", "b.txt"))
	require.NoError(t, err)
	assert.Equal(t, "text", string(raw))
	_, err = evidencepack.NewDir(folder)
	require.ErrorContains(t, err, "is there already")

	d, err = evidencepack.NewDir(filepath.Join(dir, "q"))
	require.NoError(t, err)
	write(d)
	require.NoError(t, d.Abort())
	z, err := evidencepack.NewZip(path, now)
	require.NoError(t, err)
	require.NoError(t, z.Abort())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "only the folder")
}
