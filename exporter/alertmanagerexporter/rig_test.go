package alertmanagerexporter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// fakes are Alertmanagers by host. They stand in for real ones (test/alertmanager)
// where time is to be faked or an answer is one that real ones rarely give.
type fakes struct {
	mu sync.Mutex
	by map[string]*fake
}

// fake is one of them. answer decides on a post; nil takes it.
type fake struct {
	answer   func(*http.Request, []postable) (int, error)
	alerts   map[string]postable
	requests int
	posted   int
}

func newFakes(hosts ...string) *fakes {
	f := &fakes{by: map[string]*fake{}}
	for _, host := range hosts {
		f.by[host] = &fake{alerts: map[string]postable{}}
	}
	return f
}

func (f *fakes) RoundTrip(req *http.Request) (*http.Response, error) {
	var posted []postable
	if err := json.NewDecoder(req.Body).Decode(&posted); err != nil {
		return nil, err
	}
	f.mu.Lock()
	m := f.by[req.URL.Host]
	m.requests++
	m.posted += len(posted)
	answer := m.answer
	f.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		var err error
		if status, err = answer(req, posted); err != nil {
			return nil, err
		}
	}
	if status == http.StatusOK {
		f.mu.Lock()
		for _, a := range posted {
			m.alerts[fmt.Sprint(a.Labels)] = a
		}
		f.mu.Unlock()
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader("no")), Request: req}, nil
}

func (f *fakes) set(host string, answer func(*http.Request, []postable) (int, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by[host].answer = answer
}

func always(status int) func(*http.Request, []postable) (int, error) {
	return func(*http.Request, []postable) (int, error) { return status, nil }
}

func down(*http.Request, []postable) (int, error) { return 0, errors.New("connection refused") }

// firing returns the finding keys of what the fake shows as firing now.
func (f *fakes) firing(host string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := []string{}
	for _, a := range f.by[host].alerts {
		if end, err := time.Parse(time.RFC3339Nano, a.EndsAt); err == nil && end.After(time.Now()) {
			keys = append(keys, a.Labels["finding_key"])
		}
	}
	slices.Sort(keys)
	return keys
}

func (f *fakes) requests(host string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.by[host].requests
}

// rig is an exporter with its surroundings.
type rig struct {
	t     *testing.T
	fakes *fakes
	disk  *disk
	cfg   *Config
	tel   *componenttest.Telemetry
	logs  *observer.ObservedLogs
	e     *alertExporter
	host  *host
}

const am1, am2 = "am-1:9093", "am-2:9093"

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Endpoints = []string{"http://" + am1, "http://" + am2}
	id := component.MustNewID("file_storage")
	cfg.Storage = &id
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	r := &rig{t: t, fakes: newFakes(am1, am2), disk: newDisk(), cfg: cfg, tel: componenttest.NewTelemetry()}
	r.start()
	return r
}

func (r *rig) start() {
	r.t.Helper()
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = r.tel.NewTelemetrySettings()
	core, logs := observer.New(zapcore.InfoLevel)
	set.Logger, r.logs = zap.New(core), logs
	var err error
	r.e, err = newExporter(set, r.cfg)
	require.NoError(r.t, err)
	r.e.dial = func(context.Context, component.Host) (*http.Client, error) {
		return &http.Client{Transport: r.fakes, Timeout: r.cfg.HTTP.Timeout}, nil
	}
	r.host = &host{extensions: map[component.ID]component.Component{*r.cfg.Storage: r.disk}}
	require.NoError(r.t, r.e.start(r.t.Context(), r.host))
}

func (r *rig) stop() {
	require.NoError(r.t, r.e.shutdown(context.Background()))
}

// kill ends the exporter as a crash does: nothing more is written or posted.
func (r *rig) kill() {
	r.disk.breakNow(true)
	for host := range r.fakes.by {
		r.fakes.set(host, down)
	}
	_ = r.e.shutdown(context.Background()) // it says that the disk is broken
	r.disk.breakNow(false)
	for host := range r.fakes.by {
		r.fakes.set(host, nil)
	}
}

func (r *rig) send(found ...finding.Finding) {
	r.t.Helper()
	require.NoError(r.t, r.e.pushLogs(r.t.Context(), logsOf(r.t, found...)))
}

func logsOf(tb testing.TB, found ...finding.Finding) plog.Logs {
	tb.Helper()
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range found {
		require.NoError(tb, found[i].ToLog(records.AppendEmpty(), time.Now()))
	}
	return ld
}

func (r *rig) shows(host string, keys ...string) {
	r.t.Helper()
	synctest.Wait()
	if keys == nil {
		keys = []string{}
	}
	require.Equal(r.t, keys, r.fakes.firing(host), host)
}

func (r *rig) both(keys ...string) {
	r.t.Helper()
	r.shows(am1, keys...)
	r.shows(am2, keys...)
}

func found(typ finding.Type, key string) finding.Finding {
	f := finding.New(typ, "acme", key, key)
	f.Message, f.Agent, f.At = "Look at "+key+".", "planner", time.Now()
	return f
}

func over(f finding.Finding) finding.Finding {
	f.State, f.At = finding.Resolved, time.Now()
	return f
}

type host struct {
	extensions map[component.ID]component.Component
	mu         sync.Mutex
	status     componentstatus.Status
}

func (h *host) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = e.Status()
}

func (h *host) is() componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// disk is a storage extension in memory. It can break, at once or after some
// operations.
type disk struct {
	component.StartFunc
	component.ShutdownFunc
	mu     sync.Mutex
	data   map[string][]byte
	broken bool
	left   int // operations until it breaks; 0 is never
}

func newDisk() *disk { return &disk{data: map[string][]byte{}} }

func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return d, nil
}

func (d *disk) breakNow(broken bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken, d.left = broken, 0
}

// breakAfter lets n-1 more operations pass.
func (d *disk) breakAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = n
}

func (d *disk) Close(context.Context) error { return nil }

func (d *disk) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := d.Batch(ctx, op)
	return op.Value, err
}

func (d *disk) Set(ctx context.Context, key string, value []byte) error {
	return d.Batch(ctx, storage.SetOperation(key, value))
}

func (d *disk) Delete(ctx context.Context, key string) error {
	return d.Batch(ctx, storage.DeleteOperation(key))
}

func (d *disk) Batch(_ context.Context, ops ...*storage.Operation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left--; d.left == 0 {
		d.broken = true
	}
	if d.broken {
		return errors.New("broken disk")
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = slices.Clone(d.data[op.Key])
		case storage.Set:
			d.data[op.Key] = slices.Clone(op.Value)
		case storage.Delete:
			delete(d.data, op.Key)
		}
	}
	return nil
}
