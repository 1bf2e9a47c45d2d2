package alertmanagerexporter

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// Over a real socket, with the client that confighttp makes: TLS, headers, a path
// in front of the API; and a certificate that is not trusted.
func TestTLSAndHeaders(t *testing.T) {
	type request struct {
		path, auth, content string
		posted              []postable
	}
	got := make(chan request, 10)
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		one := request{path: r.URL.Path, auth: r.Header.Get("Authorization"), content: r.Header.Get("Content-Type")}
		if json.NewDecoder(r.Body).Decode(&one.posted) == nil {
			got <- one
		}
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(block), 0o600))
	cfg, err := load(t, "endpoints: ["+server.URL+"/behind/a/proxy/]\nhttp: {tls: {ca_file: "+ca+"}, headers: {Authorization: Bearer secret}}")
	require.NoError(t, err)

	send := func(cfg *Config) (stop func(), logs *observer.ObservedLogs) {
		core, logs := observer.New(zapcore.InfoLevel)
		set := exportertest.NewNopSettings(metadata.Type)
		set.Logger = zap.New(core)
		e, err := NewFactory().CreateLogs(t.Context(), set, cfg)
		require.NoError(t, err)
		require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, e.ConsumeLogs(t.Context(), logsOf(t, found(finding.BudgetHalt, "halt"))))
		return func() { require.NoError(t, e.Shutdown(context.Background())) }, logs
	}
	stop, _ := send(cfg)
	one := <-got
	stop()
	assert.Equal(t, "/behind/a/proxy/api/v2/alerts", one.path)
	assert.Equal(t, "Bearer secret", one.auth)
	assert.Equal(t, "application/json", one.content)
	require.Len(t, one.posted, 1)
	assert.Equal(t, "halt", one.posted[0].Labels["finding_key"])

	cfg.HTTP.TLS.CAFile = ""
	stop, logs := send(cfg)
	assert.Eventually(t, func() bool { return logs.FilterMessageSnippet("does not take alerts").Len() == 1 }, time.Minute, time.Millisecond)
	stop()
	assert.Empty(t, got)
	for _, line := range logs.All() {
		assert.NotContains(t, line.Message, "secret")
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999": maxRetryAfter, "Wed, 21 Oct 2026 07:28:00 GMT": 0,
	} {
		assert.Equal(t, want, retryAfter(header), header)
	}
}

func TestBackoff(t *testing.T) {
	cfg := configretry.BackOffConfig{InitialInterval: time.Second, MaxInterval: 30 * time.Second, Multiplier: 2}
	assert.Equal(t, time.Second, backoff(&cfg, 1))
	assert.Equal(t, 8*time.Second, backoff(&cfg, 4))
	assert.Equal(t, 30*time.Second, backoff(&cfg, 1000))
	assert.Equal(t, minBackoff, backoff(&configretry.BackOffConfig{}, 1))
}
