package policy

import (
	"slices"
	"time"
)

// DefaultHistory is how many versions are kept to judge late actions by.
const DefaultHistory = 32

// History holds the last versions of the registry and when each came into
// force. The zero value is empty. It is immutable: Add returns another, so a
// snapshot may be read while the next is made.
type History struct {
	entries []inForce // by time, ascending
	limit   int
	dropped int
}

type inForce struct {
	from     time.Time
	registry *Registry
}

// NewHistory returns an empty history that keeps limit versions, at least 1; 0
// is DefaultHistory.
func NewHistory(limit int) History {
	if limit <= 0 {
		limit = DefaultHistory
	}
	return History{limit: limit}
}

// Add returns the history with one more version, in force from a time. A version
// equal to the one before it changes nothing. The oldest beyond the limit is
// forgotten and counted.
func (h History) Add(from time.Time, r *Registry) History {
	if h.limit == 0 {
		h.limit = DefaultHistory
	}
	at, same := slices.BinarySearchFunc(h.entries, from, func(e inForce, t time.Time) int { return e.from.Compare(t) })
	if at > 0 && at == len(h.entries) && h.entries[at-1].registry.version == r.version {
		return h
	}
	entries := slices.Clone(h.entries)
	if same {
		entries[at].registry = r
	} else {
		entries = slices.Insert(entries, at, inForce{from, r})
	}
	if over := len(entries) - h.limit; over > 0 {
		entries, h.dropped = entries[over:], h.dropped+over
	}
	h.entries = entries
	return h
}

// At returns the version in force at a time, the oldest one for what is
// earlier than all, nil where there is none. exact is false where the true
// version has been forgotten or none was in force yet.
func (h History) At(t time.Time) (r *Registry, exact bool) {
	if len(h.entries) == 0 {
		return nil, false
	}
	i, same := slices.BinarySearchFunc(h.entries, t, func(e inForce, t time.Time) int { return e.from.Compare(t) })
	if same {
		return h.entries[i].registry, true
	}
	if i == 0 {
		return h.entries[0].registry, false
	}
	return h.entries[i-1].registry, true
}

// Current returns the newest version, nil where there is none.
func (h History) Current() *Registry {
	if len(h.entries) == 0 {
		return nil
	}
	return h.entries[len(h.entries)-1].registry
}

// Len returns how many versions are kept, Dropped how many were forgotten.
func (h History) Len() int { return len(h.entries) }

// Dropped returns how many versions were forgotten because of the limit.
func (h History) Dropped() int { return h.dropped }
