package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// runCode returns what the command line prints and its exit code.
func runCode(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	old := exit
	defer func() { exit = old }()
	exit = func(c int) { code = c }
	var text bytes.Buffer
	root := newRootCommand()
	root.SetOut(&text)
	root.SetErr(&text)
	root.SetArgs(args)
	if err := root.ExecuteContext(t.Context()); err != nil {
		return text.String() + err.Error(), 1
	}
	return text.String(), code
}

// sealedStore is a store with a log of one batch of three actions, which ended.
type sealedStore struct {
	*testing.T
	dsn, key string
	conn     driver.Conn
}

func newSealedStore(t *testing.T, dsn string) *sealedStore {
	t.Helper()
	opts, err := audit.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database, Retention: "none"})
	require.NoError(t, err)
	sender := insert.New(opts, opts.Auth.Database, insert.None)
	t.Cleanup(sender.Close)
	file := filepath.Join(t.TempDir(), "k")
	_, code := runCode(t, "keys", "new", file, "--name", "test")
	require.Zero(t, code)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	private, _, _ := strings.Cut(string(raw), "\n")
	signer, err := note.NewSigner(private)
	require.NoError(t, err)

	e := audit.NewEncoder(audit.Limits{}, audit.Content{})
	w := audit.Writer{ID: "w1", Epoch: 1}
	e.SealFor(w)
	leaves := append(make([]tlog.Leaf, 0, 3), tlog.Leaf{Kind: tlog.Genesis})
	_, err = e.Encode(threeSpans(), time.Now(), func(b *audit.Encoded) error {
		leaves = append(leaves, tlog.Leaf{
			Kind: tlog.Batch, Table: b.Table, Rows: uint32(b.Rows), Digest: b.Seal.Digest, HashVersion: b.Seal.HashVersion, MinTS: b.Seal.MinTS, MaxTS: b.Seal.MaxTS,
		})
		return sender.Insert(t.Context(), b)
	})
	require.NoError(t, err)
	leaves = append(leaves, tlog.Leaf{Kind: tlog.Stop})
	var tree tlog.Tree
	signed := make([]audit.SignedLeaf, 0, len(leaves))
	for i := range leaves {
		l := leaves[i]
		l.Writer, l.Epoch, l.Seq, l.SealedAt = w.ID, w.Epoch, uint64(i), time.Now().UnixMilli()
		tree.Append(l.Hash())
		c := tlog.Checkpoint{Writer: w.ID, Epoch: w.Epoch, Size: tree.Size(), Root: tree.Root()}
		text, err := c.Sign(signer)
		require.NoError(t, err)
		signed = append(signed, audit.SignedLeaf{Leaf: l, Note: text})
	}
	block, err := audit.EncodeLeaves(signed)
	require.NoError(t, err)
	require.NoError(t, sender.Insert(t.Context(), block))
	return &sealedStore{t, dsn, file + ".pub", conn}
}

func threeSpans() ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for i := range 3 {
		s := ss.Spans().AppendEmpty()
		s.SetName("execute_tool search\xff")
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{1, byte(i)})
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.Attributes().PutStr("gen_ai.operation.name", "execute_tool")
		s.Attributes().PutStr("gen_ai.tool.name", "search")
	}
	return td
}

func TestVerifyAndProve(t *testing.T) {
	store := storetest.Start(t)
	s := newSealedStore(t, store.Database(t))

	out, code := runCode(t, "verify", "--dsn", s.dsn, "--key", s.key)
	require.Equal(t, int(verify.OK), code, out)
	assert.Contains(t, out, "OK: 3 rows in 1 batches of 1 logs")
	var result string
	require.NoError(t, s.conn.QueryRow(t.Context(), "SELECT concat(result, ' ', toString(rows)) FROM ledger_verifications").Scan(&result))
	assert.Equal(t, "ok 3", result, "it is on record")

	var id string
	require.NoError(t, s.conn.QueryRow(t.Context(), "SELECT lower(hex(action_id)) FROM actions WHERE row_ix = 1").Scan(&id))
	proof := filepath.Join(t.TempDir(), "proof.json")
	out, code = runCode(t, "prove", "--dsn", s.dsn, "--action", id)
	require.Zero(t, code, out)
	require.NoError(t, os.WriteFile(proof, []byte(out), 0o600))
	assert.True(t, strings.HasPrefix(out, "c2sp.org/tlog-proof@v1\nextra "), out)
	out, code = runCode(t, "prove", "check", proof, "--key", s.key)
	require.Zero(t, code, out)
	out, code = runCode(t, "prove", "--dsn", s.dsn, "--action", id, "--out", proof, "--format", "json")
	require.Zero(t, code, out)
	out, code = runCode(t, "prove", "check", proof, "--key", s.key)
	require.Zero(t, code, out)
	assert.Contains(t, out, `tool_name: "search"`)
	assert.Contains(t, out, `action_id: "`+id+`"`)
	s.badProofs(proof)

	require.NoError(t, s.conn.Exec(t.Context(), "ALTER TABLE actions UPDATE outcome = 'x' WHERE row_ix = 1 SETTINGS mutations_sync = 2"))
	out, code = runCode(t, "verify", "--dsn", s.dsn, "--key", s.key, "--format", "json", "--record=false")
	require.Equal(t, int(verify.Tampered), code, out)
	var report verify.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Len(t, report.Issues, 1)
	assert.Equal(t, "rows_edited", report.Issues[0].Kind)
	out, code = runCode(t, "prove", "--dsn", s.dsn, "--action", id, "--out", proof)
	require.Zero(t, code, out)
	out, code = runCode(t, "prove", "check", proof, "--key", s.key)
	assert.Equal(t, int(verify.Tampered), code, out)
}

func (s *sealedStore) badProofs(proof string) {
	s.Helper()
	raw, err := os.ReadFile(proof)
	require.NoError(s, err)
	for name, change := range map[string][2]string{
		"a value":            {`"search"`, `"delete"`},
		"the name of a cell": {`"name": "tool_name"`, `"name": "tool_type"`},
	} {
		bad := filepath.Join(s.TempDir(), "bad.json")
		require.NoError(s, os.WriteFile(bad, []byte(strings.Replace(string(raw), change[0], change[1], 1)), 0o600))
		out, code := runCode(s.T, "prove", "check", bad, "--key", s.key)
		assert.Equal(s, int(verify.Tampered), code, "%s: %s", name, out)
	}
	stranger := filepath.Join(s.TempDir(), "k")
	_, code := runCode(s.T, "keys", "new", stranger)
	require.Zero(s, code)
	out, code := runCode(s.T, "prove", "check", proof, "--key", stranger+".pub")
	assert.Equal(s, int(verify.CannotTell), code, out)
	out, code = runCode(s.T, "verify", "--dsn", s.dsn, "--key", stranger+".pub")
	assert.Equal(s, int(verify.Tampered), code, out)
	assert.Contains(s, out, "nothing in the store is signed by the key spanwarden+")
}

func TestVerifyThatCannotTell(t *testing.T) {
	store := storetest.Start(t)
	dsn := store.Database(t)
	key := filepath.Join(t.TempDir(), "k")
	out, code := runCode(t, "keys", "new", key)
	require.Zero(t, code, out)
	shown, _ := runCode(t, "keys", "show", filepath.Dir(key))
	assert.Equal(t, out, shown)
	again, code := runCode(t, "keys", "new", key)
	assert.Equal(t, 1, code, "a key is never replaced: %s", again)
	for name, args := range map[string][]string{
		"no key":         {"--dsn", dsn},
		"no such key":    {"--dsn", dsn, "--key", "/nowhere/x.pub"},
		"no such anchor": {"--dsn", dsn, "--key", key, "--anchors", "/nowhere"},
		"no store":       {"--dsn", "http://127.0.0.1:1/x", "--key", key},
		"no tables":      {"--dsn", dsn, "--key", key},
		"no format":      {"--dsn", dsn, "--key", key, "--format", "x"},
	} {
		out, code := runCode(t, append([]string{"verify"}, args...)...)
		assert.Equal(t, int(verify.CannotTell), code, "%s: %s", name, out)
		assert.Contains(t, out, "could not check", name)
	}
	_, err := runCode(t, "store", "migrate", "--dsn", dsn)
	require.Zero(t, err)
	out, code = runCode(t, "verify", "--dsn", dsn, "--key", key)
	assert.Equal(t, int(verify.CannotTell), code, out)
	assert.Contains(t, out, "the store has no ledger")
}

// A key is rotated in two steps, and no key is ever lost by it.
func TestKeysRotate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	old, code := runCode(t, "keys", "new", file)
	require.Zero(t, code, old)
	out, code := runCode(t, "keys", "rotate", file, "--finish")
	assert.Equal(t, 1, code, out)
	assert.Contains(t, out, "no rotation is under way")
	next, code := runCode(t, "keys", "rotate", file, "--name", "second")
	require.Zero(t, code, next)
	out, code = runCode(t, "keys", "rotate", file)
	assert.Equal(t, 1, code, out)
	assert.Contains(t, out, "a rotation is under way")
	shown, _ := runCode(t, "keys", "show", file)
	assert.Equal(t, old, shown, "it counts until the rotation ends")
	out, code = runCode(t, "keys", "rotate", file, "--finish")
	require.Zero(t, code, out)
	shown, _ = runCode(t, "keys", "show", file)
	assert.Equal(t, next, shown)
	shown, _ = runCode(t, "keys", "show", file+".old")
	assert.Equal(t, old, shown)
	shown, _ = runCode(t, "keys", "show", filepath.Dir(file))
	assert.Equal(t, next, shown, "the only public key there")
	_, code = runCode(t, "keys", "rotate", file)
	require.Zero(t, code)
	out, code = runCode(t, "keys", "rotate", file, "--finish")
	assert.Equal(t, 1, code, out)
	assert.Contains(t, out, "move it to where you keep old keys")
}

// The program that auditors are given, which shares no code with this one, says the
// same of a store as verify does, from the store and from files.
func TestVerifyIndependently(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	s := newSealedStore(t, storetest.Start(t).Database(t))
	at := strings.LastIndexByte(s.dsn, '/')
	run := func(args ...string) (string, int) {
		cmd := exec.CommandContext(t.Context(), python, append([]string{"-B", "../../docs/independent/verify.py"}, args...)...)
		raw, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			require.NoError(t, err)
		}
		return string(raw), cmd.ProcessState.ExitCode()
	}
	store := []string{"--url", s.dsn[:at], "--database", s.dsn[at+1:]}
	out, code := run(append([]string{"verify", "--key", s.key}, store...)...)
	require.Zero(t, code, out)
	assert.Contains(t, out, "3 rows in 1 batches of 1 logs: all as signed")
	s.fromFiles(run)
	out, code = run(append([]string{"verify"}, store...)...)
	assert.Equal(t, int(verify.CannotTell), code, out)
	other := filepath.Join(t.TempDir(), "k")
	_, code = runCode(t, "keys", "new", other)
	require.Zero(t, code)
	out, code = run(append([]string{"verify", "--key", other + ".pub"}, store...)...)
	assert.Equal(t, int(verify.Tampered), code, out)
	assert.Contains(t, out, "signed by none of the keys given")
	for what, sql := range map[string]string{
		"3 rows, not those 3 that were sealed": "ALTER TABLE actions UPDATE outcome = 'x' WHERE row_ix = 1 SETTINGS mutations_sync = 2",
		"1 rows that no leaf tells of":         "INSERT INTO actions (tenant_id, ts, span_id) VALUES ('', now64(9), 'ffff')",
	} {
		require.NoError(t, s.conn.Exec(t.Context(), sql))
		out, code = run(append([]string{"verify", "--key", s.key}, store...)...)
		assert.Equal(t, int(verify.Tampered), code, out)
		assert.Contains(t, out, what)
	}
	require.NoError(t, s.conn.Exec(t.Context(), "ALTER TABLE ledger_batches UPDATE leaf = replaceOne(leaf, 'rows 3', 'rows 2') WHERE seq = 1 SETTINGS mutations_sync = 2"))
	out, code = run(append([]string{"verify", "--key", s.key}, store...)...)
	assert.Equal(t, int(verify.Tampered), code, out)
	assert.Contains(t, out, "leaf 1 is not the one that was signed")
}

// fromFiles verifies the answers to the queries that the program prints.
func (s *sealedStore) fromFiles(run func(...string) (string, int)) {
	s.Helper()
	dir := s.TempDir()
	queries, code := run("queries")
	require.Zero(s, code, queries)
	for part := range strings.SplitSeq(queries, ";\n") {
		name, query, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(part), "-- ")), "\n")
		if !ok {
			continue
		}
		at := strings.LastIndexByte(s.dsn, '/')
		answer, err := http.Post(s.dsn[:at]+"/?database="+s.dsn[at+1:], "text/plain", strings.NewReader(query))
		require.NoError(s, err)
		raw, err := io.ReadAll(answer.Body)
		require.NoError(s, err)
		require.NoError(s, answer.Body.Close())
		require.Equal(s, http.StatusOK, answer.StatusCode, string(raw))
		require.NoError(s, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	out, code := run("verify", "--key", s.key, "--from", dir)
	require.Zero(s, code, out)
	assert.Contains(s, out, "3 rows in 1 batches of 1 logs: all as signed")
}
