package alerts

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func tight() Options {
	o := options()
	o.MaxAlerts, o.MaxFindings, o.MaxBatch = 3, 5, 2
	return o
}

// crowd is more causes than there is room for. What fires then is nobody's to
// foresee; but limits hold, indexes agree, nothing dropped goes without saying,
// and Alertmanagers end up showing what the state holds.
func (w *world) crowd(steps int) {
	for range steps {
		w.now = w.now.Add(time.Duration(w.pick(20)) * time.Second)
		switch w.pick(8) {
		case 0:
			w.now = w.now.Add(time.Duration(w.pick(90)) * time.Minute)
		case 1:
			w.restart()
		case 2, 3:
			w.post(w.pick(2), w.pick(4))
		default:
			w.event()
		}
		w.state.Tick(w.now)
		w.coherent()
		evicted := w.state.causes[summaryCause] != nil
		require.True(w.t, evicted || w.state.dropped == 0, "what was dropped is said")
	}
	for range int(w.state.opt.Lapse/w.state.opt.Resend) + 2 {
		w.settle()
	}
	want := make([]string, 0, len(w.state.causes))
	for _, a := range w.state.causes {
		want = append(want, fmt.Sprint(a.Labels))
	}
	slices.Sort(want)
	for _, m := range w.managers {
		require.ElementsMatch(w.t, want, m.firing(w.now))
	}
}

// event applies one event, twice.
func (w *world) event() {
	cause := fmt.Sprint("cause", w.pick(8))
	ev := &Event{
		ID: fmt.Sprint(cause, w.pick(3)), Cause: cause, Resolved: w.pick(4) == 0, Rank: w.pick(6), Lasting: w.pick(2) == 0,
		At: w.now.Add(time.Duration(w.pick(90)-60) * time.Second),
	}
	if w.pick(5) == 0 {
		ev.At = time.Time{}
	}
	ev.Content = content(cause, ev.Rank)
	before, twice := w.state.Stats(), *ev
	out := w.state.Apply(ev, w.now)
	require.Contains(w.t, Outcomes(), out)
	if out == Dropped {
		require.NotNil(w.t, w.state.causes[summaryCause])
	}
	if evicted := w.state.Stats().Evicted - before.Evicted; evicted > 0 {
		require.NotNil(w.t, w.state.causes[summaryCause])
	}
	// The same event again changes nothing.
	if out != Dropped {
		shown := text(w.state.Snapshot())
		again := w.state.Apply(&twice, w.now)
		require.False(w.t, again.Urgent(), "%s after %s", again, out)
		require.Equal(w.t, shown, text(w.state.Snapshot()), "%s after %s", again, out)
	}
	w.kept = append(w.kept, w.state.Changes()...)
}

func TestLimitsHold(t *testing.T) {
	for seed := range 80 {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		newWorld(t, tight(), r.IntN).crowd(200)
	}
}

func FuzzLimitsHold(f *testing.F) {
	f.Add([]byte("a crowd of findings at a narrow door, pushing and shoving"))
	f.Fuzz(func(t *testing.T, data []byte) {
		i := 0
		pick := func(n int) int {
			if i++; i > len(data) {
				return 0
			}
			return int(data[i-1]) % n
		}
		newWorld(t, tight(), pick).crowd(min(len(data)/4, 200))
	})
}

// What is kept may be damaged: what can be read is loaded, the rest is an error,
// and the state that comes of it is one that works.
func FuzzLoad(f *testing.F) {
	seed := New(options())
	for i := range 6 {
		c := fmt.Sprint("c", i%3)
		seed.Apply(&Event{ID: strconv.Itoa(i), Cause: c, Rank: 1 + i%4, Resolved: i == 4, At: epoch, Lasting: i == 1, Content: content(c, 1+i%4)}, epoch)
	}
	for _, c := range seed.Snapshot() {
		f.Add(c.Key, []byte(c.Value))
	}
	f.Add("m", []byte(`{"version":2}`))
	f.Add("a/x/9", []byte(`{"rank":9}`))
	f.Add("z", []byte("null"))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		s := New(options())
		if s.Load([]Change{{Key: key, Value: json.RawMessage(value)}}, epoch) != nil {
			require.Empty(t, s.records)
			require.Empty(t, s.ids)
			return
		}
		again := New(options())
		require.NoError(t, again.Load(s.Snapshot(), epoch))
		require.Equal(t, text(s.Snapshot()), text(again.Snapshot()))
		for p := s.Next(0, epoch); p != nil; p = s.Next(0, epoch) {
			for i := range p.Items {
				p.Items[i].Verdict = Accepted
			}
			s.Done(p, epoch)
		}
	})
}

func TestLoadNamesWhatItCannotRead(t *testing.T) {
	s := New(options())
	err := s.Load([]Change{
		{Key: "m", Value: json.RawMessage(`{"version":7}`)},
		{Key: "a/x/2", Value: json.RawMessage(`{"cause":"x","rank":2,"labels":{"a":"b"}}`)},
		{Key: "a/y/9", Value: json.RawMessage(`{"cause":"y","rank":9}`)},
		{Key: "f/zz", Value: json.RawMessage(`{}`)},
		{Key: "q", Value: json.RawMessage(`{}`)},
	}, epoch)
	for _, want := range []string{`"m"`, "version 7", `"a/y/9"`, `"f/zz"`, `"q"`} {
		assert.ErrorContains(t, err, want)
	}
	assert.Equal(t, 1, s.Alerts())
}

func TestLag(t *testing.T) {
	s := New(options())
	assert.Zero(t, s.Lag(0, epoch))
	s.Apply(&Event{ID: "1", Cause: "c", Rank: 3, At: epoch, Content: content("c", 3)}, epoch)
	assert.Equal(t, 5*time.Second, s.Lag(0, epoch.Add(5*time.Second)))
	p := s.Next(0, epoch.Add(5*time.Second))
	assert.Equal(t, 7*time.Second, s.Lag(0, epoch.Add(7*time.Second)), "under way is not there")
	p.Items[0].Verdict = Accepted
	assert.Equal(t, []Delivery{{3, 8 * time.Second}}, s.Done(p, epoch.Add(8*time.Second)))
	assert.Zero(t, s.Lag(0, epoch.Add(68*time.Second)))
	assert.Equal(t, time.Second, s.Lag(0, epoch.Add(69*time.Second)))
	assert.Equal(t, 1, s.Pending(0, epoch.Add(69*time.Second)))
	assert.Equal(t, 69*time.Second, s.Lag(1, epoch.Add(69*time.Second)))
	assert.Equal(t, [5]int{3: 1}, s.Firing())
}

// The cost of a look for what is due, and of a finding, with the table full.
func BenchmarkNext(b *testing.B) {
	o := options()
	o.MaxAlerts = 10_000
	s := New(o)
	for i := range o.MaxAlerts {
		c := fmt.Sprint("c", i)
		s.Apply(&Event{ID: c, Cause: c, Rank: 2 + i%3, At: epoch, Content: content(c, 2+i%3)}, epoch)
	}
	for p := s.Next(0, epoch); p != nil; p = s.Next(0, epoch) {
		for i := range p.Items {
			p.Items[i].Verdict = Accepted
		}
		s.Done(p, epoch)
	}
	for b.Loop() {
		if s.Next(0, epoch) != nil {
			b.Fatal("nothing is due")
		}
	}
}

func BenchmarkApplyStorm(b *testing.B) {
	o := options()
	o.MaxAlerts, o.MaxFindings = 10_000, 100_000
	s := New(o)
	i := 0
	for b.Loop() {
		i++
		c := fmt.Sprint("c", i)
		s.Apply(&Event{ID: c, Cause: c, Rank: 2 + i%3, At: epoch, Content: content(c, 2)}, epoch)
		if i%1000 == 0 {
			s.Changes()
		}
	}
}
