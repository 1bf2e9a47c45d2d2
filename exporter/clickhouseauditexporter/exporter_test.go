package clickhouseauditexporter

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
)

// answers is a store that answers inserts as told. The version query of the
// driver is left to fail: tests mark the store as prepared.
type answers struct {
	mu      sync.Mutex
	code    string // exception code; "" stores
	queries []string
	tokens  []string
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queries = append(a.queries, r.URL.Query().Get("query"))
	a.tokens = append(a.tokens, r.URL.Query().Get("insert_deduplication_token"))
	if a.code != "" {
		w.Header().Set("X-ClickHouse-Exception-Code", a.code)
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func spans(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for i := range n {
		ss.Spans().AppendEmpty().SetSpanID([8]byte{byte(i + 1)})
	}
	return td
}

func start(t *testing.T, a *answers, change func(*Config)) (*auditExporter, *Config) {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	cfg := createDefaultConfig().(*Config)
	cfg.DSN = configopaque.String(server.URL)
	cfg.CreateSchema = false
	cfg.Queue = configoptional.None[exporterhelper.QueueBatchConfig]()
	cfg.DeadLetter.Directory = filepath.Join(t.TempDir(), "dead")
	if change != nil {
		change(cfg)
	}
	e, err := newExporter(exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	e.host = componenttest.NewNopHost()
	e.store, err = openStore(t.Context(), e.host, e.set.TelemetrySettings, cfg)
	require.NoError(t, err)
	e.store.ready = true
	t.Cleanup(e.store.sender.close)
	return e, cfg
}

func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		name, code string
		retried    bool
		inserts    int
		lines      int
	}{
		{"stored", "", false, 1, 0},
		{"too many parts", "252", true, 1, 0},
		{"wrong password", "516", true, 1, 0},
		{"no such table", "60", true, 1, 0},
		{"no such column", "16", false, 1, 1},
		{"a constraint isolates each row", "469", false, 7, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &answers{code: test.code}
			e, cfg := start(t, a, nil)
			err := e.pushTraces(t.Context(), spans(4))
			assert.Equal(t, test.retried, err != nil, "%v", err)
			assert.Len(t, a.queries, test.inserts)
			text, _ := os.ReadFile(filepath.Join(cfg.DeadLetter.Directory, deadLetterFile))
			assert.Equal(t, test.lines, strings.Count(string(text), "\n"))
			if test.code == "60" {
				assert.False(t, e.store.ready, "the schema is looked at again")
			}
		})
	}
}

func TestRetryHasTheSameToken(t *testing.T) {
	a := &answers{}
	e, _ := start(t, a, nil)
	require.NoError(t, e.pushTraces(t.Context(), spans(3)))
	require.NoError(t, e.pushTraces(t.Context(), spans(3)))
	require.Len(t, a.tokens, 2)
	assert.Len(t, a.tokens[0], 64)
	assert.Equal(t, a.tokens[0], a.tokens[1])
}

func TestFullDeadLetterKeepsTheBatch(t *testing.T) {
	a := &answers{code: "16"}
	e, _ := start(t, a, func(c *Config) { c.DeadLetter.MaxBytes = 10 })
	require.ErrorIs(t, e.pushTraces(t.Context(), spans(1)), errDeadLetterFull)
}

func TestValidateNamesKeyAndValue(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`dsn: want http://, https:// or clickhouse://`: func(c *Config) { c.DSN = "localhost:8123" },
		`retention: want one of`:                       func(c *Config) { c.Retention = "soc3" },
		`database: want letters`:                       func(c *Config) { c.Database = "a b" },
		`compression: want one of none, gzip, zstd`:    func(c *Config) { c.Compression = "rar" },
		`dead_letter::max_bytes: must be positive`:     func(c *Config) { c.DeadLetter.MaxBytes = 0 },
		`limits::block_rows: must be between`:          func(c *Config) { c.Limits.BlockRows = 1 << 30 },
		`content::secret: must have at least 16`:       func(c *Config) { c.Content.Enabled = true },
	} {
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, confmap.Validate(cfg))
		change(cfg)
		err := confmap.Validate(cfg)
		for part := range strings.SplitSeq(want, "::") {
			require.ErrorContains(t, err, part)
		}
	}
}

func TestPasswordIsNeverRepeated(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.DSN = "htp://user:hunter2@host:8123?password=hunter2"
	err := confmap.Validate(cfg)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
	assert.Contains(t, err.Error(), "host:8123")
}

var _ exporter.Factory = NewFactory()
