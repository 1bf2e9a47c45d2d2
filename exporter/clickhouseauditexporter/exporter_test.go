package clickhouseauditexporter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.yaml.in/yaml/v3"

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
	cfg.Integrity.Enabled = false // the store is none
	cfg.Queue = configoptional.None[exporterhelper.QueueBatchConfig]()
	cfg.DeadLetter.Directory = filepath.Join(t.TempDir(), "dead")
	if change != nil {
		change(cfg)
	}
	e, err := newExporter(exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	e.host = componenttest.NewNopHost()
	s, err := openStore(t.Context(), cfg)
	require.NoError(t, err)
	e.attach(s)
	e.store.ready = true
	t.Cleanup(e.store.sender.Close)
	return e, cfg
}

// testCase is one file of testdata/cases.
type testCase struct {
	Code      string `yaml:"code"` // how the store answers inserts; "" stores
	DeadBytes int64  `yaml:"dead_letter_bytes"`
	Spans     int    `yaml:"spans"`
	Logs      []struct {
		Event      string         `yaml:"event"`
		Attributes map[string]any `yaml:"attributes"`
	} `yaml:"logs"`
	Want struct {
		Retried    bool                `yaml:"retried"`
		Unprepared bool                `yaml:"unprepared"`
		Inserts    []string            `yaml:"inserts"` // tables
		Dead       map[string][]string `yaml:"dead"`    // by file: reason and number, a line
		Says       []string            `yaml:"says"`    // in the error of the line
	} `yaml:"want"`
}

func (c *testCase) push(t *testing.T, e *auditExporter) error {
	t.Helper()
	if c.Logs == nil {
		return e.pushTraces(t.Context(), batchOf(spans(c.Spans)).request)
	}
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, l := range c.Logs {
		lr := records.AppendEmpty()
		lr.SetEventName(l.Event)
		lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)))
		require.NoError(t, lr.Attributes().FromRaw(l.Attributes))
	}
	return e.pushLogs(t.Context(), ld)
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			var c testCase
			dec := yaml.NewDecoder(bytes.NewReader(raw))
			dec.KnownFields(true)
			require.NoError(t, dec.Decode(&c))
			a := &answers{code: c.Code}
			e, cfg := start(t, a, func(cfg *Config) {
				if c.DeadBytes > 0 {
					cfg.DeadLetter.MaxBytes = c.DeadBytes
				}
			})
			err = c.push(t, e)
			assert.Equal(t, c.Want.Retried, err != nil, "%v", err)
			assert.Equal(t, c.Want.Inserts, a.tables())
			assert.Equal(t, c.Want.Unprepared, !e.store.ready, "the schema is looked at again")
			dead, text := deadLetters(t, cfg.DeadLetter.Directory)
			assert.Equal(t, c.Want.Dead, dead)
			for _, want := range c.Want.Says {
				assert.Contains(t, text, want)
			}
		})
	}
}

// deadLetters reads the lines of the dead-letter files, each of which can be sent
// again.
func deadLetters(t *testing.T, dir string) (lines map[string][]string, text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(t, err)
	var all strings.Builder
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		all.Write(raw)
		for line := range strings.Lines(string(raw)) {
			var r deadRecord
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			var n int
			if r.Traces != nil {
				td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(r.Traces)
				require.NoError(t, err)
				n = td.SpanCount()
			} else {
				ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(r.Logs)
				require.NoError(t, err)
				n = ld.LogRecordCount()
			}
			if lines == nil {
				lines = map[string][]string{}
			}
			name := filepath.Base(file)
			lines[name] = append(lines[name], fmt.Sprintf("%s %d", r.Reason, n))
		}
	}
	return lines, all.String()
}

// tables returns the tables inserted into, in order.
func (a *answers) tables() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queries) == 0 {
		return nil
	}
	names := make([]string, 0, len(a.queries))
	for _, q := range a.queries {
		_, rest, _ := strings.Cut(q, "`.`")
		name, _, _ := strings.Cut(rest, "`")
		names = append(names, name)
	}
	return names
}

// The traces and the logs of one configuration share one exporter, which ends
// with the last of them.
func TestPipelinesShareOneInstance(t *testing.T) {
	a := &answers{}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	cfg := createDefaultConfig().(*Config)
	cfg.DSN, cfg.CreateSchema, cfg.Integrity.Enabled = configopaque.String(server.URL), false, false
	set := exportertest.NewNopSettings(metadata.Type)
	traces, err := NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	logs, err := NewFactory().CreateLogs(t.Context(), set, cfg)
	require.NoError(t, err)
	instances.Lock()
	shared := instances.byConfig[cfg]
	instances.Unlock()
	require.NotNil(t, shared)
	require.NoError(t, traces.Start(t.Context(), componenttest.NewNopHost()))
	opened := shared.store
	require.NoError(t, logs.Start(t.Context(), componenttest.NewNopHost()))
	assert.Same(t, opened, shared.store, "started once")
	require.NoError(t, traces.Shutdown(t.Context()))
	instances.Lock()
	assert.Same(t, shared, instances.byConfig[cfg], "in use")
	instances.Unlock()
	require.NoError(t, logs.Shutdown(t.Context()))
	instances.Lock()
	assert.NotContains(t, instances.byConfig, cfg)
	instances.Unlock()
}

func TestRetryHasTheSameToken(t *testing.T) {
	a := &answers{}
	e, _ := start(t, a, nil)
	require.NoError(t, e.pushTraces(t.Context(), batchOf(spans(3)).request))
	require.NoError(t, e.pushTraces(t.Context(), batchOf(spans(3)).request))
	require.Len(t, a.tokens, 2)
	assert.Len(t, a.tokens[0], 64)
	assert.Equal(t, a.tokens[0], a.tokens[1])
}

func TestValidateNamesKeyAndValue(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`dsn: want http://, https:// or clickhouse://`: func(c *Config) { c.DSN = "localhost:8123" },
		`retention: want one of`:                       func(c *Config) { c.Retention = "soc3" },
		`database: want letters`:                       func(c *Config) { c.Database = "a b" },
		`compression: want one of none, gzip, zstd`:    func(c *Config) { c.Compression = "rar" },
		`dead_letter::max_bytes: must be positive`:     func(c *Config) { c.DeadLetter.MaxBytes = 0 },
		`integrity::directory: must not be`:            func(c *Config) { c.Integrity.Directory = "" },
		`integrity::interval: must be at least 1s`:     func(c *Config) { c.Integrity.Interval = 1 },
		`integrity::anchors::http::endpoint: want http`: func(c *Config) {
			c.Integrity.Anchors.HTTP = configoptional.Some(confighttp.ClientConfig{Endpoint: "host:1"})
		},
		`integrity::anchors::git::remote: want what git pushes to, not "--upload-pack=x"`: func(c *Config) {
			c.Integrity.Anchors.Git = configoptional.Some(GitAnchorConfig{Remote: "--upload-pack=x", Branch: "a"})
		},
		`integrity::anchors::git::branch: want letters, digits and _-/, not "a..b"`: func(c *Config) {
			c.Integrity.Anchors.Git = configoptional.Some(GitAnchorConfig{Remote: "x", Branch: "a..b"})
		},
		`integrity::anchors::s3::bucket: want the name of a bucket`: func(c *Config) {
			c.Integrity.Anchors.S3 = configoptional.Some(S3AnchorConfig{LockMode: "compliance"})
		},
		`integrity::anchors::s3::lock_mode: want compliance or governance, not "x"`: func(c *Config) {
			c.Integrity.Anchors.S3 = configoptional.Some(S3AnchorConfig{Bucket: "b", LockMode: "x"})
		},
		`integrity::anchors::s3::access_key_id, secret_access_key: want both or none`: func(c *Config) {
			c.Integrity.Anchors.S3 = configoptional.Some(S3AnchorConfig{Bucket: "b", LockMode: "governance", SecretAccessKey: "x"})
		},
		`integrity::anchors::witnesses::0::key`: func(c *Config) {
			c.Integrity.Anchors.Witnesses = []WitnessConfig{{Endpoint: "https://w", Key: "x"}}
		},
		`limits::block_rows: must be between`:    func(c *Config) { c.Limits.BlockRows = 1 << 30 },
		`content::secret: must have at least 16`: func(c *Config) { c.Content.Enabled = true },
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
