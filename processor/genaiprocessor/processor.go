package genaiprocessor

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"

	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/trust"
	"github.com/spanwarden/spanwarden/processor/genaiprocessor/internal/metadata"
)

// genaiProcessor is the shell around internal/genai. Decoding is pure and runs
// concurrently; mu guards the memory between batches and is never held while
// calling next.
type genaiProcessor struct {
	component.StartFunc

	opts    genai.Options
	setup   setupDigests
	trust   bool // believe spanwarden.* that arrives
	route   bool // write routing keys
	next    consumer.Traces
	tel     *metadata.TelemetryBuilder
	counts  counters
	batches sync.Pool // of *genai.Batch

	mu     sync.Mutex
	memory *genai.Memory
}

func newProcessor(set processor.Settings, cfg *Config, next consumer.Traces) (*genaiProcessor, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &genaiProcessor{
		opts:    cfg.options(),
		setup:   setupDigests{key: []byte(cfg.DigestKey)},
		trust:   cfg.TrustIncoming,
		route:   cfg.RoutingKey,
		next:    next,
		tel:     tel,
		counts:  newCounters(tel),
		batches: sync.Pool{New: func() any { return new(genai.Batch) }},
		memory:  genai.NewMemory(cfg.Limits.memory()),
	}, nil
}

// Capabilities says that spans are changed: attributes are added to them.
func (p *genaiProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// ConsumeTraces may be called concurrently. A batch that next refuses may be
// sent again: reading is idempotent by action id.
func (p *genaiProcessor) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	opts := p.opts
	if own := trust.Marked(ctx); own {
		opts.IgnoreCanonical = false
	} else if !p.trust {
		p.tel.ProcessorGenaiForged.Add(ctx, disown(td))
	}
	batch := p.batches.Get().(*genai.Batch)
	batch.Decode(td, &opts)
	evicted := p.resolve(batch)
	for i := range batch.Items {
		batch.Items[i].Write()
		p.setup.write(&batch.Items[i])
	}
	if p.route {
		p.tel.ProcessorGenaiUnrouted.Add(ctx, route(batch))
	}
	p.counts.record(ctx, batch, evicted)
	p.batches.Put(batch)
	return p.next.ConsumeTraces(ctx, td)
}

// resolve fills in what single spans cannot tell and returns how many entries
// the memory lost to its bounds meanwhile.
func (p *genaiProcessor) resolve(batch *genai.Batch) (evicted int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := evictions(p.memory.Stats)
	p.memory.Resolve(batch, time.Now())
	return evictions(p.memory.Stats) - before
}

// Shutdown unregisters the telemetry. What is remembered is only a cache.
func (p *genaiProcessor) Shutdown(context.Context) error {
	p.tel.Shutdown()
	return nil
}
