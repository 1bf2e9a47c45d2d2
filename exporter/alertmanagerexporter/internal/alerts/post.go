package alerts

import "time"

// Item is one alert of a post. Its maps are shared and must not be changed.
type Item struct {
	Content
	StartsAt, EndsAt time.Time
	// Resolved is true where EndsAt is in the past.
	Resolved bool
	// Verdict is for the caller to set before Done.
	Verdict Verdict

	about *alert
}

// Verdict is what an Alertmanager said to an item.
type Verdict uint8

// The verdicts.
const (
	Failed   Verdict = iota // no answer, or one that says to try again
	Accepted                // it has it
	Refused                 // it will never take this alert
)

// Post is what one Alertmanager is to be told. It belongs to the caller until it
// is handed back with Done; until then, none of its alerts is in another post to
// the same Alertmanager.
type Post struct {
	Endpoint int
	Items    []Item
}

// Next returns the post due for the Alertmanager, or nil: new alerts first, the
// severest of them before others; then resolutions; then refreshes, for which a
// quarter of a full post is kept free.
func (s *State) Next(endpoint int, now time.Time) *Post {
	var urgent, refresh []*alert
	for a := range s.all() {
		switch s.due(a, endpoint, now) {
		case dueNow:
			if len(urgent) < s.opt.MaxBatch {
				urgent = append(urgent, a)
			}
		case dueRefresh:
			if len(refresh) < s.opt.MaxBatch {
				refresh = append(refresh, a)
			}
		case notDue:
		}
	}
	if len(urgent)+len(refresh) == 0 {
		return nil
	}
	reserved := min(len(refresh), s.opt.MaxBatch/4)
	urgent = urgent[:min(len(urgent), s.opt.MaxBatch-reserved)]
	refresh = refresh[:min(len(refresh), s.opt.MaxBatch-len(urgent))]
	p := &Post{Endpoint: endpoint, Items: make([]Item, 0, len(urgent)+len(refresh))}
	for _, a := range append(urgent, refresh...) {
		a.at[endpoint].busy = true
		p.Items = append(p.Items, s.item(a, now))
	}
	return p
}

func (s *State) item(a *alert, now time.Time) Item {
	it := Item{Content: a.Content, StartsAt: a.starts, EndsAt: now.Add(s.opt.Lapse), about: a}
	if !a.firing() && !a.delivered.IsZero() {
		it.Resolved, it.EndsAt = true, s.overAt(a)
	}
	return it
}

type dueness uint8

const (
	notDue dueness = iota
	dueNow
	dueRefresh
)

func (s *State) due(a *alert, endpoint int, now time.Time) dueness {
	t := &a.at[endpoint]
	if t.busy || t.state == rejected || t.state == over {
		return notDue
	}
	if !a.firing() && !a.delivered.IsZero() {
		if t.state == never || now.Before(s.overAt(a)) {
			return notDue
		}
		return dueNow
	}
	// It fires, or it is over and nobody has seen it fire yet: they will.
	if t.state != burning {
		return dueNow
	}
	if now.Before(t.when.Add(s.opt.Resend)) {
		return notDue
	}
	return dueRefresh
}

// Delivery tells how long a new alert took from its arrival to the first
// Alertmanager.
type Delivery struct {
	Rank int
	Took time.Duration
}

// Done takes a post back with its verdicts and returns the first deliveries.
func (s *State) Done(p *Post, now time.Time) []Delivery {
	var first []Delivery
	for i := range p.Items {
		it := &p.Items[i]
		a := it.about
		t := &a.at[p.Endpoint]
		t.busy = false
		if a.gone {
			continue
		}
		switch {
		case it.Verdict == Failed:
			if t.state == never {
				t.state = unsure
			}
		case it.Verdict == Refused:
			t.state = rejected
			s.giveUp(a, now)
		case it.Resolved:
			t.state, t.when = over, now
		default:
			t.state, t.when = burning, now
			if a.delivered.IsZero() {
				first = append(first, Delivery{a.rank, now.Sub(a.raised)})
				s.deliver(a, now)
			}
		}
		s.reap(a, now)
	}
	return first
}

func (s *State) deliver(a *alert, now time.Time) {
	a.delivered = now
	a.until = later(a.until, now.Add(s.hold(a)))
	if !a.firing() {
		s.file(a)
	}
	s.dirty.alert(a.key)
}

// giveUp lets time end an alert that no Alertmanager will take.
func (s *State) giveUp(a *alert, now time.Time) {
	for i := range a.at {
		if a.at[i].state != rejected {
			return
		}
	}
	if a.delivered.IsZero() {
		s.deliver(a, now)
	}
}

// Lag returns how late the Alertmanager's latest alert is: how long a new one or
// a resolution has waited, or by how much a refresh is overdue. 0 if nothing is
// due.
func (s *State) Lag(endpoint int, now time.Time) time.Duration {
	var lag time.Duration
	for a := range s.all() {
		t := &a.at[endpoint]
		if t.busy {
			// Not due while a post is under way, but late all the same.
			t.busy = false
			lag = max(lag, s.late(a, endpoint, now))
			t.busy = true
			continue
		}
		lag = max(lag, s.late(a, endpoint, now))
	}
	return lag
}

func (s *State) late(a *alert, endpoint int, now time.Time) time.Duration {
	switch d := s.due(a, endpoint, now); {
	case d == notDue:
		return 0
	case d == dueRefresh:
		return now.Sub(a.at[endpoint].when.Add(s.opt.Resend))
	case !a.firing() && !a.delivered.IsZero():
		return now.Sub(s.overAt(a))
	default:
		return now.Sub(a.raised)
	}
}

// Pending returns how many alerts are due for the Alertmanager.
func (s *State) Pending(endpoint int, now time.Time) int {
	n := 0
	for a := range s.all() {
		if s.due(a, endpoint, now) != notDue {
			n++
		}
	}
	return n
}
