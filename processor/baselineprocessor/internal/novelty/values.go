package novelty

import (
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

// MaxValues is how many values of an argument are told apart. Beyond it the
// argument is open: free text, in which nothing is a surprise.
const MaxValues = 64

// Values is what is known of one argument of one tool of one agent: in how many
// sessions it was used, which values it had, and how often a value came out of a
// tool. The zero value knows nothing.
type Values struct {
	sessions, once uint32 // sessions that used it; values seen in one session only
	fromTool       uint32 // sessions with a value that a tool had returned
	open           bool
	known          []seen // at most MaxValues, in the order they came
}

// seen is one value: its keyed hash, in how many sessions it was, on which day
// first, and whether on another day too.
type seen struct {
	hash  uint32
	count uint8
	flags uint8
	day   uint16
}

const anotherDay = 1

// Sessions is the number of sessions that used the argument.
func (v *Values) Sessions() int { return int(v.sessions) }

// Open reports whether the argument takes free text.
func (v *Values) Open() bool { return v.open }

// Seen reports whether the value is among those told apart, however rarely seen.
func (v *Values) Seen(hash uint32) bool { return v.find(hash) != nil }

func (v *Values) find(hash uint32) *seen {
	for i := range v.known {
		if v.known[i].hash == hash {
			return &v.known[i]
		}
	}
	return nil
}

// unseen is the probability that the next session brings a value not seen
// before (Good and Turing's estimate).
func (v *Values) unseen() float64 {
	return min(1, (float64(v.once)+.5)/(float64(v.sessions)+1))
}

// Surprise returns how surprising the value is, in nats: 0 for a known one, up
// to 1 + ln of twice the sessions for a new one of a closed argument, and 1 in
// free text. known is false while the argument is too young to judge.
func (v *Values) Surprise(p Params, hash uint32) (nats float64, known bool) {
	if int(v.sessions) < p.MinSessions {
		return 0, false
	}
	if s := v.find(hash); s != nil && v.trusted(p, s) {
		return 0, true
	}
	if v.open {
		return 1, true
	}
	return 1 - math.Log(v.unseen()), true
}

// trusted tells whether a value that was seen counts as known: often enough and
// on more than one day, or an attacker's first try would teach the second.
func (v *Values) trusted(p Params, s *seen) bool {
	return int(s.count) >= p.KnownSessions && (p.KnownDays < 2 || s.flags&anotherDay != 0)
}

// Trusted reports whether the value counts as known, and how many sessions had it;
// what is not among those told apart was seen in none.
func (v *Values) Trusted(p Params, hash uint32) (known bool, sessions int) {
	s := v.find(hash)
	if s == nil {
		return false, 0
	}
	return v.trusted(p, s), int(s.count)
}

// Counts returns how many values are told apart, and how many of those count as
// known. The rest is in quarantine.
func (v *Values) Counts(p Params) (distinct, known int) {
	for i := range v.known {
		if v.trusted(p, &v.known[i]) {
			known++
		}
	}
	return len(v.known), known
}

// Provenance returns how surprising it is, in nats, that this argument has a
// value that a tool returned.
func (v *Values) Provenance() float64 {
	return max(0, -math.Log((float64(v.fromTool)+.5)/(float64(v.sessions)+1)))
}

// Learn adds one session: the distinct values it had and whether one of them came
// out of a tool.
func (v *Values) Learn(hashes []uint32, fromTool bool, day uint16) {
	v.sessions++
	if fromTool {
		v.fromTool++
	}
	if v.sessions == math.MaxUint32 {
		v.sessions, v.fromTool = v.sessions/2, v.fromTool/2
	}
	for _, h := range hashes {
		v.learn(h, day)
	}
}

func (v *Values) learn(hash uint32, day uint16) {
	if v.open {
		return
	}
	if s := v.find(hash); s != nil {
		if s.count == 1 {
			v.once--
		}
		s.count = min(s.count, math.MaxUint8-1) + 1
		if s.day != day {
			s.flags |= anotherDay
		}
		return
	}
	if len(v.known) == MaxValues {
		v.open, v.known, v.once = true, nil, 0
		return
	}
	v.known = append(v.known, seen{hash: hash, count: 1, day: day})
	v.once++
}

// Describe is the snapshot.
func (v *Values) Describe(c *codec.Codec) {
	c.U32(&v.sessions)
	c.U32(&v.fromTool)
	c.Bool(&v.open)
	codec.Each(c, &v.known, MaxValues, func(s *seen) {
		c.U32(&s.hash)
		c.U8(&s.count)
		c.U8(&s.flags)
		c.U16(&s.day)
	})
	if !c.Reading() {
		return
	}
	v.once = 0
	for i := range v.known {
		if v.known[i].count == 1 {
			v.once++
		}
	}
	if v.fromTool > v.sessions || v.open && len(v.known) > 0 {
		c.Fail()
	}
}
