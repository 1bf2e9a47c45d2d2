package engine

import (
	"math"
	"slices"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/drift"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/novelty"
)

// novel judges what the agent does for the first time.
func (e *Engine) novel(l *look) {
	s, ag := l.session, l.agent
	if s == nil || !l.tuning.Novelty {
		return
	}
	n := float64(ag.sessions)
	l.ask(n / (n + enoughSessions))
	surprise, first := novelty.ToolSurprise(&ag.tools, l.toolHash)
	if int(ag.sessions) < enoughSessions {
		surprise = 0
	} else if u := s.use(l.toolKey, l.toolHash); u != nil && u.calls == 1 {
		e.newTool(l, first)
	}
	if l.Resource != "" {
		e.source(l)
	}
	if l.Arguments != "" {
		e.access(l, surprise)
	}
	if l.Result != "" && !s.novel.Result(e.opt.Key, e.opt.Novelty, l.Result) {
		e.stats.Truncated++
	}
}

// source speaks of a data source that this agent never used with this tool.
func (e *Engine) source(l *look) {
	k := argumentKey(l.toolKey, "\x00source")
	hash := uint32(e.opt.Key.Sum(l.Resource))
	if !l.session.novel.Note(e.opt.Novelty, novelty.Use{Argument: k, Hash: hash}) {
		return
	}
	n := e.keys.get(k)
	if n == nil || n.v.values == nil || int(l.agent.sessions) < enoughSessions {
		return
	}
	if nats, known := n.v.values.Surprise(e.opt.Novelty, hash); !known || nats == 0 || n.v.values.Open() || n.v.values.Seen(hash) {
		return
	}
	e.raise(l.Action, signal{
		typ: Novelty, severity: Info, key: l.Agent + "/source/" + l.Tool + "/" + l.Resource, rule: "first_source", tool: l.Tool, fixed: true,
		observed: 1, expected: Known(0), maturity: Known(l.maturity),
		message: func(*signal) string { return firstSourceMessage(l, n.v.values.Sessions()) },
	})
}

// newPlace speaks of a host that this agent never used. It names the
// argument: the value is content.
func (e *Engine) newPlace(l *look, argument string) {
	e.raise(l.Action, signal{
		typ: Novelty, severity: Info, key: l.Agent + "/" + l.Session + "/place", rule: "first_host", tool: l.Tool, fixed: true,
		observed: 1, expected: Known(0), maturity: Known(l.maturity),
		message: func(*signal) string { return firstPlaceMessage(l, argument) },
	})
}

// newTool speaks of a tool that this agent never used, and of a session that uses
// unusually many.
func (e *Engine) newTool(l *look, first bool) {
	many := float64(len(l.session.used))
	if p := l.agent.distinct.P(countShape, many+1); p < l.tuning.P && many > 3 {
		usual, _ := l.agent.distinct.Quantile(countShape, .95)
		e.raise(l.Action, signal{
			typ: Novelty, severity: Info, key: l.Agent + "/distinct", rule: "distinct_tools", tool: l.Tool,
			observed: many, expected: Known(math.Floor(usual - 1)), p: Known(p), maturity: Known(l.maturity),
			message: func(s *signal) string { return distinctMessage(l, s) },
		})
	}
	if !first {
		return
	}
	_, project := novelty.ToolSurprise(&l.project.tools, l.toolHash)
	severity := Info
	if project && l.sideEffect() {
		severity = Warning
	}
	e.raise(l.Action, signal{
		typ: Novelty, severity: severity, key: l.Agent + "/tool/" + l.Tool, rule: "first_tool", tool: l.Tool, fixed: true,
		observed: 1, expected: Known(0), maturity: Known(l.maturity),
		message: func(*signal) string { return firstToolMessage(l, project) },
	})
}

func (l *look) sideEffect() bool {
	if l.Operation != "" {
		return l.Operation != "read"
	}
	return novelty.HasSideEffect(l.Tool)
}

// access judges values and where they came from, against the most surprising call
// of each session before.
func (e *Engine) access(l *look, surprise float64) {
	s, ag := l.session, l.agent
	v := s.novel.Call(e.opt.Key, e.opt.Novelty, l.Arguments, .7*surprise, &ag.ever, func(argument string) (*novelty.Values, uint64) {
		k := argumentKey(l.toolKey, argument)
		if n := e.keys.get(k); n != nil {
			return n.v.values, k
		}
		return nil, k
	})
	if v.Cut {
		e.stats.Truncated++
	}
	if v.Place != "" && int(ag.sessions) >= enoughSessions {
		e.newPlace(l, v.Place)
	}
	effect := l.sideEffect()
	if score := float32(v.Score); score > s.novelMax || effect && score > s.effectMax {
		e.accessAlert(l, v, effect)
		s.novelMax = max(s.novelMax, score)
		if effect {
			s.effectMax = max(s.effectMax, score)
		}
	}
}

// From enoughMaxima sessions on a probability of a hundredth can be told.
const (
	infoP, warnP = .01, .002
	enoughMaxima = 100
)

func (e *Engine) accessAlert(l *look, v novelty.Verdict, effect bool) {
	if int(l.agent.sessions) < enoughMaxima {
		return
	}
	p := l.agent.maxima.P(noveltyShape, v.Score)
	if effect {
		p = min(p, l.agent.effects.P(noveltyShape, v.Score))
	}
	severity := Info
	switch {
	case p > infoP:
		return
	case p <= warnP && effect:
		severity = Warning
	}
	usual, _ := l.agent.maxima.Quantile(noveltyShape, .95)
	l.session.tainted = max(l.session.tainted, uint8(severity))
	e.raise(l.Action, signal{
		typ: Novelty, severity: severity, key: l.Agent + "/" + l.Session + "/access", rule: "novel_access", tool: l.Tool, fixed: true,
		observed: v.Score, expected: Known(usual), p: Known(p), maturity: Known(l.maturity),
		message: func(s *signal) string { return accessMessage(l, s, v) },
	})
}

// model speaks of a model that this agent never called.
func (e *Engine) model(l *look) {
	s := l.session
	if s == nil || l.Model == "" {
		return
	}
	hash := uint32(e.opt.Key.Sum(l.Model))
	if slices.Contains(s.models, hash) || len(s.models) == maxModels {
		return
	}
	s.models = append(s.models, hash)
	if _, first := novelty.ToolSurprise(&l.agent.models, hash); !first || !l.tuning.Novelty || int(l.agent.sessions) < enoughSessions {
		return
	}
	e.raise(l.Action, signal{
		typ: Novelty, severity: Info, key: l.Agent + "/model/" + l.Model, rule: "first_model", fixed: true,
		observed: 1, expected: Known(0), maturity: Known(l.maturity),
		message: func(*signal) string { return firstModelMessage(l) },
	})
}

// mixOf compares once an hour, and speaks once a day.
func (e *Engine) mixOf(l *look) {
	bits, fired := l.agent.mix.Add(&e.opt.Drift, l.toolHash, l.second)
	day := floorDiv(l.second, 86_400)
	if !fired || day == l.agent.mixDay {
		return
	}
	l.agent.mixDay = day
	e.raise(l.Action, signal{
		typ: Drift, severity: Info, key: l.Agent + "/mix", rule: "jensen_shannon", fixed: true,
		observed: bits, limit: Known(e.opt.Drift.MixBits), maturity: Known(l.maturity),
		message: func(s *signal) string { return mixMessage(l, s) },
	})
}

func (e *Engine) driftAlert(l *look, which int, v drift.Verdict) {
	m := &l.agent.measures[which]
	day := floorDiv(l.second, 86_400)
	if day == m.driftDay {
		return
	}
	m.driftDay = day
	severity, expected := Info, v.Slow
	if v.Rule == drift.Anchor {
		severity, expected = Warning, v.Anchor
	}
	e.raise(l.Action, signal{
		typ: Drift, severity: severity, key: l.Agent + "/" + string(measureTypes[which]), rule: string(v.Rule), fixed: true,
		observed: v.Fast, expected: Known(expected), maturity: Known(l.maturity),
		message: func(s *signal) string { return driftMessage(l, s, which, v) },
	})
}
