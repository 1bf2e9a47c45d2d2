package alerts

import "time"

// Apply takes one event that arrived at now, which never goes back.
func (s *State) Apply(ev *Event, now time.Time) Outcome {
	id := identOf(ev.ID)
	known := s.ids[id]
	at := unix(ev.At)
	if known != nil {
		if out := known.answer(ev, at, now); out != "" {
			return out
		}
	}
	switch {
	case ev.Resolved:
		return s.resolve(id, known, at, now)
	case ev.Rank < s.opt.MinRank || ev.Rank > ranks:
		if s.openAlert(known) != nil {
			return s.resolve(id, known, at, now) // it is no longer worth an alert
		}
		return Mild
	default:
		return s.fire(id, known, ev, at, now)
	}
}

// resolve ends what the finding keeps firing. An unknown finding is remembered as
// resolved, so that its firing, if it comes late, raises nothing.
func (s *State) resolve(id ident, known *seen, at int64, now time.Time) Outcome {
	a := s.openAlert(known)
	if known == nil {
		known = s.remember(id, now)
	}
	if a == nil {
		s.touch(known, at, true, now)
		return Unmatched
	}
	s.leave(a, known, endOf(a, at, now), now)
	s.touch(known, at, true, now)
	if a.firing() {
		return Eased
	}
	return Resolved
}

// endOf is the time of the resolution, within the life of the alert.
func endOf(a *alert, at int64, now time.Time) time.Time {
	end := now
	if at != unknownTime {
		end = earlier(time.Unix(0, at).UTC(), now)
	}
	return later(end, a.starts)
}

func (s *State) fire(id ident, known *seen, ev *Event, at int64, now time.Time) Outcome {
	a := s.openAlert(known)
	if a != nil && a.cause != ev.Cause && ev.Rank > a.rank {
		s.leave(a, known, now, now) // its labels changed with its severity
		a = nil
	}
	wasOpen := a != nil
	if a == nil {
		a = s.causes[ev.Cause]
	}
	out := Repeated
	switch {
	case a == nil:
		if a = s.raise(ev, at, now); a == nil {
			return Dropped // and not remembered: it may come again when there is room
		}
		out = Raised
	case ev.Rank > a.rank:
		a = s.escalate(a, ev, now)
		out = Escalated
	case ev.Rank == a.rank && a.cause == ev.Cause:
		a.Content = ev.Content
	}
	a.findings++
	a.lasting = a.lasting || ev.Lasting
	if !wasOpen {
		a.open++
	}
	a.until = later(a.until, now.Add(s.hold(a)))
	s.dirty.alert(a.key)
	if known == nil {
		known = s.remember(id, now)
	}
	known.cause, known.episode, known.lasting = a.cause, a.episode, ev.Lasting
	s.touch(known, at, false, now)
	return out
}

// leave takes a finding away from the alert that it kept firing, and ends the
// alert if it was the last.
func (s *State) leave(a *alert, known *seen, end, now time.Time) {
	known.episode = 0
	a.open--
	s.dirty.alert(a.key)
	if a.open > 0 {
		return
	}
	if a.loose {
		// Others keep it firing that can no longer be resolved one by one.
		a.until = earlier(a.until, now.Add(s.opt.Hold))
		return
	}
	s.end(a, end)
}

// hold is how long the alert fires from now on if nothing more is heard. One that
// is kept by forgotten findings alone waits for no resolution.
func (s *State) hold(a *alert) time.Duration {
	if a.lasting && a.open > 0 {
		return s.opt.LastingHold
	}
	return s.opt.Hold
}

// raise makes an alert, or returns nil where there is no room for it.
func (s *State) raise(ev *Event, at int64, now time.Time) *alert {
	k := key{ev.Cause, ev.Rank}
	heard := s.replace(k)
	if !s.room(ev.Rank, now) {
		return nil
	}
	s.episode++
	a := &alert{key: k, Content: ev.Content, episode: s.episode, starts: now, raised: now, at: heard}
	if at != unknownTime {
		a.starts = earlier(time.Unix(0, at).UTC(), now)
	}
	s.add(a)
	return a
}

// replace removes an alert that is over, because it is about to fire again and its
// resolution is void, and returns what Alertmanagers may know of the new one.
func (s *State) replace(k key) []told {
	heard := make([]told, s.opt.Endpoints)
	old := s.records[k]
	if old == nil {
		return heard
	}
	for i, t := range old.at {
		if t.busy || t.state == burning || t.state == unsure {
			heard[i].state = unsure // it shows the alert and would not hear of its end otherwise
		}
	}
	s.remove(old)
	return heard
}

// escalate replaces an alert by a more severe one of the same cause. Labels name
// the severity, so the old alert has to end; unless nobody was told of it.
func (s *State) escalate(a *alert, ev *Event, now time.Time) *alert {
	next := *a
	next.key, next.Content = key{a.cause, ev.Rank}, ev.Content
	next.delivered, next.raised = time.Time{}, now
	untold := true
	for i := range a.at {
		untold = untold && a.at[i].state == never && !a.at[i].busy
	}
	next.at = s.replace(next.key)
	if untold || s.full() {
		s.remove(a) // where it was told, it lapses by itself
	} else {
		next.starts = now
		if a.delivered.IsZero() {
			a.delivered = now // nobody needs to see it fire any more
		}
		s.end(a, now)
	}
	s.add(&next)
	return &next
}

// end makes a firing alert one that is over.
func (s *State) end(a *alert, at time.Time) {
	a.ended = later(at, a.starts)
	if s.causes[a.cause] == a {
		delete(s.causes, a.cause)
	}
	s.file(a)
	s.dirty.alert(a.key)
	s.reap(a, at)
}

// Tick ends the alerts whose time is over, forgets the resolutions that no longer
// matter, and tells whether a post may be due because of it.
func (s *State) Tick(now time.Time) bool {
	var lapsed, over []*alert
	for a := range s.all() {
		switch {
		case a.firing() && !a.delivered.IsZero() && !now.Before(a.until):
			lapsed = append(lapsed, a)
		case !a.firing():
			over = append(over, a)
		}
	}
	for _, a := range over {
		s.reap(a, now)
	}
	for _, a := range lapsed {
		s.end(a, a.until)
		s.reap(a, now)
	}
	if s.dropped > 0 && s.causes[summaryCause] == nil {
		s.dropped, s.dirty.meta = 0, true
	}
	return len(lapsed) > 0
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
