package alertmanagerexporter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/alerts"
	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// alertExporter is the shell around internal/alerts: clock, goroutines, storage,
// HTTP and telemetry.
//
// mu guards state and is never held while writing or posting. saveMu is held by
// whoever writes the state, and is taken before mu.
type alertExporter struct {
	cfg    *Config
	set    exporter.Settings
	tel    *metadata.TelemetryBuilder
	render *renderer
	dial   func(context.Context, component.Host) (*http.Client, error)
	loud   *zap.Logger // keeps a message from repeating itself within ten seconds

	mu    sync.Mutex
	state *alerts.State

	saveMu  sync.Mutex
	journal *journal        // nil without storage
	unsaved []alerts.Change // of a save that failed

	host    component.Host
	senders []*sender
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
	stats   alerts.Stats
	failing atomic.Int32 // senders that fail
}

// saveTimeout bounds one write of the state.
const saveTimeout = 10 * time.Second

func newExporter(set exporter.Settings, cfg *Config) (*alertExporter, error) {
	render, err := newRenderer(cfg)
	if err != nil {
		return nil, err
	}
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	e := &alertExporter{cfg: cfg, set: set, tel: tel, render: render}
	e.loud = set.Logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, 10*time.Second, 1, 0)
	}))
	e.state = alerts.New(e.options())
	e.dial = func(ctx context.Context, host component.Host) (*http.Client, error) {
		return cfg.HTTP.ToClient(ctx, host.GetExtensions(), set.TelemetrySettings)
	}
	return e, nil
}

func (e *alertExporter) options() alerts.Options {
	c := e.cfg
	return alerts.Options{
		Endpoints: len(c.Endpoints), MinRank: finding.Severity(c.MinSeverity).Rank(),
		MaxAlerts: c.Limits.Alerts, MaxFindings: c.Limits.Findings, MaxBatch: c.Limits.PostAlerts,
		Resend: c.ResendInterval, Lapse: time.Duration(c.LapseIntervals) * c.ResendInterval,
		Hold: c.ResolveAfter, LastingHold: c.GiveUpAfter, MinFiring: c.MinFiring,
		Summary: e.render.summary,
	}
}

// summary is the alert that says that there are more alerts than are shown. Labels
// that are the same on every alert are on it, too.
func (r *renderer) summary(dropped int64) alerts.Content {
	c := alerts.Content{Labels: map[string]string{}, Annotations: map[string]string{
		"summary": fmt.Sprintf("%d alerts were dropped: more causes fire than limits::alerts (%d) allows. What is shown is not all.",
			dropped, r.limits.Alerts),
		"description": "The oldest of the mildest severity were dropped first. Their findings are in the audit store. " +
			"Find what fires so much, or raise limits::alerts of the alertmanager exporter.",
	}}
	for i := range r.labels {
		constant := func(field string) string { return map[string]string{"severity": string(finding.High)}[field] }
		if text := r.labels[i].text(constant); text != "" {
			c.Labels[r.labels[i].name] = text
		}
	}
	c.Labels[labelAlertname] = "SpanwardenFindingsDropped"
	return c
}

// start reads the kept state. It never waits for an Alertmanager.
func (e *alertExporter) start(ctx context.Context, host component.Host) error {
	e.host = host
	if err := e.restore(ctx); err != nil {
		return err
	}
	client, err := e.dial(ctx, host)
	if err != nil {
		return err
	}
	if err := e.makeSenders(client); err != nil {
		return err
	}
	if err := e.registerGauges(); err != nil {
		return err
	}
	e.countFromZero(ctx)
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.cancel = cancel
	for _, s := range e.senders {
		e.tasks.Go(func() { s.run(background) })
		s.signal()
	}
	e.tasks.Go(func() { e.keepTime(background) })
	return nil
}

func (e *alertExporter) makeSenders(client *http.Client) error {
	for i, endpoint := range e.cfg.Endpoints {
		u, err := url.Parse(endpoint)
		if err != nil {
			return errors.New("endpoints: number " + strconv.Itoa(i+1) + " is no URL")
		}
		s := &sender{
			e: e, index: i, name: u.Host, address: strings.TrimSuffix(endpoint, "/") + apiPath,
			client: client, wake: make(chan struct{}, 1),
		}
		s.label = label("endpoint", s.name)
		e.senders = append(e.senders, s)
	}
	return nil
}

func (e *alertExporter) restore(ctx context.Context) error {
	if e.cfg.Storage == nil {
		e.set.Logger.Info("No storage is configured: a restart forgets which alerts fire, and they lapse.")
		return nil
	}
	j, err := openJournal(ctx, e.host, *e.cfg.Storage, e.set.ID)
	if err != nil {
		return err
	}
	changes, damage, err := j.load(ctx)
	if err != nil {
		return errors.Join(err, j.close(ctx))
	}
	damage = errors.Join(damage, e.state.Load(changes, time.Now()))
	if damage != nil {
		e.set.Logger.Error("Part of the kept state cannot be read. The alerts of that part lapse.", zap.Error(damage))
	}
	e.journal = j
	return nil
}

// shutdown lets the senders post what is due, and saves. Firing alerts are not
// resolved: their causes last.
func (e *alertExporter) shutdown(ctx context.Context) error {
	var err error
	if e.cancel != nil {
		e.cancel()
		e.tasks.Wait()
		e.cancel = nil
		e.senders[0].client.CloseIdleConnections()
	}
	if e.journal != nil {
		err = errors.Join(e.save(ctx), e.journal.close(ctx))
		e.journal = nil
	}
	e.tel.Shutdown()
	return err
}

// keepTime ends the alerts whose time is over.
func (e *alertExporter) keepTime(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		e.mu.Lock()
		due := e.state.Tick(time.Now())
		e.mu.Unlock()
		if due {
			e.signal()
		}
		e.saveInBackground(ctx)
		e.countStats(ctx)
	}
}

func (e *alertExporter) signal() {
	for _, s := range e.senders {
		s.signal()
	}
}

// pushLogs takes the findings of a batch into the state, wakes the senders, and
// returns when the state is written. A batch that comes again changes nothing.
func (e *alertExporter) pushLogs(ctx context.Context, ld plog.Logs) error {
	now := time.Now()
	events := e.events(ctx, ld, now)
	if len(events) == 0 {
		return nil
	}
	tally := map[alerts.Outcome]int64{}
	var urgent bool
	e.mu.Lock()
	for i := range events {
		out := e.state.Apply(&events[i], now)
		tally[out]++
		urgent = urgent || out.Urgent()
	}
	e.mu.Unlock()
	if urgent {
		e.signal()
	}
	e.countOutcomes(ctx, tally)
	return e.save(ctx) // retryable: storage may come back
}

func (e *alertExporter) events(ctx context.Context, ld plog.Logs, now time.Time) []alerts.Event {
	var events []alerts.Event
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				f, err := finding.FromLog(lr)
				if err != nil {
					e.refuse(ctx, lr, err)
					continue
				}
				observed := now
				if lr.ObservedTimestamp() != 0 {
					observed = lr.ObservedTimestamp().AsTime()
				}
				events = append(events, e.render.event(&f, lr.Attributes(), rl.Resource().Attributes(), observed))
			}
		}
	}
	return events
}

// refuse counts what is no finding. Other records are expected in a pipeline;
// one that claims to be a finding is worth a line.
func (e *alertExporter) refuse(ctx context.Context, lr plog.LogRecord, err error) {
	reason := finding.ReasonOf(err)
	e.tel.ExporterAlertmanagerRecordsRefused.Add(ctx, 1, label("reason", string(reason)))
	if reason != finding.ReasonEvent {
		e.loud.Warn("A log record claims to be a finding and cannot be read. It raises no alert.",
			zap.String("reason", string(reason)), zap.Stringer("trace_id", lr.TraceID()), zap.Error(err))
	}
}

func (e *alertExporter) next(endpoint int) *alerts.Post {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state.Next(endpoint, time.Now())
}

func (e *alertExporter) done(ctx context.Context, post *alerts.Post) {
	e.mu.Lock()
	first := e.state.Done(post, time.Now())
	e.mu.Unlock()
	for _, d := range first {
		e.tel.ExporterAlertmanagerDeliveryTime.Record(ctx, d.Took.Seconds())
	}
	e.saveInBackground(ctx)
}
