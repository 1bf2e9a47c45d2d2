// Package kernels is the door through which programs outside the processor
// measure the very kernels that it runs. It adds nothing of its own.
package kernels

import (
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/novelty"
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
	// HashKey is the secret under which content is hashed.
	HashKey = novelty.Key
)

// NoveltyDefaults returns the parameters that the processor runs with.
func NoveltyDefaults() NoveltyParams { return novelty.Defaults() }

// ToolSurprise returns how surprising it is that a session uses a tool.
func ToolSurprise(tools *Values, hash uint32) (nats float64, first bool) {
	return novelty.ToolSurprise(tools, hash)
}
