package retention

import (
	"context"
	"errors"
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

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
	"github.com/spanwarden/spanwarden/internal/audit/journal"
	"github.com/spanwarden/spanwarden/internal/audit/oplog"
	"github.com/spanwarden/spanwarden/internal/audit/sealing"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// now is when everything in these tests happens; rows are older.
var now = time.Now().UTC()

// day is the noon of a date.
func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t.Add(12 * time.Hour)
}

// scene is a store with a collector that seals, and an operator.
type scene struct {
	*testing.T
	conn      driver.Conn
	collector sealing.Link
	log       *oplog.Session
	k         *Keeper
	said      []string
	spans     int
}

func newScene(t *testing.T, store *storetest.Store) *scene {
	t.Helper()
	opts, err := audit.ParseDSN(store.Database(t))
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	_, err = audit.Migrate(t.Context(), conn, audit.Options{Database: opts.Auth.Database})
	require.NoError(t, err)
	j, err := journal.Open(journal.Options{Directory: t.TempDir(), Host: "collector", Detail: map[string]string{
		"retention": "soc2", "retention_days": "400", "expiry": "recorded",
	}}, now)
	require.NoError(t, err)
	sender := insert.New(opts, opts.Auth.Database, insert.None)
	t.Cleanup(func() {
		sender.Close()
		assert.NoError(t, j.Close())
	})
	s := &scene{T: t, conn: conn, collector: sealing.Link{Conn: conn, Sender: sender, Journal: j, Table: func(name string) string { return name }}}
	s.log, err = oplog.Open(t.Context(), conn, opts, oplog.Options{Directory: t.TempDir(), By: "dan", Command: "test", Wait: time.Minute})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.log.Close(context.WithoutCancel(t.Context()))) })
	s.k, err = Open(t.Context(), conn)
	require.NoError(t, err)
	return s
}

// span is one action that the collector stores.
type span struct {
	at                                  time.Time
	tenant, session, principal, content string
}

// store seals a batch of actions.
func (s *scene) store(spans ...span) {
	s.Helper()
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	var observed time.Time // times that are long after it would be replaced
	for _, sp := range spans {
		if sp.at.After(observed) {
			observed = sp.at
		}
		s.spans++
		one := ss.Spans().AppendEmpty()
		one.SetName("execute_tool search")
		one.SetTraceID(pcommon.TraceID{1})
		one.SetSpanID(pcommon.SpanID{2, byte(s.spans >> 8), byte(s.spans)})
		one.SetStartTimestamp(pcommon.NewTimestampFromTime(sp.at))
		one.SetEndTimestamp(pcommon.NewTimestampFromTime(sp.at.Add(time.Second)))
		a := one.Attributes()
		a.PutStr("gen_ai.operation.name", "execute_tool")
		a.PutStr("gen_ai.tool.name", "search")
		for k, v := range map[string]string{attr.TenantID: sp.tenant, attr.SessionID: sp.session, attr.PrincipalID: sp.principal, "gen_ai.tool.call.arguments": sp.content} {
			if v != "" {
				a.PutStr(k, v)
			}
		}
	}
	e := audit.NewEncoder(audit.Limits{}, audit.Content{Enabled: true, Secret: []byte("0123456789abcdef")})
	e.SealFor(s.collector.Journal.Writer())
	_, err := e.Encode(td, observed, func(b *audit.Encoded) error {
		if b.Seal == nil {
			return s.collector.Sender.Insert(s.Context(), b)
		}
		return s.collector.Insert(s.Context(), b, observed.UnixNano(), now)
	})
	require.NoError(s, err)
	require.NoError(s, s.collector.Flush(s.Context()))
}

func (s *scene) work() *Work {
	return &Work{
		Policy: Policy{Name: "soc2", Days: 400}, By: "dan", Now: func() time.Time { return now },
		Progress: func(text string) { s.said = append(s.said, text) },
	}
}

func (s *scene) apply() map[string]string {
	s.Helper()
	plan, err := s.k.Apply(s.Context(), s.log, s.work())
	require.NoError(s, err)
	return states(plan)
}

func (s *scene) plan() map[string]string {
	s.Helper()
	w := s.work()
	plan, err := s.k.Plan(s.Context(), &w.Policy, w.Before, now)
	require.NoError(s, err)
	return states(plan)
}

func states(plan *Plan) map[string]string {
	out := map[string]string{}
	for _, p := range plan.Partitions {
		out[p.Table+" "+p.Partition] = p.State
	}
	return out
}

func (s *scene) verify(want verify.Result) *verify.Report {
	s.Helper()
	keys := make([]note.Verifier, 0, 2)
	for _, text := range []string{s.collector.Journal.Public, s.log.Public} {
		some, err := tlog.Keys(text)
		require.NoError(s, err)
		keys = append(keys, some...)
	}
	report, err := verify.Run(s.Context(), s.conn, verify.Options{Keys: keys, Now: now})
	require.NoError(s, err)
	var text strings.Builder
	require.NoError(s, report.Text(&text))
	require.Equal(s, want, report.Result, text.String())
	return report
}

func (s *scene) ask(query string) string {
	s.Helper()
	var out string
	require.NoError(s, s.conn.QueryRow(s.Context(), query).Scan(&out))
	return out
}

func (s *scene) exec(sql string) {
	s.Helper()
	require.NoError(s, s.conn.Exec(s.Context(), sql))
}

func (s *scene) rows() string {
	return s.ask("SELECT toString(groupArray((m, n))) FROM (SELECT toYYYYMM(ts) AS m, count() AS n FROM actions GROUP BY m ORDER BY m)")
}

var errCrash = errors.New("crashed")

// crashing is a log that takes so many calls and then no more.
type crashing struct {
	Log
	calls int
	then  func() // before it fails; nil fails
}

func (c *crashing) next() error {
	c.calls--
	if c.calls < 0 {
		return errCrash
	}
	return nil
}

func (c *crashing) Insert(ctx context.Context, observed int64, encode func(audit.Writer) (*audit.Encoded, error)) error {
	if err := c.next(); err != nil {
		return err
	}
	err := c.Log.Insert(ctx, observed, encode)
	if c.then != nil {
		c.then()
		c.then = nil
	}
	return err
}

func (c *crashing) Append(ctx context.Context, kind string, detail map[string]string) error {
	if err := c.next(); err != nil {
		return err
	}
	return c.Log.Append(ctx, kind, detail)
}

func (s *scene) hold(h Hold) string {
	s.Helper()
	h.Matter, h.By, h.Reason = "Doe v. Acme", "eve", "litigation"
	if h.Table == "" {
		h.Table = audit.All
	}
	if h.Tenant == "" {
		h.Tenant = audit.All
	}
	id, err := s.k.Place(s.Context(), s.log, &h, now)
	require.NoError(s, err)
	return id
}

func (s *scene) release(id string) {
	s.Helper()
	require.NoError(s, s.k.Release(s.Context(), s.log, id, "eve", "settled", now))
}

func (s *scene) saidAll() string { return strings.Join(s.said, "\n") }
