package governanceextension

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/extension/governanceextension/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/governance/lineage"
	"github.com/spanwarden/spanwarden/internal/governance/policies"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/internal/shard"
)

// governor is the shell around internal/ledger: clock, lock, storage, files
// and telemetry. mu guards the book and the outbox and is never held while a
// pipeline consumes.
type governor struct {
	cfg  *Config
	id   component.ID
	log  *zap.Logger
	set  component.TelemetrySettings
	tel  *metadata.TelemetryBuilder
	now  func() time.Time
	wake chan struct{}

	chains *chains
	ring   *shard.Ring // nil where nothing is shared; set once, by Start

	mu         sync.Mutex
	book       *book
	outbox     [][]byte
	broken     bool         // memory is ahead of the storage: read the storage again
	loss       *ledger.Halt // of everything, as the state was gone; nil mostly
	rebuilding bool
	gaveUp     bool        // the state is damaged: the next start starts over
	fatal      func(error) // tells the collector to end
	stored     time.Time
	reported   limits

	sinksMu  sync.RWMutex
	sinks    map[int]consumer.Traces
	lastSink int

	policies atomic.Pointer[policy.History]
	versions []storedVersion        // of the registry, oldest first; guarded by mu
	told     map[string]string      // versions of components, by kind and component; guarded by mu
	digest   atomic.Pointer[string] // of the collector's configuration
	seen     string                 // the policy files in force
	refused  string                 // those that were refused last
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
}

var (
	_ policies.Registry = (*governor)(nil)
	_ lineage.Chains    = (*governor)(nil)
)

func newExtension(set extension.Settings, cfg *Config) (*governor, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &governor{
		cfg: cfg, id: set.ID, log: set.Logger, set: set.TelemetrySettings, tel: tel, now: time.Now,
		wake:   make(chan struct{}, 1),
		book:   newBook(cfg.Limits),
		chains: newChains(cfg),
		sinks:  map[int]consumer.Traces{},
		told:   map[string]string{},
	}, nil
}

// Dependencies names what must start before this and stop after it.
func (e *governor) Dependencies() []component.ID {
	if e.cfg.Storage == nil {
		return nil
	}
	return []component.ID{*e.cfg.Storage}
}

// Start reads the budgets and the state. A budget file that is wrong from the
// beginning stops the collector; one that becomes wrong later does not.
func (e *governor) Start(ctx context.Context, host component.Host) error {
	files, err := readPolicy(e.cfg)
	if err != nil {
		return err
	}
	rules, err := files.compile()
	if err != nil {
		return err
	}
	if err := e.share(rules.parsed); err != nil {
		return err
	}
	e.seen = files.digest()
	if e.book.store.client, err = e.client(ctx, host); err != nil {
		return err
	}
	e.fatal = func(err error) { componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err)) }
	e.mu.Lock()
	defer e.mu.Unlock()
	found, err := e.loadOrStartOver(ctx)
	if err != nil {
		return err
	}
	if err := e.begin(ctx, &files, &rules, found); err != nil {
		return err
	}
	if err := e.observe(); err != nil {
		return err
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.cancel = cancel
	e.tasks.Go(func() { e.run(background) })
	if e.rebuilding && e.cfg.Rebuild.DSN != "" {
		e.tasks.Go(func() { e.rebuild(background) })
	}
	return nil
}

// client returns nil where no storage is configured.
func (e *governor) client(ctx context.Context, host component.Host) (storage.Client, error) {
	if e.cfg.Storage == nil {
		e.log.Warn("No storage is configured: a restart forgets what was spent and which halts are in force. Set `storage`.")
		return nil, nil //nolint:nilnil // the store takes nil for none
	}
	found, ok := host.GetExtensions()[*e.cfg.Storage]
	if !ok {
		return nil, fmt.Errorf("storage: %s: no such extension is configured under service::extensions", e.cfg.Storage)
	}
	ext, ok := found.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: %s is no storage extension", e.cfg.Storage)
	}
	client, err := ext.GetClient(ctx, component.KindExtension, e.id, "")
	if err != nil {
		return nil, fmt.Errorf("storage: %s: %w", e.cfg.Storage, err)
	}
	return checkedClient{client}, nil
}

// load makes memory equal to the storage.
func (e *governor) load(ctx context.Context) (found bool, err error) {
	client := e.book.store.client
	b := newBook(e.cfg.Limits)
	b.store.client = client
	var outbox [][]byte
	found, err = b.store.load(ctx, b.restore, b.replay, func(raw []byte) error {
		outbox = append(outbox, raw)
		return nil
	})
	if err == nil {
		err = b.loadErr
	}
	if err == nil {
		err = e.loadLoss(ctx, client)
	}
	if err != nil {
		return found, fmt.Errorf("reading the ledger's state from %s: %w", e.cfg.Storage, err)
	}
	b.store.stored = e.chainsStored
	e.chainsDropped()
	e.book, e.outbox, e.broken, e.stored = b, outbox, false, e.now()
	return found, nil
}

// begin puts the budgets in force. Where there was no state it is on record that
// the ledger is to be rebuilt, or, as the budgets say, that nothing may go on
// until a person has looked.
func (e *governor) begin(ctx context.Context, files *policyFiles, rules *compiled, found bool) error {
	if !found {
		e.book.store.queue(e.book.store.meta())
		if e.cfg.Rebuild.DSN != "" {
			e.rebuilding = true
			e.book.store.queue(storage.SetOperation(rebuildKey, []byte{1}))
		}
	}
	if e.book.store.enabled() {
		raw, err := e.book.store.client.Get(ctx, registryKey)
		if err == nil {
			err = e.loadVersions(raw)
		}
		if err != nil {
			return err
		}
	}
	if h := e.Policies(); h.Len() > 0 {
		e.chains.follow(h, e.now(), e.now())
	}
	e.settleOrphans(slices.Collect(maps.Keys(e.book.orphans.byTrace)))
	if err := e.takePolicy(files, rules); err != nil {
		return err
	}
	if !found && e.book.ledger.Budgets().HaltOnStateLoss() {
		e.haltForLoss()
	}
	return e.book.commit(ctx)
}

// Shutdown writes the state whole, so that the next start has nothing to replay.
func (e *governor) Shutdown(ctx context.Context) error {
	if e.cancel == nil {
		e.tel.Shutdown()
		return nil
	}
	e.cancel()
	e.tasks.Wait()
	e.cancel = nil
	e.tel.Shutdown()
	e.mu.Lock()
	defer e.mu.Unlock()
	s := &e.book.store
	if !s.enabled() {
		return nil
	}
	var err error
	if !e.broken {
		e.chains.due = time.Time{}
		e.storeChains(true)
		err = s.checkpoint(ctx, e.book.snapshot())
	}
	return errors.Join(err, s.client.Close(ctx))
}

// run is the one goroutine: time, policy files, findings without a span.
func (e *governor) run(ctx context.Context) {
	tick := time.NewTicker(e.cfg.TickInterval)
	defer tick.Stop()
	snapshot := time.NewTicker(e.cfg.Chains.SnapshotInterval)
	defer snapshot.Stop()
	reload := make(<-chan time.Time)
	if e.cfg.ReloadInterval > 0 && e.cfg.Budgets+e.cfg.Registry != "" {
		t := time.NewTicker(e.cfg.ReloadInterval)
		defer t.Stop()
		reload = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.unpark(ctx)
			e.tick(ctx, false)
			e.deliver(ctx)
		case <-snapshot.C:
			e.tick(ctx, true)
		case <-reload:
			e.reload(ctx)
			e.deliver(ctx)
		case <-e.wake:
			e.deliver(ctx)
		}
	}
}

// tick ends what time ends, and stores chains.
func (e *governor) tick(ctx context.Context, snapshot bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ready(ctx) != nil {
		return // the next charge or tick tries again
	}
	e.post(e.book.tick(e.now()))
	e.storeChains(snapshot)
	e.limitsHit()
	_ = e.commit(ctx)
}

// ready brings memory and storage together after a failure: what is queued is
// stored, or, where memory went wrong, read again.
func (e *governor) ready(ctx context.Context) error {
	if e.broken {
		if _, err := e.load(ctx); err != nil {
			e.stateFailed(err)
			return err
		}
	}
	if err := e.book.store.commit(ctx); err != nil {
		e.stateFailed(err)
		return err
	}
	return nil
}

// commit stores the change. Where an idle key could not be read, the change was
// computed from a balance that is wrong: memory is given up.
func (e *governor) commit(ctx context.Context) error {
	e.queueChains()
	err := e.book.commit(ctx)
	if err == nil {
		return nil
	}
	e.broken = e.book.loadErr != nil
	e.damaged(ctx, e.book.loadErr)
	e.stateFailed(err)
	return err
}

func (e *governor) stateFailed(err error) {
	e.tel.ExtensionGovernanceStateErrors.Add(context.Background(), 1)
	e.log.Error("The ledger's state could not be stored or read. Spans are refused until it can.", zap.Error(err))
}

func errField(err error) zap.Field { return zap.Error(err) }
