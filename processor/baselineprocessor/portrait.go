package baselineprocessor

import "github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"

// Portrait is what is normal for one agent.
type Portrait = engine.Portrait

// The parts of a Portrait.
type (
	// Level is a number of a call or of a session.
	Level = engine.Level
	// BinRate is how many calls fall into a bin of time.
	BinRate = engine.BinRate
	// Number may be unknown.
	Number = engine.Number
)

// Describer is what the processor's component implements beside processor.Traces,
// for programs that run it themselves: `spanwarden baseline show`.
type Describer interface {
	// Describe tells what is known of an agent now. tools are the names that are
	// asked about, since the processor keeps only hashes of them. ok is false for an
	// agent that it knows nothing of. It may be called concurrently with anything.
	Describe(tenant, project, agent string, tools []string) (p Portrait, ok bool)
}

var _ Describer = (*baselineProcessor)(nil)

// Describe implements Describer.
func (p *baselineProcessor) Describe(tenant, project, agent string, tools []string) (Portrait, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.engine.Portrait(tenant, project, agent, tools)
}
