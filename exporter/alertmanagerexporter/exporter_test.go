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

	"github.com/stretchr/testify/assert"
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
	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/metadatatest"
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

func TestRaiseRefreshResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		halt := found(finding.BudgetHalt, "halt")
		r.send(halt)
		r.both("halt")
		assert.Equal(t, 1, r.fakes.requests(am1), "at once, in one post")
		time.Sleep(24 * time.Hour)
		r.both("halt")
		assert.InDelta(t, 24*60, r.fakes.requests(am1), 40, "once a minute")
		r.send(over(halt))
		r.both()
		n := r.fakes.requests(am1)
		time.Sleep(time.Hour)
		assert.Equal(t, n, r.fakes.requests(am1), "what is over needs no posts")
	})
}

func TestPointsInTimeLapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		r.send(found(finding.BoundaryTool, "shell"))
		time.Sleep(50 * time.Minute)
		again := found(finding.BoundaryTool, "shell")
		again.ID = "another action, the same cause"
		r.send(again)
		time.Sleep(50 * time.Minute)
		r.both("shell")
		time.Sleep(11 * time.Minute)
		r.both()
	})
}

func TestDeadCollectorLetsAlertsLapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.send(found(finding.BudgetHalt, "halt"))
		r.both("halt")
		r.kill()
		time.Sleep(5 * time.Minute)
		r.both()
		r.start()
		defer r.stop()
		r.both("halt")
	})
}

func TestDownForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		r.fakes.set(am1, down)
		r.fakes.set(am2, always(http.StatusInternalServerError))
		want := make([]string, 0, 90)
		for i := range 90 {
			f := found(finding.BoundaryTool, fmt.Sprintf("tool-%03d", i))
			want = append(want, f.Key)
			r.send(f)
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		assert.Less(t, r.fakes.requests(am1), 400, "backoff")
		assert.Greater(t, r.fakes.requests(am1), 100, "but no giving up")
		assert.Len(t, r.logs.FilterMessageSnippet("does not take alerts").All(), 2, "one line for each, not one for each attempt")
		r.fakes.set(am1, nil)
		time.Sleep(time.Minute)
		r.shows(am1, want...)
		r.shows(am2)
		r.fakes.set(am2, nil)
		time.Sleep(time.Minute)
		r.shows(am2, want...)
		time.Sleep(time.Hour)
		r.both()
	})
}

func TestOneOfTwoDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		r.fakes.set(am2, down)
		halt := found(finding.BudgetHalt, "halt")
		r.send(halt, found(finding.BudgetExceeded, "spent"))
		r.shows(am1, "halt", "spent")
		time.Sleep(2 * time.Hour)
		r.send(over(halt))
		r.shows(am1, "spent")
		r.fakes.set(am2, nil)
		time.Sleep(time.Minute)
		r.shows(am2, "spent")
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		status := func(want componentstatus.Status) {
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			require.Equal(t, want, r.host.is())
		}
		r.fakes.set(am1, down)
		r.fakes.set(am2, down)
		r.send(found(finding.BudgetHalt, "halt"))
		status(componentstatus.StatusRecoverableError)
		r.fakes.set(am1, nil)
		status(componentstatus.StatusRecoverableError)
		r.fakes.set(am2, nil)
		status(componentstatus.StatusOK)
	})
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		r.fakes.set(am2, func(req *http.Request, _ []postable) (int, error) {
			<-req.Context().Done() // until the client has had enough
			return 0, req.Context().Err()
		})
		r.send(found(finding.BudgetHalt, "halt"))
		r.shows(am1, "halt")
		time.Sleep(time.Hour)
		r.shows(am1, "halt")
		r.shows(am2)
		r.fakes.set(am2, nil)
		time.Sleep(time.Minute)
		r.shows(am2, "halt")
	})
}

func TestOneAlertIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		picky := func(_ *http.Request, posted []postable) (int, error) {
			for _, a := range posted {
				if a.Labels["finding_key"] == "bad" {
					return http.StatusBadRequest, nil
				}
			}
			return http.StatusOK, nil
		}
		r.fakes.set(am1, picky)
		r.send(found(finding.BoundaryTool, "a"), found(finding.BoundaryTool, "bad"), found(finding.BoundaryTool, "c"), found(finding.BoundaryTool, "d"))
		r.shows(am1, "a", "c", "d")
		r.shows(am2, "a", "bad", "c", "d")
		logged := r.logs.FilterMessageSnippet("will never take this alert").All()
		require.Len(t, logged, 1)
		assert.Contains(t, fmt.Sprint(logged[0].ContextMap()["labels"]), "finding_key:bad")
		metadatatest.AssertEqualExporterAlertmanagerAlertsDropped(t, r.tel, dropped(0, 1), ignoreTime()...)
		time.Sleep(30 * time.Minute)
		r.shows(am1, "a", "c", "d")
		time.Sleep(31 * time.Minute)
		r.both()
	})
}

// What blames every post, the empty one too, is not about the alerts.
func TestEverythingIsRefused(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusUnauthorized, http.StatusNotFound, http.StatusTooManyRequests} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			defer r.stop()
			r.fakes.set(am1, always(status))
			r.fakes.set(am2, always(status))
			r.send(found(finding.BoundaryTool, "a"), found(finding.BoundaryTool, "b"), found(finding.BoundaryTool, "c"))
			time.Sleep(3 * time.Hour)
			r.fakes.set(am1, nil)
			r.fakes.set(am2, nil)
			time.Sleep(time.Minute)
			r.both("a", "b", "c")
		})
	}
}

func TestReplayRaisesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		halt, shell := found(finding.BudgetHalt, "halt"), found(finding.BoundaryTool, "shell")
		time.Sleep(time.Second)
		r.send(halt, shell)
		r.send(over(halt))
		r.both("shell")
		n := r.fakes.requests(am1)
		for range 5 {
			r.send(halt, shell)
		}
		r.both("shell")
		assert.Equal(t, n, r.fakes.requests(am1))
		time.Sleep(2 * time.Hour)
		r.both()
		r.kill()
		r.start()
		defer r.stop()
		r.send(halt, shell)
		r.both()
	})
}

func TestShadowBudgetsAreQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		shadow := found(finding.BudgetExceeded, "shadow")
		shadow.Severity = finding.Info
		r.send(shadow, found(finding.ConfigChanged, "config"), found(finding.BudgetWarning, "warn"))
		r.both("warn")
	})
}

func TestMinSeverity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.MinSeverity = "critical" })
		defer r.stop()
		r.send(found(finding.BudgetWarning, "warn"), found(finding.BoundaryTool, "shell"), found(finding.BudgetHalt, "halt"))
		r.both("halt")
	})
}

func TestStormIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Limits.Alerts, c.Limits.Findings, c.Limits.PostAlerts = 10, 20, 7 })
		defer r.stop()
		r.send(found(finding.BudgetHalt, "halt"))
		for i := range 100 {
			r.send(found(finding.BaselineRate, fmt.Sprintf("rate-%03d", i)))
		}
		for i := range 3 {
			r.send(found(finding.BoundaryTool, fmt.Sprintf("tool-%03d", i)))
		}
		synctest.Wait()
		time.Sleep(10 * time.Minute) // what was evicted lapses
		r.both("", "halt", "rate-094", "rate-095", "rate-096", "rate-097", "rate-098", "rate-099", "tool-000", "tool-001", "tool-002")
		var summary postable
		for _, a := range r.fakes.by[am1].alerts {
			if a.Labels[labelAlertname] == "SpanwardenFindingsDropped" {
				summary = a
			}
		}
		assert.Equal(t, map[string]string{"alertname": "SpanwardenFindingsDropped", "severity": "high"}, summary.Labels)
		assert.Contains(t, summary.Annotations["summary"], "94 alerts were dropped")
		metadatatest.AssertEqualExporterAlertmanagerAlertsDropped(t, r.tel, dropped(94, 0), ignoreTime()...)
		r.kill()
		r.start()
		time.Sleep(2 * time.Hour)
		r.both("halt")
	})
}

func TestGarbageIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		ld := logsOf(t, found(finding.BudgetHalt, "halt"), found(finding.BudgetHalt, "spoilt"))
		records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		records.At(1).Attributes().PutStr("spanwarden.finding.severity", "loud")
		records.AppendEmpty().Body().SetStr("an application's log")
		require.NoError(t, r.e.pushLogs(t.Context(), ld))
		require.NoError(t, r.e.pushLogs(t.Context(), plog.NewLogs()))
		r.both("halt")
		metadatatest.AssertEqualExporterAlertmanagerRecordsRefused(t, r.tel, refused(finding.ReasonSeverity, finding.ReasonEvent), ignoreTime()...)
		assert.Len(t, r.logs.FilterMessageSnippet("claims to be a finding").All(), 1)
	})
}

func TestStorageFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.disk.breakNow(true)
		ld := logsOf(t, found(finding.BudgetHalt, "halt"))
		require.ErrorContains(t, r.e.pushLogs(t.Context(), ld), "broken disk")
		r.both("halt") // the alert goes out all the same
		r.disk.breakNow(false)
		require.NoError(t, r.e.pushLogs(t.Context(), ld), "the sender repeats it")
		r.kill()
		r.start()
		defer r.stop()
		r.both("halt")
	})
}

func TestNoStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.stop()
		id := r.cfg.Storage
		r.cfg.Storage = nil
		defer func() { r.cfg.Storage = id }()
		set := exportertest.NewNopSettings(metadata.Type)
		e, err := newExporter(set, r.cfg)
		require.NoError(t, err)
		e.dial = r.e.dial
		require.NoError(t, e.start(t.Context(), componenttest.NewNopHost()))
		r.e = e
		r.send(found(finding.BudgetHalt, "halt"))
		r.both("halt")
		time.Sleep(time.Hour)
		require.NoError(t, e.shutdown(t.Context()))
		assert.Empty(t, e.state.Changes(), "they do not pile up")
		require.NoError(t, e.shutdown(t.Context()), "twice")
	})
}

func TestShutdownPostsWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.send(found(finding.BudgetHalt, "halt"))
		r.stop()
		r.both("halt")
	})
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
