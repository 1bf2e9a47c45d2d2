package ledger

import (
	"errors"
	"io"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
)

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
