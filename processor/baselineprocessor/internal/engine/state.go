package engine

import (
	"encoding/binary"
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/drift"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/errorrate"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/level"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/loop"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/novelty"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/rate"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/season"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/stats"
)

// The widths of bins, in seconds. A project and a tool have the first two.
var widths = [3]int64{10, 60, 3600}

// entry is one key. Exactly one of the pointers is set.
type entry struct {
	project *projectState
	agent   *agentState
	tool    *toolState
	values  *novelty.Values
}

type projectState struct {
	rates [2]rate.Rate
	errs  errorrate.Errors
	tools novelty.Values // by sessions, as agentState.tools
}

// measure is one of tokens, cost and latency.
type measure struct {
	calls    level.Calls  // logarithm, each call
	minute   level.Series // logarithm of the sum (or mean) of a minute
	horizons drift.Horizons
	bin      int64
	sum      float64
	count    uint32
	driftDay int64
}

const (
	tokens = iota
	cost
	latency
	measures
)

var measureTypes = [measures]Type{Tokens, Cost, Latency}

type agentState struct {
	rates    [3]rate.Rate
	week     season.Week
	errs     errorrate.Errors
	measures [measures]measure
	// By session: logarithms of calls, tokens and cost.
	sessionCalls, sessionTokens, sessionCost level.Calls
	sessions                                 uint32
	tools, models                            novelty.Values // by sessions
	maxima, effects                          stats.Tail     // of sessions: highest novelty of any call, of calls with side effects
	distinct                                 stats.Tail     // tools in a session
	mix                                      drift.Mix
	mixDay                                   int64
	ever                                     novelty.Ever
}

type toolState struct {
	rates   [2]rate.Rate
	errs    errorrate.Errors
	latency level.Calls
	streaks stats.Tail // of sessions: most failures in a row
}

// Shapes of the tails of sessions.
var (
	noveltyShape = stats.NewShape(.5, 1.1, 10_000)
	countShape   = stats.NewShape(1, 1.25, 10_000)
)

// session is what one agent does in a live one.
type session struct {
	agentKey, projectKey uint64
	last                 int64 // latest end of an action
	touched              int64 // the engine's time when it was last used
	calls                uint32
	tokens, cost         float64
	ring                 loop.Ring
	modelFails           uint32
	modelSince           int64  // end of the first of them
	prompts              uint16 // messages of the user that were noted
	looped               bool   // a loop was seen
	novel                novelty.Session
	used                 []toolUse
	models               []uint32
	novelMax, effectMax  float32
	tainted              uint8 // worst severity of what the session's own behaviour led to
}

// toolUse is what a session did with one tool.
type toolUse struct {
	key           uint64
	hash          uint32
	calls, failed uint32
	streak, worst uint32 // failures in a row, now and at most
	since         int64  // end of the first failure of the streak
}

const maxTools, maxModels = 32, 8

func (s *session) use(key uint64, hash uint32) *toolUse {
	for i := range s.used {
		if s.used[i].key == key {
			return &s.used[i]
		}
	}
	if len(s.used) == maxTools {
		return nil
	}
	s.used = append(s.used, toolUse{key: key, hash: hash})
	return &s.used[len(s.used)-1]
}

const prime = 0x9e3779b97f4a7c15

// keyOf hashes a path without joining its parts into a new string.
func keyOf(parts ...string) uint64 {
	h := uint64(len(parts)) * prime
	for i, p := range parts {
		h = under(h, uint64(i), p)
	}
	return h
}

// keys are the hashes that an action is kept under. All of an agent's begin with
// the same hash, which is computed once.
type keys struct{ project, agent, tool, session uint64 }

func keysOf(a *Action) keys {
	k := keys{project: keyOf(a.Tenant, a.Project)}
	k.agent = under(k.project, 1, a.Agent)
	k.session = under(k.agent, 2, a.Session)
	if a.Kind == Tool {
		k.tool = under(k.agent, 3, a.Tool)
	}
	return k
}

// under hashes a name that belongs to what a hash stands for.
func under(h, kind uint64, name string) uint64 {
	h = (h ^ kind ^ uint64(len(name))<<8) * prime
	for len(name) >= 8 {
		h = (h ^ binary.LittleEndian.Uint64([]byte(name[:8]))) * prime
		h ^= h >> 32
		name = name[8:]
	}
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * prime
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}

// key returns the entry of a key, making room for it if it is new.
func (e *Engine) key(k uint64, fill func(*entry)) *entry {
	if n := e.keys.get(k); n != nil {
		return &n.v
	}
	for e.keys.len() >= max(1, e.opt.Limits.Keys) {
		e.keys.remove(e.keys.oldest())
		e.stats.KeysEvicted++
	}
	n := e.keys.add(k)
	fill(&n.v)
	return &n.v
}

func (e *Engine) projectOf(k uint64) *projectState {
	return e.key(k, func(v *entry) { v.project = &projectState{} }).project
}

func (e *Engine) agentOf(k uint64) *agentState {
	return e.key(k, func(v *entry) { v.agent = &agentState{} }).agent
}

func (e *Engine) toolOf(k uint64) *toolState {
	return e.key(k, func(v *entry) { v.tool = &toolState{} }).tool
}

func argumentKey(tool uint64, argument string) uint64 { return under(tool, 4, argument) }

// sessionOf returns what an agent does in the live session of an action, or nil
// where it names neither. Agents that share a session are compared each with
// itself.
func (e *Engine) sessionOf(a *Action, k keys) *session {
	if a.Session == "" || a.Agent == "" {
		return nil
	}
	n := e.sessions.get(k.session)
	if n == nil {
		for e.sessions.len() >= max(1, e.opt.Limits.Sessions) {
			e.stats.SessionsEvicted++
			e.end(e.sessions.oldest())
		}
		n = e.sessions.add(k.session)
		n.v.agentKey, n.v.projectKey = k.agent, k.project
	}
	s := &n.v
	s.last = max(s.last, a.End.UnixNano())
	// What comes late is no reason to end it: spans of yesterday may arrive beside
	// those of today.
	s.touched = max(s.touched, s.last, e.now)
	return s
}

func clone(s string) string { return string(append([]byte(nil), s...)) }

// end forgets a session and learns from it: nothing if its own behaviour was
// critical.
func (e *Engine) end(n *node[session]) {
	e.sessions.remove(n)
	s := &n.v
	if s.tainted >= uint8(Critical) || s.calls == 0 {
		return
	}
	if v := e.keys.m[s.agentKey]; v != nil && v.v.agent != nil {
		e.learnSession(v.v.agent, s)
	}
	if v := e.keys.m[s.projectKey]; v != nil && v.v.project != nil {
		v.v.project.tools.Learn(s.toolHashes(), false, s.day())
	}
}

func (s *session) day() uint16 { return uint16(s.last / 1e9 / 86_400) }

func (s *session) toolHashes() []uint32 {
	out := make([]uint32, len(s.used))
	for i := range s.used {
		out[i] = s.used[i].hash
	}
	return out
}

func (e *Engine) learnSession(ag *agentState, s *session) {
	weight := 1.0
	if s.tainted >= uint8(Warning) {
		weight = .5
	}
	ag.sessionCalls.Learn(&e.opt.Level, math.Log(float64(s.calls)), weight)
	if s.tokens > 0 {
		ag.sessionTokens.Learn(&e.opt.Level, math.Log(s.tokens), weight)
	}
	if s.cost > 0 {
		ag.sessionCost.Learn(&e.opt.Level, math.Log(s.cost), weight)
	}
	ag.distinct.Add(countShape, float64(len(s.used))+1)
	for i := range s.used {
		if t := e.keys.m[s.used[i].key]; t != nil && t.v.tool != nil {
			t.v.tool.streaks.Add(countShape, float64(s.used[i].worst)+1)
		}
	}
	// What a suspect session used is learned, too, or what is new would be new for
	// ever: the quarantine keeps a single session from making it known.
	ag.sessions++
	ag.maxima.Add(noveltyShape, float64(s.novelMax))
	ag.effects.Add(noveltyShape, float64(s.effectMax))
	ag.tools.Learn(s.toolHashes(), false, s.day())
	ag.models.Learn(s.models, false, s.day())
	ag.ever.Learn(e.opt.Novelty, s.novel.Uses())
	s.novel.Learned(func(argument uint64, hashes []uint32, fromTool bool) {
		v := e.key(argument, func(v *entry) { v.values = &novelty.Values{} })
		if v.values != nil {
			v.values.Learn(hashes, fromTool, s.day())
		}
	})
}
