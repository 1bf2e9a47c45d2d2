package boundaryprocessor

import (
	"cmp"
	"context"
	"slices"
	"strings"
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
	"github.com/spanwarden/spanwarden/internal/governance/policies"
	"github.com/spanwarden/spanwarden/internal/governance/versions"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/internal/trust"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/judge"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/metadata"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/pending"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/rates"
)

// boundaryProcessor is the shell around judge. Actions are judged concurrently;
// mu guards what is remembered between batches and is never held while calling
// next.
type boundaryProcessor struct {
	cfg     *Config
	id      component.ID
	next    consumer.Traces
	log     *zap.Logger
	tel     *metadata.TelemetryBuilder
	counts  *counters
	uses    *ruleUses
	daily   *daily
	halts   haltOrders
	deeds   *deeds
	scratch sync.Pool // of *work

	registry policies.Registry // nil without a governance extension
	detach   func()

	mu       sync.Mutex
	memory   *genai.Memory
	waiting  *pending.Table[*waiting]
	late     *judge.Judge  // of what waited
	unsent   ptrace.Traces // settle spans that next has not taken
	dropped  int           // of them
	stop     chan struct{}
	finished sync.WaitGroup
}

// work is what one ConsumeTraces needs and the next one uses again.
type work struct {
	batch  genai.Batch
	reader *reader
	judge  *judge.Judge
	tally  *tally
	order  []int
	halts  []haltOrder
	told   []about // of decisions and deeds
	own    bool    // this process made the batch
	copies resources
}

func newProcessor(set processor.Settings, cfg *Config, next consumer.Traces) (*boundaryProcessor, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	p := &boundaryProcessor{
		cfg: cfg, id: set.ID, next: next, log: set.Logger, tel: tel,
		counts:  newCounters(tel, cfg.Limits.Agents),
		uses:    &ruleUses{c: rates.New(cfg.Limits.rates())},
		daily:   &daily{limit: cfg.Limits.Daily, seen: map[string][16]byte{}},
		halts:   haltOrders{given: map[string]struct{}{}},
		deeds:   newDeeds(&cfg.Decisions),
		memory:  genai.NewMemory(cfg.Limits.memory()),
		waiting: pending.New[*waiting](cfg.pending()),
		unsent:  ptrace.NewTraces(),
		detach:  func() {},
	}
	p.late = judge.New(cfg.options(), p.uses)
	p.scratch.New = func() any {
		return &work{reader: newReader(), judge: judge.New(cfg.options(), p.uses), tally: newTally()}
	}
	return p, nil
}

// Start finds the registry and begins to look after actions that wait.
func (p *boundaryProcessor) Start(_ context.Context, host component.Host) (err error) {
	if p.registry, err = policies.Find(host, p.cfg.Governance); err != nil {
		return err
	}
	if p.registry == nil {
		p.log.Warn("No governance extension is named: no action can be judged, and all are said to be not evaluated. Set `governance`.")
	} else {
		p.detach = p.registry.Attach(p.next)
		versions.Tell(host, version(p.id))
	}
	if err := p.observe(); err != nil {
		return err
	}
	p.stop = make(chan struct{})
	p.finished.Go(p.run)
	return nil
}

// version says what is looked for. What decides it is the registry, which has
// versions of its own, so it is named after the types of findings.
func version(id component.ID) *finding.Version {
	v := finding.Version{Kind: "boundary", Component: id.String(), Rules: finding.BoundaryTypes()}
	v.Content = strings.Join(v.Rules, "\n")
	v.Version = finding.Digest(v.Content)
	return &v
}

func (p *boundaryProcessor) observe() error {
	err := p.tel.RegisterProcessorBoundaryEvaluatedCallback(func(_ context.Context, o metric.Float64Observer) error {
		if share, known := p.counts.share(); known {
			o.Observe(share)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.tel.RegisterProcessorBoundaryPendingCallback(func(_ context.Context, o metric.Int64Observer) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		o.Observe(int64(p.waiting.Len()))
		return nil
	})
}

// Shutdown judges what waits by what is known of it.
func (p *boundaryProcessor) Shutdown(ctx context.Context) error {
	var err error
	if p.stop != nil {
		close(p.stop)
		p.finished.Wait()
		p.stop = nil
		err = p.drain(ctx)
	}
	p.detach()
	p.tel.Shutdown()
	return err
}

// Capabilities says that spans are changed: attributes are added to them.
func (p *boundaryProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// history is a snapshot of the registry's versions, empty without a registry.
func (p *boundaryProcessor) history() policy.History {
	if p.registry == nil {
		return policy.History{}
	}
	return p.registry.Policies()
}

// ConsumeTraces may be called concurrently. A batch that is refused further on
// may be sent again: the same is said and found, and rates count it once.
func (p *boundaryProcessor) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	w := p.scratch.Get().(*work)
	defer p.scratch.Put(w)
	defer func() { w.copies = resources{} }() // or it keeps the batch
	w.tally.reset()
	w.halts, w.told, w.own = w.halts[:0], w.told[:0], trust.Marked(ctx)
	w.batch.Decode(td, nil)
	p.resolve(&w.batch)
	h := p.history()
	for _, i := range w.sorted() {
		p.hold(w, h, &w.batch.Items[i])
	}
	p.learn(w, h)
	if err := p.order(ctx, w); err != nil {
		return err
	}
	p.tellDeeds(td, w.told)
	p.counts.record(ctx, w.tally)
	return p.next.ConsumeTraces(ctx, td)
}

// resolve fills in what single spans cannot tell, unless a genai processor has.
func (p *boundaryProcessor) resolve(batch *genai.Batch) {
	if batch.Canonical() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.memory.Resolve(batch, time.Now())
}

// sorted returns the items in the order in which their actions began, so that
// rates do not depend on the order in which spans end.
func (w *work) sorted() []int {
	w.order = w.order[:0]
	ordered := true
	for i := range w.batch.Items {
		w.order = append(w.order, i)
		ordered = ordered && (i == 0 || w.batch.Items[i-1].Span.StartTimestamp() < w.batch.Items[i].Span.StartTimestamp())
	}
	if !ordered {
		slices.SortFunc(w.order, func(x, y int) int {
			a, b := w.batch.Items[x].Span, w.batch.Items[y].Span
			return cmp.Compare(a.StartTimestamp(), b.StartTimestamp())
		})
	}
	return w.order
}

// hold judges one item and writes it down.
func (p *boundaryProcessor) hold(w *work, h policy.History, item *genai.Item) {
	if !judged(&item.Action) {
		if item.Action.Kind != genai.KindDecision {
			forget(item.Span)
		} else if w.own {
			w.told = append(w.told, p.deeds.decided(item, time.Now())...)
		}
		return
	}
	f := w.reader.read(item)
	if w.reader.stale {
		forget(item.Span)
	}
	j := w.judge.Of(h, f)
	p.uses.used(&j, f)
	write(item.Span.Attributes(), &j)
	w.tally.actions[outcomeOf(&j)]++
	if j.Missing != (judge.Missing{}) {
		w.tally.missing[j.Missing]++
	}
	if x, ok := p.find(&j, f); ok {
		p.put(w.tally, &x, item.Span)
	}
	w.haltOn(&j, f, item.Span)
	w.told = append(w.told, p.deeds.done(item, f, &j, time.Now(), &w.copies)...)
	if j.Open {
		w.tally.waiting++
		p.wait(item, f, &j)
	}
}

// find words what a judgement found, if that is to be told now.
func (p *boundaryProcessor) find(j *judge.Judgement, f *judge.Facts) (finding.Finding, bool) {
	if !j.Reported(f) {
		return finding.Finding{}, false
	}
	if cause := j.Daily(f); cause != "" && !p.daily.first(cause, f.ID) {
		return finding.Finding{}, false
	}
	return j.Found(f), true
}

func (p *boundaryProcessor) put(t *tally, x *finding.Finding, span ptrace.Span) {
	if has(span, x) {
		return
	}
	if err := x.AddTo(span); err != nil {
		t.errors++
		p.log.Error("a finding could not be written down", zap.Error(err))
	}
}
