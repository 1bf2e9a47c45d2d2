package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/spanwarden/spanwarden/internal/governance"
)

// pipeline is the components of Rules, alive. It is made, used and closed inside
// one bubble.
type pipeline struct {
	first      consumer.Traces
	extensions map[component.ID]component.Component
	started    []component.Component // in the order in which they are to be stopped
	inspect    []inspected
	troubles   *troubles
	reader     *sdkmetric.ManualReader
}

type inspected struct {
	id   component.ID
	what component.Component
}

// GetExtensions implements component.Host.
func (p *pipeline) GetExtensions() map[component.ID]component.Component { return p.extensions }

// build makes and starts everything; sink is what stands behind the last
// processor.
func (r *Rules) build(ctx context.Context, sink consumer.Traces) (*pipeline, error) {
	p := &pipeline{
		extensions: map[component.ID]component.Component{}, troubles: &troubles{seen: map[string]int{}}, reader: sdkmetric.NewManualReader(),
	}
	var meters metric.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(p.reader))
	if len(r.processors) == 0 {
		meters = metricnoop.NewMeterProvider()
	}
	telemetry := component.TelemetrySettings{
		Logger: zap.New(p.troubles), TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: meters,
	}
	build := component.BuildInfo{Command: "spanwarden replay"}
	err := p.extend(ctx, r.extensions, telemetry, build)
	next := sink
	for _, part := range slices.Backward(r.processors) {
		if err != nil {
			break
		}
		var made processor.Traces
		made, err = part.judges.CreateTraces(ctx, processor.Settings{ID: part.id, TelemetrySettings: telemetry, BuildInfo: build}, part.config, next)
		if err == nil {
			err = p.start(ctx, "processors", part.id, made)
			next = made
		}
	}
	if err != nil {
		return nil, errors.Join(err, p.close(ctx))
	}
	p.first = next
	return p, p.release(ctx)
}

func (p *pipeline) extend(ctx context.Context, parts []part, telemetry component.TelemetrySettings, build component.BuildInfo) error {
	for _, part := range parts {
		made, err := part.extends.Create(ctx, extension.Settings{ID: part.id, TelemetrySettings: telemetry, BuildInfo: build}, part.config)
		if err == nil {
			p.extensions[part.id] = made
			err = p.start(ctx, "extensions", part.id, made)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// start starts a component. The last to start is the first to stop, so that what
// a processor still has to say finds those behind it.
func (p *pipeline) start(ctx context.Context, kind string, id component.ID, c component.Component) error {
	if err := c.Start(ctx, p); err != nil {
		return fmt.Errorf("%s::%s: %w", kind, id, errors.Join(err, c.Shutdown(ctx)))
	}
	p.started = append([]component.Component{c}, p.started...)
	p.inspect = append(p.inspect, inspected{id, c})
	return nil
}

// release lifts what a ledger without state may have halted at its start
// (on_state_loss: halt): that it has none is no news in a replay.
func (p *pipeline) release(ctx context.Context) error {
	for _, e := range p.extensions {
		g, ok := e.(governance.Extension)
		if !ok {
			continue
		}
		for _, h := range g.InForce() {
			if _, err := g.Release(ctx, h.ID(), "spanwarden replay", "a replay begins without state"); err != nil {
				return errors.Join(err, p.close(ctx))
			}
		}
	}
	return nil
}

func (p *pipeline) close(ctx context.Context) (err error) {
	for _, c := range p.started {
		err = errors.Join(err, c.Shutdown(ctx))
	}
	p.started = nil
	return err
}

func (p *pipeline) consume(ctx context.Context, td ptrace.Traces) error {
	if td.SpanCount() == 0 {
		return nil
	}
	return p.first.ConsumeTraces(ctx, td)
}

// limits returns the counters of limits that were hit, by name.
func (p *pipeline) limits(ctx context.Context) map[string]int64 {
	var all metricdata.ResourceMetrics
	if p.reader.Collect(ctx, &all) != nil {
		return nil // there is no telemetry to tell
	}
	out := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && isLimit(m.Name) {
				for _, point := range sum.DataPoints {
					if point.Value > 0 {
						out[m.Name+labels(&point)] += point.Value
					}
				}
			}
		}
	}
	return out
}

func labels(p *metricdata.DataPoint[int64]) string {
	var text strings.Builder
	for _, kv := range p.Attributes.ToSlice() {
		fmt.Fprintf(&text, "{%s=%s}", kv.Key, kv.Value.String())
	}
	return text.String()
}

// troubles is a log core that keeps errors, each text once.
type troubles struct {
	mu   sync.Mutex
	seen map[string]int
}

const maxTroubles = 50

// Enabled implements zapcore.Core.
func (*troubles) Enabled(l zapcore.Level) bool { return l >= zapcore.ErrorLevel }

// With implements zapcore.Core.
func (t *troubles) With([]zapcore.Field) zapcore.Core { return t }

// Check implements zapcore.Core.
func (t *troubles) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if t.Enabled(e.Level) {
		return c.AddCore(e, t)
	}
	return c
}

// Write implements zapcore.Core.
func (t *troubles) Write(e zapcore.Entry, fields []zapcore.Field) error {
	said := []string{e.Message}
	for i := range fields {
		if err, ok := fields[i].Interface.(error); ok {
			said = append(said, err.Error())
		}
	}
	text := strings.Join(said, ": ")
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.seen[text]; known || len(t.seen) < maxTroubles {
		t.seen[text]++
	}
	return nil
}

// Sync implements zapcore.Core.
func (*troubles) Sync() error { return nil }

func (t *troubles) list() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]string, 0, len(t.seen))
	for _, text := range slices.Sorted(maps.Keys(t.seen)) {
		out = append(out, fmt.Sprintf("%s (%d times)", text, t.seen[text]))
	}
	return out
}

// isLimit tells the counters of limits by their names.
func isLimit(name string) bool {
	for _, part := range []string{"evict", "limited", "suppressed", "truncated"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
