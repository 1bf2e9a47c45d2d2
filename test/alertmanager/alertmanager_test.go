package alertmanager

import (
	"context"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/connector/findingsconnector"
	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter"
	"github.com/spanwarden/spanwarden/internal/finding"
)

func TestShippedConfigIsValid(t *testing.T) {
	out, err := exec.Command(find(t, "amtool"), "check-config", "../../configs/alertmanager.yml").CombinedOutput()
	require.NoError(t, err, string(out))
}

// outlet is the findings connector and the exporter behind it.
type outlet struct {
	t    testing.TB
	in   connector.Traces
	out  exporter.Logs
	host *host
}

// start makes an outlet to the Alertmanagers. Its state is in the disk, which
// outlives it.
func start(tb testing.TB, d *disk, managers ...*manager) *outlet {
	tb.Helper()
	addresses := make([]string, 0, len(managers))
	for _, m := range managers {
		addresses = append(addresses, m.url())
	}
	return startAt(tb, d, time.Second, addresses...)
}

func startAt(tb testing.TB, d *disk, resend time.Duration, addresses ...string) *outlet {
	tb.Helper()
	f := alertmanagerexporter.NewFactory()
	cfg := f.CreateDefaultConfig().(*alertmanagerexporter.Config)
	cfg.Endpoints = addresses
	id := component.MustNewID("file_storage")
	cfg.Storage = &id
	cfg.GeneratorURL = "http://127.0.0.1:3000/d/session?var-finding={finding_id}"
	cfg.ResendInterval = resend
	cfg.LapseIntervals = 30
	cfg.Retry.MaxInterval = time.Second
	cfg.Limits.Alerts = 100_000
	o := &outlet{t: tb, host: &host{map[component.ID]component.Component{id: d}}}
	var err error
	o.out, err = f.CreateLogs(tb.Context(), exportertest.NewNopSettings(f.Type()), cfg)
	require.NoError(tb, err)
	require.NoError(tb, o.out.Start(tb.Context(), o.host))
	c := findingsconnector.NewFactory()
	o.in, err = c.CreateTracesToLogs(tb.Context(), connectortest.NewNopSettings(c.Type()), c.CreateDefaultConfig(), o.out)
	require.NoError(tb, err)
	require.NoError(tb, o.in.Start(tb.Context(), o.host))
	tb.Cleanup(o.stop)
	return o
}

func (o *outlet) stop() {
	if o.in == nil {
		return
	}
	require.NoError(o.t, o.in.Shutdown(context.Background()))
	require.NoError(o.t, o.out.Shutdown(context.Background()))
	o.in = nil
}

// send puts the findings on a span of an agent of the team and through.
func (o *outlet) send(team string, found ...finding.Finding) {
	o.t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	if team != "" {
		rs.Resource().Attributes().PutStr("team", team)
	}
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1, 2, 3})
	span.SetSpanID(pcommon.SpanID{4, 5, 6})
	for i := range found {
		require.NoError(o.t, found[i].AddTo(span))
	}
	require.NoError(o.t, o.in.ConsumeTraces(o.t.Context(), td))
}

func found(typ finding.Type, key, agent string) finding.Finding {
	f := finding.New(typ, "acme", key, key, agent)
	f.Message = "Agent " + agent + " did what it must not."
	f.Agent, f.Project, f.At = agent, "shop", time.Now()
	return f
}

func over(f finding.Finding) finding.Finding {
	f.State, f.At = finding.Resolved, time.Now()
	return f
}

func TestRaiseAndResolve(t *testing.T) {
	hooks := newWebhook(t)
	m := newManager(t, hooks)
	o := start(t, newDisk(), m)
	f := found(finding.BudgetExceeded, "budget/daily", "planner")
	f.Observed, f.Limit = finding.Known(12.5), finding.Known(10)
	o.send("payments", f)
	m.wants("budget.exceeded budget/daily")
	a := m.alerts()[0]
	assert.Equal(t, map[string]string{
		"alertname": "SpanwardenBudgetExceeded", "severity": "critical", "tenant": "acme", "project": "shop", "agent": "planner",
		"finding_type": "budget.exceeded", "finding_key": "budget/daily", "team": "payments",
	}, a.Labels)
	assert.Equal(t, f.Message, a.Annotations["summary"])
	assert.Equal(t, "12.5", a.Annotations["observed"])
	assert.Equal(t, "01020300000000000000000000000000", a.Annotations["trace_id"])
	assert.Equal(t, f.ID, a.Annotations["finding_id"])
	assert.Equal(t, "http://127.0.0.1:3000/d/session?var-finding="+f.ID, a.GeneratorURL)
	first := a.EndsAt
	waitFor(t, "a refresh", func() bool {
		now := m.alerts()
		return len(now) == 1 && now[0].EndsAt.After(first)
	})
	// Critical pages, and goes on to the team.
	for _, receiver := range []string{"on-call", "team-payments"} {
		waitFor(t, "a page to "+receiver, func() bool { return hooks.has(receiver, "firing", "budget.exceeded budget/daily") })
	}
	o.send("payments", over(f))
	m.wants()
	waitFor(t, "the all-clear", func() bool { return hooks.has("on-call", "resolved", "budget.exceeded budget/daily") })
	o.send("payments", f) // a batch that comes again
	o.send("payments", found(finding.BaselineLoop, "loop", "planner"))
	m.wants("baseline.loop loop")
}

func TestGroupAndRoute(t *testing.T) {
	hooks := newWebhook(t)
	m := newManager(t, hooks)
	o := start(t, newDisk(), m)
	o.send("", found(finding.BoundaryTool, "shell", "one"), found(finding.BoundaryTool, "shell", "two"), found(finding.CostUnpriced, "model-x", "one"))
	waitFor(t, "both agents in one notification", func() bool {
		for _, n := range hooks.all() {
			if n.Receiver == "security" && len(n.Alerts) == 2 && n.GroupLabels["alertname"] == "SpanwardenBoundaryTool" {
				return true
			}
		}
		return false
	})
	waitFor(t, "finance", func() bool { return hooks.has("finance", "firing", "cost.unpriced model-x") })
	assert.False(t, hooks.has("on-call", "firing", "boundary.tool shell"), "high does not page")
}

func TestHaltInhibitsItsChildren(t *testing.T) {
	hooks := newWebhook(t)
	m := newManager(t, hooks)
	o := start(t, newDisk(), m)
	o.send("", found(finding.BudgetHalt, "budget/daily", "planner"))
	waitFor(t, "the page", func() bool { return hooks.has("on-call", "firing", "budget.halt budget/daily") })
	o.send("",
		found(finding.BudgetProjected, "budget/daily", "planner"),
		found(finding.BudgetExceeded, "budget/daily", "planner"),
		found(finding.BaselineRate, "rate", "planner"),
		found(finding.BoundaryAfterHalt, "after", "planner"),
		found(finding.BaselineRate, "rate", "somebody-else"))
	m.wants("budget.halt budget/daily", "budget.projected budget/daily", "budget.exceeded budget/daily",
		"baseline.rate rate", "boundary.after_halt after", "baseline.rate rate")
	muted := func() map[string]bool {
		out := map[string]bool{}
		for _, a := range m.alerts() {
			out[a.name()+" "+a.Labels["agent"]] = len(a.Status.InhibitedBy) > 0
		}
		return out
	}
	want := map[string]bool{
		"budget.halt budget/daily planner": false, "budget.projected budget/daily planner": true, "budget.exceeded budget/daily planner": true,
		"baseline.rate rate planner": true, "boundary.after_halt after planner": false, "baseline.rate rate somebody-else": false,
	}
	waitFor(t, "the inhibitions", func() bool { return assert.ObjectsAreEqual(want, muted()) })
	waitFor(t, "the page about the act after the halt", func() bool { return hooks.has("on-call", "firing", "boundary.after_halt after") })
	waitFor(t, "the other agent's notification", func() bool { return hooks.has("agents", "firing", "baseline.rate rate") })
	assert.False(t, hooks.has("on-call", "firing", "budget.exceeded budget/daily"))
	o.send("", over(found(finding.BudgetHalt, "budget/daily", "planner")))
	waitFor(t, "the overrun, once the halt is over", func() bool { return hooks.has("on-call", "firing", "budget.exceeded budget/daily") })
}

func TestHaltOfAProjectInhibitsAllItsAgents(t *testing.T) {
	m := newManager(t, newWebhook(t))
	o := start(t, newDisk(), m)
	halt, other := found(finding.BudgetHalt, "budget/shop", ""), found(finding.BaselineRate, "rate", "planner")
	other.ID, other.Project = "another project's", "bank"
	o.send("", halt, found(finding.BaselineRate, "rate", "planner"), found(finding.BaselineCost, "cost", "buyer"), other)
	want := map[string]bool{"budget.halt shop": false, "baseline.rate shop": true, "baseline.cost shop": true, "baseline.rate bank": false}
	waitFor(t, "the inhibitions", func() bool {
		got := map[string]bool{}
		for _, a := range m.alerts() {
			got[a.Labels["finding_type"]+" "+a.Labels["project"]] = len(a.Status.InhibitedBy) > 0
		}
		return assert.ObjectsAreEqual(want, got)
	})
}

func TestRestarts(t *testing.T) {
	m := newManager(t, newWebhook(t))
	d := newDisk()
	o := start(t, d, m)
	halt, loop := found(finding.BudgetHalt, "budget/daily", "planner"), found(finding.BaselineLoop, "loop", "planner")
	o.send("", halt, loop)
	m.wants("baseline.loop loop", "budget.halt budget/daily")

	// An Alertmanager keeps no alerts: after a restart it is told again.
	m.stop()
	m.start()
	m.wants("baseline.loop loop", "budget.halt budget/daily")

	// The exporter keeps them: it resolves what it raised in an earlier life, and
	// a batch that comes again raises nothing.
	o.stop()
	o = start(t, d, m)
	o.send("", over(halt))
	m.wants("baseline.loop loop")
	o.send("", halt, loop)
	o.send("", found(finding.BaselineDrift, "drift", "planner"))
	m.wants("baseline.loop loop", "baseline.drift drift")

	// Both at once.
	o.stop()
	m.stop()
	m.start()
	start(t, d, m)
	m.wants("baseline.loop loop", "baseline.drift drift")
}

func TestOneOfTwoDown(t *testing.T) {
	hooks := newWebhook(t)
	one, two := newManager(t, hooks), newManager(t, hooks)
	o := start(t, newDisk(), one, two)
	loop := found(finding.BaselineLoop, "loop", "planner")
	o.send("", loop)
	one.wants("baseline.loop loop")
	two.wants("baseline.loop loop")
	two.stop()
	halt := found(finding.BudgetHalt, "budget/daily", "planner")
	o.send("", halt, over(loop))
	one.wants("budget.halt budget/daily")
	two.start()
	two.wants("budget.halt budget/daily")
	one.stop()
	o.send("", over(halt), found(finding.BoundaryTool, "shell", "planner"))
	two.wants("boundary.tool shell")
}

func TestSilence(t *testing.T) {
	hooks := newWebhook(t)
	m := newManager(t, hooks)
	o := start(t, newDisk(), m)
	out, err := exec.Command(find(t, "amtool"), "silence", "add", "--alertmanager.url="+m.url(), "--author=test", "--comment=test",
		`finding_key="shell"`).CombinedOutput()
	require.NoError(t, err, string(out))
	o.send("", found(finding.BoundaryTool, "shell", "planner"), found(finding.BoundaryTool, "rm", "planner"))
	waitFor(t, "the alert that is not silenced", func() bool { return hooks.has("security", "firing", "boundary.tool rm") })
	states := map[string]string{}
	for _, a := range m.alerts() {
		states[a.name()] = a.Status.State
	}
	assert.Equal(t, map[string]string{"boundary.tool shell": "suppressed", "boundary.tool rm": "active"}, states)
	assert.False(t, hooks.has("security", "firing", "boundary.tool shell"))
}

type host struct {
	extensions map[component.ID]component.Component
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// disk is a storage extension in memory that outlives its users.
type disk struct {
	component.StartFunc
	component.ShutdownFunc
	mu   sync.Mutex
	data map[string][]byte
}

func newDisk() *disk { return &disk{data: map[string][]byte{}} }

func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return d, nil
}

func (d *disk) Close(context.Context) error { return nil }

func (d *disk) Get(_ context.Context, key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.data[key], nil
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
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = d.data[op.Key]
		case storage.Set:
			d.data[op.Key] = op.Value
		case storage.Delete:
			delete(d.data, op.Key)
		}
	}
	return nil
}
