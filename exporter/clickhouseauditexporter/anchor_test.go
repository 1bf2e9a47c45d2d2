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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
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
