package anchortest

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/anchor"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// world is everything that a collector can be anchored in.
type world struct {
	*testing.T
	dir        string // of the integrity journal
	git, s3    string // for verify
	witness    note.Verifier
	conf       map[string]any
	store      *storetest.Store
	conn       driver.Conn
	privateKey string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), store: storetest.Start(t)}
	out, code := exec.CommandContext(t.Context(), "git", "init", "--quiet", "--bare", filepath.Join(w.dir, "remote.git")).CombinedOutput()
	require.NoError(t, code, string(out))
	g := startGateway(t)
	status, body := g.ask(http.MethodPut, "/evidence", http.Header{"X-Amz-Bucket-Object-Lock-Enabled": {"true"}})
	require.Equal(t, http.StatusOK, status, body)
	t.Setenv("AWS_ACCESS_KEY_ID", keyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	private, public, err := tlog.NewKey("k")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "key"), []byte(private+"\n"+public+"\n"), 0o600))
	w.privateKey = public
	url, vkey := witnessOfAll(t, public)
	w.witness, err = tlog.NewWitness(vkey)
	require.NoError(t, err)
	w.git, w.s3 = "git+file://"+filepath.Join(w.dir, "remote.git"), "s3://evidence/p?endpoint="+g.url
	w.conf = map[string]any{
		"dsn": w.store.URL(), "database": "anchored", "sending_queue": map[string]any{"enabled": false},
		"dead_letter": map[string]any{"directory": t.TempDir()},
		"integrity": map[string]any{"directory": filepath.Join(w.dir, "journal"), "key_file": filepath.Join(w.dir, "key"), "anchors": map[string]any{
			"git":       map[string]any{"remote": "file://" + filepath.Join(w.dir, "remote.git"), "every": "0s"},
			"s3":        map[string]any{"endpoint": g.url, "bucket": "evidence", "prefix": "p", "retain": "1h"},
			"witnesses": []any{map[string]any{"endpoint": url, "key": vkey}},
		}},
	}
	return w
}

// witnessOfAll cosigns every log of a key.
func witnessOfAll(t *testing.T, public string) (url, vkey string) {
	t.Helper()
	private, vkey, err := note.GenerateKey(rand.Reader, "witness.example/w1")
	require.NoError(t, err)
	signer, err := f_note.NewSignerForCosignatureV1(private)
	require.NoError(t, err)
	key, err := note.NewVerifier(public)
	require.NoError(t, err)
	w, err := witness.New(t.Context(), witness.Opts{
		Persistence: inmemory.New(), Signers: []note.Signer{signer},
		VerifierForLog: func(context.Context, string) (note.Verifier, bool, error) { return key, true, nil },
	})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, vkey
}

// collect runs a collector's exporter once: some spans, and an end in order.
func (w *world) collect(first, n int) {
	w.Helper()
	f := clickhouseauditexporter.NewFactory()
	cfg := f.CreateDefaultConfig()
	require.NoError(w, confmap.NewFromStringMap(w.conf).Unmarshal(cfg))
	require.NoError(w, confmap.Validate(cfg))
	exp, err := f.CreateTraces(w.Context(), exportertest.NewNopSettings(f.Type()), cfg)
	require.NoError(w, err)
	require.NoError(w, exp.Start(w.Context(), componenttest.NewNopHost()))
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{1, byte(first + i)})
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.SetEndTimestamp(s.StartTimestamp())
		s.Attributes().PutStr("gen_ai.operation.name", "execute_tool")
	}
	require.NoError(w, exp.ConsumeTraces(w.Context(), td))
	require.NoError(w, exp.Shutdown(w.Context()))
}

func (w *world) verify(witnesses []note.Verifier, places ...string) *verify.Report {
	w.Helper()
	keys, err := tlog.Keys(w.privateKey)
	require.NoError(w, err)
	opts := verify.Options{Keys: keys, Now: time.Now(), Witnesses: witnesses}
	for _, p := range places {
		held, _, err := anchor.Read(w.Context(), p, anchor.Limits{PerLog: 10, Now: opts.Now})
		require.NoError(w, err)
		require.NotEmpty(w, held)
		opts.Anchors = append(opts.Anchors, held...)
	}
	report, err := verify.Run(w.Context(), w.conn, opts)
	require.NoError(w, err)
	return report
}

func kinds(r *verify.Report) string {
	names := make([]string, 0, len(r.Issues))
	for _, i := range r.Issues {
		names = append(names, i.Kind)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

// Whatever is cut off or written anew in the store, each of the anchors tells of it
// alone.
func TestExporterIsAnchored(t *testing.T) {
	w := newWorld(t)
	w.collect(0, 5)
	w.collect(5, 5)
	opts, err := audit.ParseDSN(w.store.URL() + "/anchored")
	require.NoError(t, err)
	w.conn, err = clickhouse.Open(opts)
	require.NoError(t, err)
	defer func() { assert.NoError(t, w.conn.Close()) }()

	witnesses := []note.Verifier{w.witness}
	report := w.verify(witnesses, w.git, w.s3)
	require.Equal(t, verify.OK, report.Result, report.Issues)
	require.Len(t, report.Logs, 1)
	require.Len(t, report.Logs[0].Cosigned, 1)
	assert.Equal(t, report.Logs[0].Leaves, report.Logs[0].Cosigned[0].Leaves)
	assert.Equal(t, 4, report.Anchors, "two in each")

	for _, sql := range []string{
		"DELETE FROM actions WHERE batch_id = (SELECT argMax(batch_id, seq) FROM ledger_batches WHERE entry_kind = 'batch')",
		"DELETE FROM ledger_batches WHERE seq >= (SELECT max(seq) FROM ledger_batches WHERE entry_kind = 'batch')",
		"TRUNCATE TABLE ledger_checkpoints",
	} {
		require.NoError(t, w.conn.Exec(t.Context(), sql))
	}
	for _, place := range []string{w.git, w.s3} {
		report = w.verify(nil, place)
		assert.Equal(t, verify.Tampered, report.Result, place)
		assert.Contains(t, kinds(report), "tail_cut", place)
	}
	report = w.verify(witnesses)
	assert.Contains(t, kinds(report), "not_cosigned", "the store has no cosigned checkpoint any more")
	report = w.verify(witnesses, w.git)
	assert.NotContains(t, kinds(report), "not_cosigned", "git has")
}
