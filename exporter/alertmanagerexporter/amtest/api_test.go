package amtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-openapi/strfmt"
	apiv2 "github.com/prometheus/alertmanager/api/v2"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// manager is Alertmanager's API and store. It holds every post against the
// OpenAPI schema before the handler sees it.
type manager struct {
	t      *testing.T
	server *httptest.Server
	store  *mem.Alerts

	mu    sync.Mutex
	codes map[int]int
}

func newManager(t *testing.T) *manager {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	store, err := mem.NewAlerts(ctx, time.Hour, 0, nil, quiet, eventrecorder.NopRecorder(), prometheus.NewRegistry(), nil)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	silences, err := silence.New(silence.Options{Logger: quiet, Metrics: prometheus.NewRegistry(), EventRecorder: eventrecorder.NopRecorder()})
	require.NoError(t, err)
	api, err := apiv2.NewAPI(store, nil, silences, nil, quiet, prometheus.NewRegistry())
	require.NoError(t, err)
	cfg, err := config.LoadFile("../../../configs/alertmanager.yml")
	require.NoError(t, err)
	api.Update(cfg, nil)
	m := &manager{t: t, store: store, codes: map[int]int{}}
	m.server = httptest.NewServer(m.check(api.Handler))
	t.Cleanup(m.server.Close)
	return m
}

func (m *manager) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(m.t, err)
		var posted models.PostableAlerts
		assert.NoError(m.t, json.Unmarshal(body, &posted))
		assert.NoError(m.t, posted.Validate(strfmt.Default))
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		m.mu.Lock()
		m.codes[answer.Code]++
		m.mu.Unlock()
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// firing returns the firing alerts, by the annotation finding_id.
func (m *manager) firing() map[string]map[string]string {
	out := map[string]map[string]string{}
	pending := m.store.GetPending()
	defer pending.Close()
	for a := range pending.Next() {
		if a.Data.Resolved() {
			continue
		}
		labels := map[string]string{}
		for name, value := range a.Data.Labels {
			labels[string(name)] = string(value)
		}
		out[string(a.Data.Annotations["finding_id"])] = labels
	}
	return out
}

func start(t *testing.T, m *manager) exporter.Logs {
	t.Helper()
	f := alertmanagerexporter.NewFactory()
	cfg := f.CreateDefaultConfig().(*alertmanagerexporter.Config)
	cfg.Endpoints = []string{m.server.URL}
	cfg.GeneratorURL = "https://grafana.example/d/finding?id={finding_id}&session={session}"
	e, err := f.CreateLogs(t.Context(), exportertest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, e.Shutdown(context.Background())) })
	return e
}

func logs(t *testing.T, found ...finding.Finding) plog.Logs {
	t.Helper()
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range found {
		require.NoError(t, found[i].ToLog(records.AppendEmpty(), time.Now()))
	}
	return ld
}

func sample(typ finding.Type, key string) finding.Finding {
	f := finding.New(typ, "acme", key, key)
	f.Message, f.Agent, f.At = "Something is not as it should be.", "planner", time.Now()
	f.TraceID, f.SpanID = pcommon.TraceID{1}, pcommon.SpanID{2}
	f.Observed, f.Expected, f.Limit = finding.Known(1e300), finding.Known(-0.25), finding.Known(0)
	f.ProjectedAt = time.Now().Add(time.Hour)
	return f
}

// Whatever a finding says, Alertmanager takes it.
func TestEveryFindingIsTaken(t *testing.T) {
	m := newManager(t)
	e := start(t, m)
	texts := []string{"plain", "\xff\xfe not UTF-8", "new\nline \"quotes\" \\ {braces}", strings.Repeat("長い", 5000), " ", "\x00\x01", "a&b=c#d?e%"}
	found := make([]finding.Finding, 0, 3*len(texts))
	for i, text := range texts {
		for _, typ := range []finding.Type{finding.BudgetHalt, finding.BoundaryTool, "delegation.orphan_run"} {
			f := sample(typ, text)
			f.Message, f.Agent, f.Session, f.Rule = text, text, text, text
			f.At = time.Now().Add(time.Duration(i-3) * time.Hour) // of clocks that run behind and ahead, too
			found = append(found, f)
		}
	}
	require.NoError(t, e.ConsumeLogs(t.Context(), logs(t, found...)))
	require.Eventually(t, func() bool { return len(m.firing()) == len(found) }, 30*time.Second, 10*time.Millisecond)
	assert.Equal(t, map[int]int{http.StatusOK: 1}, m.codes)
	for i := range found {
		labels := m.firing()[found[i].ID]
		require.NotNil(t, labels)
		assert.Equal(t, string(found[i].Type), labels["finding_type"])
	}
}

func TestResolutionIsTaken(t *testing.T) {
	m := newManager(t)
	e := start(t, m)
	f := sample(finding.BudgetExceeded, "budget/daily")
	f.At = time.Now().Add(time.Hour) // a clock that runs ahead
	require.NoError(t, e.ConsumeLogs(t.Context(), logs(t, f)))
	require.Eventually(t, func() bool { return len(m.firing()) == 1 }, 30*time.Second, 10*time.Millisecond)
	over := f
	over.State, over.At = finding.Resolved, time.Now().Add(-time.Hour) // and one that runs behind
	require.NoError(t, e.ConsumeLogs(t.Context(), logs(t, over)))
	assert.Len(t, m.firing(), 1, "the resolution states an older time")
	over.At = f.At.Add(time.Second)
	require.NoError(t, e.ConsumeLogs(t.Context(), logs(t, over)))
	require.Eventually(t, func() bool { return len(m.firing()) == 0 }, 30*time.Second, 10*time.Millisecond)
}
