package engine

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"time"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/errorrate"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/level"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/novelty"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/rate"
)

// Portrait is what is normal for one agent, for people to read.
type Portrait struct {
	Tenant  string `json:"tenant"`
	Project string `json:"project"`
	Agent   string `json:"agent"`

	Sessions uint32         `json:"sessions"` // learned
	Live     int            `json:"live"`     // sessions of the agent that are not over
	Levels   []Level        `json:"levels"`
	Rates    []BinRate      `json:"rates"`
	Errors   ErrorShare     `json:"errors"`
	Drift    []DriftState   `json:"drift"`
	Tools    []ToolPortrait `json:"tools"`
	Models   Seen           `json:"models"`
	// Open are the agent's incidents that are not over, in the order they began.
	Open []OpenIncident `json:"open"`
}

// OpenIncident is one that is not over.
type OpenIncident struct {
	Type    Type      `json:"type"`
	Rule    string    `json:"rule"`
	Began   time.Time `json:"began"`
	Count   int       `json:"count"` // how often it was seen
	Message string    `json:"message"`
	Traces  []string  `json:"traces"` // in hex: where to look
}

// Level is a number of a call or of a session, in its unit. Usual and High are
// unknown while nothing was learned; High is exceeded by about one in twenty.
type Level struct {
	Name     string  `json:"name"`
	Unit     string  `json:"unit"`
	Usual    Number  `json:"usual"`
	High     Number  `json:"high"`
	Limit    Number  `json:"limit"`  // from which a value may be reported
	Seen     int     `json:"seen"`   // calls, or sessions
	Needed   int     `json:"needed"` // of them before anything is judged
	Maturity float64 `json:"maturity"`
}

// BinRate is how many calls fall into a bin of so many seconds. Limit is the floor
// below which none is reported.
type BinRate struct {
	Width    int     `json:"width"`
	Bins     int     `json:"bins"`
	Needed   int     `json:"needed"`
	Mean     float64 `json:"mean"`
	Limit    float64 `json:"limit"`
	Maturity float64 `json:"maturity"`
}

// ErrorShare is the share of calls that fail, 0 to 1, drawn to the parent's.
type ErrorShare struct {
	Share    float64 `json:"share"`
	Calls    float64 `json:"calls"`
	Maturity float64 `json:"maturity"`
}

// DriftState are the horizons of a level: usual in the last day, in the last two
// weeks, and when it was frozen.
type DriftState struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Fast   Number  `json:"fast"`
	Slow   Number  `json:"slow"`
	Anchor Number  `json:"anchor"`
	Days   float64 `json:"days"` // of history
}

// Seen says how many values were seen, and how many of those in enough sessions
// and on enough days to count as known. The rest is in quarantine.
type Seen struct {
	Sessions int  `json:"sessions"`
	Distinct int  `json:"distinct"`
	Known    int  `json:"known"`
	Open     bool `json:"open"` // too many to tell apart
}

// ToolPortrait is what is normal for one tool of the agent.
type ToolPortrait struct {
	Name     string     `json:"name"`
	Sessions int        `json:"sessions"` // in which it was used
	Known    bool       `json:"known"`    // out of quarantine
	Rates    []BinRate  `json:"rates"`
	Errors   ErrorShare `json:"errors"`
	Latency  Level      `json:"latency"`
	// Streak is the usual most failures in a row of a session: about the 95th of a
	// hundred.
	Streak     Number `json:"streak"`
	StreakSeen int    `json:"streak_seen"`
}

// Portrait tells what is known of an agent. tools are the names that are asked
// about: the engine keeps only their hashes. ok is false for an agent that it knows
// nothing of. It changes nothing, not even which keys were used last.
func (e *Engine) Portrait(tenant, project, agent string, tools []string) (p Portrait, ok bool) {
	k := keysOf(&Action{Tenant: tenant, Project: project, Agent: agent})
	n := e.keys.m[k.agent]
	if n == nil || n.v.agent == nil {
		return p, false
	}
	a := n.v.agent
	p = Portrait{Tenant: tenant, Project: project, Agent: agent, Sessions: a.sessions, Models: e.known(&a.models)}
	for _, s := range e.sessions.m {
		if s.v.agentKey == k.agent {
			p.Live++
		}
	}
	t := e.tuning(project)
	for i := range a.measures {
		what := " of a call"
		if i == latency {
			what = " of a model call" // tools have their own
		}
		p.Levels = append(p.Levels, e.levelOf(t, units[i].name+what, units[i].unit, &a.measures[i].calls, int(e.opt.Level.Warm)))
		p.Drift = append(p.Drift, driftOf(i, &a.measures[i]))
	}
	p.Levels = append(p.Levels,
		e.levelOf(t, "calls in a session", "calls", &a.sessionCalls, enoughSessions),
		e.levelOf(t, "tokens of a session", "tokens", &a.sessionTokens, enoughSessions),
		e.levelOf(t, "cost of a session", "USD", &a.sessionCost, enoughSessions))
	p.Rates = e.binRates(a.rates[:])
	var parent *errorrate.Errors
	if pr := e.keys.m[k.project]; pr != nil && pr.v.project != nil {
		parent = &pr.v.project.errs
	}
	p.Errors = e.shareOf(&a.errs, parent)
	for _, name := range tools {
		if v := e.keys.m[under(k.agent, 3, name)]; v != nil && v.v.tool != nil {
			p.Tools = append(p.Tools, e.toolPortrait(t, name, v.v.tool, a))
		}
	}
	for _, id := range e.order {
		if al := &e.incidents[id].alert; al.Tenant == tenant && al.Project == project && al.Agent == agent {
			p.Open = append(p.Open, al.open())
		}
	}
	return p, true
}

func (a *Alert) open() OpenIncident {
	o := OpenIncident{Type: a.Type, Rule: a.Rule, Began: a.Began, Count: a.Count, Message: a.Message}
	for _, t := range a.Traces {
		o.Traces = append(o.Traces, hex.EncodeToString(t[:]))
	}
	return o
}

// MarshalJSON writes what is unknown as null.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known {
		return []byte("null"), nil
	}
	return json.Marshal(n.V)
}

func (e *Engine) known(v *novelty.Values) Seen {
	d, k := v.Counts(e.opt.Novelty)
	return Seen{Sessions: v.Sessions(), Distinct: d, Known: k, Open: v.Open()}
}

// half is how many calls, or sessions, a maturity of one half takes.
const half = enoughSessions

func (e *Engine) levelOf(t *Tuning, name, unit string, c *level.Calls, needed int) Level {
	l := Level{Name: name, Unit: unit, Seen: c.N(), Needed: needed, Maturity: float64(c.N()) / (float64(c.N()) + half)}
	if c.N() == 0 {
		return l
	}
	j := c.Judge(&e.opt.Level, 0)
	high := math.Exp(j.High)
	l.Usual, l.High, l.Limit = Known(math.Exp(j.Expected)), Known(high), Known(t.Ratio*high)
	return l
}

func driftOf(i int, m *measure) DriftState {
	s := m.horizons.State()
	d := DriftState{Name: units[i].name, Unit: units[i].unit, Days: s.Age / 86_400}
	if s.Known {
		d.Fast, d.Slow = Known(s.Fast), Known(s.Slow)
	}
	if s.Anchored {
		d.Anchor = Known(s.Anchor)
	}
	return d
}

func (e *Engine) binRates(rates []rate.Rate) (out []BinRate) {
	q := &e.opt.Rate
	for i := range rates {
		r := &rates[i]
		out = append(out, BinRate{
			Width: int(widths[i]), Bins: r.Bins(), Needed: int(q.Warm), Mean: r.Mean(),
			Limit: max(q.FloorRatio*r.Mean(), float64(q.FloorCount)), Maturity: r.Maturity(q),
		})
	}
	return out
}

func (e *Engine) shareOf(v, parent *errorrate.Errors) ErrorShare {
	return ErrorShare{v.Share(&e.opt.Errors, parent), v.History(), v.Maturity(&e.opt.Errors)}
}

func (e *Engine) toolPortrait(t *Tuning, name string, v *toolState, a *agentState) ToolPortrait {
	p := ToolPortrait{
		Name: name, Rates: e.binRates(v.rates[:]), Errors: e.shareOf(&v.errs, &a.errs), StreakSeen: v.streaks.N(),
		Latency: e.levelOf(t, "duration of a call", "s", &v.latency, int(e.opt.Level.Warm)),
	}
	p.Known, p.Sessions = a.tools.Trusted(e.opt.Novelty, uint32(e.opt.Key.Sum(name)))
	if _, hi, known := usualStreak(v); known {
		p.Streak = Known(hi)
	}
	return p
}
