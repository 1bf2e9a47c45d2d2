package chain

// Engine keeps runs, edges and grants and judges chains. It has one owner.
type Engine struct {
	Stats Stats

	opts   Options
	rights Rights
}

// New returns an empty engine.
func New(o Options, r Rights) *Engine { return &Engine{opts: o.withDefaults(), rights: r} }

// Add takes records of spans, in any order and any number of times. now is the
// time of arrival.
func (e *Engine) Add(now int64, rs ...Record) {}

// AddGrants takes registered grants.
func (e *Engine) AddGrants(now int64, gs ...Grant) {}

// Revoke ends a grant at a time.
func (e *Engine) Revoke(now int64, id string, at int64, by string) {}

// AddApprovals takes approvals.
func (e *Engine) AddApprovals(now int64, as ...Approval) {}

// AddDecisions takes answers of the decision receiver.
func (e *Engine) AddDecisions(now int64, ds ...Decision) {}

// AddHalts takes halts; one with the id of another replaces it.
func (e *Engine) AddHalts(now int64, hs ...Halt) {}

// AddMarks takes what other processors found about actions.
func (e *Engine) AddMarks(now int64, ms ...Mark) {}

// RegistryChanged makes every chain that acted at or after a time be judged anew.
func (e *Engine) RegistryChanged(now, from int64) {}

// Flush judges what changed, settles what has been idle, and returns what
// follows. The views in events are the caller's.
func (e *Engine) Flush(now int64) []Event { return nil }

// Resolve tells the run of a span as last flushed; ok is false if the span is
// not known or no run stands around it.
func (e *Engine) Resolve(span Ref) (a Answer, ok bool) { return Answer{}, false }

// Chain returns the page of a chain that is in memory.
func (e *Engine) Chain(id string) (p Page, ok bool) { return Page{}, false }

// Snapshot returns the state as bytes: equal states give equal bytes.
func (e *Engine) Snapshot() []byte { return nil }

// Restore replaces the state by that of a snapshot.
func (e *Engine) Restore(data []byte) error { return nil }

// Unpark takes back a parked chain.
func (e *Engine) Unpark(now int64, data []byte) error { return nil }
