package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/catalogue"
	"github.com/spanwarden/spanwarden/evidence/sqlfile"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

func TestEvidenceIsListedAndShown(t *testing.T) {
	out, _, err := say(t, "evidence", "list", "--framework", "soc2", "--section", "b")
	require.NoError(t, err)
	assert.Contains(t, out, "ev_unattributed")
	assert.NotContains(t, out, "ev_ipe_manifest")
	out, _, err = say(t, "evidence", "list", "--control", "CC1.5")
	require.NoError(t, err)
	assert.Contains(t, out, "ev_unattributed")
	out, _, err = say(t, "evidence", "show", "unattributed")
	require.NoError(t, err)
	for _, want := range []string{"CC6.1", "ISO/IEC 27001", "period_start", "observed_fine", "CREATE OR REPLACE VIEW"} {
		assert.Contains(t, out, want)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"list", "--framework", "soc3"}, `"soc3"`},
		{[]string{"list", "--control", "CC99"}, `"CC99"`},
		{[]string{"list", "--section", "z"}, `"z"`},
		{[]string{"show", "nope"}, "ev_unattributed"},
		{[]string{"run", "unattributed", "--format", "xml"}, `"xml"`},
		{[]string{"run", "unattributed", "--from", "soon"}, `"soon"`},
		{[]string{"run", "unattributed", "--from", "now-1d", "--param", "period_start=now-2d"}, "period_start is given as --param as well"},
		{[]string{"run", "ipe_manifest", "--to", "now"}, "takes no period"},
		{[]string{"pack"}, "--out: missing"},
		{[]string{"pack", "--out", "x", "--to", "2200-01-01"}, "has not come yet"},
		{[]string{"pack", "--out", "x", "--from", "1990-01-01"}, "more than 3660 days"},
		{[]string{"pack", "--out", "x", "--anchors", "y"}, "without --key"},
		{[]string{"pack", "--out", "x", "--sample-size", "-1"}, "want numbers from 0"},
		{[]string{"pack", "--out", "x", "--framework", "z"}, `"z"`},
		{[]string{"pack", "--out", "x", "--now", "z"}, "--now"},
		{[]string{"pack", "--out", "x", "--now", "2200-01-01"}, "has not come yet"},
	} {
		_, _, err := say(t, append([]string{"evidence"}, c.args...)...)
		assert.ErrorContains(t, err, c.want, "%v", c.args)
	}
}

func TestEvidenceFromTheCommandLine(t *testing.T) {
	s := newSealedStore(t, storetest.Start(t).Database(t))
	dir := t.TempDir()
	ask := func(args ...string) (string, string) {
		t.Helper()
		out, errs, err := say(t, append(append([]string{"evidence"}, args...), "--dsn", s.dsn)...)
		require.NoError(t, err, args)
		return out, errs
	}
	out, errs := ask("run", "unattributed", "--from", "now-1h", "--format", "csv", "--by", "ann")
	lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	assert.Len(t, lines, 2)
	for _, want := range []string{"observed_exceptions: 1 rows. Each row is an exception.", "3 events were judged", "result sha256:"} {
		assert.Contains(t, errs, want)
	}
	out, errs = ask("run", "ipe_manifest", "--format", "json", "--by", "bob")
	assert.Empty(t, errs)
	var doc struct {
		evidence.Manifest
		Answer []map[string]any `json:"answer"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &doc))
	require.Len(t, doc.Answer, 1, "the run before is on record")
	assert.Equal(t, "ann", doc.Answer[0]["run_by"])
	assert.Equal(t, "bob", doc.RunBy)
	assert.Equal(t, 1, doc.Rows)
	require.Len(t, doc.Checkpoints, 1)
	assert.Equal(t, "w1/1", doc.Checkpoints[0].Log)
	assert.EqualValues(t, 3, doc.Checkpoints[0].Size)
	assert.Contains(t, doc.Answer[0]["checkpoint"], "w1/1 size 3 root "+doc.Checkpoints[0].Root+" note sha256:"+doc.Checkpoints[0].Digest)

	file := filepath.Join(dir, "x.parquet")
	ask("run", "evidence_access", "--from", "now-1h", "--format", "parquet", "--out", file)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	p, err := parquet.OpenFile(bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	assert.EqualValues(t, 2, p.NumRows())
	_, _, err = say(t, "evidence", "run", "evidence_access", "--out", file, "--dsn", s.dsn)
	require.ErrorContains(t, err, "file exists", "nothing is replaced")
	_, _, err = say(t, "evidence", "run", "ipe_manifest", "--max-rows", "1", "--dsn", s.dsn)
	require.ErrorContains(t, err, "more than 1 rows")

	require.NoError(t, s.conn.Exec(t.Context(), "RENAME TABLE evidence_runs TO kept"))
	_, errs = ask("run", "unattributed", "--from", "now-1h")
	assert.Contains(t, errs, "could not be written to the store", "who may not write gets the answer all the same")
	require.NoError(t, s.conn.Exec(t.Context(), "CREATE OR REPLACE VIEW ev_unattributed AS SELECT 1"))
	_, _, err = say(t, "evidence", "run", "unattributed", "--dsn", s.dsn)
	require.ErrorContains(t, err, "ev_unattributed of the store is of another version")
}

func TestEvidencePack(t *testing.T) {
	s := newSealedStore(t, storetest.Start(t).Database(t))
	dir := t.TempDir()
	pack := func(out string, more ...string) string {
		t.Helper()
		said, errs, err := say(t, append([]string{"evidence", "pack", "--dsn", s.dsn, "--from", "now-1d", "--out", filepath.Join(dir, out)}, more...)...)
		require.NoError(t, err, errs)
		return said + errs
	}
	_, _, err := say(t, "evidence", "run", "unattributed", "--dsn", s.dsn) // so that there is something to be read
	require.NoError(t, err)
	var now string
	require.NoError(t, s.conn.QueryRow(t.Context(), "SELECT toString(now64(3, 'UTC'))").Scan(&now))

	// The same store, period, seed and now: the same bytes. Questions about all time
	// answer as of when they are asked, and with them what tells of the whole.
	same := []string{"--framework", "iso42001", "--now", now, "--record=false", "--key", s.key, "--by", "ann"}
	said := pack("a.zip", same...)
	pack("b.zip", same...)
	first, closeFirst, err := openPack(filepath.Join(dir, "a.zip"))
	require.NoError(t, err)
	defer func() { _ = closeFirst() }()
	second, closeSecond, err := openPack(filepath.Join(dir, "b.zip"))
	require.NoError(t, err)
	defer func() { _ = closeSecond() }()
	files, err := fs.Glob(first, "answers/*/*")
	require.NoError(t, err)
	compared := 0
	for _, file := range files {
		q, err := catalogue.Get(strings.Split(file, "/")[1])
		require.NoError(t, err)
		if !slices.ContainsFunc(q.Params, func(p sqlfile.Param) bool { return p.Name == "period_end" }) {
			continue
		}
		a, err := fs.ReadFile(first, file)
		require.NoError(t, err)
		b, err := fs.ReadFile(second, file)
		require.NoError(t, err)
		assert.Equal(t, string(a), string(b), file)
		compared++
	}
	assert.Greater(t, compared, 8)
	assert.Contains(t, said, "verified: ok")

	told, code := runCode(t, "evidence", "check", filepath.Join(dir, "a.zip"), "--key", s.key)
	require.Zero(t, code, told)
	assert.Contains(t, told, "1 checkpoints are signed by the keys given")
	_, digest, _ := strings.Cut(said, "SHA256SUMS has ")
	assert.Contains(t, told, strings.Fields(digest)[0])

	// On record are every question and the pack, whose result is that of its sums.
	said = pack("c", "--framework", "iso42001")
	assert.Contains(t, said, "not verified")
	_, digest, _ = strings.Cut(said, "SHA256SUMS has sha256:")
	var kept string
	require.NoError(t, s.conn.QueryRow(t.Context(), "SELECT any(result_digest) FROM evidence_runs WHERE kind = 'pack' AND view = ''").Scan(&kept))
	assert.Equal(t, strings.TrimSpace(digest[:64]), kept)
	var asked, inPack uint64
	require.NoError(t, s.conn.QueryRow(t.Context(), "SELECT countIf(kind = 'pack' AND view != ''), uniqExactIf(pack_id, kind = 'pack') FROM evidence_runs").Scan(&asked, &inPack))
	assert.Positive(t, asked)
	assert.EqualValues(t, 1, inPack)

	page, err := os.ReadFile(filepath.Join(dir, "c", "report.html"))
	require.NoError(t, err)
	assert.True(t, strings.Contains(string(page), "Integrity: not verified")) //nolint:testifylint // the page would be printed
	require.NoError(t, os.WriteFile(filepath.Join(dir, "c", "report.html"), append(page, ' '), 0o600))
	told, code = runCode(t, "evidence", "check", filepath.Join(dir, "c"))
	assert.Equal(t, 1, code, told)
	assert.Contains(t, told, "WRONG report.html: was altered")
	_, code = runCode(t, "evidence", "check", dir)
	assert.Equal(t, 3, code)
	_, code = runCode(t, "evidence", "check", s.key)
	assert.Equal(t, 3, code)

	// What cannot be finished leaves nothing behind.
	_, _, err = say(t, "evidence", "pack", "--dsn", s.dsn, "--out", filepath.Join(dir, "d.zip"), "--framework", "iso27001", "--from", "now-1d", "--max-rows", "1", "--record=false")
	require.ErrorContains(t, err, "more than 1 rows")
	left, err := filepath.Glob(filepath.Join(dir, "*d.zip*"))
	require.NoError(t, err)
	assert.Empty(t, left)
	_, _, err = say(t, "evidence", "pack", "--dsn", s.dsn, "--out", filepath.Join(dir, "c"))
	require.ErrorContains(t, err, "is there already")
}
