// Package kernels is the door through which programs outside the processor
// measure the very kernels that it runs. It adds nothing of its own.
package kernels

import (
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/level"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/loop"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/novelty"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/rate"
)

// The kernels of package novelty.
type (
	// NoveltyParams are the choices about novelty.
	NoveltyParams = novelty.Params
	// NoveltySession is what one live session remembers.
	NoveltySession = novelty.Session
	// NoveltyVerdict is what one call is worth.
	NoveltyVerdict = novelty.Verdict
	// Values is what is known of one argument, or of the tools of an agent.
	Values = novelty.Values
	// Ever remembers roughly what an agent ever used.
	Ever = novelty.Ever
	// HashKey is the secret under which content is hashed.
	HashKey = novelty.Key
)

// NoveltyDefaults returns the parameters that the processor runs with.
func NoveltyDefaults() NoveltyParams { return novelty.Defaults() }

// NoveltyReviewed returns them for a history that somebody vouches for.
func NoveltyReviewed() NoveltyParams { return novelty.Reviewed() }

// ToolSurprise returns how surprising it is that a session uses a tool.
func ToolSurprise(tools *Values, hash uint32) (nats float64, first bool) {
	return novelty.ToolSurprise(tools, hash)
}

// HasSideEffect guesses from a tool's name whether it changes anything.
func HasSideEffect(tool string) bool { return novelty.HasSideEffect(tool) }

// The kernel of package level.
type (
	// Series judges one series of numbers.
	Series = level.Series
	// SeriesParams are the choices about it.
	SeriesParams = level.Params
)

// SeriesDefaults returns the parameters that the processor runs with.
func SeriesDefaults() SeriesParams { return level.Defaults() }

// The kernel of package rate.
type (
	// Rate judges how many events fall into a bin.
	Rate = rate.Rate
	// RateParams are the choices about it.
	RateParams = rate.Params
	// RateVerdict is what a bin is worth.
	RateVerdict = rate.Verdict
)

// RateDefaults returns the parameters that the processor runs with.
func RateDefaults() RateParams { return rate.Defaults() }

// The kernel of package loop.
type (
	// LoopRing is the last calls of a session.
	LoopRing = loop.Ring
	// LoopCall is one call as the rules see it.
	LoopCall = loop.Call
	// LoopParams are the limits.
	LoopParams = loop.Params
	// LoopVerdict is what a call completes.
	LoopVerdict = loop.Verdict
)

// LoopDefaults returns the limits that the processor runs with.
func LoopDefaults() LoopParams { return loop.Defaults() }

// LoopHash and LoopArguments are the hashes that calls are compared by.
func LoopHash(key uint64, text string) uint32 { return loop.Hash(key, text) }

// LoopArguments hashes the arguments of a call, exact and near.
func LoopArguments(key uint64, tool, arguments string) (exact, near uint32) {
	return loop.Arguments(key, tool, arguments)
}

// All of them together, as the processor runs them.
type (
	// Engine keeps the baselines of all agents.
	Engine = engine.Engine
	// EngineOptions are the choices about it.
	EngineOptions = engine.Options
	// Action is what it is told.
	Action = engine.Action
	// Alert is what it says.
	Alert = engine.Alert
)

// Kinds of actions.
const (
	Model = engine.Model
	Tool  = engine.Tool
)

// EngineDefaults returns the options that the processor starts from.
func EngineDefaults() EngineOptions { return engine.Defaults() }

// NewEngine returns an engine that knows nothing.
func NewEngine(opt EngineOptions) *Engine { return engine.New(opt) }

// KnownNumber returns a known number of an action.
func KnownNumber(v float64) engine.Number { return engine.Known(v) }
