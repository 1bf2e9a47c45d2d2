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
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/governance/versions"
	"github.com/spanwarden/spanwarden/internal/pricing"
	"github.com/spanwarden/spanwarden/processor/costprocessor/internal/metadata"
)

// costProcessor is the shell around internal/pricing. A price book is an
// immutable snapshot held by prices; mu guards only the memory between batches
// and is never held while calling next.
type costProcessor struct {
	id      component.ID
	next    consumer.Traces
	tel     *metadata.TelemetryBuilder
	counts  counters
	prices  *priceSource
	log     *zap.Logger
	scratch sync.Pool // of *work

	govID    *component.ID
	gov      governance.Extension // nil without one: prices only
	detach   func()
	unpriced *unpricedReports

	toldPrices *toldPrices

	mu     sync.Mutex
	memory *genai.Memory
}

// work is what one ConsumeTraces needs and the next one uses again.
type work struct {
	batch  genai.Batch
	pricer *pricer
	spend  spending
	told   []priceKey
}

func newProcessor(set processor.Settings, cfg *Config, next consumer.Traces) (*costProcessor, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	p := &costProcessor{
		id:      set.ID,
		next:    next,
		tel:     tel,
		counts:  counters{tel: tel, sets: &sync.Map{}},
		scratch: sync.Pool{New: func() any { return &work{pricer: newPricer()} }},
		memory:  genai.NewMemory(cfg.Limits.memory()),
		log:     set.Logger, govID: cfg.Governance,
		detach: func() {}, unpriced: newUnpricedReports(), toldPrices: newToldPrices(),
	}
	p.prices = newPriceSource(cfg.Prices, cfg.ReloadInterval, set.Logger, func(result string) {
		tel.ProcessorCostPricebookReloads.Add(context.Background(), 1, reloadResult(result))
	})
	return p, nil
}

// Start loads the prices: a price file that is wrong from the beginning stops
// the collector, one that becomes wrong later does not.
func (p *costProcessor) Start(_ context.Context, host component.Host) (err error) {
	if p.gov, err = governance.Find(host, p.govID); err != nil {
		return err
	}
	p.prices.told = func(v *finding.Version) {
		v.Component = p.id.String()
		versions.Tell(host, v)
	}
	if err := p.prices.start(); err != nil {
		return err
	}
	if p.gov != nil {
		p.detach = p.gov.Attach(p.next)
	}
	err = p.tel.RegisterProcessorCostPricebookInfoCallback(func(_ context.Context, o metric.Int64Observer) error {
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
	p.detach()
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
	defer p.scratch.Put(w)
	w.batch.Decode(td, nil)
	p.resolve(&w.batch)
	tally := make(map[outcome]int64, 4)
	p.price(w, tally)
	if p.gov != nil {
		if err := p.settle(ctx, w, tally); err != nil {
			return err
		}
	}
	p.counts.record(ctx, tally)
	if err := p.next.ConsumeTraces(ctx, td); err != nil {
		return err
	}
	p.toldPrices.took(w.told)
	return nil
}

// price answers for each span what it costs, and notes what is to be charged.
func (p *costProcessor) price(w *work, tally map[outcome]int64) {
	book := p.prices.book()
	w.spend.reset()
	w.told = w.told[:0]
	for i := range w.batch.Items {
		item := &w.batch.Items[i]
		span := item.Span.Attributes()
		forget(span)
		r := w.answer(book, item)
		if r != nil {
			write(span, r)
			p.rates(w, book, item.Span, r)
			tally[outcome{r.Status, r.Reason, r.Provider}]++
			p.unpriced.report(item, r, p.put)
		}
		if p.gov != nil {
			w.spend.add(book, w.pricer, item, r)
			w.spend.settled(item)
		}
	}
}

func (p *costProcessor) resolve(batch *genai.Batch) {
	if batch.Canonical() {
		return
	}
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
