package governanceextension

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/extension/governanceextension/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/pricing"
)

var diskID = component.MustNewID("disk")

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

const sessionCap = `
version: 1
budgets:
  - id: session-cap
    scope: session
    limit_usd: 100
    period: lifetime
    warn_at: [0.5]
    projection: {horizon: 15s, action: halt, floors: {calls: 5, elapsed: 5s, spend_usd: 10}}
    on_exceed: halt
    mode: enforce
    reason: test
`

func budgetFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "budgets.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// start returns a running extension on the disk; nil means no storage.
func start(t *testing.T, d *disk, budgets string, edit ...func(*Config)) *governor {
	t.Helper()
	return startAt(t, func() time.Time { return began.Add(12 * time.Hour) }, d, budgets, edit...)
}

// startAt is start under another clock.
func startAt(t *testing.T, now func() time.Time, d *disk, budgets string, edit ...func(*Config)) *governor {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Budgets = budgets
	h := host{}
	if d != nil {
		cfg.Storage = &diskID
		h[diskID] = d
	}
	for _, f := range edit {
		f(cfg)
	}
	require.NoError(t, cfg.Validate())
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	e := ext.(*governor)
	e.now = now
	require.NoError(t, ext.Start(t.Context(), h))
	return e
}

func stop(t *testing.T, e extension.Extension) {
	t.Helper()
	require.NoError(t, e.Shutdown(context.Background()))
}

// crash ends the extension as kill -9 does: nothing more is written.
func crash(t *testing.T, e *governor, d *disk) *disk {
	t.Helper()
	after := d.copy()
	stop(t, e)
	return after
}

var began = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func call(n int, session string, at time.Duration, micros uint64) governance.Charge {
	c := governance.Charge{TraceID: pcommon.TraceID{1}, SpanID: pcommon.SpanID{byte(n), byte(n >> 8), byte(n >> 16), 1}}
	c.Action = ledger.ID{byte(n), byte(n >> 8), byte(n >> 16), 1}
	c.Scopes = ledger.Scopes{Tenant: "acme", Project: "billing", Agent: "bot", Session: session, Principal: "alice"}
	c.Start, c.End = began.Add(at), began.Add(at+100*time.Millisecond)
	c.Kind, c.Tokens, c.Cost = ledger.ModelCall, 1000, pricing.KnownAmount(pricing.Pico(micros)*1_000_000)
	return c
}

func charge(t *testing.T, e *governor, cs ...governance.Charge) []governance.Verdict {
	t.Helper()
	v, err := e.Charge(t.Context(), cs, nil)
	require.NoError(t, err)
	require.Len(t, v, len(cs))
	return v
}

func types(vs []governance.Verdict) (out []string) {
	for _, v := range vs {
		for _, f := range v.Findings {
			out = append(out, string(f.Type))
		}
	}
	return out
}

// The seed's scenario: 100 USD a session, 87 spent after 30 s.
func seedLoop() (out []governance.Charge) {
	for i := range 60 { // 1.45 USD every half second
		out = append(out, call(i, "s", time.Duration(i)*500*time.Millisecond+400*time.Millisecond, 1_450_000))
	}
	return out
}

func TestSeedScenario(t *testing.T) {
	e := start(t, newDisk(), budgetFile(t, sessionCap))
	defer stop(t, e)
	var halt *finding.Finding
	for _, c := range seedLoop() {
		for _, v := range charge(t, e, c) {
			for i, f := range v.Findings {
				require.NoError(t, f.Validate())
				if f.Type == finding.BudgetHalt && halt == nil {
					halt = &v.Findings[i]
				}
			}
		}
	}
	require.NotNil(t, halt)
	observed, _ := halt.Observed.Get()
	limit, _ := halt.Limit.Get()
	assert.Less(t, observed, limit, "halted before the limit")
	assert.Equal(t, "session-cap", halt.Rule)
	assert.Equal(t, e.book.ledger.Budgets().Version(), halt.PolicyVersion)
	for _, name := range []string{
		attr.BudgetTrajectory, attr.BudgetProjectedLow, attr.BudgetProjectedHigh, attr.BudgetRateLong, attr.BudgetRateShort,
		attr.BudgetHorizon, attr.BudgetExhaustEarliest, attr.HaltID, attr.DecisionID, attr.BudgetID, attr.BudgetKey,
	} {
		assert.Contains(t, halt.Extra, name)
	}
	h, ok := e.Halted(&ledger.Scopes{Tenant: "acme", Session: "s"})
	require.True(t, ok)
	assert.Equal(t, halt.Extra[attr.HaltID], h.ID())
	_, ok = e.Halted(&ledger.Scopes{Tenant: "other", Session: "s"})
	assert.False(t, ok, "another tenant's session of that name is another session")

	after := types(charge(t, e, call(1000, "s", time.Minute, 1)))
	assert.Equal(t, []string{"boundary.after_halt"}, after)
	before := types(charge(t, e, call(1001, "s", 0, 1)))
	assert.NotContains(t, before, "boundary.after_halt", "it began before the halt and came late")
}

// What was answered is answered again, on this collector and after a restart:
// the first answer may never have reached the store.
func TestRetryRepeatsFindings(t *testing.T) {
	d := newDisk()
	file := budgetFile(t, sessionCap)
	e := start(t, d, file)
	loop := seedLoop()
	first := types(charge(t, e, loop...))
	assert.Contains(t, first, "budget.halt")
	assert.Subset(t, types(charge(t, e, loop...)), first)
	d = crash(t, e, d)
	e = start(t, d, file)
	assert.Subset(t, types(charge(t, e, loop...)), first)
	stop(t, e)
	e = start(t, d, file)
	assert.Subset(t, types(charge(t, e, loop...)), first, "from the snapshot")
	stop(t, e)
}

// state is everything that must survive, as one comparable value.
func state(e *governor) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out strings.Builder
	for _, key := range []string{"a", "b", "c", "d"} {
		spend, _ := e.book.ledger.Spend(ledger.Session, "acme", key)
		fmt.Fprintf(&out, "%s %+v\n", key, spend)
	}
	spend, _ := e.book.ledger.Spend(ledger.Agent, "acme", "bot")
	fmt.Fprintf(&out, "bot %+v\n", spend)
	for _, h := range e.book.ledger.Halts() {
		out.WriteString(h.ID() + "\n")
	}
	return out.String()
}

// The ledger ends the same to the last unit however often the collector is
// killed, storage fails, and senders send again what was not acknowledged.
func TestKilledAtRandom(t *testing.T) {
	file := budgetFile(t, sessionCap)
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		batches := make([][]governance.Charge, 0, 40)
		n := 0
		for range 40 {
			batch := make([]governance.Charge, 0, 8)
			for range 1 + rng.IntN(8) {
				n++
				c := call(n, []string{"a", "b", "c", "d"}[rng.IntN(4)], time.Duration(n)*time.Second, rng.Uint64N(3_000_000))
				if rng.IntN(5) == 0 {
					c.Agent = "" // attributed later
				}
				batch = append(batch, c)
			}
			batches = append(batches, batch)
		}
		late := func(batch []governance.Charge) (out []governance.Late) {
			for i := range batch {
				if batch[i].Agent == "" {
					out = append(out, governance.Late{Action: batch[i].Action, Agent: "bot"})
				}
			}
			return out
		}

		calm := start(t, newDisk(), file)
		for _, batch := range batches {
			charge(t, calm, batch...)
			_, err := calm.Attribute(t.Context(), late(batch))
			require.NoError(t, err)
		}

		d := newDisk()
		// Few keys in memory: idle ones go to the disk and come back.
		small := func(c *Config) { c.Limits.Keys = 16 }
		e := start(t, d, file, small)
		for _, batch := range batches {
			for {
				d.set(rng.IntN(6) == 0, rng.IntN(20) == 0)
				_, err := e.Charge(t.Context(), slices.Clone(batch), nil)
				if err == nil {
					_, err = e.Attribute(t.Context(), late(batch))
				}
				d.set(false, false)
				if rng.IntN(4) == 0 {
					d = crash(t, e, d)
					e = start(t, d, file, small)
					if rng.IntN(2) == 0 {
						stop(t, e) // an orderly one
						e = start(t, d, file, small)
					}
				}
				if err == nil && rng.IntN(4) > 0 {
					break
				}
			}
		}
		assert.Equal(t, state(calm), state(e), "seed %d", seed)
		stop(t, calm)
		stop(t, e)
	}
}

func TestConcurrentBatches(t *testing.T) {
	e := start(t, newDisk(), budgetFile(t, sessionCap))
	defer stop(t, e)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 50 {
				// Every call is sent by two of the eight.
				_, err := e.Charge(context.Background(), []governance.Charge{call(g/2*1000+i, "a", time.Duration(i)*time.Minute, 1)}, nil)
				assert.NoError(t, err)
				e.InForce()
				e.Balances(&ledger.Scopes{Tenant: "acme", Session: "a"})
			}
		})
	}
	all.Wait()
	spend, _ := e.book.ledger.Spend(ledger.Session, "acme", "a")
	assert.EqualValues(t, 200, spend.Calls)
	assert.Equal(t, ledger.SumOf(200*1_000_000), spend.USD)
}

// A storage that fails refuses spans and loses nothing.
func TestStorageFails(t *testing.T) {
	d := newDisk()
	e := start(t, d, budgetFile(t, sessionCap))
	defer stop(t, e)
	d.set(true, false)
	for range 3 {
		_, err := e.Charge(t.Context(), []governance.Charge{call(1, "a", 0, 5)}, nil)
		require.ErrorIs(t, err, errDisk)
	}
	d.set(false, false)
	charge(t, e, call(1, "a", 0, 5))
	spend, _ := e.book.ledger.Spend(ledger.Session, "acme", "a")
	assert.EqualValues(t, 1, spend.Calls)
}

// Findings that no span carries reach a pipeline, also one that comes late or
// fails at first.
func TestOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		file := budgetFile(t, sessionCap)
		e := start(t, d, file)
		d = crash(t, e, d) // with the finding of the first budgets still waiting
		e = start(t, d, file)
		detach := e.Attach(consumertest.NewErr(errors.New("full")))
		synctest.Wait()
		sink := new(consumertest.TracesSink)
		defer e.Attach(sink)()
		detach()
		charge(t, e, seedLoop()...)
		h := e.InForce()
		require.NotEmpty(t, h)
		_, err := e.Release(t.Context(), h[0].ID(), "", "because")
		require.ErrorIs(t, err, ledger.ErrNoReason)
		_, err = e.Release(t.Context(), h[0].ID(), "bob", "looked into it")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		synctest.Wait()
		var got []string
		for _, td := range sink.AllTraces() {
			for _, rs := range td.ResourceSpans().All() {
				spans := rs.ScopeSpans().At(0).Spans()
				for _, span := range spans.All() {
					assert.Equal(t, attr.SettleSpan, span.Name())
					found, refused := finding.FromSpan(span)
					assert.Empty(t, refused)
					for _, f := range found {
						got = append(got, fmt.Sprintf("%s %s", f.Type, f.State))
					}
				}
			}
		}
		assert.Contains(t, got, "config.changed firing")
		assert.Contains(t, got, "budget.halt resolved")
		assert.Empty(t, e.outbox)
		stop(t, e)
	})
}

// A broken edit changes nothing, is on record once, and a good one follows.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := budgetFile(t, sessionCap)
		e := start(t, newDisk(), file)
		sink := new(consumertest.TracesSink)
		defer e.Attach(sink)()
		version := e.book.ledger.Budgets().Version()
		require.NoError(t, os.WriteFile(file, []byte(sessionCap+"    limit_dollars: 5\n"), 0o600))
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		assert.Equal(t, version, e.book.ledger.Budgets().Version())
		require.NoError(t, os.WriteFile(file, []byte(sessionCap+"    controls: [CC7.2]\n"), 0o600))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.NotEqual(t, version, e.book.ledger.Budgets().Version())
		refused := 0
		for _, td := range sink.AllTraces() {
			for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
				found, _ := finding.FromSpan(span)
				for _, f := range found {
					if text, ok := f.Extra[attr.ConfigRefused]; ok {
						refused++
						assert.Contains(t, text, "limit_dollars")
						assert.Contains(t, text, file+":")
					}
				}
			}
		}
		assert.Equal(t, 1, refused)
		stop(t, e)
	})
}

func TestStateLoss(t *testing.T) {
	file := budgetFile(t, "on_state_loss: halt\n"+sessionCap[1:])
	d := newDisk()
	e := start(t, d, file)
	h, ok := e.Halted(&ledger.Scopes{Tenant: "any"})
	require.True(t, ok, "nobody knows what had been halted")
	d = crash(t, e, d)
	e = start(t, d, file)
	_, ok = e.Halted(&ledger.Scopes{})
	require.True(t, ok, "and a restart does not make it known")
	_, err := e.Release(t.Context(), h.ID(), "bob", "first start")
	require.NoError(t, err)
	_, ok = e.Halted(&ledger.Scopes{})
	assert.False(t, ok)
	stop(t, e)
	e = start(t, d, file)
	_, ok = e.Halted(&ledger.Scopes{})
	assert.False(t, ok)
	stop(t, e)
}

func TestBadConfig(t *testing.T) {
	for name, edit := range map[string]func(*Config){
		"tick_interval":   func(c *Config) { c.TickInterval = 0 },
		"reload_interval": func(c *Config) { c.ReloadInterval = -1 },
		"limits::keys":    func(c *Config) { c.Limits.Keys = 0 },
		"rebuild::dsn":    func(c *Config) { c.Rebuild.DSN = "ftp://x" },
		"rebuild::since":  func(c *Config) { c.Rebuild.DSN, c.Rebuild.Since = "http://127.0.0.1:1/x", 0 },
	} {
		cfg := createDefaultConfig().(*Config)
		edit(cfg)
		assert.ErrorContains(t, cfg.Validate(), name)
	}
	for name, edit := range map[string]func(*Config){
		"no such extension": func(c *Config) { c.Storage = &diskID },
		"budgets":           func(c *Config) { c.Budgets = "nowhere.yaml" },
		"registry":          func(c *Config) { c.Registry = "nowhere" },
	} {
		cfg := createDefaultConfig().(*Config)
		edit(cfg)
		ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), cfg)
		require.NoError(t, err)
		assert.ErrorContains(t, ext.Start(t.Context(), host{}), name)
		stop(t, ext)
	}
}

// A stored snapshot is read back to the same state or refused whole.
func FuzzRestore(f *testing.F) {
	limits := createDefaultConfig().(*Config).Limits
	b := newBook(limits)
	if _, err := b.take(budgetSource{File: "b.yaml", Data: []byte(sessionCap)}, began); err != nil {
		f.Fatal(err)
	}
	for i := range 40 {
		c := call(i, "s", time.Duration(i)*time.Second, 3_000_000)
		if i%3 == 0 {
			c.Agent = ""
		}
		b.charge(&c)
	}
	good := b.snapshot()
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{})
	f.Add([]byte{recordLedger, 1, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		one := newBook(limits)
		if one.restore(raw) != nil {
			return
		}
		text := one.snapshot()
		two := newBook(limits)
		require.NoError(t, two.restore(text), "what we wrote we can read")
		assert.Equal(t, text, two.snapshot())
	})
}

// A journal entry is a list of records, however it is cut.
func FuzzReplay(f *testing.F) {
	c := call(1, "s", 0, 5)
	entry := appendCharge(nil, &c)
	entry = appendTick(entry, began)
	entry = appendLate(entry, &governance.Late{Action: c.Action, Agent: "bot"})
	entry = appendRelease(entry, "x", "bob", "why", began)
	f.Add(entry)
	f.Add(entry[:len(entry)-3])
	f.Fuzz(func(t *testing.T, raw []byte) {
		b := newBook(createDefaultConfig().(*Config).Limits)
		first := b.replay(raw)
		before := b.ledger.Snapshot()
		second := b.replay(raw)
		assert.Equal(t, first == nil, second == nil)
		if !slices.Contains(raw, recordTick) && !slices.Contains(raw, recordBudgets) {
			assert.Equal(t, string(before), string(b.ledger.Snapshot()), "a record that is there already changes nothing")
		}
		assert.Empty(t, b.entry, "what is replayed is not written again")
	})
}
