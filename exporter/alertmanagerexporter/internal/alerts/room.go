package alerts

import (
	"container/list"
	"iter"
	"time"
)

// summaryCause is the cause of the alert about dropped alerts. Causes of findings
// are hashes in hex, so it is none of theirs.
const summaryCause = "dropped"

// summaryRank is high: something is not on anybody's screen.
const summaryRank = 3

// all yields the alerts, the severest and oldest first, those that are over last.
// Nothing may be added or removed meanwhile.
func (s *State) all() iter.Seq[*alert] {
	return func(yield func(*alert) bool) {
		for r := ranks; r > 0; r-- {
			if !each(s.byRank[r], yield) {
				return
			}
		}
		each(s.overs, yield)
	}
}

func each(l *list.List, yield func(*alert) bool) bool {
	for e := l.Front(); e != nil; e = e.Next() {
		if !yield(e.Value.(*alert)) {
			return false
		}
	}
	return true
}

func (s *State) add(a *alert) {
	s.records[a.key] = a
	if a.firing() {
		s.causes[a.cause] = a
	}
	a.place, a.in = nil, nil
	s.file(a)
	s.dirty.alert(a.key)
}

// file puts the alert at the end of the list it belongs to.
func (s *State) file(a *alert) {
	if a.in != nil {
		a.in.Remove(a.place)
	}
	a.in = s.byRank[a.rank]
	if !a.firing() && !a.delivered.IsZero() {
		a.in = s.overs
	}
	a.place = a.in.PushBack(a)
}

func (s *State) remove(a *alert) {
	a.in.Remove(a.place)
	a.gone = true
	if s.records[a.key] == a {
		delete(s.records, a.key)
	}
	if s.causes[a.cause] == a {
		delete(s.causes, a.cause)
	}
	s.dirty.alert(a.key)
}

// reap removes an alert that is over once nobody needs to hear of it: each
// Alertmanager knows, never knew of it, refuses it, or has let it lapse.
func (s *State) reap(a *alert, now time.Time) {
	if a.gone || a.firing() {
		return
	}
	settled := true
	for i := range a.at {
		t := &a.at[i]
		done := t.state == over || t.state == rejected || t.state == never && !a.delivered.IsZero()
		settled = settled && done && !t.busy
	}
	lapsed := !a.delivered.IsZero() && !now.Before(s.overAt(a).Add(s.opt.Lapse))
	if settled || lapsed {
		s.remove(a)
	}
}

// overAt is when the resolution of an alert may be posted first.
func (s *State) overAt(a *alert) time.Time {
	return later(a.ended, a.delivered.Add(s.opt.MinFiring))
}

// bounded is how many alerts the limit counts: all but the summary.
func (s *State) bounded() int {
	n := len(s.records)
	if s.records[key{summaryCause, summaryRank}] != nil {
		n--
	}
	return n
}

func (s *State) full() bool { return s.bounded() >= s.opt.MaxAlerts }

// room makes room for an alert of the rank. It returns false if all alerts are
// more severe.
func (s *State) room(rank int, now time.Time) bool {
	if !s.full() || s.shed(rank, now) {
		return true
	}
	s.note(now)
	return false
}

// shed removes one alert: the longest-over one, else the oldest of the mildest,
// which is not more severe than rank.
func (s *State) shed(rank int, now time.Time) bool {
	for a := range s.of(s.overs) {
		if a.cause != summaryCause {
			s.remove(a)
			return true
		}
	}
	for r := 1; r <= rank; r++ {
		for a := range s.of(s.byRank[r]) {
			if a.cause != summaryCause {
				s.remove(a) // it lapses by itself where it was told
				s.stats.Evicted++
				s.note(now)
				return true
			}
		}
	}
	return false
}

func (s *State) of(l *list.List) iter.Seq[*alert] {
	return func(yield func(*alert) bool) { each(l, yield) }
}

// note raises the alert about dropped alerts, or brings it up to date.
func (s *State) note(now time.Time) {
	s.dropped++
	s.dirty.meta = true
	a := s.causes[summaryCause]
	if a == nil {
		k := key{summaryCause, summaryRank}
		s.episode++
		a = &alert{key: k, episode: s.episode, starts: now, raised: now, loose: true, at: s.replace(k)}
		s.add(a)
	}
	a.Content = s.opt.Summary(s.dropped)
	a.until = now.Add(s.opt.Hold)
	a.findings++
	s.dirty.alert(a.key)
}
