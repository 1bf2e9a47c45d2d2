package costprocessor

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/pricing"
	"github.com/spanwarden/spanwarden/processor/costprocessor/internal/metadata"
)

// costProcessor is the shell around internal/pricing. A price book is an
// immutable snapshot held by prices; mu guards only the memory between batches
// and is never held while calling next.
type costProcessor struct {
	next    consumer.Traces
	tel     *metadata.TelemetryBuilder
	counts  counters
	prices  *priceSource
	scratch sync.Pool // of *work

	mu     sync.Mutex
	memory *genai.Memory
}

// work is what one ConsumeTraces needs and the next one uses again.
type work struct {
	batch  genai.Batch
	pricer *pricer
}

func newProcessor(set processor.Settings, cfg *Config, next consumer.Traces) (*costProcessor, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	p := &costProcessor{
		next:    next,
		tel:     tel,
		counts:  counters{tel: tel, sets: &sync.Map{}},
		scratch: sync.Pool{New: func() any { return &work{pricer: newPricer()} }},
		memory:  genai.NewMemory(cfg.Limits.memory()),
	}
	p.prices = newPriceSource(cfg.Prices, cfg.ReloadInterval, set.Logger, func(result string) {
		tel.ProcessorCostPricebookReloads.Add(context.Background(), 1, reloadResult(result))
	})
	return p, nil
}

// Start loads the prices: a price file that is wrong from the beginning stops
// the collector, one that becomes wrong later does not.
func (p *costProcessor) Start(context.Context, component.Host) error {
	if err := p.prices.start(); err != nil {
		return err
	}
	err := p.tel.RegisterProcessorCostPricebookInfoCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(1, bookVersion(p.prices.book().Version()))
		return nil
	})
	if err != nil {
		return err
	}
	return p.tel.RegisterProcessorCostPricebookAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(time.Since(p.prices.loadedAt()).Seconds())
		return nil
	})
}

// Shutdown stops reloading and waits for it.
func (p *costProcessor) Shutdown(context.Context) error {
	p.prices.stop()
	p.tel.Shutdown()
	return nil
}

// Capabilities says that spans are changed: attributes are added to them.
func (p *costProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// ConsumeTraces may be called concurrently. One book prices the whole batch.
func (p *costProcessor) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	w := p.scratch.Get().(*work)
	w.batch.Decode(td, nil)
	p.resolve(&w.batch)
	book := p.prices.book()
	tally := make(map[outcome]int64, 4)
	for i := range w.batch.Items {
		item := &w.batch.Items[i]
		span := item.Span.Attributes()
		forget(span)
		if r := w.answer(book, item); r != nil {
			write(span, r)
			tally[outcome{r.Status, r.Reason, r.Provider}]++
		}
	}
	p.scratch.Put(w)
	p.counts.record(ctx, tally)
	return p.next.ConsumeTraces(ctx, td)
}

func (p *costProcessor) resolve(batch *genai.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.memory.Resolve(batch, time.Now())
}

// answer returns what a span costs, or nil where cost is no question.
func (w *work) answer(book *pricing.Book, item *genai.Item) *pricing.Result {
	switch a := &item.Action; {
	case a.IsModelCall():
		return w.pricer.price(book, item)
	case a.Duplicate && (a.Kind == genai.KindInference || a.Kind == genai.KindEmbedding):
		return &pricing.Result{Status: pricing.StatusDuplicate}
	case a.Accounting == genai.AccountingRollup:
		return &pricing.Result{Status: pricing.StatusRollup}
	default:
		return nil
	}
}
