package alerts

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"time"
)

// ident stands for a finding id: its SHA-256, cut to 16 bytes, because an id may
// be of any length.
type ident [16]byte

func identOf(id string) ident {
	sum := sha256.Sum256([]byte(id))
	return ident(sum[:16])
}

func (i ident) String() string { return hex.EncodeToString(i[:]) }

// unknownTime is older than every time.
const unknownTime = math.MinInt64

func unix(t time.Time) int64 {
	if t.IsZero() {
		return unknownTime
	}
	return t.UnixNano()
}

// seen is the last event of a finding.
type seen struct {
	id ident
	// cause and episode name the alert it keeps firing, unless resolved.
	cause   string
	episode uint64
	// stated is the time that the event states, at is that time but not later
	// than the event's arrival: a clock that runs ahead must not make what comes
	// after it look old.
	stated, at int64
	resolved   bool
	lasting    bool // a resolution is expected
	// turn grows with each event: the order in which ids are forgotten.
	turn  uint64
	in    *list.List
	place *list.Element
}

// answer tells what an event of a known finding is if it changes nothing.
func (k *seen) answer(ev *Event, stated int64, now time.Time) Outcome {
	switch {
	case stated == unknownTime && k.resolved == ev.Resolved, stated == k.stated && k.resolved == ev.Resolved:
		return Duplicate
	case stated == unknownTime && ev.Resolved:
		return "" // nothing says that it is old
	case k.before(stated, now), stated == k.stated && ev.Resolved:
		return ""
	default:
		return Stale
	}
}

// before tells whether the last event is older than one that arrives now and
// states a time. Of two times ahead of now, what they state decides: they are of
// one clock, mostly. Of others, a time ahead of its arrival counts as its arrival.
func (k *seen) before(stated int64, now time.Time) bool {
	bothAhead := stated > now.UnixNano() && k.stated > k.at
	at := min(stated, now.UnixNano())
	if bothAhead || at == k.at {
		return stated > k.stated
	}
	return at > k.at
}

// openAlert returns the firing alert that the finding keeps firing, or nil.
func (s *State) openAlert(known *seen) *alert {
	if known == nil || known.resolved {
		return nil
	}
	if a := s.causes[known.cause]; a != nil && a.episode == known.episode {
		return a
	}
	return nil
}

// remember makes room for a finding and returns it, still without a state.
func (s *State) remember(id ident, now time.Time) *seen {
	for len(s.ids) >= s.opt.MaxFindings {
		s.forgetOne(now)
	}
	k := &seen{id: id, stated: unknownTime, at: unknownTime}
	s.ids[id] = k
	s.line(k)
	return k
}

// line puts the finding at the end of the line that it is to be forgotten in.
func (s *State) line(k *seen) {
	if k.in != nil {
		k.in.Remove(k.place)
	}
	k.in = s.idOrder[0]
	if k.lasting && !k.resolved {
		k.in = s.idOrder[1]
	}
	k.place = k.in.PushBack(k)
}

func (s *State) forgetOne(now time.Time) {
	for _, line := range s.idOrder {
		if e := line.Front(); e != nil {
			s.forget(e.Value.(*seen), now)
			return
		}
	}
}

// forget drops a finding. If it keeps an alert firing, then nothing can resolve
// that part of the alert any more, and time has to.
func (s *State) forget(k *seen, now time.Time) {
	if a := s.openAlert(k); a != nil {
		a.open--
		a.loose = true
		if a.open == 0 {
			a.until = earlier(a.until, now.Add(s.opt.Hold))
		}
		s.dirty.alert(a.key)
	}
	k.in.Remove(k.place)
	delete(s.ids, k.id)
	s.dirty.ids[k.id] = true
	s.stats.Forgotten++
}

func (s *State) touch(k *seen, stated int64, resolved bool, now time.Time) {
	if stated != unknownTime {
		k.stated, k.at = stated, max(k.at, min(stated, now.UnixNano()))
	}
	s.turn++
	k.resolved, k.turn = resolved, s.turn
	s.line(k)
	s.dirty.ids[k.id] = true
}
