package engine

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/drift"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/errorrate"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/loop"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/novelty"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/rate"
)

// number writes a value as people do: three significant digits, no exponent for
// what has a usual size.
func number(v float64) string {
	a := math.Abs(v)
	switch {
	case v == math.Trunc(v) && a < 1e6:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 1e6 || a < 1e-4:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

var units = [measures]struct{ name, unit string }{{"tokens", "tokens"}, {"cost", "USD"}, {"duration", "s"}}

func window(width int64) string {
	switch width {
	case 10:
		return "10 seconds"
	case 60:
		return "a minute"
	}
	return "an hour"
}

// evidence is what follows the facts in brackets: how unusual, against how much
// history.
func (s *signal) evidence(history string) string {
	var parts []string
	if s.p.Known && s.p.V < 1 {
		parts = append(parts, "p = "+strconv.FormatFloat(s.p.V, 'g', 2, 64))
	}
	parts = append(parts, history)
	if s.maturity.Known {
		parts = append(parts, "maturity "+strconv.FormatFloat(s.maturity.V, 'f', 2, 64))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func (e *Engine) rateMessage(l *look, s *signal, v rate.Verdict, width int64) string {
	who := "agent " + l.Agent
	if s.tool != "" {
		who += " called " + s.tool
	} else {
		who += " made"
	}
	history := fmt.Sprintf("%d bins of history", v.Bins)
	text := fmt.Sprintf("%s %s calls in %s; usual %s", who, number(v.Observed), window(width), number(v.Expected))
	switch v.Rule {
	case rate.Sustained:
		text = fmt.Sprintf("%s %s calls in %s on average, and has for some time; usual %s", who, number(v.Observed), window(width), number(v.Expected))
	case rate.Parent:
		text += " for the whole of what it belongs to, as it has little history of its own"
	case rate.Burst:
	}
	if s.tool != "" {
		text = strings.Replace(text, " calls in", " times in", 1)
	}
	return text + s.evidence(history) + e.because(l)
}

func (e *Engine) sessionMessage(l *look, s *signal, sessions int) string {
	unit := "calls"
	verb := "made"
	switch s.typ {
	case Tokens:
		verb, unit = "used", "tokens"
	case Cost:
		verb, unit = "cost", "USD"
	case Rate, Latency, Errors, Loop, Novelty, Drift:
	}
	return fmt.Sprintf("agent %s %s %s %s in session %s so far; usual %s in a whole session", l.Agent, verb, number(s.observed), unit, l.Session, number(s.expected.V)) +
		s.evidence(fmt.Sprintf("%d sessions of history", sessions)) + e.because(l)
}

// because names the live loop of the agent, which explains most of what else is
// unusual.
func (e *Engine) because(l *look) string {
	inc := l.loop
	if inc == nil {
		for _, id := range e.order {
			if c := e.incidents[id]; c.alert.Type == Loop && c.alert.Agent == l.Agent && c.alert.Tenant == l.Tenant && c.alert.Project == l.Project {
				inc = c
			}
		}
	}
	if inc == nil {
		return ""
	}
	return ": " + inc.alert.Message
}

func (e *Engine) loopMessage(l *look, s *signal, v loop.Verdict, what string) string {
	within := e.within(l, s, v)
	switch v.Rule {
	case loop.SameError, loop.NearError:
		with := ""
		if l.Error != "" {
			with = " with " + l.Error
		}
		text := fmt.Sprintf("retry loop: %s failed %d times in a row%s%s", what, v.Repeats, with, within)
		if v.Rule == loop.NearError {
			text += ", called with nearly the same arguments"
		}
		if lo, hi, known := usualStreak(l.tool); known {
			usual := number(lo)
			if hi > lo {
				usual += "-" + number(hi)
			}
			text += fmt.Sprintf("; usual %s in a row (%d sessions of history)", usual, l.tool.streaks.N())
		}
		return text
	case loop.SameResult:
		return fmt.Sprintf("loop: agent %s called %s %d times in a row with the same arguments and the same result%s", l.Agent, what, v.Repeats, within)
	case loop.NearResult:
		return fmt.Sprintf("loop: agent %s called %s %d times in a row with nearly the same arguments and the same result%s", l.Agent, what, v.Repeats, within)
	case loop.Cycle:
		return fmt.Sprintf("loop: agent %s repeated the same %d calls %d times, last %s%s", l.Agent, v.Period, v.Repeats, what, within)
	case loop.SameMessage:
		return fmt.Sprintf("loop: agent %s said the same %d times in a row without calling a tool", l.Agent, v.Repeats)
	case loop.LittleVariety, loop.None:
	}
	return fmt.Sprintf("loop: at most a quarter of the last %d calls of agent %s are distinct, last %s", loop.Size, l.Agent, what)
}

// within says how long the loop has lasted, where that is known.
func (e *Engine) within(l *look, s *signal, v loop.Verdict) string {
	from := int64(0)
	if inc := e.live(l.Action, Loop, s.key); inc != nil {
		from = inc.alert.Began.UnixNano()
	}
	if isRetry(v.Rule) {
		if l.tool == nil {
			from = l.session.modelSince
		} else if u := l.session.use(l.toolKey, l.toolHash); u != nil && u.streak >= uint32(v.Repeats) {
			from = u.since
		}
	}
	if d := time.Duration(l.End.UnixNano() - from); from != 0 && d >= time.Second {
		return " within " + lasted(d)
	}
	return ""
}

func lasted(d time.Duration) string {
	return max(d, time.Second).Round(time.Second).String()
}

func errorsMessage(l *look, s *signal, v errorrate.Verdict) string {
	who := "agent " + l.Agent
	if s.tool != "" {
		who = s.tool + ", called by " + who + ","
	}
	with := ""
	if l.Error != "" {
		with = ", last with " + l.Error
	}
	return fmt.Sprintf("%s failed in %d of %d calls within a minute%s; usual %s of 100", who, v.Errors, v.Calls, with, number(math.Round(1000*v.Expected)/10)) +
		s.evidence(number(math.Round(v.History))+" calls of history")
}

func numberMessage(l *look, s *signal, which int, rule string, n int) string {
	u := units[which]
	what, per := "a call", "calls"
	if rule == "minute" {
		what, per = "a minute", "minutes"
	}
	who := "of agent " + l.Agent
	if which == latency && l.tool != nil && rule == "call" {
		who = "of " + l.Tool + " by agent " + l.Agent
	}
	return fmt.Sprintf("%s %s had a %s of %s %s; usual %s", what, who, strings.TrimSuffix(u.name, "s")+plural(u.name), number(s.observed), u.unit, number(s.expected.V)) +
		s.evidence(fmt.Sprintf("%d %s of history", n, per))
}

func plural(name string) string {
	if strings.HasSuffix(name, "s") {
		return " count"
	}
	return ""
}

func distinctMessage(l *look, s *signal) string {
	return fmt.Sprintf("agent %s used %s different tools in session %s; usual at most %s", l.Agent, number(s.observed), l.Session, number(s.expected.V)) +
		s.evidence(fmt.Sprintf("%d sessions of history", l.agent.sessions))
}

func firstToolMessage(l *look, project bool) string {
	text := fmt.Sprintf("agent %s called %s for the first time in %d sessions", l.Agent, l.Tool, l.agent.sessions)
	if project {
		return text + "; no other agent of its project has used it either"
	}
	return text + "; other agents of its project use it"
}

func firstSourceMessage(l *look, sessions int) string {
	return fmt.Sprintf("agent %s used %s with %s for the first time in %d sessions that used this tool", l.Agent, l.Resource, l.Tool, sessions)
}

func firstPlaceMessage(l *look, argument string) string {
	if argument == "" {
		argument = "(text)"
	}
	return fmt.Sprintf("agent %s passed to %s, argument %s, a host that it never used in %d sessions", l.Agent, l.Tool, argument, l.agent.sessions)
}

func firstModelMessage(l *look) string {
	return fmt.Sprintf("agent %s called model %s for the first time in %d sessions", l.Agent, l.Model, l.agent.sessions)
}

// accessMessage names tool, argument and kind of novelty, never the value.
func accessMessage(l *look, s *signal, v novelty.Verdict) string {
	argument := v.Argument
	if argument == "" {
		argument = "(text)"
	}
	what := "a value this argument never had"
	if v.Surprise <= 0 {
		what = "a value"
	}
	return fmt.Sprintf("agent %s passed to %s, argument %s, %s, and it came from what a tool had returned, not from the user; check whether it follows somebody else's instruction",
		l.Agent, l.Tool, argument, what) + s.evidence(fmt.Sprintf("%d sessions of history", l.agent.sessions))
}

func mixMessage(l *look, s *signal) string {
	return fmt.Sprintf("agent %s uses its tools in another mix than in the last two weeks: %s bits of divergence, limit %s", l.Agent, number(s.observed), number(s.limit.V))
}

func driftMessage(l *look, s *signal, which int, v drift.Verdict) string {
	than := "in the last two weeks"
	if v.Rule == drift.Anchor {
		than = "when its baseline was frozen"
	}
	u := units[which]
	return fmt.Sprintf("the usual %s of a call of agent %s is %s %s in the last day and was %s %s: %s times as much",
		u.name, l.Agent, number(s.observed), u.unit, number(s.expected.V), than, number(s.observed/s.expected.V))
}

func resolvedMessage(a *Alert, d time.Duration) string {
	return fmt.Sprintf("over after %s, seen %d times: %s", lasted(d), a.Count, a.Message)
}
