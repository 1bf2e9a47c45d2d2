// Package engine keeps the baselines of all agents and says what departs from
// them: it takes one action after another and returns alerts. It joins the
// kernels beside it: project ⊃ agent ⊃ tool ⊃ argument, live sessions, incidents.
//
// Pure: time comes with the actions and with Tick, there is no clock, no lock, no
// goroutine. Equal calls give equal alerts, ids and snapshots.
package engine

import (
	"time"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/budget"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/drift"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/errorrate"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/level"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/loop"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/novelty"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/rate"
)

// Kind says what an action is to a baseline.
type Kind uint8

// The kinds. Other actions move no baseline, but keep their session alive and may
// carry what the user said.
const (
	Other Kind = iota
	Model
	Tool
)

// Action is what the engine is told. Strings are copied where they are kept.
type Action struct {
	ID                                         [16]byte // equal for every delivery of the action
	Kind                                       Kind
	Tenant, Project, Agent, Session, Principal string
	Service                                    string
	Tool, Operation, Resource, Model           string
	Start, End                                 time.Time
	Failed                                     bool
	Error                                      string // what failed: an error type or a status
	Tokens, Cost                               Number
	Arguments, Result, Prompt, Message         string // content, "" where it is not recorded
	TraceID                                    [16]byte
	SpanID                                     [8]byte
}

// Number may be unknown, as its zero value is.
type Number struct {
	V     float64
	Known bool
}

// Known returns a known number.
func Known(v float64) Number { return Number{v, true} }

// Limits bound the memory.
type Limits struct {
	Keys      int // baselines: of projects, agents, tools and arguments
	Sessions  int // live sessions
	Incidents int
	Actions   int // ids remembered to count each action once; at least half as many
}

// Options are the choices of an operator. Tuning returns those of a project.
type Options struct {
	Limits     Limits
	SessionTTL time.Duration
	CoolDown   time.Duration // without a repeat, after which an incident is resolved
	Key        novelty.Key
	Level      level.Params
	Rate       rate.Params
	Errors     errorrate.Params
	Loop       loop.Params
	Novelty    novelty.Params
	Drift      drift.Params
	Default    Tuning
	Projects   map[string]Tuning
}

// Tuning is what may differ from project to project.
type Tuning struct {
	Budget  budget.Params
	P       float64 // a probability below this fires
	Ratio   float64 // times the usual high from which a call or a session fires
	Loops   bool
	Novelty bool
	Muted   map[Type]bool
}

// Type is the type of an alert: that of the finding, without "baseline.".
type Type string

// The types.
const (
	Rate    Type = "rate"
	Cost    Type = "cost"
	Tokens  Type = "tokens"
	Latency Type = "latency"
	Errors  Type = "errors"
	Loop    Type = "loop"
	Novelty Type = "novelty"
	Drift   Type = "drift"
)

// Types returns all of them.
func Types() []Type { return []Type{Rate, Cost, Tokens, Latency, Errors, Loop, Novelty, Drift} }

// Severity is how bad an alert is.
type Severity uint8

// The severities, mildest first.
const (
	Info Severity = iota + 1
	Warning
	Critical
)

// Stats counts what the engine met. All only grow, but for the last three.
type Stats struct {
	Actions, Duplicates, Late               uint64
	KeysEvicted, SessionsEvicted            uint64
	IncidentsRefused, Suppressed, Truncated uint64
	Unattributed                            uint64 // actions without an agent: no baseline
	Keys, Sessions, Incidents               int
}

// Defaults returns the options that the processor starts from.
func Defaults() Options {
	return Options{
		Limits:     Limits{Keys: 50_000, Sessions: 5_000, Incidents: 10_000, Actions: 200_000},
		SessionTTL: 30 * time.Minute, CoolDown: 15 * time.Minute,
		Level: level.Defaults(), Rate: rate.Defaults(), Errors: errorrate.Defaults(), Loop: loop.Defaults(),
		Novelty: novelty.Defaults(), Drift: drift.Defaults(),
		Default: DefaultTuning(),
	}
}

// DefaultTuning returns the tuning of a project that is not named.
func DefaultTuning() Tuning {
	return Tuning{Budget: budget.Params{PerDay: 5, P: 1e-3}, P: 1e-4, Ratio: 3, Loops: true, Novelty: true}
}

// Engine is the state. Not safe for concurrent use.
type Engine struct {
	opt       Options
	stats     Stats
	keys      table[entry]
	sessions  table[session]
	incidents map[string]*Incident
	order     []string // incidents in the order they began, holes skipped
	budgets   map[string]*budget.Budget
	seen      ids
	now       int64 // latest end of an action, or Tick, in ns since 1970
	out       []Alert
	look      look // scratch of one Observe
	projects  map[string]*Tuning
	// quietUntil is before when no incident can be over.
	quietUntil int64
}

// New returns an engine that knows nothing.
func New(opt Options) *Engine {
	projects := make(map[string]*Tuning, len(opt.Projects))
	for name, t := range opt.Projects {
		projects[name] = &t
	}
	return &Engine{
		projects:  projects,
		opt:       opt,
		keys:      newTable[entry](),
		sessions:  newTable[session](),
		incidents: map[string]*Incident{},
		budgets:   map[string]*budget.Budget{},
		seen:      newIDs(opt.Limits.Actions),
	}
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Keys, s.Sessions, s.Incidents = e.keys.len(), e.sessions.len(), len(e.incidents)
	return s
}

// Now returns the latest time the engine was told of, zero before the first.
func (e *Engine) Now() time.Time {
	if e.now == 0 {
		return time.Time{}
	}
	return time.Unix(0, e.now).UTC()
}

// Result is what one action led to. Alerts are valid until the next call.
type Result struct {
	Alerts   []Alert
	Maturity Number // of the youngest baseline asked; unknown where none was
}

// Tick tells the engine that time has come so far: sessions end, incidents that
// were not repeated are resolved. It returns those. Time that runs backwards is
// ignored.
func (e *Engine) Tick(now time.Time) []Alert {
	e.out = e.out[:0]
	e.advance(now.UnixNano())
	return e.out
}

func (e *Engine) advance(now int64) {
	if now <= e.now {
		return
	}
	e.now = now
	for {
		s := e.sessions.oldest()
		if s == nil || s.v.touched > now-int64(e.opt.SessionTTL) {
			break
		}
		e.end(s)
	}
	e.resolve(now)
}

func (e *Engine) tuning(project string) *Tuning {
	if t := e.projects[project]; t != nil {
		return t
	}
	return &e.opt.Default
}
