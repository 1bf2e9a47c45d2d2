package decision

import (
	"encoding/binary"
	"hash/maphash"
	"time"
)

// join is one thing that a decision and a deed may have in common.
type join struct {
	by  joinBy
	key joinKey
}

// joinKey is a hash of what is joined: 128 bits, of which an accidental match is not
// to be expected. Everybody's every call is in these maps several times.
type joinKey [2]uint64

type joinBy uint8

// The keys, strongest first: the first that both sides have decides.
const (
	byDecision joinBy = iota
	byCall
	byParent
	byWindow
)

// joinOf hashes the parts unambiguously. What is not set is "" or 0.
func (m *Matcher) joinOf(by joinBy, slot int64, parts ...string) join {
	b := m.text[:0]
	b = append(b, byte(by))
	b = binary.AppendVarint(b, slot)
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	m.text = b
	return join{by, joinKey{maphash.Bytes(m.seeds[0], b), maphash.Bytes(m.seeds[1], b)}}
}

func (m *Matcher) joinSpan(tenant string, trace [16]byte, span [8]byte) join {
	b := m.text[:0]
	b = append(b, byte(byParent))
	b = append(b, trace[:]...)
	b = append(b, span[:]...)
	b = append(b, tenant...)
	m.text = b
	return join{byParent, joinKey{maphash.Bytes(m.seeds[0], b), maphash.Bytes(m.seeds[1], b)}}
}

// decisionKeys are valid until the next call.
func (m *Matcher) decisionKeys(k *Known) []join {
	out := m.asked[:0]
	out = append(out, m.joinOf(byDecision, 0, k.Tenant, k.ID))
	if k.CallID != "" {
		out = append(out, m.joinOf(byCall, 0, k.Tenant, k.CallID))
	}
	if k.Trace != [16]byte{} && k.Parent != [8]byte{} {
		out = append(out, m.joinSpan(k.Tenant, k.Trace, k.Parent))
	}
	if k.Agent != "" && k.Tool != "" {
		out = append(out, m.joinOf(byWindow, m.slot(k.At), k.Tenant, k.Agent, k.Tool, k.ArgsDigest))
	}
	m.asked = out
	return out
}

// deedKeys are valid until the next call.
func (m *Matcher) deedKeys(x *Deed) []join {
	out := m.done[:0]
	if x.DecisionID != "" {
		out = append(out, m.joinOf(byDecision, 0, x.Tenant, x.DecisionID))
	}
	if x.CallID != "" {
		out = append(out, m.joinOf(byCall, 0, x.Tenant, x.CallID))
	}
	if x.Trace != [16]byte{} && x.Parent != [8]byte{} {
		out = append(out, m.joinSpan(x.Tenant, x.Trace, x.Parent))
	}
	if x.Agent != "" && x.Tool != "" {
		for i := int64(-1); i <= 1; i++ {
			out = append(out, m.joinOf(byWindow, m.slot(x.Start)+i, x.Tenant, x.Agent, x.Tool, x.ArgsDigest))
		}
	}
	m.done = out
	return out
}

func (m *Matcher) slot(t time.Time) int64 { return t.UnixNano() / int64(m.opts.Window) }

// judge holds a deed against the decisions that are known now, and appends a
// match where that says something new.
func (m *Matcher) judge(x *deed, out []Match) []Match {
	next := Match{Deed: x.Deed, Done: true}
	fits, crowd := m.fitting(x)
	switch {
	case crowd:
		next.State = Ambiguous
	case len(fits) > 0:
		next.State, next.Decision, next.ArgsChecked = weigh(x, fits)
	case !x.settled || !x.Required || x.last != nil:
		return out
	default:
		next.State = ExecutedWithoutDecision
	}
	if next.State == ArgsDiffer {
		next.Rule = string(ArgsDiffer)
	}
	for _, d := range fits {
		d.followed = true
	}
	if x.last != nil && x.last.State == next.State && x.last.Decision.ID == next.Decision.ID {
		return out
	}
	x.last = &next
	return append(out, next)
}

// fitting returns the decisions that may be about the deed, by the strongest key
// that finds any. crowd says that they are more than anybody can tell apart.
func (m *Matcher) fitting(x *deed) (out []*known, crowd bool) {
	found := joinBy(0)
	for _, j := range m.deedKeys(&x.Deed) {
		if len(out) > 0 && j.by != found {
			break
		}
		list := m.byKey[j.key]
		if j.by >= byParent && len(list) > maxFits {
			m.crowded++
			return nil, true
		}
		for _, d := range list {
			if m.fits(j.by, d, x) {
				out, found = append(out, d), j.by
			}
		}
	}
	if len(out) > 1 && found == byCall {
		// One call asked about again, as after an approval: the last answer before it
		// began is what counts.
		out = []*known{last(out, x.Start.Add(m.opts.Skew))}
	}
	return out, false
}

// fits holds a decision against a deed that shares a key. A weaker key needs more
// to agree, and never joins two different calls.
func (m *Matcher) fits(by joinBy, d *known, x *deed) bool {
	if by == byDecision || by == byCall {
		return true
	}
	if d.CallID != "" && x.CallID != "" && d.CallID != x.CallID {
		return false
	}
	if by == byParent {
		return (d.Tool == "" || x.Tool == "" || d.Tool == x.Tool) && (d.Agent == "" || x.Agent == "" || d.Agent == x.Agent)
	}
	apart := x.Start.Sub(d.At)
	return d.ArgsDigest == x.ArgsDigest && apart <= m.opts.Window && apart >= -m.opts.Window
}

// last returns the newest decision before a time, else the oldest after it; of
// equally old ones that with the greater id.
func last(ds []*known, start time.Time) *known {
	var best *known
	for _, d := range ds {
		switch {
		case best == nil:
			best = d
		case !d.At.After(start) && (best.At.After(start) || newer(d, best)):
			best = d
		case d.At.After(start) && best.At.After(start) && newer(best, d):
			best = d
		}
	}
	return best
}

func newer(d, than *known) bool {
	return d.At.After(than.At) || d.At.Equal(than.At) && d.ID > than.ID
}

// weigh says how a deed fits decisions: what all of them say alike, else nobody
// knows.
func weigh(x *deed, ds []*known) (State, Known, bool) {
	state, checked := one(x, ds[0])
	best := ds[0]
	for _, d := range ds[1:] {
		s, c := one(x, d)
		if s != state {
			return Ambiguous, Known{}, false
		}
		checked = checked && c
		if d.ID < best.ID {
			best = d
		}
	}
	return state, best.Known, checked
}

func one(x *deed, d *known) (State, bool) {
	switch {
	case d.Answered == Deny, d.Answered == Halt, d.Answered == Ask && !d.approved && !d.AskedUser:
		return DeniedButExecuted, false
	case d.ArgsDigest == "" || x.ArgsDigest == "":
		return Agreed, false
	case d.ArgsDigest != x.ArgsDigest:
		return ArgsDiffer, true
	default:
		return Agreed, true
	}
}
