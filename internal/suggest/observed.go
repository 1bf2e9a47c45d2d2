package suggest

import "time"

// Observed is what was seen of one agent.
type Observed struct {
	Agent       string
	From, Until time.Time
	Actions     uint64
	// Identities are the ways in which the agent named itself.
	Identities []Identity
	Versions   []string
	Tools      []Tool
	// Models are "provider/model", as the calls were answered or asked for.
	Models     []string
	Principals []Principal
	// Nobody is how many actions named no principal.
	Nobody uint64
	// Delegatees are the agents that it handed work to. HandOvers is how many of
	// its actions handed work to somebody who was not named.
	Delegatees []string
	HandOvers  uint64
	// Refused are actions that its present entry refuses: they are left out.
	Refused []Refused
}

// Identity is a name and the service that used it; either may be empty.
type Identity struct{ Name, Service string }

// Tool is how one tool, or what is no tool but a data source or a memory, was
// used.
type Tool struct {
	// Name is empty for retrieval and memory without a tool.
	Name string
	// Operations are those that were stated; Unstated is how many calls stated
	// none.
	Operations []string
	Unstated   uint64
	// Resources are those that were stated; NoResource is how many calls stated
	// none, and More says that there were more than are listed.
	Resources     []string
	NoResource    uint64
	More          bool
	Calls, Failed uint64
}

// Principal is somebody on whose behalf the agent acted.
type Principal struct{ Type, ID string }

// Refused is what the present entry refuses.
type Refused struct {
	What  string
	Calls uint64
}

// Options are what observation cannot tell.
type Options struct {
	// Owner is the accountable person; without one the entry says that it lacks
	// one.
	Owner string
	// Mode is the entry's mode; shadow if empty.
	Mode string
}
