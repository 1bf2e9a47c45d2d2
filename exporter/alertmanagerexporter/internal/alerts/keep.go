package alerts

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Change is a record of the state to be kept. Applied in order, changes rebuild
// the state.
type Change struct {
	Key string `json:"k"`
	// Value is nil where the record is gone.
	Value json.RawMessage `json:"v,omitempty"`
}

// dirt names what changed since the last call of Changes.
type dirt struct {
	alerts map[key]bool
	ids    map[ident]bool
	meta   bool
}

func newDirt() dirt { return dirt{alerts: map[key]bool{}, ids: map[ident]bool{}} }

func (d *dirt) alert(k key) { d.alerts[k] = true }

const (
	alertPrefix = "a/"
	idPrefix    = "f/"
	metaKey     = "m"
)

type keptAlert struct {
	Content
	Cause     string     `json:"cause"`
	Rank      int        `json:"rank"`
	Episode   uint64     `json:"episode"`
	Starts    time.Time  `json:"starts"`
	Until     time.Time  `json:"until"`
	Ended     *time.Time `json:"ended,omitempty"`
	Delivered *time.Time `json:"delivered,omitempty"`
	Lasting   bool       `json:"lasting,omitempty"`
	Open      int        `json:"open"`
	Loose     bool       `json:"loose,omitempty"`
	Findings  int64      `json:"findings"`
}

type keptID struct {
	Cause    string `json:"c,omitempty"`
	Episode  uint64 `json:"e,omitempty"`
	Stated   int64  `json:"s"`
	At       int64  `json:"a"`
	Resolved bool   `json:"r,omitempty"`
	Lasting  bool   `json:"l,omitempty"`
	Turn     uint64 `json:"t"`
}

type keptMeta struct {
	Version int    `json:"version"`
	Episode uint64 `json:"episode"`
	Dropped int64  `json:"dropped"`
}

const keptVersion = 1

// Changes returns what changed since it was called last; in a fixed order.
func (s *State) Changes() []Change {
	out := make([]Change, 0, len(s.dirty.alerts)+len(s.dirty.ids)+1)
	for k := range s.dirty.alerts {
		out = append(out, s.alertChange(k))
	}
	for id := range s.dirty.ids {
		out = append(out, s.idChange(id))
	}
	if s.dirty.meta || len(s.dirty.alerts) > 0 {
		out = append(out, s.metaChange())
	}
	s.dirty = newDirt()
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// ForgetChanges is Changes for those who keep nothing.
func (s *State) ForgetChanges() { s.dirty = newDirt() }

// Snapshot returns the whole state and leaves Changes as it is.
func (s *State) Snapshot() []Change {
	out := make([]Change, 0, len(s.records)+len(s.ids)+1)
	out = append(out, s.metaChange())
	for _, k := range slices.SortedFunc(maps.Keys(s.records), compareKeys) {
		out = append(out, s.alertChange(k))
	}
	for _, line := range s.idOrder {
		for e := line.Front(); e != nil; e = e.Next() {
			out = append(out, s.idChange(e.Value.(*seen).id))
		}
	}
	return out
}

func compareKeys(a, b key) int {
	return cmp.Or(strings.Compare(a.cause, b.cause), cmp.Compare(a.rank, b.rank))
}

func (s *State) alertChange(k key) Change {
	c := Change{Key: alertPrefix + k.cause + "/" + strconv.Itoa(k.rank)}
	if a := s.records[k]; a != nil {
		c.Value = encode(&keptAlert{
			Content: a.Content, Cause: a.cause, Rank: a.rank, Episode: a.episode, Starts: a.starts, Until: a.until,
			Ended: known(a.ended), Delivered: known(a.delivered), Lasting: a.lasting, Open: a.open, Loose: a.loose, Findings: a.findings,
		})
	}
	return c
}

func (s *State) idChange(id ident) Change {
	c := Change{Key: idPrefix + id.String()}
	if k := s.ids[id]; k != nil {
		c.Value = encode(&keptID{Cause: k.cause, Episode: k.episode, Stated: k.stated, At: k.at, Resolved: k.resolved, Lasting: k.lasting, Turn: k.turn})
	}
	return c
}

func (s *State) metaChange() Change {
	return Change{Key: metaKey, Value: encode(&keptMeta{Version: keptVersion, Episode: s.episode, Dropped: s.dropped})}
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and times before the year 10000 always encode
	}
	return raw
}

// Load fills an empty State in from what Changes and Snapshot returned, in that
// order. What cannot be read is in the error, the rest is loaded. Every
// Alertmanager is told everything again.
func (s *State) Load(changes []Change, now time.Time) error {
	last := map[string]json.RawMessage{}
	for _, c := range changes {
		last[c.Key] = c.Value
	}
	l := loader{state: s, now: now}
	for _, name := range slices.Sorted(maps.Keys(last)) {
		if raw := last[name]; raw != nil {
			if err := l.read(name, raw); err != nil {
				l.errs = append(l.errs, fmt.Errorf("record %q: %w", name, err))
			}
		}
	}
	l.build()
	return errors.Join(l.errs...)
}

type loader struct {
	state  *State
	now    time.Time
	alerts []*alert
	ids    []*seen
	errs   []error
}

func (l *loader) read(name string, raw json.RawMessage) error {
	switch {
	case name == metaKey:
		return l.readMeta(raw)
	case strings.HasPrefix(name, alertPrefix):
		return l.readAlert(raw)
	case strings.HasPrefix(name, idPrefix):
		return l.readID(strings.TrimPrefix(name, idPrefix), raw)
	default:
		return errors.New("unknown kind")
	}
}

func (l *loader) readMeta(raw json.RawMessage) error {
	var m keptMeta
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	if m.Version != keptVersion {
		return fmt.Errorf("version %d, this program reads %d", m.Version, keptVersion)
	}
	l.state.episode, l.state.dropped = max(l.state.episode, m.Episode), m.Dropped
	return nil
}

func (l *loader) readAlert(raw json.RawMessage) error {
	var k keptAlert
	if err := json.Unmarshal(raw, &k); err != nil {
		return err
	}
	if k.Rank < 1 || k.Rank > ranks || k.Cause == "" || len(k.Labels) == 0 {
		return fmt.Errorf("rank %d, cause %q, %d labels: no alert", k.Rank, k.Cause, len(k.Labels))
	}
	a := &alert{
		key: key{k.Cause, k.Rank}, Content: k.Content, episode: k.Episode, starts: k.Starts, until: k.Until,
		lasting: k.Lasting, open: k.Open, loose: k.Loose, findings: k.Findings,
		raised: l.now, at: make([]told, l.state.opt.Endpoints),
	}
	if k.Ended != nil {
		a.ended = *k.Ended
	}
	if k.Delivered != nil {
		a.delivered = *k.Delivered
	}
	for i := range a.at {
		a.at[i].state = unsure
	}
	l.alerts = append(l.alerts, a)
	return nil
}

func (l *loader) readID(name string, raw json.RawMessage) error {
	b, err := hex.DecodeString(name)
	if err != nil || len(b) != len(ident{}) {
		return errors.New("not an id of 32 hex digits")
	}
	var k keptID
	if err := json.Unmarshal(raw, &k); err != nil {
		return err
	}
	l.ids = append(l.ids, &seen{
		id: ident(b), cause: k.Cause, episode: k.Episode, stated: k.Stated, at: k.At, resolved: k.Resolved, lasting: k.Lasting, turn: k.Turn,
	})
	return nil
}

// build puts the records where they belong, in the order of their making, within
// the limits of today.
func (l *loader) build() {
	s := l.state
	slices.SortFunc(l.alerts, func(a, b *alert) int {
		return cmp.Or(cmp.Compare(a.episode, b.episode), compareKeys(a.key, b.key))
	})
	open := map[uint64]int{}
	slices.SortFunc(l.ids, func(a, b *seen) int {
		return cmp.Or(cmp.Compare(a.turn, b.turn), slices.Compare(a.id[:], b.id[:]))
	})
	for _, k := range l.ids {
		s.turn = max(s.turn, k.turn)
		if s.ids[k.id] == nil {
			s.ids[k.id] = k
			s.line(k)
		}
	}
	for _, k := range s.ids {
		if !k.resolved {
			open[k.episode]++
		}
	}
	for _, a := range l.alerts {
		s.episode = max(s.episode, a.episode)
		if a.firing() && s.causes[a.cause] != nil {
			s.remove(s.causes[a.cause]) // a later episode, or a worse severity
		}
		if a.firing() {
			a.loose = a.loose || open[a.episode] < a.open
			a.open = open[a.episode]
		}
		s.add(a)
	}
	s.trim(l.now)
}

// trim brings a loaded state within limits that may have become smaller.
func (s *State) trim(now time.Time) {
	for len(s.ids) > s.opt.MaxFindings {
		s.forgetOne(now)
	}
	for s.bounded() > s.opt.MaxAlerts && s.shed(ranks, now) {
		continue
	}
}
