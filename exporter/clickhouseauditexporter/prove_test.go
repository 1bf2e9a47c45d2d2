package clickhouseauditexporter

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// A proof holds when the log has grown, when the content of the action was erased
// and when the row itself is gone; one that is made later does, too.
func TestProofsOutliveWhatTheyProve(t *testing.T) {
	s := storetest.Start(t)
	r := newReal(t, s, "proofs", func(c *Config) {
		c.Content.Enabled, c.Content.Secret = true, "0123456789abcdef"
	})
	instances.Lock()
	e := instances.byConfig[r.cfg]
	instances.Unlock()
	td := calls(0, 5)
	spanOf(td, 1).Attributes().PutStr("gen_ai.tool.call.arguments", "a secret")
	r.send(td)
	opts, err := audit.ParseDSN(s.URL() + "/proofs")
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	var id string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT lower(hex(action_id)) FROM actions WHERE row_ix = 1").Scan(&id))
	prove := func() string {
		p, err := verify.Prove(t.Context(), conn, id)
		require.NoError(t, err)
		text, err := p.Text()
		require.NoError(t, err)
		return text
	}
	first := prove()
	r.send(calls(5, 5))
	require.NoError(t, e.ledger.beat(t.Context(), tlog.Heartbeat))
	second := prove()
	require.Equal(t, "1", r.ask("SELECT toString(count()) FROM {db}.content WHERE body = 'a secret'"))
	require.NoError(t, conn.Exec(t.Context(), "TRUNCATE TABLE content"))
	third := prove()
	require.NoError(t, conn.Exec(t.Context(), "TRUNCATE TABLE actions"))
	_, err = verify.Prove(t.Context(), conn, id)
	require.ErrorIs(t, err, verify.ErrNotFound)

	keys, err := tlog.Keys(publicKey(t, r.cfg.Integrity.Directory))
	require.NoError(t, err)
	for i, text := range []string{first, second, third} {
		p, err := tlog.ParseProof([]byte(text))
		require.NoError(t, err)
		leaf, at, err := p.Check(note.VerifierList(keys...))
		require.NoError(t, err, i)
		assert.Equal(t, uint64(1), leaf.Seq)
		assert.Equal(t, int64([]int{2, 4, 4}[i]), at.Size)
		assert.Equal(t, id, verify.Field(p, "action_id"))
		for i := range p.Fields {
			assert.NotContains(t, p.Fields[i].Value, "a secret")
		}
	}
}
