package ledger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// when is a time of a case: since the epoch, as in 90s, or by the calendar.
type when struct{ time.Time }

func (w *when) UnmarshalYAML(n *yaml.Node) (err error) {
	if d, err := time.ParseDuration(n.Value); err == nil {
		w.Time = epoch.Add(d)
		return nil
	}
	w.Time, err = time.Parse(time.RFC3339, n.Value)
	return err
}

// step is one charge of a case, or what one of the other keys says, and what
// must be true after it.
type step struct {
	At                  when
	USD, Bound          string
	Tokens              uint64
	Tool                bool
	Lasts               time.Duration
	Times               int
	Every               time.Duration
	Action              int // a number of its own, to deliver it again
	Who                 who
	Response, Trace     string
	Tick                bool
	Budgets             string // put in force
	Release, By, Reason string // the budget whose halt is released
	Halt                string // the agent that is halted by order
	Restart             bool

	Want       []string // event types in order; - before one that is resolved, ~ before a quiet one
	Halted     string   // the effect in force for who
	Spent      map[string]string
	Own        string // of who's agent
	Repeat     string
	Counted    map[string]uint64
	Projection map[string]float64 // of the last event
}

type who struct {
	Tenant, Project, Agent, Session, Principal, Root, Run string
	Ancestors, AncestorRuns                               []string `yaml:",flow"`
}

func (w who) scopes() Scopes {
	s := Scopes{
		Tenant: w.Tenant, Project: w.Project, Agent: w.Agent, Session: w.Session, Principal: w.Principal, Root: w.Root, Run: w.Run,
		Ancestors: w.Ancestors, AncestorRuns: w.AncestorRuns,
	}
	for _, d := range []struct {
		v   *string
		def string
	}{{&s.Tenant, "t"}, {&s.Project, "p"}, {&s.Session, "s"}, {&s.Agent, "a"}} {
		if *d.v == "" {
			*d.v = d.def
		}
	}
	return s
}

// TestCases plays the stories under testdata/cases.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			require.NoError(t, err)
			defer func() { _ = f.Close() }()
			var c struct {
				Budgets string
				Specs   []Spec
				Options Options
				Steps   []step
			}
			dec := yaml.NewDecoder(f)
			dec.KnownFields(true)
			require.NoError(t, dec.Decode(&c))
			b, err := NewBudgets(budgets(t, c.Budgets), c.Specs)
			require.NoError(t, err)
			p := player{l: New(b, c.Options), opt: c.Options}
			for i := range c.Steps {
				p.play(t, i, &c.Steps[i])
			}
		})
	}
}

type player struct {
	l   *Ledger
	opt Options
	n   int
}

func (p *player) play(t *testing.T, i int, s *step) {
	t.Helper()
	scopes := s.Who.scopes()
	events, repeat := p.act(t, s, &scopes)
	got := make([]string, 0, len(events))
	for _, e := range events {
		text := string(e.Type)
		if e.Quiet {
			text = "~" + text
		}
		if e.Resolved {
			text = "-" + text
		}
		got = append(got, text)
		assert.LessOrEqual(t, len(e.Trajectory), 64)
	}
	assert.Equal(t, strings.Join(s.Want, " "), strings.Join(got, " "), "step %d", i)
	halted := ""
	if h, ok := p.l.Halted(&scopes); ok {
		halted = h.Effect.String()
	}
	assert.Equal(t, s.Halted, halted, "step %d: halted", i)
	if s.Repeat != "" {
		assert.Equal(t, s.Repeat, repeat.String(), "step %d", i)
	}
	if s.Own != "" {
		spend, _ := p.l.Spend(Agent, scopes.Tenant, scopes.Agent)
		assert.Equal(t, s.Own, spend.Own.Text(USD), "step %d: own", i)
	}
	spent := map[string]string{}
	for _, b := range p.l.Balances(&scopes, s.At.Time) {
		if _, ok := s.Spent[b.Budget.ID]; ok {
			spent[b.Budget.ID] = b.Spent.Text(b.Budget.Unit)
		}
	}
	for id, want := range s.Spent {
		assert.Equal(t, want, spent[id], "step %d: spent of %s", i, id)
	}
	counters := p.l.Counters()
	for name, want := range s.Counted {
		assert.Equal(t, want, map[string]uint64{
			"late_unkept": counters.LateUnkept, "conflicts": counters.DedupeConflicts, "duplicates": counters.DuplicateResponses,
			"early_actions": counters.EarlyActions, "early_responses": counters.EarlyResponses,
		}[name], "step %d: %s", i, name)
	}
	if len(s.Projection) > 0 {
		require.NotEmpty(t, events)
		pr := events[len(events)-1].Projection
		require.NotNil(t, pr)
		at := events[len(events)-1].At
		for name, want := range s.Projection {
			assert.InEpsilon(t, want, map[string]float64{
				"rate_long": pr.RateLong, "rate_short": pr.RateShort, "low": pr.Low, "high": pr.High, "horizon": pr.Horizon.Seconds(),
				"earliest": pr.ExhaustEarliest.Sub(at).Seconds(), "latest": pr.ExhaustLatest.Sub(at).Seconds(),
			}[name], 0.002, "step %d: %s", i, name)
		}
	}
}

func (p *player) act(t *testing.T, s *step, scopes *Scopes) (events []Event, repeat Repeat) {
	t.Helper()
	switch {
	case s.Tick:
		return p.l.Tick(s.At.Time), 0
	case s.Restart:
		next := New(p.l.Budgets(), p.opt)
		require.NoError(t, next.Restore(p.l.Snapshot()))
		p.l = next
		return nil, 0
	case s.Budgets != "":
		events, err := p.l.SetBudgets(budgets(t, s.Budgets), s.At.Time)
		require.NoError(t, err)
		return events, 0
	case s.Release != "":
		for _, h := range p.l.Halts() {
			if h.Budget == s.Release {
				ev, err := p.l.ReleaseID(h.ID(), s.By, s.Reason, s.At.Time)
				require.NoError(t, err)
				assert.Equal(t, s.By, ev.By)
				return []Event{ev}, 0
			}
		}
		require.Fail(t, "no halt of "+s.Release)
	case s.Halt != "":
		_, ev, err := p.l.Halt(Order{Scope: Agent, Tenant: scopes.Tenant, Key: s.Halt, By: s.By, Reason: s.Reason}, s.At.Time)
		require.NoError(t, err)
		return []Event{ev}, 0
	}
	for k := range max(1, s.Times) {
		p.n++
		n := p.n + 1_000_000
		if s.Action != 0 {
			n = s.Action
		}
		end := s.At.Add(time.Duration(k) * max(s.Every, time.Nanosecond))
		c := Charge{
			Action: actionID(n), Scopes: *scopes, Kind: ModelCall, Start: end.Add(-s.Lasts), End: end, Tokens: s.Tokens,
			Cost: amount(t, s.USD), Bound: amount(t, s.Bound), Response: ResponseID(scopes.Tenant, s.Response), Trace: ResponseID("trace", s.Trace),
		}
		if s.Tool {
			c.Kind = ToolCall
		}
		r := p.l.Charge(&c)
		events, repeat = append(events, r.Events...), r.Repeat
	}
	return events, repeat
}
