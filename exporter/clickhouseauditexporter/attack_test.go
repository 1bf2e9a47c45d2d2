package clickhouseauditexporter

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/anchor"
	"github.com/spanwarden/spanwarden/internal/audit/oplog"
	"github.com/spanwarden/spanwarden/internal/audit/respond"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// attack is one way of changing what the store says.
type attack struct {
	What      string        `yaml:"what"`
	SQL       []string      `yaml:"sql"`
	Rewrite   bool          `yaml:"rewrite"`
	NoAnchors bool          `yaml:"no_anchors"`
	Later     time.Duration `yaml:"later"`
	Answered  bool          `yaml:"answered"` // somebody answers to a finding first: {batch} and {seq} are of the answer
	Result    string        `yaml:"result"`
	Kinds     []string      `yaml:"kinds"`
	Batch     bool          `yaml:"batch"` // the first issue names the batch
	Seq       bool          `yaml:"seq"`   // the first issue names its leaf
}

// collector is an exporter with its instance and its folder.
type collector struct {
	exporter.Traces
	e *auditExporter
}

func collectorOf(t *testing.T, s *storetest.Store, database, dir, anchors string) *collector {
	t.Helper()
	cfg := realConfig(t, s, database)
	cfg.Integrity.Directory, cfg.Integrity.Anchors.Directory = dir, anchors
	exp, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.NoError(t, exp.Start(t.Context(), componenttest.NewNopHost()))
	instances.Lock()
	defer instances.Unlock()
	return &collector{exp, instances.byConfig[cfg]}
}

// scene is a store that two collectors wrote to, in order.
type scene struct {
	*realStore
	keys    string
	anchors string
	words   *strings.Replacer
	table   string // that is attacked
	batch   string
	seq     int64
	lastSeq int64
}

func newScene(t *testing.T, s *storetest.Store, database string) *scene {
	t.Helper()
	dir, anchors := t.TempDir(), t.TempDir()
	one := collectorOf(t, s, database, dir, anchors)
	two := collectorOf(t, s, database, dir, anchors)
	for i := range 3 {
		require.NoError(t, one.ConsumeTraces(t.Context(), calls(i*5, 5)))
	}
	require.NoError(t, two.ConsumeTraces(t.Context(), calls(100, 5)))
	require.NoError(t, two.e.ledger.beat(t.Context(), tlog.Heartbeat))
	require.NoError(t, one.e.ledger.beat(t.Context(), tlog.Heartbeat))
	writer, peer := one.e.ledger.writer(), two.e.ledger.writer()
	require.NotEqual(t, writer.ID, peer.ID, "one directory, two writers")
	require.NoError(t, one.Shutdown(t.Context()))
	require.NoError(t, two.Shutdown(t.Context()))
	key, err := os.ReadFile(filepath.Join(dir, "key.pub"))
	require.NoError(t, err)
	opts, err := audit.ParseDSN(s.URL())
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	sc := &scene{realStore: &realStore{T: t, cfg: realConfig(t, s, database), conn: conn}, keys: string(key), anchors: anchors, table: "actions"}
	leaf := func(column, order string) string {
		return sc.ask("SELECT toString(" + column + ") FROM {db}.ledger_batches WHERE entry_kind = 'batch' AND writer_id = '" + writer.ID + "' ORDER BY seq " + order + " LIMIT 1 OFFSET 1")
	}
	sc.batch = leaf("lower(hex(batch_id))", "")
	_, err = fmt.Sscan(leaf("seq", ""), &sc.seq)
	require.NoError(t, err)
	last := sc.ask("SELECT concat(lower(hex(batch_id)), ' ', toString(seq)) FROM {db}.ledger_batches WHERE entry_kind = 'batch' AND writer_id = '" + writer.ID + "' ORDER BY seq DESC LIMIT 1")
	id, seq, _ := strings.Cut(last, " ")
	_, err = fmt.Sscan(seq, &sc.lastSeq)
	require.NoError(t, err)
	sc.words = strings.NewReplacer("{db}", database, "{batch}", sc.batch, "{last}", id, "{last_seq}", seq, "{seq}", strconv.FormatInt(sc.seq, 10), "{partition}", sc.ask("SELECT toString(toYYYYMM(min(ts))) FROM {db}.actions"), "{writer}", writer.ID, "{peer}", peer.ID,
		"{span}", sc.ask("SELECT span_id FROM {db}.actions WHERE batch_id = unhex('"+sc.batch+"') AND row_ix = 2"))
	return sc
}

func (sc *scene) verify(later time.Duration, anchored bool) *verify.Report {
	sc.Helper()
	keys, err := tlog.Keys(sc.keys)
	require.NoError(sc, err)
	opts := verify.Options{Keys: keys, Now: time.Now().Add(later)}
	if anchored {
		opts.Anchors, _, err = anchor.Read(sc.Context(), sc.anchors, anchor.Limits{Now: opts.Now})
		require.NoError(sc, err)
		require.NotEmpty(sc, opts.Anchors)
	}
	options, err := audit.ParseDSN(sc.dsn())
	require.NoError(sc, err)
	conn, err := clickhouse.Open(options)
	require.NoError(sc, err)
	defer func() { assert.NoError(sc, conn.Close()) }()
	report, err := verify.Run(sc.Context(), conn, opts)
	require.NoError(sc, err)
	return report
}

func TestAttacks(t *testing.T) {
	s := storetest.Start(t)
	files, err := filepath.Glob("testdata/attacks/*.yaml")
	require.NoError(t, err)
	shared := newScene(t, s, "attacked")
	shared.keep()
	for i, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			var a attack
			dec := yaml.NewDecoder(bytes.NewReader(raw))
			dec.KnownFields(true)
			require.NoError(t, dec.Decode(&a))
			if a.Answered || definition.MatchString(strings.Join(a.SQL, " ")) {
				own := newScene(t, s, fmt.Sprintf("attack_%d", i))
				if a.Answered {
					own.answer()
				}
				own.suffer(s, &a)
				return
			}
			shared.restore()
			here := *shared
			store := *shared.realStore
			store.T = t
			here.realStore = &store
			here.suffer(s, &a)
		})
	}
}

// definition is what changes more than rows: such an attack has a store of its own,
// which takes seconds to make.
var definition = regexp.MustCompile(`(?i)\b(VIEW|CREATE|DROP (TABLE|COLUMN)|RENAME|EXCHANGE|MODIFY)\b`)

// answer is a finding's and what somebody says to it, in two batches of a log of
// people.
func (sc *scene) answer() {
	sc.Helper()
	opts, err := audit.ParseDSN(sc.dsn())
	require.NoError(sc, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(sc, err)
	defer func() { assert.NoError(sc, conn.Close()) }()
	log, err := oplog.Open(sc.Context(), conn, opts, oplog.Options{Directory: sc.TempDir(), By: "dan", Command: "finding close", Wait: time.Minute})
	require.NoError(sc, err)
	at := time.Now().UnixNano()
	fired := []audit.FindingRow{{ID: "halted", Type: "budget.halt", Severity: "critical", State: "firing", TS: at, Observer: at, TSQuality: "ok"}}
	require.NoError(sc, log.Insert(sc.Context(), at, func(w audit.Writer) (*audit.Encoded, error) { return audit.SealFindings(w, fired) }))
	f, err := respond.Find(sc.Context(), conn, "halted")
	require.NoError(sc, err)
	_, err = respond.Record(sc.Context(), log, &f, &respond.Answer{State: audit.Closed, By: "dan", Reason: "paid"}, time.Now())
	require.NoError(sc, err)
	require.NoError(sc, log.Close(sc.Context()))
	sc.keys += log.Public
	sc.table = "finding_events"
	sc.batch = sc.ask("SELECT lower(hex(batch_id)) FROM {db}.finding_events WHERE by_principal = 'dan'")
	_, err = fmt.Sscan(sc.ask("SELECT toString(seq) FROM {db}.ledger_batches WHERE batch_id = unhex('"+sc.batch+"')"), &sc.seq)
	require.NoError(sc, err)
	sc.words = strings.NewReplacer("{db}", sc.cfg.Database, "{batch}", sc.batch, "{seq}", strconv.FormatInt(sc.seq, 10))
}

const evidenceTables = " FROM system.tables WHERE database = '{db}' AND engine LIKE '%MergeTree' AND name NOT LIKE '.%'" +
	" AND name NOT IN ('schema_migrations', 'control_catalogue')"

// tables lists those that have rows, in a database.
func (sc *scene) tables(database string) []string {
	return strings.Fields(sc.ask("SELECT arrayStringConcat(groupArray(name), ' ')" + strings.ReplaceAll(evidenceTables, "{db}", database) + " AND total_rows > 0"))
}

// keep puts aside what the store holds; restore makes it hold that and nothing else.
func (sc *scene) keep() {
	sc.Helper()
	kept := sc.cfg.Database + "_kept"
	sc.exec("CREATE DATABASE " + kept)
	for _, table := range sc.tables(sc.cfg.Database) {
		sc.exec("CREATE TABLE " + kept + "." + table + " ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM {db}." + table)
	}
}

func (sc *scene) restore() {
	sc.Helper()
	for _, table := range sc.tables(sc.cfg.Database) {
		sc.exec("TRUNCATE TABLE {db}." + table)
	}
	kept := sc.cfg.Database + "_kept"
	for _, table := range sc.tables(kept) {
		if table != "agents" { // filled from actions
			sc.exec("INSERT INTO {db}." + table + " SELECT * FROM " + kept + "." + table + " SETTINGS insert_deduplicate = 0")
		}
	}
}

func (sc *scene) suffer(s *storetest.Store, a *attack) {
	sc.Helper()
	for _, sql := range a.SQL {
		sc.exec(sc.words.Replace(sql))
	}
	if a.Rewrite {
		for _, table := range []string{"actions", "ledger_batches", "ledger_checkpoints"} {
			sc.exec("TRUNCATE TABLE {db}." + table)
		}
		forger := collectorOf(sc.T, s, sc.cfg.Database, sc.TempDir(), "")
		require.NoError(sc, forger.ConsumeTraces(sc.Context(), calls(0, 5)))
		require.NoError(sc, forger.Shutdown(sc.Context()))
	}
	report := sc.verify(a.Later, !a.NoAnchors)
	var text bytes.Buffer
	require.NoError(sc, report.Text(&text))
	require.Equal(sc, a.Result, report.Word, text.String())
	kinds := map[string]bool{}
	for _, i := range report.Issues {
		kinds[i.Kind] = true
	}
	for _, k := range a.Kinds {
		assert.True(sc, kinds[k], "%s in %s", k, text.String())
		delete(kinds, k)
	}
	if a.Result == "ok" {
		assert.Empty(sc, report.Issues)
		assert.Equal(sc, uint64(20), report.Rows+uint64(report.Expired)*5)
	}
	if a.Batch {
		assert.True(sc, slices.ContainsFunc(report.Issues, func(i verify.Issue) bool {
			return i.Batch == sc.batch && i.Table == sc.table && i.Seq != nil && *i.Seq == sc.seq
		}), text.String())
		for _, i := range report.Issues {
			assert.Contains(sc, []string{"", sc.batch}, i.Batch, "nothing else is accused: %s", text.String())
		}
	}
	if a.Seq {
		assert.True(sc, slices.ContainsFunc(report.Issues, func(i verify.Issue) bool {
			return i.Seq != nil && (*i.Seq == sc.seq || *i.Seq == sc.lastSeq)
		}), text.String())
	}
}
