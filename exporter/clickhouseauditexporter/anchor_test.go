package clickhouseauditexporter

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadatatest"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/anchor"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// What is posted can be kept as a file and verified against; an anchor that refuses
// is on record and keeps nothing else from being written.
func TestAnchorByHTTP(t *testing.T) {
	var mu sync.Mutex
	var kept []byte
	refuse := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if refuse {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		line, _ := io.ReadAll(r.Body)
		kept = append(kept, line...)
	}))
	t.Cleanup(server.Close)
	s := storetest.Start(t)
	cfg := realConfig(t, s, "anchored")
	client := anchorClient()
	client.Endpoint = server.URL
	cfg.Integrity.Anchors.HTTP = configoptional.Some(client)
	exp, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.NoError(t, exp.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, exp.ConsumeTraces(t.Context(), calls(0, 5)))
	instances.Lock()
	e := instances.byConfig[cfg]
	instances.Unlock()
	require.NoError(t, e.ledger.beat(t.Context(), "heartbeat"))
	mu.Lock()
	refuse = true
	mu.Unlock()
	require.ErrorContains(t, e.ledger.beat(t.Context(), "heartbeat"), "418")
	mu.Lock()
	refuse = false
	mu.Unlock()
	require.NoError(t, exp.Shutdown(t.Context()))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.checkpoints"), kept, 0o600))
	sc := &scene{realStore: &realStore{T: t, cfg: cfg}, keys: publicKey(t, cfg.Integrity.Directory), anchors: dir}
	report := sc.verify(time.Hour, true)
	assert.Equal(t, verify.OK, report.Result, report.Issues)
	assert.Equal(t, 2, report.Anchors, "of three")
	assert.Equal(t, 3, report.Checkpoints)
}

// What was anchored where, and what was not, can be asked for, and how long ago is
// a metric.
func TestAnchorsAreOnRecord(t *testing.T) {
	s := storetest.Start(t)
	cfg := realConfig(t, s, "anchors")
	cfg.Integrity.Anchors.Directory = t.TempDir()
	cfg.Integrity.Anchors.Git = configoptional.Some(GitAnchorConfig{Remote: "/nowhere", Branch: anchor.DefaultBranch})
	tel := componenttest.NewTelemetry()
	set := metadatatest.NewSettings(tel)
	exp, err := NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, exp.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, exp.ConsumeTraces(t.Context(), calls(0, 5)))
	instances.Lock()
	e := instances.byConfig[cfg]
	instances.Unlock()
	require.ErrorContains(t, e.ledger.beat(t.Context(), "heartbeat"), "anchoring at git+/nowhere#spanwarden-anchors/")
	lag, err := tel.GetMetric("otelcol_exporter_clickhouse_audit_anchor_lag")
	require.NoError(t, err)
	kinds := map[string]bool{}
	for _, p := range lag.Data.(metricdata.Gauge[float64]).DataPoints {
		kind, _ := p.Attributes.Value("anchor")
		kinds[kind.AsString()] = true
		assert.GreaterOrEqual(t, p.Value, 0.0)
	}
	assert.Equal(t, map[string]bool{"directory": true, "git": true}, kinds)
	require.NoError(t, exp.Shutdown(t.Context()))
	opts, err := audit.ParseDSN(s.URL())
	require.NoError(t, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(t, err)
	r := &realStore{T: t, cfg: cfg, conn: conn}
	assert.Equal(t, "['directory 2 0 1 ','git 0 2 0 git ls-remote']", r.ask(`SELECT toString(groupArray(text)) FROM (
		SELECT concat(anchor, ' ', toString(taken), ' ', toString(failed), ' ', toString(anchored_leaves > 0), ' ', substring(last_error, 1, 13)) AS text
		FROM {db}.ev_anchors(period_start='2000-01-01', period_end='2100-01-01') ORDER BY anchor)`))
	assert.Equal(t, "1", r.ask(`SELECT toString(sum(longest_lag_seconds >= 0 AND longest_lag_seconds < 3600) = 2) FROM {db}.ev_anchors(period_start='2000-01-01', period_end='2100-01-01')`))
	require.NoError(t, conn.Close())
}
