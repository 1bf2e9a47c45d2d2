package ledger

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A restart at any point, with everything replayed, is no restart at all.
func TestRestart(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		charges := randomCharges(r, 400)
		b := budgets(t, everything)
		opt := Options{ActionTTL: 1e6 * time.Hour, ResponseTTL: 1e6 * time.Hour}
		one, two := New(b, opt), New(b, opt)
		for i := range charges {
			first, second := one.Charge(&charges[i]), two.Charge(&charges[i])
			require.Equal(t, first, second)
			if r.IntN(40) > 0 {
				continue
			}
			snapshot := two.Snapshot()
			two = New(b, opt)
			require.NoError(t, two.Restore(snapshot))
			require.Equal(t, one.Snapshot(), two.Snapshot())
			for k := range i + 1 {
				again := two.Charge(&charges[k])
				require.True(t, again.Duplicate)
				require.Empty(t, again.Events)
			}
			require.Equal(t, snapshot, two.Snapshot())
			require.Equal(t, one.Halts(), two.Halts())
		}
	}
}

// shell is what a component around the ledger does: it changes the ledger,
// writes the record and what was evicted in one transaction, and snapshots now
// and then. Killed, it keeps what was written.
type shell struct {
	l        *Ledger
	opt      Options
	sets     map[string]*Budgets
	first    string // the budgets it began with
	stored   store  // durable
	pending  store  // evicted, not yet durable
	snapshot []byte
	journal  []byte
	last     int  // where the last record starts
	own      bool // a journal of its own making: calls without their numbers, and no Tick that said nothing
}

func newShell(b *Budgets, sets map[string]*Budgets, opt Options) *shell {
	s := &shell{opt: opt, sets: sets, first: b.Version(), stored: store{}, pending: store{}}
	s.opt.Evict = func(k string, state []byte) { s.pending[k] = state }
	s.opt.Load = func(k string) []byte {
		if state, ok := s.pending[k]; ok {
			return state
		}
		return s.stored[k]
	}
	s.l = New(b, s.opt)
	return s
}

// do changes the ledger and writes it down, except where the process dies
// within the write: then cut is how much of the record gets through.
func (s *shell) do(rec *Record, cut func(n int) int) []Event {
	before := s.l.Seq()
	var events []Event
	changed := false
	switch rec.Kind {
	case RecordCharge:
		r := s.l.Charge(&rec.Charge)
		events, changed = r.Events, r.Repeat == FirstSeen || len(r.Keys) > 0
	case RecordSettle:
		events = s.l.Settle(&rec.Charge, rec.Late).Events
	case RecordTick:
		events = s.l.Tick(rec.Now)
	case RecordHalt:
		if _, ev, err := s.l.Halt(rec.Order, rec.Now); err == nil {
			events = append(events, ev)
		}
	case RecordRelease:
		if ev, err := s.l.ReleaseID(rec.HaltID, rec.By, rec.Reason, rec.Now); err == nil {
			events = append(events, ev)
		}
	case RecordBudgets:
		events, _ = s.l.SetBudgets(s.sets[rec.Version], rec.Now)
	}
	rec.Seq = s.l.Seq()
	if rec.Seq == before {
		rec.Seq = 0
	}
	if rec.Kind == RecordCharge && changed {
		must(rec.Seq > 0)
	}
	if s.own && rec.Kind == RecordTick && len(events) == 0 {
		rec.Seq = 0
	}
	if rec.Seq != 0 {
		s.last = len(s.journal)
		s.journal = AppendRecord(s.journal, rec)
	}
	if cut != nil && rec.Seq != 0 {
		s.journal = s.journal[:s.last+cut(len(s.journal)-s.last)]
		return events
	}
	maps.Copy(s.stored, s.pending)
	clear(s.pending)
	return events
}

// call repeats a call and ignores what it says.
func (s *shell) call(rec *Record) {
	switch rec.Kind {
	case RecordCharge:
		s.l.Charge(&rec.Charge)
	case RecordSettle:
		s.l.Settle(&rec.Charge, rec.Late)
	case RecordTick:
		s.l.Tick(rec.Now)
	case RecordHalt:
		_, _, _ = s.l.Halt(rec.Order, rec.Now)
	case RecordRelease:
		_, _ = s.l.ReleaseID(rec.HaltID, rec.By, rec.Reason, rec.Now)
	case RecordBudgets:
		_, _ = s.l.SetBudgets(s.sets[rec.Version], rec.Now)
	}
}

func must(ok bool) {
	if !ok {
		panic("a charge that changed keys and no number")
	}
}

func (s *shell) keep(forget bool) {
	s.snapshot = s.l.Snapshot()
	if forget {
		s.journal = nil
	}
}

// kill starts anew from what is durable.
func (s *shell) kill(t *testing.T) {
	t.Helper()
	clear(s.pending)
	then := s.first
	if s.snapshot != nil {
		var err error
		then, err = SnapshotBudgets(s.snapshot)
		require.NoError(t, err)
	}
	l := New(s.sets[then], s.opt)
	if s.snapshot != nil {
		require.NoError(t, l.Restore(s.snapshot))
	}
	for rest := s.journal; ; {
		rec, next, err := ReadRecord(rest)
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, ErrTorn) {
			s.journal = s.journal[:len(s.journal)-len(rest)]
			break
		}
		require.NoError(t, err)
		s.l = l
		if s.own {
			s.call(&rec)
		} else {
			l.Replay(&rec, func(v string) *Budgets { return s.sets[v] })
		}
		rest = next
	}
	s.l = l
	maps.Copy(s.stored, s.pending)
	clear(s.pending)
}

func randomRecord(r *rand.Rand, l *Ledger, c Charge, now time.Time, versions []string) Record {
	switch n := r.IntN(40); {
	case n == 0:
		return Record{Kind: RecordTick, Now: now}
	case n == 1:
		return Record{Kind: RecordHalt, Now: now, Order: Order{Scope: Agent, Tenant: c.Tenant, Key: c.Agent, By: "ann", Reason: "a drill", Rule: []string{"", "drill"}[r.IntN(2)]}}
	case n <= 3:
		rec := Record{Kind: RecordRelease, By: "bob", Reason: "looked at it", Now: now}
		if hs := l.Halts(); len(hs) > 0 {
			rec.HaltID = hs[r.IntN(len(hs))].ID()
		}
		return rec
	case n == 4:
		return Record{Kind: RecordBudgets, Now: now, Version: versions[r.IntN(len(versions))]}
	case n <= 6:
		return Record{Kind: RecordSettle, Charge: c, Late: KeysOf(Session, Agent)}
	default:
		return Record{Kind: RecordCharge, Charge: c}
	}
}

// told says in a line each what events say; all of it by a hash of the event.
func told(events []Event) []string {
	out := make([]string, 0, len(events))
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s %v %s %s", e.Cause(), e.Resolved, e.Reason, e.At))
	}
	return out
}

// Killed at any point, and in the middle of a write, the ledger comes back with
// the numbers, halts and judgements of one that lived: to the last unit, with
// keys in storage that were stored before and after the snapshot.
func TestKill(t *testing.T) {
	sets := map[string]*Budgets{}
	versions := make([]string, 0, 3)
	for _, text := range []string{everything, modelled, everything + "  - {id: more, scope: session, limit_usd: 3, on_exceed: deny, mode: enforce}\n"} {
		b := budgets(t, text)
		sets[b.Version()] = b
		versions = append(versions, b.Version())
	}
	torn := 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		charges := randomCharges(r, 250)
		opt := Options{MaxKeys: 20, ActionTTL: 1e6 * time.Hour, ResponseTTL: 1e6 * time.Hour}
		start := sets[versions[0]]
		lives, dies := newShell(start, sets, opt), newShell(start, sets, opt)
		now := charges[0].End
		for range 400 {
			now = now.Add(time.Duration(r.IntN(1200)) * time.Second)
			rec := randomRecord(r, lives.l, charges[r.IntN(len(charges))], now, versions)
			again := rec
			switch r.IntN(30) {
			case 0:
				dies.kill(t)
			case 1:
				dies.keep(r.IntN(2) == 0)
			case 2: // dies within the write; the sender tries again
				lost := rec
				dies.do(&lost, func(n int) int { return r.IntN(n) })
				dies.kill(t)
				torn++
			}
			require.Equal(t, told(lives.do(&rec, nil)), told(dies.do(&again, nil)), "seed %d", seed)
		}
		dies.kill(t)
		require.Equal(t, lives.l.Seq(), dies.l.Seq())
		require.Equal(t, lives.l.Halts(), dies.l.Halts())
		for i := range charges {
			c := &charges[i]
			for scope := range scopes {
				a, _ := lives.l.Spend(scope, c.Tenant, c.key(scope))
				b, _ := dies.l.Spend(scope, c.Tenant, c.key(scope))
				require.Equal(t, a, b)
			}
			require.Equal(t, spents(lives.l, c), spents(dies.l, c))
		}
	}
	assert.Positive(t, torn)
}

// A shell that keeps a journal of its own, of calls without their numbers and
// without each Tick, and that drops it at each snapshot: every charge is there
// once after a kill.
func TestKillOwnJournal(t *testing.T) {
	b := budgets(t, everything)
	sets := map[string]*Budgets{b.Version(): b}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 4))
		charges := randomCharges(r, 250)
		opt := Options{MaxKeys: 20, ActionTTL: 1e6 * time.Hour, ResponseTTL: 1e6 * time.Hour}
		lives, dies := newShell(b, sets, opt), newShell(b, sets, opt)
		dies.own = true
		now := charges[0].End
		for range 400 {
			now = now.Add(time.Duration(r.IntN(1200)) * time.Second)
			rec := randomRecord(r, lives.l, charges[r.IntN(len(charges))], now, []string{b.Version()})
			again := rec
			switch r.IntN(20) {
			case 0:
				dies.kill(t)
			case 1:
				dies.keep(true)
			case 2:
				dies.do(&Record{Kind: RecordTick, Now: now}, nil)
				lives.do(&Record{Kind: RecordTick, Now: now}, nil)
			}
			lives.do(&rec, nil)
			dies.do(&again, nil)
		}
		dies.kill(t)
		dies.do(&Record{Kind: RecordTick, Now: now}, nil)
		lives.do(&Record{Kind: RecordTick, Now: now}, nil)
		require.Equal(t, lives.l.Halts(), dies.l.Halts(), "seed %d", seed)
		for i := range charges {
			c := &charges[i]
			for scope := range scopes {
				a, _ := lives.l.Spend(scope, c.Tenant, c.key(scope))
				b, _ := dies.l.Spend(scope, c.Tenant, c.key(scope))
				require.Equal(t, a, b)
			}
			require.Equal(t, spents(lives.l, c), spents(dies.l, c))
		}
	}
}
