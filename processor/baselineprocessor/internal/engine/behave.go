package engine

import (
	"math"
	"strconv"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/level"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/loop"
)

const (
	// enoughSessions is when an agent's sessions are compared with each other.
	enoughSessions = 20
	// leastCalls is when a session can be called long.
	leastCalls = 20
	// maxHashed bounds what is read of a result to tell whether it repeats.
	maxHashed = 4096
)

// loops compares the call with those before it in the session.
func (e *Engine) loops(l *look) {
	s := l.session
	if !l.tuning.Loops {
		return
	}
	var v loop.Verdict
	what := l.Tool
	if l.Kind == Tool {
		v = s.ring.Add(&e.opt.Loop, e.loopCall(l))
	} else {
		what = l.Model
		v = e.modelLoop(l)
	}
	if v.Rule == loop.None && !s.looped {
		return
	}
	s.looped = true
	key := l.Agent + "/" + l.Session + "/" + what
	if v.Rule == loop.None {
		l.loop = e.live(l.Action, Loop, key)
		return
	}
	severity := Warning
	if v.Critical {
		severity++
	}
	if v.Near || v.Rule == loop.LittleVariety {
		severity--
	}
	if v.Rule == loop.LittleVariety {
		key += "/variety" // of a session, and counted otherwise
	}
	expected := Number{}
	if _, hi, known := usualStreak(l.tool); known && isRetry(v.Rule) {
		expected = Known(hi)
	}
	lives := e.raise(l.Action, signal{
		typ: Loop, severity: severity, key: key, rule: string(v.Rule), tool: what,
		observed: float64(v.Repeats), expected: expected, limit: Known(float64(e.limitOf(v.Rule))), maturity: Known(1),
		message: func(sig *signal) string { return e.loopMessage(l, sig, v, what) },
	})
	if lives {
		s.tainted = max(s.tainted, uint8(severity))
		l.loop = e.live(l.Action, Loop, key)
	}
}

func isRetry(r loop.Rule) bool { return r == loop.SameError || r == loop.NearError }

func (e *Engine) limitOf(r loop.Rule) int {
	p := &e.opt.Loop
	switch r {
	case loop.SameError, loop.NearError:
		return p.Errors
	case loop.SameResult, loop.NearResult:
		return p.Results
	case loop.Cycle:
		return p.Periods
	case loop.SameMessage:
		return p.Messages
	case loop.LittleVariety, loop.None:
	}
	return loop.Size
}

func (e *Engine) loopCall(l *look) loop.Call {
	k := e.opt.Key.K1
	c := loop.Call{Tool: l.toolHash, Failed: l.Failed, Known: l.Arguments != ""}
	c.Exact, c.Near = loop.Arguments(k, l.Tool, l.Arguments)
	switch {
	case l.Result != "":
		text := l.Result
		if len(text) > maxHashed {
			text = text[:maxHashed] + strconv.Itoa(len(l.Result))
		}
		c.Result = loop.Hash(k, text)
	case l.Failed:
		c.Result = loop.Hash(k, "error "+l.Error)
	}
	return c
}

// modelLoop sees a model that fails again and again, and an agent that says the
// same again and again. Calls that succeed are between the calls of tools and
// break no loop of theirs.
func (e *Engine) modelLoop(l *look) loop.Verdict {
	s := l.session
	if !l.Failed {
		s.modelFails = 0
		if l.Message == "" {
			return loop.Verdict{}
		}
		return s.ring.Message(&e.opt.Loop, loop.Hash(e.opt.Key.K1, l.Message))
	}
	if s.modelFails == 0 {
		s.modelSince = l.End.UnixNano()
	}
	s.modelFails++
	if n := int(s.modelFails); n >= e.opt.Loop.Errors {
		return loop.Verdict{Rule: loop.SameError, Repeats: n, Critical: n >= e.opt.Loop.Critical}
	}
	return loop.Verdict{}
}

// usualStreak is how many failures in a row the sessions of a tool see: from the
// 5th to the 95th of a hundred.
func usualStreak(t *toolState) (lo, hi float64, known bool) {
	if t == nil || t.streaks.N() < 5 {
		return 0, 0, false
	}
	a, _ := t.streaks.Quantile(countShape, .05)
	b, _ := t.streaks.Quantile(countShape, .95)
	return math.Floor(a - 1), math.Floor(b - 1), true
}

// sessionLevels compares the session so far with whole sessions before it. Sums
// only grow, so what is too much already stays too much.
func (e *Engine) sessionLevels(l *look) {
	s := l.session
	e.sessionLevel(l, Rate, float64(s.calls), &l.agent.sessionCalls)
	if s.tokens > 0 {
		e.sessionLevel(l, Tokens, s.tokens, &l.agent.sessionTokens)
	}
	if s.cost > 0 {
		e.sessionLevel(l, Cost, s.cost, &l.agent.sessionCost)
	}
}

func (e *Engine) sessionLevel(l *look, typ Type, v float64, c *level.Calls) {
	if c.N() < enoughSessions || typ == Rate && v < leastCalls {
		return
	}
	x := math.Log(v)
	j := c.Judge(&e.opt.Level, x)
	if x <= j.High {
		return
	}
	high := math.Exp(j.High)
	ten := v >= e.opt.Rate.Critical*high
	if !ten && (j.P >= l.tuning.P || v < l.tuning.Ratio*high) {
		return
	}
	severity, p := Warning, Known(j.P)
	if ten {
		severity = Critical
	}
	n := float64(j.N)
	l.session.tainted = max(l.session.tainted, uint8(severity))
	e.raise(l.Action, signal{
		typ: typ, severity: severity, key: l.Agent, rule: "session", tool: l.Tool,
		observed: v, expected: Known(math.Exp(j.Expected)), limit: Known(l.tuning.Ratio * high), p: p, maturity: Known(n / (n + enoughSessions)),
		message: func(sig *signal) string { return e.sessionMessage(l, sig, j.N) },
	})
}
