package delegationprocessor

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/chain/chainspan"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/governance/lineage"
	"github.com/spanwarden/spanwarden/internal/governance/versions"
	"github.com/spanwarden/spanwarden/internal/trust"
	"github.com/spanwarden/spanwarden/processor/delegationprocessor/internal/metadata"
)

// delegationProcessor is the shell around the chains that the governance
// extension owns. mu guards what is between batches: records that have not been
// passed on, and actions whose run is not known. It is never held while calling
// next.
type delegationProcessor struct {
	cfg    *Config
	id     component.ID
	next   consumer.Traces
	tel    *metadata.TelemetryBuilder
	log    *zap.Logger
	reader *chainspan.Reader
	now    func() time.Time
	pool   sync.Pool // of *work

	chains lineage.Chains
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu         sync.Mutex
	pending    []chain.Event
	unresolved *unresolved
}

// work is what one batch needs and the next one uses again.
type work struct {
	batch   genai.Batch
	records []chain.Record
	spans   []chain.Ref
	answers []lineage.Answer
}

func newProcessor(set processor.Settings, cfg *Config, next consumer.Traces) (*delegationProcessor, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	reader := chainspan.New()
	reader.MaxLinks = cfg.Limits.Links
	return &delegationProcessor{
		cfg: cfg, id: set.ID, next: next, tel: tel, log: set.Logger, reader: reader, now: time.Now,
		pool:       sync.Pool{New: func() any { return new(work) }},
		unresolved: newUnresolved(cfg.Limits.Unresolved),
	}, nil
}

// Start finds the chains and begins to look at the clock.
func (p *delegationProcessor) Start(ctx context.Context, host component.Host) (err error) {
	if p.chains, err = lineage.Find(host, p.cfg.Governance); err != nil {
		return err
	}
	p.reader.Bind = p.bind
	if p.chains != nil {
		versions.Tell(host, p.version())
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	p.tasks.Go(func() { p.watch(background) })
	return nil
}

// version says what is looked for. What decides it is in the code and the registry,
// so it is named after the codes.
func (p *delegationProcessor) version() *finding.Version {
	v := finding.Version{Kind: "delegation", Component: p.id.String()}
	for _, code := range chain.Own() {
		v.Rules = append(v.Rules, finding.DelegationPrefix+string(code))
	}
	v.Content = strings.Join(v.Rules, "\n")
	v.Version = finding.Digest(v.Content)
	return &v
}

// Shutdown passes on what is left. Chains that are open stay open in the
// extension's state.
func (p *delegationProcessor) Shutdown(ctx context.Context) error {
	if p.cancel != nil {
		p.cancel()
		p.tasks.Wait()
		p.settle(ctx)
		p.cancel = nil
	}
	p.tel.Shutdown()
	return nil
}

// Capabilities says that spans are changed: attributes and settle spans are added.
func (p *delegationProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// ConsumeTraces may be called concurrently.
func (p *delegationProcessor) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	w := p.pool.Get().(*work)
	defer p.pool.Put(w)
	p.read(w, td)
	if trust.Marked(ctx) {
		p.chains.Tell(grants(w.batch.Items), decisions(w.batch.Items))
	}
	events := p.chains.Observe(w.records)
	w.answers = p.chains.Resolve(w.spans, w.answers[:0])
	p.attach(ctx, w)
	return p.pass(ctx, td, events)
}

// read decodes the batch into records: the engine keeps them, so each batch makes
// new ones.
func (p *delegationProcessor) read(w *work, td ptrace.Traces) {
	w.batch.Decode(td, nil) // and not resolved: what a span inherits, the engine finds
	w.records, w.spans = make([]chain.Record, 0, len(w.batch.Items)), w.spans[:0]
	for i := range w.batch.Items {
		it := &w.batch.Items[i]
		if it.Settle() {
			w.spans = append(w.spans, chain.Ref{})
			continue
		}
		w.records = append(w.records, p.reader.Read(it))
		w.spans = append(w.spans, refOf(it.Span))
	}
}

// pass sends the batch on with the records of what it, or time, has proved. What
// next refuses is kept for the next batch: the engine tells it once.
func (p *delegationProcessor) pass(ctx context.Context, td ptrace.Traces, events []chain.Event) error {
	p.mu.Lock()
	if len(p.pending) > 0 {
		events = append(p.pending, events...)
		p.pending = nil
	}
	late := p.unresolved.settled(events, p.chains)
	p.mu.Unlock()
	counts := p.write(td, events, late)
	err := p.next.ConsumeTraces(ctx, td)
	if err == nil {
		err = p.chains.Keep(ctx)
	}
	if err != nil {
		p.keep(ctx, events, late)
		return err
	}
	p.counted(ctx, counts, events)
	return nil
}

func (p *delegationProcessor) keep(ctx context.Context, events []chain.Event, late []attribution) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = append(p.pending, events...)
	if n := len(p.pending) - p.cfg.Limits.Pending; n > 0 {
		p.pending = append([]chain.Event(nil), p.pending[n:]...)
		p.limited(ctx, "pending", n)
	}
	for i := range late {
		p.unresolved.add(late[i].action)
	}
}

// watch passes on what time proves.
func (p *delegationProcessor) watch(ctx context.Context) {
	tick := time.NewTicker(p.cfg.SettleInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.settle(ctx)
		}
	}
}

func (p *delegationProcessor) settle(ctx context.Context) {
	events := p.chains.Settle()
	p.mu.Lock()
	waiting := len(p.pending)
	evicted := p.unresolved.takeEvicted()
	p.mu.Unlock()
	p.limited(ctx, "unresolved", evicted)
	if len(events)+waiting == 0 {
		return
	}
	if err := p.pass(ctx, ptrace.NewTraces(), events); err != nil {
		p.log.Warn("a pipeline does not take records of delegation; they wait", zap.Error(err))
	}
}

func (p *delegationProcessor) limited(ctx context.Context, limit string, n int) {
	if n > 0 {
		p.tel.ProcessorDelegationLimited.Add(ctx, int64(n), metric.WithAttributeSet(attribute.NewSet(attribute.String("limit", limit))))
	}
}

func errField(err error) zap.Field { return zap.Error(err) }
