package governanceextension

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/chain/policyrights"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/governance/lineage"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// chainsKey holds the chain engine's snapshot, parkedKey one parked chain.
const chainsKey = "chains"

func parkedKey(name string) string { return "p/" + name }

// chains owns the chain engine. Its lock is taken after the ledger's, where both
// are needed, and never the other way round.
type chains struct {
	mu     sync.Mutex
	engine *chain.Engine
	rights *policyrights.Rights
	parked []*chain.Parked // to be stored
	wanted []string        // to be taken back

	log      chainLog
	replayed []chain.Event // what follows from the log of a collector that crashed

	used    atomic.Bool // a delegation processor observes
	changed bool        // since the last snapshot
	due     time.Time   // no snapshot before
}

func newChains(cfg *Config) *chains {
	c := &chains{rights: policyrights.New(policy.History{})}
	rights := chain.NoRegistry
	if cfg.Registry != "" {
		rights = c.rights
	}
	c.engine = chain.New(chain.Options{
		Settle: cfg.Chains.Settle, MaxOpen: cfg.Chains.MaxOpen, MinGrade: chain.Grade(cfg.Chains.MinGrade),
		Limits: chain.Limit{OpenChains: cfg.Limits.Chains, Spans: cfg.Limits.Spans},
	}, rights)
	return c
}

// follow puts a registry's versions in force. from is when they begin to differ.
func (c *chains) follow(h policy.History, now, from time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rights.SetHistory(h)
	c.engine.RegistryChanged(now.UnixNano(), from.UnixNano())
}

func (c *chains) observe(records []chain.Record, now time.Time) []chain.Event {
	c.used.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.engine.Add(now.UnixNano(), records...)
	if len(records) > 0 {
		c.log.add(&chain.Input{At: now.UnixNano(), Records: records})
	}
	return c.flush(now)
}

func (c *chains) flush(now time.Time) []chain.Event {
	c.changed = true
	return c.sift(c.engine.Flush(now.UnixNano()))
}

// sift returns what follows, less what is between the engine and the storage.
func (c *chains) sift(events []chain.Event) []chain.Event {
	kept := events[:0]
	for _, ev := range events {
		switch ev.Type {
		case chain.ChainParked:
			c.parked = append(c.parked, ev.Parked)
		case chain.Wanted:
			c.wanted = append(c.wanted, ev.Parked.Name)
		default:
			kept = append(kept, ev)
		}
	}
	return kept
}

func (c *chains) settle(now time.Time) []chain.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	events := c.replayed
	c.replayed = nil
	return append(events, c.flush(now)...)
}

func (c *chains) resolve(span chain.Ref) lineage.Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.engine.Resolve(span)
	return lineage.Answer{Answer: a, Known: ok}
}

// mark tells the engine what the ledger found about actions.
func (c *chains) mark(now time.Time, marks []chain.Mark) {
	if len(marks) == 0 || !c.used.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.engine.AddMarks(now.UnixNano(), marks...)
	c.log.add(&chain.Input{At: now.UnixNano(), Marks: marks})
}

// Observe implements the interface of internal/governance/lineage.
func (e *governor) Observe(records []chain.Record) []chain.Event {
	events := e.chains.observe(records, e.now())
	e.afterResolve(events)
	return events
}

// Tell implements the interface of internal/governance/lineage.
func (e *governor) Tell(grants []chain.Grant, decisions []chain.Decision) {
	e.chains.used.Store(true)
	e.chains.mu.Lock()
	defer e.chains.mu.Unlock()
	now := e.now().UnixNano()
	e.chains.engine.AddGrants(now, grants...)
	e.chains.engine.AddDecisions(now, decisions...)
	if len(grants)+len(decisions) > 0 {
		e.chains.log.add(&chain.Input{At: now, Grants: grants, Decisions: decisions})
	}
	e.chains.changed = true
}

// Settle implements the interface of internal/governance/lineage.
func (e *governor) Settle() []chain.Event {
	events := e.chains.settle(e.now())
	e.afterResolve(events)
	return events
}

// Resolve implements the interface of internal/governance/lineage.
func (e *governor) Resolve(spans []chain.Ref, answers []lineage.Answer) []lineage.Answer {
	e.chains.mu.Lock()
	defer e.chains.mu.Unlock()
	for _, span := range spans {
		a, ok := e.chains.engine.Resolve(span)
		answers = append(answers, lineage.Answer{Answer: a, Known: ok})
	}
	return answers
}

// Chain implements the interface of internal/governance/lineage.
func (e *governor) Chain(id string) (chain.Page, bool) {
	e.chains.mu.Lock()
	defer e.chains.mu.Unlock()
	return e.chains.engine.Chain(id)
}

// afterResolve charges the ancestors of actions whose run has become known.
func (e *governor) afterResolve(events []chain.Event) {
	traces := map[chain.TraceID]struct{}{}
	for i := range events {
		if r := events[i].Run; events[i].Type == chain.RunResolved && r != nil {
			traces[r.Run.Trace] = struct{}{}
		}
	}
	if len(traces) == 0 {
		return
	}
	ctx := context.Background() // no request waits for it
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ready(ctx) != nil {
		return // they stay open and are tried when the next run is resolved
	}
	e.settleOrphans(slices.Collect(maps.Keys(traces)))
	_ = e.commit(ctx)
}

// settleOrphans charges the ancestors of what waits in the traces, as far as they
// are known now.
func (e *governor) settleOrphans(traces []chain.TraceID) {
	for _, trace := range traces {
		for _, c := range e.book.orphans.take(trace, e.withLineage) {
			e.post(e.book.charge(c).Findings)
		}
	}
}

// withLineage completes a charge by what is known of its run; false if the run's
// ancestors are not all known yet.
func (e *governor) withLineage(c *governance.Charge) bool {
	a := e.chains.resolve(chain.Ref{Trace: chain.TraceID(c.TraceID), Span: chain.SpanID(c.SpanID)})
	if !a.Known || !a.Resolved {
		return false
	}
	c.Root = a.Chain
	// The run of the agent itself came late as well: the ledger takes it as one
	// more driver of the same name.
	c.Ancestors = append([]string{c.Agent}, a.Ancestors...)
	c.AncestorRuns = make([]string, len(c.Ancestors))
	c.AncestorRuns[0] = a.Run.String()
	return true
}

// storeChains queues parked chains, and a snapshot where something changed, for
// the storage. It is called under the ledger's lock, which guards the store.
func (e *governor) storeChains(snapshot bool) {
	c := e.chains
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.parked {
		e.book.store.queue(storage.SetOperation(parkedKey(p.Name), p.Data))
	}
	c.parked = nil
	began := e.now()
	if !snapshot || !c.changed || !c.used.Load() || !e.book.store.enabled() || began.Before(c.due) {
		return
	}
	e.book.store.queue(storage.SetOperation(chainsKey, c.engine.Snapshot()))
	c.log.snapshot(&e.book.store)
	c.changed = false
	// Snapshots take at most a twentieth of the time, whatever they grow to.
	c.due = began.Add(20 * e.now().Sub(began))
}

// loadChains reads what storeChains wrote.
func (e *governor) loadChains(ctx context.Context) error {
	if !e.book.store.enabled() {
		return nil
	}
	raw, err := e.book.store.client.Get(ctx, chainsKey)
	if err != nil {
		return err
	}
	e.chains.log.on = true
	if raw != nil {
		if err := e.chains.engine.Restore(raw); err != nil {
			return fmt.Errorf("%w: %s: %w", errDamaged, chainsKey, err)
		}
		e.chains.used.Store(true)
	}
	return e.replayChains(ctx)
}

// unpark takes back chains that were met again. It reads the storage without the
// ledger's lock: what is parked is not written again before it is taken back.
func (e *governor) unpark(ctx context.Context) {
	c := e.chains
	c.mu.Lock()
	names := c.wanted
	c.wanted = nil
	c.mu.Unlock()
	for _, name := range names {
		raw, err := e.book.store.client.Get(ctx, parkedKey(name))
		if err == nil && raw != nil {
			c.mu.Lock()
			err = c.engine.Unpark(e.now().UnixNano(), raw)
			c.mu.Unlock()
		}
		if err != nil {
			e.stateFailed(fmt.Errorf("parked chain %s: %w", name, err))
		}
	}
}
