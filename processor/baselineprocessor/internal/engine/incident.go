package engine

import (
	"math"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/budget"
)

// maxTraces is how many traces an incident points to.
const maxTraces = 5

// Alert is one incident as it stands: begun, grown, or over.
type Alert struct {
	Type     Type
	Severity Severity
	Resolved bool
	// Key is stable while the cause lasts; with Began it names the incident.
	Key     string
	Began   time.Time
	At      time.Time
	Rule    string
	Message string

	Tenant, Project, Agent, Session, Principal, Service string

	TraceID [16]byte
	SpanID  [8]byte
	Traces  [][16]byte // where to look: the first few

	Observed, Expected, Limit Number
	P, Maturity               Number
	Count                     int // how often it was seen
}

// Incident is one that lasts.
type Incident struct {
	alert    Alert
	last     int64   // latest end of an action that belongs to it
	touched  int64   // the engine's time when it was last added to
	reported float64 // Observed when it was last said
}

// signal is what a test saw, before anyone decides to speak.
type signal struct {
	typ      Type
	severity Severity
	key      string
	rule     string
	tool     string
	observed float64
	expected Number
	limit    Number
	p        Number
	maturity Number
	// fixed tells that a limit was passed that no probability is behind, or one of
	// another kind: the budget takes it for half of what fires.
	fixed bool
	// message is asked for only when the alert goes out.
	message func(s *signal) string
}

// tests is how many tests may speak for one key: p is corrected by it.
const tests = 10

// raise begins an incident or adds to one. It reports whether the incident lives:
// not where the budget, a limit or the operator keeps it silent.
func (e *Engine) raise(a *Action, s signal) bool {
	t := e.tuning(a.Project)
	if t.Muted[s.typ] {
		return false
	}
	id := string(s.typ) + "\x00" + a.Tenant + "\x00" + a.Project + "\x00" + s.key
	inc := e.incidents[id]
	if inc == nil {
		if !e.admit(a, t, &s) {
			return false
		}
		inc = e.open(id, a, &s)
		e.say(inc, a, &s)
		return true
	}
	inc.last = max(inc.last, a.End.UnixNano())
	inc.touched = max(inc.touched, inc.last, e.now)
	inc.alert.Count++
	inc.trace(a)
	worse := s.severity > inc.alert.Severity
	grown := s.observed >= 2*inc.reported && s.observed > inc.reported
	if s.observed > inc.alert.Observed.V {
		inc.take(&s) // so that the last word, when it is over, has the last figures
	}
	if worse {
		inc.alert.Severity = s.severity
	}
	if worse || grown {
		e.say(inc, a, &s)
	}
	return true
}

// admit asks the limits and the project's budget. Critical is exempt, and info
// costs nothing.
func (e *Engine) admit(a *Action, t *Tuning, s *signal) bool {
	if len(e.incidents) >= e.opt.Limits.Incidents {
		e.stats.IncidentsRefused++
		return false
	}
	if s.severity != Warning {
		return true
	}
	k := a.Tenant + "\x00" + a.Project
	b := e.budgets[k]
	if b == nil {
		if len(e.budgets) >= e.opt.Limits.Incidents {
			e.stats.IncidentsRefused++
			return false
		}
		b = &budget.Budget{}
		e.budgets[clone(k)] = b
	}
	p := t.P / 2
	if s.p.Known && !s.fixed {
		p = s.p.V
	}
	if !b.Admit(&t.Budget, a.End.Unix(), min(1, p*tests)) {
		e.stats.Suppressed++
		return false
	}
	return true
}

func (e *Engine) open(id string, a *Action, s *signal) *Incident {
	inc := &Incident{last: a.End.UnixNano()}
	inc.touched = max(inc.last, e.now)
	inc.alert = Alert{
		Type: s.typ, Severity: s.severity, Key: clone(s.key), Began: a.End.UTC(),
		Tenant: clone(a.Tenant), Project: clone(a.Project), Agent: clone(a.Agent), Session: clone(a.Session),
		Principal: clone(a.Principal), Service: clone(a.Service),
		TraceID: a.TraceID, SpanID: a.SpanID, Count: 1,
	}
	inc.trace(a)
	inc.take(s)
	e.incidents[id] = inc
	e.order = append(e.order, id)
	e.quietUntil = min(e.quietUntil, inc.touched+int64(e.opt.CoolDown))
	return inc
}

func (i *Incident) take(s *signal) {
	i.alert.Rule = s.rule
	i.alert.Observed = Known(s.observed)
	i.alert.Expected, i.alert.Limit, i.alert.P, i.alert.Maturity = s.expected, s.limit, s.p, s.maturity
	i.alert.Message = s.message(s)
}

func (i *Incident) trace(a *Action) {
	if len(i.alert.Traces) == maxTraces || a.TraceID == ([16]byte{}) || slices.Contains(i.alert.Traces, a.TraceID) {
		return
	}
	i.alert.Traces = append(i.alert.Traces, a.TraceID)
}

// say puts the incident as it stands among the alerts of this action.
func (e *Engine) say(inc *Incident, a *Action, s *signal) {
	inc.reported = s.observed
	inc.alert.At = a.End.UTC()
	e.out = append(e.out, inc.alert.copied())
}

func (a *Alert) copied() Alert {
	c := *a
	c.Traces = append([][16]byte(nil), a.Traces...)
	return c
}

// live returns the incident of a type for a key, or nil.
func (e *Engine) live(a *Action, typ Type, key string) *Incident {
	return e.incidents[string(typ)+"\x00"+a.Tenant+"\x00"+a.Project+"\x00"+key]
}

// resolve ends the incidents that were not repeated for CoolDown.
func (e *Engine) resolve(now int64) {
	if len(e.order) == 0 || now < e.quietUntil {
		return
	}
	kept := e.order[:0]
	e.quietUntil = math.MaxInt64
	for _, id := range e.order {
		inc := e.incidents[id]
		over := inc.touched + int64(e.opt.CoolDown)
		if over > now {
			kept = append(kept, id)
			e.quietUntil = min(e.quietUntil, over)
			continue
		}
		delete(e.incidents, id)
		alert := inc.alert.copied()
		alert.Resolved, alert.At = true, time.Unix(0, over).UTC()
		alert.Message = resolvedMessage(&inc.alert, time.Duration(inc.last-inc.alert.Began.UnixNano()))
		e.out = append(e.out, alert)
	}
	clear(e.order[len(kept):])
	e.order = kept
}
