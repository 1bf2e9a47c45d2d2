package alerts

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func options() Options {
	return Options{
		Endpoints: 2, MinRank: 2, MaxAlerts: 1000, MaxFindings: 1000, MaxBatch: 8,
		Resend: time.Minute, Lapse: 4 * time.Minute, Hold: time.Hour, LastingHold: 30 * 24 * time.Hour,
		Summary: func(n int64) Content {
			return Content{Labels: map[string]string{"alertname": "Dropped"}, Annotations: map[string]string{"n": strconv.FormatInt(n, 10)}}
		},
	}
}

// manager is an Alertmanager as far as this package knows one: what a post says
// replaces what it knew, and an alert is over when its end has passed.
type manager struct {
	alerts map[string]Item
	shown  map[string]bool // every alert it ever had firing
}

func newManager() *manager { return &manager{map[string]Item{}, map[string]bool{}} }

func (m *manager) take(t *testing.T, it Item, now time.Time) {
	t.Helper()
	require.False(t, it.EndsAt.Before(it.StartsAt), "an Alertmanager refuses such an alert")
	require.False(t, it.StartsAt.After(now))
	require.Equal(t, it.Resolved, !it.EndsAt.After(now))
	name := fmt.Sprint(it.Labels)
	m.alerts[name] = it
	if !it.Resolved {
		m.shown[name] = true
	}
}

func (m *manager) firing(now time.Time) []string {
	names := []string{}
	for name, it := range m.alerts {
		if it.EndsAt.After(now) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// model says which alerts have to fire, in the simplest words: it remembers all
// and has no notion of posts, but for the time of the first delivery.
type model struct {
	last   map[string]*modelFinding
	causes map[string]*modelCause
	opt    Options
}

type modelFinding struct {
	at       time.Time
	resolved bool
	cause    *modelCause
}

type modelCause struct {
	name      string
	rank      int
	lasting   bool
	until     time.Time
	delivered bool
	open      map[string]bool
	over      bool
}

func (m *model) apply(ev *Event, now time.Time) {
	f := m.last[ev.ID]
	switch {
	case f != nil && (ev.At.Before(f.at) || ev.At.Equal(f.at) && (f.resolved || f.resolved == ev.Resolved)):
		return
	case !ev.Resolved && ev.Rank < m.opt.MinRank:
		if f == nil || f.resolved || f.cause == nil || f.cause.over {
			return
		}
		m.close(ev, f)
	case ev.Resolved:
		if f == nil {
			m.last[ev.ID] = &modelFinding{at: ev.At, resolved: true}
			return
		}
		m.close(ev, f)
	default:
		m.open(ev, f, now)
	}
}

func (m *model) close(ev *Event, f *modelFinding) {
	f.at, f.resolved = ev.At, true
	if c := f.cause; c != nil && c.open[ev.ID] {
		delete(c.open, ev.ID)
		if len(c.open) == 0 {
			m.end(c)
		}
	}
}

func (m *model) end(c *modelCause) {
	c.over = true
	if m.causes[c.name] == c {
		delete(m.causes, c.name)
	}
}

func (m *model) open(ev *Event, f *modelFinding, now time.Time) {
	if f == nil {
		f = &modelFinding{}
		m.last[ev.ID] = f
	}
	c := m.causes[ev.Cause]
	if c == nil {
		c = &modelCause{name: ev.Cause, open: map[string]bool{}}
		m.causes[ev.Cause] = c
	}
	if ev.Rank > c.rank {
		c.rank, c.delivered = ev.Rank, false
	}
	c.lasting = c.lasting || ev.Lasting
	c.until = later(c.until, now.Add(m.hold(c)))
	c.open[ev.ID] = true
	f.at, f.resolved, f.cause = ev.At, false, c
}

func (m *model) hold(c *modelCause) time.Duration {
	if c.lasting {
		return m.opt.LastingHold
	}
	return m.opt.Hold
}

func (m *model) delivered(cause string, rank int, now time.Time) {
	if c := m.causes[cause]; c != nil && c.rank == rank && !c.delivered {
		c.delivered = true
		c.until = later(c.until, now.Add(m.hold(c)))
	}
}

func (m *model) tick(now time.Time) {
	for _, c := range m.causes {
		if c.delivered && !now.Before(c.until) {
			m.end(c)
		}
	}
}

func (m *model) firing() []string {
	names := make([]string, 0, len(m.causes))
	for _, c := range m.causes {
		names = append(names, fmt.Sprint(content(c.name, c.rank).Labels))
	}
	slices.Sort(names)
	return names
}

func content(cause string, rank int) Content {
	return Content{Labels: map[string]string{"cause": cause, "severity": strconv.Itoa(rank)}}
}

// world is a State, two Alertmanagers and the model of what should be.
type world struct {
	t        *testing.T
	pick     func(n int) int
	now      time.Time
	state    *State
	kept     []Change
	managers [2]*manager
	model    *model
	raised   map[string]bool
}

func newWorld(t *testing.T, opt Options, pick func(n int) int) *world {
	t.Helper()
	return &world{
		t: t, pick: pick, now: epoch, state: New(opt), managers: [2]*manager{newManager(), newManager()}, raised: map[string]bool{},
		model: &model{last: map[string]*modelFinding{}, causes: map[string]*modelCause{}, opt: opt},
	}
}

func (w *world) step() {
	w.now = w.now.Add(time.Duration(w.pick(20)) * time.Second)
	switch w.pick(10) {
	case 0:
		w.now = w.now.Add(time.Duration(w.pick(90)) * time.Minute)
	case 1:
		w.restart()
	case 2, 3:
		w.post(w.pick(2), w.pick(4))
	default:
		w.find()
	}
	w.model.tick(w.now)
	w.state.Tick(w.now)
	require.Equal(w.t, w.model.firing(), w.firing())
}

func (w *world) firing() []string {
	names := []string{}
	for _, a := range w.state.causes {
		if a.cause != summaryCause {
			names = append(names, fmt.Sprint(a.Labels))
		}
	}
	slices.Sort(names)
	return names
}

func (w *world) find() {
	cause := w.pick(4)
	ev := &Event{
		ID: fmt.Sprint("id", cause, w.pick(4)), Cause: fmt.Sprint("cause", cause), Resolved: w.pick(3) == 0, Rank: 1 + w.pick(4),
		Lasting: cause == 0, At: w.now.Add(-time.Duration(w.pick(60)) * time.Second),
	}
	ev.Content = content(ev.Cause, ev.Rank)
	out := w.state.Apply(ev, w.now)
	require.Contains(w.t, Outcomes(), out)
	if out == Raised || out == Escalated {
		w.raised[fmt.Sprint(ev.Labels)] = true
	}
	w.model.apply(ev, w.now)
	w.kept = append(w.kept, w.state.Changes()...)
}

// post lets an Alertmanager answer well, or not at all, or too late.
func (w *world) post(endpoint, fate int) int {
	p := w.state.Next(endpoint, w.now)
	if p == nil {
		return 0
	}
	require.LessOrEqual(w.t, len(p.Items), w.state.opt.MaxBatch)
	require.NotEmpty(w.t, p.Items)
	for i := range p.Items {
		it := &p.Items[i]
		if fate > 0 {
			w.managers[endpoint].take(w.t, *it, w.now)
		}
		if fate > 1 {
			it.Verdict = Accepted
		}
		if fate > 1 && !it.Resolved {
			w.model.delivered(it.Labels["cause"], it.about.rank, w.now)
		}
	}
	w.state.Done(p, w.now)
	w.kept = append(w.kept, w.state.Changes()...)
	return len(p.Items)
}

// restart kills the State and makes another one of what was kept.
func (w *world) restart() {
	w.kept = append(w.kept, w.state.Changes()...)
	want := w.state.Snapshot()
	next := New(w.state.opt)
	require.NoError(w.t, next.Load(w.kept, w.now))
	require.Equal(w.t, text(want), text(next.Snapshot()))
	w.state = next
}

func text(changes []Change) string {
	raw, err := json.MarshalIndent(changes, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// settle lets both Alertmanagers answer until nothing is due.
func (w *world) settle() {
	for range 3 {
		w.now = w.now.Add(w.state.opt.Resend)
		w.model.tick(w.now)
		w.state.Tick(w.now)
		for endpoint := range w.managers {
			for w.post(endpoint, 3) > 0 {
				continue
			}
		}
	}
}

func (w *world) run(steps int) {
	for range steps {
		w.step()
		w.coherent()
	}
	w.settle()
	want := w.model.firing()
	for i, m := range w.managers {
		require.Equal(w.t, want, m.firing(w.now), "Alertmanager %d shows what fires, no more and no less", i)
	}
	for name := range w.raised {
		shown := w.managers[0].shown[name] || w.managers[1].shown[name]
		require.True(w.t, shown || w.escalatedUnseen(name), "somebody saw %s fire", name)
	}
}

// escalatedUnseen tells whether a more severe alert of the same cause was shown:
// the milder one may then have been replaced before anybody was told.
func (w *world) escalatedUnseen(name string) bool {
	for shown := range w.raised {
		if shown > name && shown[:len("map[cause:cause0")] == name[:len("map[cause:cause0")] {
			return true
		}
	}
	return false
}

// coherent checks the indexes against each other and the limits.
func (w *world) coherent() {
	s := w.state
	n := 0
	for a := range s.all() {
		n++
		require.False(w.t, a.gone)
		require.Same(w.t, a, s.records[a.key])
		if a.firing() {
			require.Same(w.t, a, s.causes[a.cause])
		}
		require.True(w.t, !a.firing() || a.loose || a.open > 0, "something keeps it firing")
	}
	require.Len(w.t, s.records, n)
	require.Len(w.t, s.ids, s.idOrder[0].Len()+s.idOrder[1].Len())
	require.LessOrEqual(w.t, len(s.ids), s.opt.MaxFindings)
	require.LessOrEqual(w.t, s.bounded(), s.opt.MaxAlerts)
	open := map[*alert]int{}
	for _, k := range s.ids {
		if a := s.openAlert(k); a != nil {
			open[a]++
		}
	}
	for a := range s.all() {
		if a.firing() {
			require.Equal(w.t, a.open, open[a])
		}
	}
}

func TestAgainstModel(t *testing.T) {
	seeds := 200
	if testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		t.Run(strconv.Itoa(seed), func(t *testing.T) { newWorld(t, options(), r.IntN).run(150) })
	}
}

func FuzzAgainstModel(f *testing.F) {
	f.Add([]byte("some findings come and go"))
	f.Add([]byte{0, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 1, 1, 1, 2, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		i := 0
		pick := func(n int) int {
			if i++; i > len(data) {
				return 0
			}
			return int(data[i-1]) % n
		}
		newWorld(t, options(), pick).run(min(len(data)/4, 200))
	})
}
