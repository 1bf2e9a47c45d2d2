package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/oplog"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// fire seals a finding, in the log of the operator.
func (s *sealedStore) fire(state, id string) {
	s.Helper()
	opts, err := storeOptions(s.dsn)
	require.NoError(s, err)
	log, err := oplog.Open(s.Context(), s.conn, opts, oplog.Options{Directory: filepath.Join(state, "operator"), Wait: time.Minute})
	require.NoError(s, err)
	at := time.Now().UnixNano()
	rows := []audit.FindingRow{{ID: id, Type: "budget.halt", Severity: "critical", State: "firing", Stated: uint64(at), TS: at, Observer: at, TSQuality: "ok"}}
	require.NoError(s, log.Insert(s.Context(), at, func(w audit.Writer) (*audit.Encoded, error) { return audit.SealFindings(w, rows) }))
	require.NoError(s, log.Close(s.Context()))
}

// What people answer is sealed: a store with answers verifies as one without, and an
// answer that is changed shows. Calls at the same time follow each other.
func TestAnswersAreSealed(t *testing.T) {
	store := storetest.Start(t)
	s := newSealedStore(t, store.Database(t))
	state := t.TempDir()
	s.fire(state, "abcd01")

	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), storetest.Binary(t), "finding", "ack", "abcd01", "--dsn", s.dsn, "--by", fmt.Sprint("p", i), "--reason", "looking")
			cmd.Env = append(os.Environ(), envState+"="+state)
			if out, err := cmd.CombinedOutput(); err != nil {
				errs[i] = fmt.Errorf("%w: %s", err, out)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	var answers uint64
	require.NoError(t, s.conn.QueryRow(t.Context(), "SELECT uniqExact(by_principal) FROM finding_events WHERE state = 'acknowledged' AND writer_id != ''").Scan(&answers))
	assert.Equal(t, uint64(6), answers)

	operator := filepath.Join(state, "operator")
	out, code := runCode(t, "verify", "--dsn", s.dsn, "--key", s.key)
	assert.Equal(t, int(verify.CannotTell), code, "whose log is it: %s", out)
	out, code = runCode(t, "verify", "--dsn", s.dsn, "--key", s.key, "--key", operator)
	require.Equal(t, int(verify.OK), code, out)
	assert.Contains(t, out, "of 2 logs", "one for all calls")

	require.NoError(t, s.conn.Exec(t.Context(), "ALTER TABLE finding_events UPDATE by_principal = 'p9' WHERE by_principal = 'p3' SETTINGS mutations_sync = 2"))
	out, code = runCode(t, "verify", "--dsn", s.dsn, "--key", s.key, "--key", operator)
	assert.Equal(t, int(verify.Tampered), code, out)
	assert.Contains(t, out, "rows_edited")
}

// Everything that a person does to the store by the command line is on record, and
// the store verifies after it.
func TestRetentionFromTheCommandLine(t *testing.T) {
	store := storetest.Start(t)
	s := newSealedStore(t, store.Database(t))
	state := t.TempDir()
	t.Setenv(envState, state)
	ask := func(args ...string) string {
		t.Helper()
		out, code := runCode(t, append(append([]string{"retention"}, args...), "--dsn", s.dsn)...)
		require.Zero(t, code, out)
		return out
	}
	refuse := func(want string, args ...string) {
		t.Helper()
		out, code := runCode(t, append(append([]string{"retention"}, args...), "--dsn", s.dsn)...)
		assert.Equal(t, 1, code, args)
		assert.Contains(t, out, want)
	}
	who := []string{"--by", "eve", "--reason", "r"}
	refuse("no collector's log promises one", "plan")
	refuse(`not "x"`, "plan", "--policy", "x")
	refuse("--before: want", "plan", "--policy", "soc2", "--before", "soon")
	assert.Regexp(t, `actions +\d{6} +3 .*keep`, ask("plan", "--policy", "soc2"))
	assert.Contains(t, ask("apply", "--policy", "soc2", "--dry-run"), "Policy soc2/400d.")
	_, err := os.Stat(filepath.Join(state, "operator"))
	require.ErrorIs(t, err, os.ErrNotExist, "nothing was written")

	refuse("matter: missing", append([]string{"hold", "place"}, who...)...)
	refuse("table: want", append([]string{"hold", "place", "--matter", "m", "--table", "x"}, who...)...)
	placed := ask(append([]string{"hold", "place", "--matter", "m", "--tenant", "acme", "--from", "2026-01-01"}, who...)...)
	id := regexp.MustCompile(`hold-[0-9a-f]{12}`).FindString(placed)
	require.NotEmpty(t, id, placed)
	assert.Contains(t, ask("hold", "list"), id)
	assert.Contains(t, ask("plan", "--policy", "soc2"), "A hold keeps content")
	refuse("no such hold", append([]string{"hold", "release", "hold-1"}, who...)...)
	ask(append([]string{"hold", "release", id}, who...)...)
	assert.NotContains(t, ask("hold", "list"), id)
	assert.Contains(t, ask("hold", "list", "--all"), "eve")
	ask("apply", "--policy", "soc2", "--format", "json")

	refuse("want a digest, a session or a principal", append([]string{"erase"}, who...)...)
	refuse("reason: missing", "erase", "--session", "s", "--by", "eve")
	assert.Contains(t, ask(append([]string{"erase", "--session", "s", "--dry-run"}, who...)...), "0 pieces of content would be erased")
	assert.Contains(t, ask(append([]string{"erase", "--session", "s"}, who...)...), "0 pieces of content erased")

	out, code := runCode(t, "verify", "--dsn", s.dsn, "--key", s.key, "--key", filepath.Join(state, "operator"))
	assert.Equal(t, int(verify.OK), code, out)

	out, code = runCode(t, "store", "migrate", "--roles", "--dsn", s.dsn)
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "the embedded engine has none")
}

func TestRolesArePrinted(t *testing.T) {
	out, code := runCode(t, "store", "migrate", "--roles", "--dry-run", "--database", "audit")
	require.Zero(t, code, out)
	assert.Contains(t, out, "GRANT INSERT ON `audit`.actions TO `audit_writer`;\n")
	assert.NotContains(t, out, "ON CLUSTER")
	out, code = runCode(t, "store", "migrate", "--roles", "--dry-run", "--cluster", "main")
	require.Zero(t, code, out)
	assert.Contains(t, out, "GRANT ON CLUSTER `main` SELECT ON `spanwarden`.actions_all TO `spanwarden_auditor`;\n")
}
