package verify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// people are who may sign: old and next are ours, thief is not.
type people map[string]person

type person struct {
	note.Signer
	public string
}

func newPeople(t *testing.T) people {
	t.Helper()
	all := people{}
	for _, name := range []string{"old", "next", "third", "thief"} {
		private, public, err := tlog.NewKey(name)
		require.NoError(t, err)
		signer, err := note.NewSigner(private)
		require.NoError(t, err)
		all[name] = person{signer, public}
	}
	return all
}

// log makes a log of words such as "old:genesis", "old:next" (old hands over to
// next) and "next:heartbeat".
func (p people) log(t *testing.T, words string) []audit.SignedLeaf {
	t.Helper()
	var tree tlog.Tree
	leaves := make([]audit.SignedLeaf, 0, 8)
	for i, word := range strings.Fields(words) {
		who, what, _ := strings.Cut(word, ":")
		l := tlog.Leaf{Writer: "w", Epoch: 1, Seq: uint64(i), Kind: what, SealedAt: time.Now().UnixMilli()}
		if to, ok := p[what]; ok {
			l.Kind, l.Detail = tlog.KeyRotation, map[string]string{"vkey": to.public}
		}
		tree.Append(l.Hash())
		c := tlog.Checkpoint{Writer: "w", Epoch: 1, Size: tree.Size(), Root: tree.Root()}
		signed, err := c.Sign(p[who])
		require.NoError(t, err)
		leaves = append(leaves, audit.SignedLeaf{Leaf: l, Note: signed})
	}
	return leaves
}

func TestRotations(t *testing.T) {
	opts, err := audit.ParseDSN(storetest.Start(t).Database(t))
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database, Retention: "none"})
	require.NoError(t, err)
	sender := insert.New(opts, opts.Auth.Database, insert.None)
	defer sender.Close()
	p := newPeople(t)
	for name, c := range map[string]struct{ log, keys, result, kinds string }{
		"no rotation":                   {"old:genesis old:stop", "old", "ok", ""},
		"followed":                      {"old:genesis old:next next:heartbeat next:stop", "old", "ok", ""},
		"followed twice":                {"old:genesis old:next next:third third:stop", "old", "ok", ""},
		"right at the end":              {"old:genesis old:heartbeat old:next", "old", "ok", ""},
		"by the new key alone":          {"old:genesis old:next next:stop", "next", "ok", ""},
		"by both":                       {"old:genesis old:next next:stop", "old next", "ok", ""},
		"by nobody who is known":        {"old:genesis old:next next:stop", "thief", "tampered", "signer_gone unknown_key"},
		"named by a thief":              {"old:genesis thief:thief thief:stop", "old", "tampered", "leaves_unsigned rotation_unsigned"},
		"a thief hands over to another": {"old:genesis thief:next next:stop", "old", "tampered", "leaves_unsigned rotation_unsigned"},
		"the old key signs on":          {"old:genesis old:next old:heartbeat old:stop", "old", "tampered", "leaves_unsigned"},
		"the old key signs on, by both": {"old:genesis old:next old:heartbeat old:stop", "old next", "tampered", "leaves_unsigned signer_gone"},
		"without a leaf that says so":   {"old:genesis next:heartbeat next:stop", "old", "tampered", "leaves_unsigned"},
		"thief after the new key":       {"old:genesis old:next next:heartbeat thief:stop", "old", "tampered", "leaves_unsigned"},
		"the retired key hands over":    {"old:genesis old:next old:thief thief:stop", "old", "tampered", "leaves_unsigned rotation_unsigned"},
	} {
		require.NoError(t, conn.Exec(t.Context(), "TRUNCATE TABLE ledger_batches"))
		block, err := audit.EncodeLeaves(p.log(t, c.log))
		require.NoError(t, err)
		require.NoError(t, sender.Insert(t.Context(), block))
		var keys []note.Verifier
		for who := range strings.FieldsSeq(c.keys) {
			some, err := tlog.Keys(p[who].public)
			require.NoError(t, err)
			keys = append(keys, some...)
		}
		report, err := verify.Run(t.Context(), conn, verify.Options{Keys: keys, Now: time.Now()})
		require.NoError(t, err)
		kinds := make([]string, 0, len(report.Issues))
		for _, i := range report.Issues {
			kinds = append(kinds, i.Kind)
		}
		slices.Sort(kinds)
		assert.Equal(t, c.kinds, strings.Join(slices.Compact(kinds), " "), name)
		assert.Equal(t, c.result, report.Word, name)
	}
}

// Where the server keeps a log of its queries, the report says who changed what.
func TestWhoChangedWhat(t *testing.T) {
	opts, err := audit.ParseDSN(storetest.Start(t).Database(t))
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database, Retention: "none"})
	require.NoError(t, err)
	notes := func() string {
		report, err := verify.Run(t.Context(), conn, verify.Options{Now: time.Now()})
		require.NoError(t, err)
		return strings.Join(report.Notes, "\n")
	}
	assert.Contains(t, notes(), "the server keeps no system.query_log")
	// The embedded engine keeps none; these are the columns of a server's that are read.
	require.NoError(t, conn.Exec(t.Context(), `CREATE TABLE system.query_log (event_time DateTime, type Enum8('QueryStart' = 1, 'QueryFinish' = 2), query_kind LowCardinality(String),
		user String, initial_user String, address IPv6, query String, databases Array(LowCardinality(String))) ENGINE = Memory`))
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO system.query_log SELECT '2026-11-25 12:00:00', 'QueryFinish', kind, 'mallory', '', '::ffff:10.0.0.7', concat(upper(kind), ' actions …'), [currentDatabase()]
		FROM (SELECT arrayJoin(['Delete', 'Select']) AS kind)`))
	assert.Contains(t, notes(), `2026-11-25T12:00:00Z: user "mallory" from ::ffff:10.0.0.7: "DELETE actions …"`)
	assert.NotContains(t, notes(), "SELECT")
}
