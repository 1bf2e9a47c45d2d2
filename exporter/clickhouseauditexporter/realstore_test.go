package clickhouseauditexporter

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// realStore is one database of a real store, the exporter that writes to it and a
// connection to ask it.
type realStore struct {
	*testing.T
	cfg  *Config
	exp  exporter.Traces
	conn driver.Conn
}

func realConfig(t *testing.T, s *storetest.Store, database string) *Config {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.DSN, cfg.Database = configopaque.String(s.URL()), database
	cfg.DeadLetter.Directory, cfg.Integrity.Directory = t.TempDir(), t.TempDir()
	cfg.Retry.InitialInterval = 50 * time.Millisecond
	cfg.Retry.MaxInterval = 200 * time.Millisecond
	cfg.Queue = configoptional.None[exporterhelper.QueueBatchConfig]()
	return cfg
}

func (r *realStore) dsn() string { return string(r.cfg.DSN) + "/" + r.cfg.Database }

func newReal(t *testing.T, s *storetest.Store, database string, change func(*Config)) *realStore {
	t.Helper()
	cfg := realConfig(t, s, database)
	if change != nil {
		change(cfg)
	}
	opts, err := audit.ParseDSN(s.URL())
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	exp, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.NoError(t, exp.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() {
		assert.NoError(t, exp.Shutdown(context.Background()))
		assert.NoError(t, conn.Close())
	})
	return &realStore{t, cfg, exp, conn}
}

func (r *realStore) send(td ptrace.Traces) {
	r.Helper()
	require.NoError(r, r.exp.ConsumeTraces(r.Context(), td))
}

// ask returns the one text that a query answers; {db} is the database.
func (r *realStore) ask(query string) (answer string) {
	r.Helper()
	require.NoError(r, r.conn.QueryRow(r.Context(), strings.ReplaceAll(query, "{db}", r.cfg.Database)).Scan(&answer))
	return answer
}

func (r *realStore) exec(query string) {
	r.Helper()
	require.NoError(r, r.conn.Exec(r.Context(), strings.ReplaceAll(query, "{db}", r.cfg.Database)))
}

const evActions = "{db}.ev_actions(period_start='2000-01-01', period_end='2100-01-01')"

// calls returns n tool calls of one trace, numbered from first.
func calls(first, n int) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	start := time.Now()
	for i := range n {
		s := ss.Spans().AppendEmpty()
		s.SetName("execute_tool search")
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{1, byte((first + i) >> 8), byte(first + i)})
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start))
		s.Attributes().PutStr("gen_ai.operation.name", "execute_tool")
		s.Attributes().PutStr("gen_ai.tool.name", "search")
	}
	return td
}

func spanOf(td ptrace.Traces, i int) ptrace.Span {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(i)
}

func TestRealStore(t *testing.T) {
	s := storetest.Start(t)

	t.Run("a batch sent twice is stored once, unknown cost stays NULL", func(t *testing.T) {
		r := newReal(t, s, "twice", func(c *Config) { c.Retention = "sox" })
		td := calls(0, 3)
		spanOf(td, 0).Attributes().PutDouble(attr.CostUSD, 0.1)
		spanOf(td, 1).Attributes().PutDouble(attr.CostUSD, 0.2)
		link := spanOf(td, 2).Links().AppendEmpty()
		link.SetTraceID(pcommon.TraceID{9})
		link.Attributes().PutStr("role", "handed over")
		r.send(td)
		r.send(td)
		assert.Equal(t, "3", r.ask("SELECT toString(count()) FROM {db}.actions"))
		assert.Equal(t, "0.3", r.ask("SELECT toString(sum(cost_usd)) FROM {db}.actions"))
		assert.Equal(t, "1", r.ask("SELECT toString(countIf(cost_usd IS NULL)) FROM {db}.actions"))
		assert.Equal(t, "09000000000000000000000000000000 handed over",
			r.ask("SELECT link_trace_ids[1] || ' ' || link_attrs[1]['role'] FROM "+evActions+" WHERE notEmpty(link_trace_ids)"))
		assert.NotContains(t, r.ask("SELECT create_table_query FROM system.tables WHERE database = '{db}' AND name = 'actions'"), " TTL ")
	})

	t.Run("an agent known later", func(t *testing.T) {
		r := newReal(t, s, "later", nil)
		r.send(calls(0, 1))
		id := r.ask("SELECT lower(hex(action_id)) FROM {db}.actions")
		td := calls(1, 1)
		ev := spanOf(td, 0).Events().AppendEmpty()
		ev.SetName(attr.AttributionEvent)
		ev.Attributes().PutStr(attr.AttributionAction, id)
		ev.Attributes().PutStr(attr.AgentID, "planner")
		ev.Attributes().PutStr(attr.RunID, "t-s")
		ev.Attributes().PutStr(attr.ChainID, "c")
		ev.Attributes().PutInt(attr.ChainDepth, 2)
		ev.Attributes().PutStr(attr.DelegationID, "g")
		r.send(td)
		assert.Equal(t, "planner t-s c 2 g", r.ask("SELECT concat(agent_id, ' ', run_id, ' ', chain_id, ' ', toString(chain_depth), ' ', delegation_id) FROM "+
			evActions+" WHERE lower(hex(action_id)) = '"+id+"'"))
		assert.Equal(t, "1", r.ask("SELECT toString(countIf(chain_depth IS NULL)) FROM "+evActions), "of the other nothing is known")
		assert.Empty(t, r.ask("SELECT agent_id FROM {db}.actions WHERE lower(hex(action_id)) = '"+id+"'"), "the sealed row stays as it was")
	})

	t.Run("a dropped table is made again", func(t *testing.T) {
		r := newReal(t, s, "dropped", func(c *Config) { c.Retry.MaxElapsedTime = 2 * time.Second })
		r.send(calls(0, 1))
		r.exec("DROP TABLE {db}.actions")
		r.send(calls(1, 2))
		assert.Equal(t, "2", r.ask("SELECT toString(count()) FROM "+evActions))
	})

	t.Run("what the store never takes is put aside", func(t *testing.T) {
		r := newReal(t, s, "aside", nil)
		r.send(calls(0, 1))
		r.exec("ALTER TABLE {db}.actions DROP COLUMN span_name")
		r.send(calls(1, 1))
		text, err := os.ReadFile(filepath.Join(r.cfg.DeadLetter.Directory, deadTraces))
		require.NoError(t, err)
		assert.Equal(t, 1, strings.Count(string(text), "\n"))
		assert.Contains(t, string(text), "span_name")
		r.exec("ALTER TABLE {db}.actions ADD COLUMN span_name LowCardinality(String)")
		r.send(calls(2, 1))
		assert.Equal(t, "2", r.ask("SELECT toString(count()) FROM {db}.actions"))
	})

	t.Run("content is stored where it is wanted", func(t *testing.T) {
		for database, enabled := range map[string]bool{"content_on": true, "content_off": false} {
			r := newReal(t, s, database, func(c *Config) {
				c.Content = ContentConfig{Enabled: enabled, Secret: "0123456789abcdef"}
			})
			td := calls(0, 1)
			spanOf(td, 0).Attributes().PutStr("gen_ai.tool.call.arguments", `{"q":"x"}`)
			r.send(td)
			want := map[bool]string{true: `{"q":"x"}`, false: ""}[enabled]
			assert.Equal(t, want, r.ask("SELECT any(body) FROM {db}.content"))
			assert.Equal(t, "0", r.ask("SELECT toString(countIf(mapContains(attrs, 'gen_ai.tool.call.arguments'))) FROM {db}.actions"))
		}
	})

	t.Run("findings and what rides on settle spans", func(t *testing.T) {
		r := newReal(t, s, "findings", nil)
		logs, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), r.cfg)
		require.NoError(t, err)
		require.NoError(t, logs.Start(t.Context(), componenttest.NewNopHost()))
		t.Cleanup(func() { assert.NoError(t, logs.Shutdown(context.Background())) })
		ld := plog.NewLogs()
		records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		f := finding.New(finding.BudgetHalt, "acme", "budget/usd", "usd", "s1")
		f.Message, f.At, f.Observed = "Session s1 was halted.", time.Now(), finding.Known(87)
		require.NoError(t, f.ToLog(records.AppendEmpty(), f.At))
		require.NoError(t, logs.ConsumeLogs(t.Context(), ld))
		f.State, f.At = finding.Resolved, f.At.Add(time.Second)
		require.NoError(t, f.ToLog(records.AppendEmpty(), f.At))
		records.AppendEmpty().SetEventName("user.login")
		require.NoError(t, logs.ConsumeLogs(t.Context(), ld)) // the first once more, in another batch
		assert.Equal(t, "3", r.ask("SELECT toString(count()) FROM {db}.finding_events"))
		assert.Equal(t, "resolved 1 87", r.ask("SELECT concat(state, ' ', toString(fired), ' ', toString(observed_value)) FROM {db}.findings"))
		dead, _ := deadLetters(t, r.cfg.DeadLetter.Directory)
		assert.Equal(t, map[string][]string{deadLogs: {"not_a_finding 1"}}, dead)
		assert.Equal(t, "not_a_finding logs.jsonl 1",
			r.ask("SELECT concat(detail['reason'], ' ', detail['dead_letter'], ' ', detail['items']) FROM {db}.ledger_batches WHERE entry_kind = 'void'"))

		td := calls(0, 1)
		settled := finding.SettleSpans(td, pcommon.NewResource())
		require.NoError(t, f.AddSettled(settled))
		ev := settled.At(0).Events().AppendEmpty()
		ev.SetName(attr.DelegationRunEvent)
		ev.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		ev.Attributes().PutStr(attr.RunID, "t-s")
		settled.At(0).Events().AppendEmpty().SetName(attr.DelegationChainEvent) // says nothing
		r.send(td)
		assert.Equal(t, "search", r.ask("SELECT arrayStringConcat(groupArray(tool_name), ',') FROM {db}.actions"), "a settle span is no action")
		assert.Equal(t, "t-s", r.ask("SELECT any(run_id) FROM {db}.runs"))
		dead, _ = deadLetters(t, r.cfg.DeadLetter.Directory)
		assert.Equal(t, []string{"invalid_record 1"}, dead[deadTraces])
	})

	t.Run("two migrate at once, and again", func(t *testing.T) {
		r := newReal(t, s, "together", func(c *Config) { c.CreateSchema = false })
		opts := audit.Options{Database: "together"}
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				_, err := audit.Migrate(t.Context(), r.conn, opts)
				assert.NoError(t, err)
			})
		}
		both.Wait()
		applied, err := audit.Migrate(t.Context(), r.conn, opts)
		require.NoError(t, err)
		assert.Empty(t, applied)
	})

	t.Run("a store that is down and comes back", func(t *testing.T) {
		s.Kill()
		r := newReal(t, s, "down", func(c *Config) {
			queue := exporterhelper.NewDefaultQueueConfig()
			c.Queue = configoptional.Some(queue)
		})
		const batches, size = 40, 25
		for i := range batches {
			r.send(calls(i*size, size))
			switch i {
			case batches / 4:
				s.Restart()
			case batches / 2:
				s.Kill()
			case batches * 3 / 4:
				s.Restart()
			}
		}
		require.Eventually(t, func() bool {
			var n uint64
			err := r.conn.QueryRow(t.Context(), "SELECT count() FROM "+strings.ReplaceAll(evActions, "{db}", "down")).Scan(&n)
			return err == nil && n == batches*size
		}, time.Minute, 100*time.Millisecond)
		assert.Equal(t, "1000", r.ask("SELECT toString(uniqExact(span_id)) FROM "+evActions))
	})
}
