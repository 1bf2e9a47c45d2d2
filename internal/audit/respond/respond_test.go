package respond

import (
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
	"github.com/spanwarden/spanwarden/internal/audit/oplog"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

var t0 = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func fired(tenant, id string, at time.Time) audit.FindingRow {
	return audit.FindingRow{
		Tenant: tenant, ID: id, Type: "budget.halt", Severity: "critical", State: "firing", Message: "halted", Key: "k",
		Stated: uint64(at.UnixNano()), TS: at.UnixNano(), Observer: at.UnixNano(), TSQuality: "ok",
	}
}

func TestAnswersToFindings(t *testing.T) {
	dsn := storetest.Start(t).Database(t)
	opts, err := audit.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database, Retention: "none"})
	require.NoError(t, err)
	sender := insert.New(opts, opts.Auth.Database, insert.None)
	t.Cleanup(sender.Close)
	log, err := oplog.Open(t.Context(), conn, opts, oplog.Options{Directory: t.TempDir(), By: "dan", Command: "test", Wait: time.Minute})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close(t.Context())) })
	fire := func(rows ...audit.FindingRow) {
		block, err := audit.EncodeFindings(rows)
		require.NoError(t, err)
		require.NoError(t, sender.Insert(t.Context(), block))
	}
	fire(fired("acme", "abcd01", t0), fired("acme", "abcd02", t0), fired("acme", "abcd0", t0), fired("one", "twice", t0), fired("two", "twice", t0))

	for id, want := range map[string]error{"ffff": ErrNotFound, "abcd": ErrAmbiguous, "twice": ErrAmbiguous, "": nil, "abc": nil} {
		_, err := Find(t.Context(), conn, id)
		require.Error(t, err, id)
		if want != nil {
			require.ErrorIs(t, err, want, id)
			assert.ErrorContains(t, err, id)
		}
	}
	f, err := Find(t.Context(), conn, "abcd0")
	require.NoError(t, err, "the very id wins")
	assert.Equal(t, "abcd0", f.ID)

	f, err = Find(t.Context(), conn, "abcd01")
	require.NoError(t, err)
	ack := Answer{State: audit.Acknowledged, By: "dan", Reason: "looking", Ticket: "T-1"}
	at, err := Record(t.Context(), log, &f, &ack, t0.Add(-time.Hour))
	require.NoError(t, err)
	assert.True(t, at.After(t0), "an answer is the last word though the clock runs late")
	f, err = Find(t.Context(), conn, "abcd01")
	require.NoError(t, err)
	assert.Equal(t, audit.Acknowledged, f.State)

	closing := Answer{State: audit.Closed, By: "dan", Reason: "done"}
	_, err = Record(t.Context(), log, &f, &closing, t0.Add(time.Hour))
	require.NoError(t, err)
	f, err = Find(t.Context(), conn, "abcd01")
	require.NoError(t, err)
	_, err = Record(t.Context(), log, &f, &closing, t0.Add(2*time.Hour))
	require.ErrorIs(t, err, ErrClosed)
	assert.ErrorContains(t, err, "by dan")

	fire(fired("acme", "abcd01", t0.Add(3*time.Hour)))
	f, err = Find(t.Context(), conn, "abcd01")
	require.NoError(t, err)
	assert.Equal(t, "firing", f.State, "it opens again when it fires")
	var events uint64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM finding_events WHERE finding_id = 'abcd01'").Scan(&events))
	assert.Equal(t, uint64(4), events, "nothing was changed")
}

func TestAnswerIsComplete(t *testing.T) {
	a := Answer{State: "ignored", Reason: " "}
	err := a.Validate()
	for _, want := range []string{`"ignored"`, "by: missing", "reason: missing"} {
		assert.ErrorContains(t, err, want)
	}
}
