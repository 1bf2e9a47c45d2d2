package account

import "strconv"

// Own is what the audit exporter counts of spans, or of log records, itself.
type Own struct {
	Offered    uint64 // arrived at the exporter, in front of its queue
	Inside     uint64 // of these, made in the collector and never received
	TurnedAway uint64 // of Offered, not taken: the queue was full
	Written    uint64 // made rows that the store has
	NoRow      uint64 // make no row and need none
	Dead       uint64 // went to the dead-letter file
}

// Entered is how many the exporter took.
func (o *Own) Entered() uint64 { return o.Offered - min(o.Offered, o.TurnedAway) }

// Line is the account of one signal.
type Line struct {
	// Known says that the collector's figures are there: without them Received,
	// Filtered, Added, GaveUp and Unaccounted are not known.
	Known                     bool
	Received, Inside, Added   uint64
	Refused, Filtered, GaveUp uint64
	Entered                   uint64
	Written, NoRow, Dead      uint64
	// Unaccounted were given to the collector and are nowhere; below 0 there is more
	// than was received.
	Unaccounted int64
}

// Balance makes the account of one signal. The exporter's own figures were taken
// before and after the collector's: while things flow each of the three is of
// another moment, and what fits between the two is no difference.
func Balance(s *Signal, before, after *Own) Line {
	l := Line{Inside: before.Inside, Entered: before.Entered(), Refused: before.TurnedAway, Written: before.Written, NoRow: before.NoRow, Dead: before.Dead}
	if s == nil {
		return l
	}
	l.Known = true
	l.Received, l.Added, l.GaveUp = s.Accepted+s.Refused, s.Added, s.GaveUp
	l.Refused += s.Limited
	l.Filtered = s.Removed - min(s.Removed, s.Limited)
	// What should have come to the exporter's door from outside and what did.
	should := int64(l.Received+l.Added) - int64(s.Removed)
	least, most := int64(before.Offered-min(before.Offered, before.Inside)), int64(after.Offered-min(after.Offered, after.Inside))
	did := min(max(should, least), most)
	l.Entered += uint64(did - least)
	l.Unaccounted = should - did
	return l
}

// Detail adds the account to what a leaf says, each key with the prefix. What is 0
// is left out, what is not known as well: Known tells the two apart.
func (l *Line) Detail(prefix string, into map[string]string) {
	set := func(key string, n int64) {
		if n != 0 {
			into[prefix+key] = strconv.FormatInt(n, 10)
		}
	}
	for _, f := range []struct {
		key string
		n   uint64
	}{
		{"received", l.Received},
		{"inside", l.Inside},
		{"added", l.Added},
		{"refused", l.Refused},
		{"filtered", l.Filtered},
		{"gave_up", l.GaveUp},
		{"entered", l.Entered},
		{"written", l.Written},
		{"no_row", l.NoRow},
		{"dead", l.Dead},
	} {
		set(f.key, int64(f.n))
	}
	set("unaccounted", l.Unaccounted)
}
