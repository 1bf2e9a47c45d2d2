package baselineprocessor

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/governance/versions"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/metadata"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/novelty"
)

const (
	// tickEvery is how often time alone is looked at.
	tickEvery = 10 * time.Second
	// maxOwed bounds the findings that wait for a next consumer that refuses.
	maxOwed = 1000
)

// baselineProcessor is the shell around internal/engine. mu guards what is below
// it and is never held while calling next.
type baselineProcessor struct {
	cfg   *Config
	id    component.ID
	next  consumer.Traces
	log   *zap.Logger
	count counters
	keep  *keeper
	stop  chan struct{}
	wg    sync.WaitGroup

	scratch sync.Pool // of *work

	mu      sync.Mutex
	memory  *genai.Memory
	engine  *engine.Engine
	waiting *waiting
	owed    []engine.Alert // found, and refused by next
	// Time goes on from the newest span at the pace of the clock.
	spanTime, wallTime time.Time
}

// work is what one ConsumeTraces needs and the next one uses again.
type work struct {
	batch  genai.Batch
	order  []int
	action engine.Action
	said   []engine.Alert // on the spans of this batch
}

func newProcessor(set processor.Settings, cfg *Config, next consumer.Traces) (*baselineProcessor, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	opt := cfg.options()
	key, _ := contentKey(string(cfg.ContentKey))
	if cfg.ContentKey == "" {
		_, _ = rand.Read(key[:])
	}
	opt.Key = novelty.KeyFrom(key)
	return &baselineProcessor{
		cfg: cfg, id: set.ID, next: next, log: set.Logger,
		count:   counters{tel: tel},
		keep:    newKeeper(cfg, set.ID),
		stop:    make(chan struct{}),
		scratch: sync.Pool{New: func() any { return &work{} }},
		memory:  genai.NewMemory(cfg.Limits.memory()),
		engine:  engine.New(opt),
		waiting: newWaiting(cfg.Limits.Waiting),
	}, nil
}

// Start restores the baselines and begins to look at time. A storage that cannot
// be opened stops the collector; a snapshot that cannot be read does not.
func (p *baselineProcessor) Start(ctx context.Context, host component.Host) error {
	if err := p.restore(ctx, host); err != nil {
		return err
	}
	if err := p.count.observe(p.kept); err != nil {
		return err
	}
	versions.Tell(host, p.cfg.version(p.id))
	p.wg.Go(p.run)
	return nil
}

// Shutdown stops looking at time, waits for it, and saves.
func (p *baselineProcessor) Shutdown(ctx context.Context) error {
	select {
	case <-p.stop:
		return nil
	default:
	}
	close(p.stop)
	p.wg.Wait()
	p.save(ctx)
	err := p.keep.close(ctx)
	p.count.tel.Shutdown()
	return err
}

// Capabilities says that spans are changed: an attribute and events are added.
func (p *baselineProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// ConsumeTraces may be called concurrently. When next refuses, what was found is
// owed and sent later: the actions, sent again, are duplicates by then.
func (p *baselineProcessor) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	w := p.scratch.Get().(*work)
	defer p.scratch.Put(w)
	w.said = w.said[:0]
	w.batch.Decode(td, nil)
	over := p.observe(ctx, w)
	p.settle(td, over)
	w.said = append(w.said, over...)
	err := p.next.ConsumeTraces(ctx, td)
	if err != nil {
		p.owe(ctx, w.said)
	}
	return err
}

// observe walks the batch in the order of time and returns what time proved.
func (p *baselineProcessor) observe(ctx context.Context, w *work) []engine.Alert {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !w.batch.Canonical() {
		p.memory.Resolve(&w.batch, now)
	}
	before := p.engine.Stats()
	w.order = w.order[:0]
	for i := range w.batch.Items {
		w.order = append(w.order, i)
	}
	slices.SortStableFunc(w.order, func(a, b int) int {
		return cmp.Compare(w.batch.Items[a].Span.EndTimestamp(), w.batch.Items[b].Span.EndTimestamp())
	})
	for _, i := range w.order {
		item := &w.batch.Items[i]
		if item.Settle() {
			continue
		}
		p.one(ctx, w, item, now)
		settled(item, func(id [16]byte, agent, session, principal string) {
			if a := p.waiting.take(id, agent, session, principal); a != nil {
				p.tell(ctx, w, item.Span, a)
			}
		})
	}
	if t := p.engine.Now(); t.After(p.spanTime) {
		p.spanTime, p.wallTime = t, now
	}
	over := copies(p.engine.Tick(p.time(now)))
	p.count.engine(ctx, before, p.engine.Stats())
	p.count.waiting(ctx, p.waiting)
	p.count.found(ctx, over)
	return over
}

// one judges one span.
func (p *baselineProcessor) one(ctx context.Context, w *work, item *genai.Item, now time.Time) {
	attrs := item.Span.Attributes()
	attrs.Remove(attr.BaselineMaturity) // nobody states his own
	a := &w.action
	if !read(item, a) {
		return
	}
	if a.End.After(now.Add(maxSkew)) || a.End.Unix() <= 0 {
		p.count.action(ctx, resultSkewed, 1)
		return
	}
	if a.Kind != engine.Other && a.Agent == "" {
		p.waiting.add(a, now)
		p.count.action(ctx, resultWaiting, 1)
		return
	}
	if m := p.tell(ctx, w, item.Span, a); m.Known {
		attrs.PutDouble(attr.BaselineMaturity, m.V)
	}
}

// tell gives an action to the engine and puts what that proved on the span.
func (p *baselineProcessor) tell(ctx context.Context, w *work, span ptrace.Span, a *engine.Action) engine.Number {
	r := p.engine.Observe(a)
	for i := range r.Alerts {
		alert := &r.Alerts[i]
		if err := findingOf(alert).AddTo(span); err != nil {
			p.log.Error("a finding could not be written down", zap.Error(err))
			continue
		}
		w.said = append(w.said, *alert)
	}
	p.count.found(ctx, r.Alerts)
	return r.Maturity
}

// time is where the spans' time has come to.
func (p *baselineProcessor) time(now time.Time) time.Time {
	if p.spanTime.IsZero() {
		return now
	}
	return p.spanTime.Add(max(0, now.Sub(p.wallTime)))
}

// copies keeps alerts beyond the engine's next call.
func copies(alerts []engine.Alert) []engine.Alert { return append([]engine.Alert(nil), alerts...) }

// settle adds a settle span for each alert.
func (p *baselineProcessor) settle(td ptrace.Traces, alerts []engine.Alert) {
	for i := range alerts {
		spans := ptrace.NewSpanSlice()
		if err := findingOf(&alerts[i]).AddSettled(spans); err != nil {
			p.log.Error("a finding could not be written down", zap.Error(err))
			continue
		}
		rs := td.ResourceSpans().AppendEmpty()
		resourceOf(&alerts[i]).MoveTo(rs.Resource())
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName(attr.Scope)
		spans.MoveAndAppendTo(ss.Spans())
	}
}

func (p *baselineProcessor) owe(ctx context.Context, alerts []engine.Alert) {
	p.mu.Lock()
	defer p.mu.Unlock()
	room := max(0, maxOwed-len(p.owed))
	if lost := len(alerts) - room; lost > 0 {
		p.count.evicted(ctx, kindOwed, int64(lost))
		alerts = alerts[:room]
	}
	p.owed = append(p.owed, alerts...)
}

// run looks at time until Shutdown.
func (p *baselineProcessor) run() {
	tick, snapshot := time.NewTicker(tickEvery), time.NewTicker(p.cfg.SnapshotInterval)
	defer tick.Stop()
	defer snapshot.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.tick(context.Background())
		case <-snapshot.C:
			p.save(context.Background())
		}
	}
}

// tick sends what time alone proved, and what is owed.
func (p *baselineProcessor) tick(ctx context.Context) {
	p.mu.Lock()
	now := time.Now()
	before := p.engine.Stats()
	due := p.waiting.due(now)
	over := make([]engine.Alert, 0, len(due))
	for _, a := range due {
		over = append(over, p.engine.Observe(a).Alerts...)
	}
	over = append(over, p.engine.Tick(p.time(now))...)
	p.count.engine(ctx, before, p.engine.Stats())
	p.count.found(ctx, over)
	all := p.owed
	p.owed = nil
	p.mu.Unlock()
	all = append(all, over...)
	if len(all) == 0 {
		return
	}
	td := ptrace.NewTraces()
	p.settle(td, all)
	if err := p.next.ConsumeTraces(ctx, td); err != nil {
		p.log.Warn("findings are kept and sent later: the next consumer refuses", zap.Int("findings", len(all)), zap.Error(err))
		p.owe(ctx, all)
	}
}

func (p *baselineProcessor) kept() (keys, sessions, incidents, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.engine.Stats()
	return s.Keys, s.Sessions, s.Incidents, len(p.waiting.actions)
}
