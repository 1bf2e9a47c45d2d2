package decision

import "time"

// MaxRate is the largest number of uses that a rule's rate is counted for. What
// a greater one allows is not known, and so never allowed.
const MaxRate = 1 << 16

// Rates counts how often each rule has allowed something, to the moment. It has
// one owner. It keeps as many times as the rates of the rules used allow.
type Rates struct {
	rules map[rateKey]*ring
	limit int
}

type rateKey struct{ agent, rule string }

// ring holds the last times, oldest first from head.
type ring struct {
	times []int64
	head  int
}

// NewRates returns an empty count of at most so many rules; the one longest
// unused is forgotten first only when its window is over anyway.
func NewRates(limit int) *Rates { return &Rates{rules: map[rateKey]*ring{}, limit: max(limit, 1)} }

// Count returns how many uses fell into the window before now.
func (r *Rates) Count(agent, rule string, window time.Duration, now time.Time) int64 {
	at := r.rules[rateKey{agent, rule}]
	if at == nil {
		return 0
	}
	n := int64(0)
	for i := range at.times {
		if t := at.times[(at.head+len(at.times)-1-i)%len(at.times)]; t <= now.UnixNano()-int64(window) {
			break
		}
		n++
	}
	return n
}

// Take counts one use, if the rate still has one. It is false too where no more
// rules can be counted.
func (r *Rates) Take(agent, rule string, limit int64, window time.Duration, now time.Time) bool {
	if limit > MaxRate || r.Count(agent, rule, window, now) >= limit {
		return false
	}
	key := rateKey{agent, rule}
	at := r.rules[key]
	if at == nil {
		if len(r.rules) >= r.limit {
			return false
		}
		at = &ring{}
		r.rules[key] = at
	}
	if int64(len(at.times)) != limit { // a new rule, or an edited one
		at.resize(int(limit))
	}
	at.times[at.head] = now.UnixNano()
	at.head = (at.head + 1) % len(at.times)
	return true
}

// resize keeps the newest times.
func (r *ring) resize(n int) {
	next := make([]int64, n)
	for i := range n {
		next[i] = minTime
	}
	old := len(r.times)
	for i := range min(old, n) {
		next[n-1-i] = r.times[(r.head+old-1-i)%old]
	}
	r.times, r.head = next, 0
}

const minTime = -1 << 63
