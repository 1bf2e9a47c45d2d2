// Package pipeline runs the real components of configs/spanwarden.yaml in this
// process, without receivers and store: for benchmarks that need to know where CPU
// time and memory go.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/spanwarden/spanwarden/extension/governanceextension"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor"
	"github.com/spanwarden/spanwarden/processor/costprocessor"
	"github.com/spanwarden/spanwarden/processor/delegationprocessor"
	"github.com/spanwarden/spanwarden/processor/genaiprocessor"
)

// Pipeline is the five processors and the extension between them.
type Pipeline struct {
	first      consumer.Traces
	components []component.Component // in the order in which they start
	host       host
}

// host knows the extension.
type host map[component.ID]component.Component

// GetExtensions implements component.Host.
func (h host) GetExtensions() map[component.ID]component.Component { return h }

// Options name the policy files; "" for none. Settle is how long a chain stays open
// after its last span, "" as is the default.
type Options struct{ Registry, Budgets, Settle string }

// New starts a pipeline that ends in the sink.
func New(ctx context.Context, o Options, sink consumer.Traces) (*Pipeline, error) {
	p := &Pipeline{host: host{}, first: sink}
	governance := governanceextension.NewFactory()
	id := component.NewID(governance.Type())
	set := extensiontest.NewNopSettings(governance.Type())
	set.ID = id
	keys := map[string]any{"budgets": o.Budgets, "registry": o.Registry}
	if o.Settle != "" {
		keys["chains"] = map[string]any{"settle": o.Settle}
	}
	cfg, err := configure(governance, keys)
	if err != nil {
		return nil, err
	}
	ext, err := governance.Create(ctx, set, cfg)
	if err != nil {
		return nil, err
	}
	p.host[id] = ext
	governed := map[string]any{"governance": id.String()}
	for _, part := range []struct {
		factory processor.Factory
		config  map[string]any
	}{
		{baselineprocessor.NewFactory(), nil},
		{boundaryprocessor.NewFactory(), governed},
		{costprocessor.NewFactory(), governed},
		{delegationprocessor.NewFactory(), governed},
		{genaiprocessor.NewFactory(), nil},
	} {
		cfg, err := configure(part.factory, part.config)
		if err != nil {
			return nil, err
		}
		next, err := part.factory.CreateTraces(ctx, processortest.NewNopSettings(part.factory.Type()), cfg, p.first)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.factory.Type(), err)
		}
		p.first = next
		p.components = append(p.components, next)
	}
	p.components = append([]component.Component{ext}, p.components...)
	for i, c := range p.components {
		if err := c.Start(ctx, p.host); err != nil {
			p.components = p.components[:i]
			return nil, errors.Join(err, p.Close(ctx))
		}
	}
	return p, nil
}

func configure(f component.Factory, with map[string]any) (component.Config, error) {
	cfg := f.CreateDefaultConfig()
	return cfg, confmap.NewFromStringMap(with).Unmarshal(cfg)
}

// Consume sends a request through it.
func (p *Pipeline) Consume(ctx context.Context, td ptrace.Traces) error {
	return p.first.ConsumeTraces(ctx, td)
}

// Close stops everything, the first processor first.
func (p *Pipeline) Close(ctx context.Context) (err error) {
	for _, c := range slices.Backward(p.components) {
		err = errors.Join(err, c.Shutdown(ctx))
	}
	return err
}
