package engine

import (
	"encoding/binary"
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/level"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/rate"
)

// look is one action and what belongs to it while it is judged.
type look struct {
	*Action
	tuning   *Tuning
	project  *projectState
	agent    *agentState
	tool     *toolState
	toolKey  uint64
	toolHash uint32
	session  *session
	second   int64
	maturity float64
	asked    bool
	loop     *Incident // the live loop of this session or agent
}

// Observe judges an action by what came before and learns it. Alerts are valid
// until the next call.
func (e *Engine) Observe(a *Action) Result {
	e.out = e.out[:0]
	if !e.seen.first(binary.LittleEndian.Uint64(a.ID[:])) {
		e.stats.Duplicates++
		return Result{}
	}
	e.stats.Actions++
	e.advance(a.End.UnixNano())
	k := keysOf(a)
	s := e.sessionOf(a, k)
	if s != nil {
		e.said(a, s)
	}
	if a.Kind == Other {
		return Result{Alerts: e.out}
	}
	if a.Agent == "" {
		e.stats.Unattributed++
		return Result{Alerts: e.out}
	}
	l := &e.look
	*l = look{Action: a, session: s, second: a.End.Unix(), maturity: 1, tuning: e.tuning(a.Project)}
	l.project, l.agent = e.projectOf(k.project), e.agentOf(k.agent)
	if a.Kind == Tool {
		l.tool, l.toolKey = e.toolOf(k.tool), k.tool
		l.toolHash = uint32(e.opt.Key.Sum(a.Tool))
	}
	if s != nil {
		e.count(l)
		e.loops(l)
		e.sessionLevels(l)
	}
	e.rates(l)
	e.errors(l)
	e.numbers(l)
	if a.Kind == Tool {
		e.novel(l)
		e.mixOf(l)
	} else {
		e.model(l)
	}
	r := Result{Alerts: e.out}
	if l.asked {
		r.Maturity = Known(l.maturity)
	}
	*l = look{} // nothing of the caller's is kept
	return r
}

// ask notes the maturity of a baseline that was asked.
func (l *look) ask(maturity float64) {
	l.asked = true
	l.maturity = min(l.maturity, maturity)
}

// said notes what the user said, for where values came from: each message once.
// The messages of a call repeat those of the calls before it.
func (e *Engine) said(a *Action, s *session) {
	if a.Prompt == "" || !e.tuning(a.Project).Novelty {
		return
	}
	texts, whole := userTexts(a.Prompt, int(s.prompts))
	if !whole {
		e.stats.Truncated++
	}
	for _, text := range texts {
		s.prompts = min(s.prompts, math.MaxUint16-1) + 1
		if !s.novel.Prompt(e.opt.Key, e.opt.Novelty, text) {
			e.stats.Truncated++
		}
	}
}

// count adds the action to its session.
func (e *Engine) count(l *look) {
	s := l.session
	s.calls++
	if l.Tokens.Known && l.Tokens.V > 0 {
		s.tokens += l.Tokens.V
	}
	if l.Cost.Known && l.Cost.V > 0 {
		s.cost += l.Cost.V
	}
	if l.Kind != Tool {
		return
	}
	u := s.use(l.toolKey, l.toolHash)
	if u == nil {
		return
	}
	u.calls++
	if l.Failed {
		u.failed++
		if u.streak == 0 {
			u.since = l.End.UnixNano()
		}
		u.streak++
		u.worst = max(u.worst, u.streak)
	} else {
		u.streak = 0
	}
}

// rates counts the call in all bins and speaks for the widest view that fired:
// what an agent does explains what its tools do.
func (e *Engine) rates(l *look) {
	p := &e.opt.Rate
	hour := floorDiv(l.second, 3600)
	l.agent.week.Observe(hour, 1)
	late := false
	add := func(rates []rate.Rate, parent []rate.Rate) (best rate.Verdict, width int64) {
		for i := range rates {
			var up *rate.Rate
			if i < len(parent) {
				up = &parent[i]
			}
			v, tooLate := rates[i].Add(p, floorDiv(l.second, widths[i]), 1, up)
			late = late || tooLate && widths[i] == 60
			if v.Fired && (!best.Fired || v.Critical && !best.Critical || v.Critical == best.Critical) {
				best, width = v, widths[i]
			}
		}
		return best, width
	}
	add(l.project.rates[:], nil)
	v, width := add(l.agent.rates[:], l.project.rates[:])
	l.ask(l.agent.rates[1].Maturity(p))
	if v.Fired && !l.agent.rates[1].Explained(p, v, l.agent.week.Factor(hour)) {
		e.rateAlert(l, v, width, "")
	}
	if l.tool != nil {
		tv, tw := add(l.tool.rates[:], l.agent.rates[:])
		l.ask(l.tool.rates[1].Maturity(p))
		if tv.Fired && !v.Fired && !l.agent.rates[1].Explained(p, tv, l.agent.week.Factor(hour)) && l.loop == nil && e.live(l.Action, Rate, l.Agent) == nil {
			e.rateAlert(l, tv, tw, l.Tool)
		}
	}
	if late {
		e.stats.Late++
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (e *Engine) rateAlert(l *look, v rate.Verdict, width int64, tool string) {
	severity, key := Warning, l.Agent
	if v.Critical {
		severity = Critical
	}
	if tool != "" {
		key += "/" + tool
	}
	e.raise(l.Action, signal{
		typ: Rate, severity: severity, key: key, rule: string(v.Rule), tool: tool, fixed: v.Rule == rate.Sustained,
		observed: v.Observed, expected: Known(v.Expected), limit: Known(v.Limit), p: Known(v.P), maturity: Known(l.maturity),
		message: func(s *signal) string { return e.rateMessage(l, s, v, width) },
	})
}

// errors judges the share of calls that fail: of the agent and of the tool.
func (e *Engine) errors(l *look) {
	p := &e.opt.Errors
	minute := floorDiv(l.second, 60)
	l.project.errs.Add(p, minute, l.Failed, nil)
	av := l.agent.errs.Add(p, minute, l.Failed, &l.project.errs)
	v, key, name := av, l.Agent, ""
	if l.tool != nil {
		if tv := l.tool.errs.Add(p, minute, l.Failed, &l.agent.errs); tv.Fired {
			v, key, name = tv, l.Agent+"/"+l.Tool, l.Tool
		}
		l.ask(l.tool.errs.Maturity(p))
	}
	if !v.Fired || l.loop != nil {
		return // a loop that fails says so itself
	}
	severity := Warning
	if v.Critical {
		severity = Critical
	}
	e.raise(l.Action, signal{
		typ: Errors, severity: severity, key: key, rule: v.Rule, tool: name,
		observed: float64(v.Errors), expected: Known(v.Expected * float64(v.Calls)), p: Known(v.P), maturity: Known(l.maturity),
		message: func(s *signal) string { return errorsMessage(l, s, v) },
	})
}

// numbers judges tokens, cost and duration of the call.
func (e *Engine) numbers(l *look) {
	if l.Tokens.Known {
		e.number(l, tokens, l.Tokens.V, &l.agent.measures[tokens].calls)
	}
	if l.Cost.Known {
		e.number(l, cost, l.Cost.V, &l.agent.measures[cost].calls)
	}
	if !l.Failed && !l.Start.IsZero() && l.End.After(l.Start) {
		c := &l.agent.measures[latency].calls
		if l.tool != nil {
			c = &l.tool.latency
		}
		e.number(l, latency, l.End.Sub(l.Start).Seconds(), c)
	}
}

func (e *Engine) number(l *look, which int, v float64, c *level.Calls) {
	if !(v > 0) || math.IsInf(v, 0) {
		return
	}
	x := math.Log(v)
	j := c.Judge(&e.opt.Level, x)
	weight := 1.0
	if j.P < l.tuning.P {
		if high := math.Exp(j.High); v >= l.tuning.Ratio*high {
			severity := Warning
			weight = .5
			if v >= 10*high {
				severity, weight = Critical, 0
			}
			e.numberAlert(l, which, severity, "call", v, j)
		}
	}
	if weight > 0 {
		c.Learn(&e.opt.Level, x, weight)
	}
	e.minute(l, which, v)
}

func (e *Engine) numberAlert(l *look, which int, severity Severity, rule string, v float64, j level.Judgement) {
	key := l.Agent
	if rule == "call" && l.tool != nil {
		key += "/" + l.Tool
	}
	e.raise(l.Action, signal{
		typ: measureTypes[which], severity: severity, key: key, rule: rule, tool: l.Tool,
		observed: v, expected: Known(math.Exp(j.Expected)), limit: Known(l.tuning.Ratio * math.Exp(j.High)), p: Known(j.P), maturity: Known(l.maturity),
		message: func(s *signal) string { return numberMessage(l, s, which, rule, j.N) },
	})
}

// minute closes the bin of a minute as one value of a series, and gives every
// call to the horizons.
func (e *Engine) minute(l *look, which int, v float64) {
	m := &l.agent.measures[which]
	if hv := m.horizons.Observe(&e.opt.Drift, math.Log(v), l.second); hv.Fired {
		e.driftAlert(l, which, hv)
	}
	bin := floorDiv(l.second, 60)
	if m.count > 0 && bin > m.bin {
		value := m.sum
		if which == latency {
			value /= float64(m.count)
		}
		r := m.minute.Observe(&e.opt.Level, math.Log(value), floorDiv(m.bin, 60))
		if r.Score >= e.opt.Level.Threshold && math.Log(value)-r.Expected >= math.Log(l.tuning.Ratio) {
			e.raise(l.Action, signal{
				typ: measureTypes[which], severity: Info, key: l.Agent + "/minute", rule: "series",
				observed: value, expected: Known(math.Exp(r.Expected)), p: Known(r.P), maturity: Known(l.maturity),
				message: func(s *signal) string { return numberMessage(l, s, which, "minute", r.N) },
			})
		}
		m.sum, m.count = 0, 0
	}
	if m.count == 0 || bin > m.bin {
		m.bin = bin
	}
	m.sum += v
	m.count++
}
