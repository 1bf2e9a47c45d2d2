package policy

import (
	"slices"
	"time"
)

// Agent is one compiled entry of the registry: what one agent may do. It is
// immutable.
type Agent struct {
	name       string
	id         string
	place      Place
	labels     map[string]string
	owner      string
	purpose    string
	riskTier   string
	change     ChangeRecord
	mode       Mode
	decisions  bool
	from       time.Time
	until      time.Time
	matches    []match
	versions   []versionRange
	principals principals
	models     models
	data       dataRules
	budgets    []BudgetSpec
	delegation *Delegation
	haltOn     []string

	rules   []*Rule // by place
	byID    map[string]*Rule
	lists   [3][]*Rule
	index   [3]toolIndex
	special [3][]*Rule // rules that name invoke_model
	catalog *catalog

	resolved map[string]any // the spec after defaults, for version and difference
}

type principals struct {
	required bool
	direct   bool
	allow    []*glob // nil: anybody
}

type models struct {
	written     bool
	allow, deny []*glob // allow nil: any
}

type dataRules struct {
	written           bool
	read, write       []string
	hasRead, hasWrite bool // the lists are written
	egress            []*glob
	hasEgress         bool
}

// BudgetSpec is one budget of an entry as it was written; the ledger gives it
// its meaning.
type BudgetSpec struct {
	// Kind is cost_usd, tokens, calls, tool_calls or wall_clock.
	Kind string
	// Limit is an exact decimal number, for wall_clock a duration such as 30m.
	Limit string
	// Per is lifetime, session, run, hour, day, week, month or rolling:<duration>.
	Per string
	// OnExceed is warn, deny or halt.
	OnExceed string
	Place    Place
}

// Delegation is what an agent may hand on.
type Delegation struct {
	to    []*glob
	toRaw []string
	// Scope holds the rule ids it may pass on. The slice must not be written.
	Scope []string
	// MaxDepth is how many hops may follow below; 64 where nothing is written.
	MaxDepth int
	// MaxTTL bounds the life of a grant; 0 is no bound.
	MaxTTL time.Duration
	// Reentry says that the agent may appear again below itself.
	Reentry bool
	// Require is the weakest evidence grade that carries authority; "" means
	// that a standing right will do.
	Require string
}

// MaxDepth is the hard cap on the depth of a chain.
const MaxDepth = 64

// To reports whether work may be handed to the agent of this id. A nil
// Delegation hands on nothing.
func (d *Delegation) To(agent string) bool {
	if d == nil {
		return false
	}
	for _, g := range d.to {
		if g.match(agent) {
			return true
		}
	}
	return false
}

// Targets returns the patterns of To as they are written.
func (d *Delegation) Targets() []string {
	if d == nil {
		return nil
	}
	return slices.Clone(d.toRaw)
}

// ID returns the canonical id of the agent.
func (a *Agent) ID() string { return a.id }

// Name returns the name of the document.
func (a *Agent) Name() string { return a.name }

// Place returns where the entry is written.
func (a *Agent) Place() Place { return a.place }

// Labels returns the labels of the document, not to be written.
func (a *Agent) Labels() map[string]string { return a.labels }

// Owner returns the accountable person.
func (a *Agent) Owner() string { return a.owner }

// Mode returns what becomes of effects.
func (a *Agent) Mode() Mode { return a.mode }

// DecisionsRequired reports whether each action must have been decided before.
func (a *Agent) DecisionsRequired() bool { return a.decisions }

// Valid returns the time from and until which the entry holds; zero is open.
func (a *Agent) Valid() (from, until time.Time) { return a.from, a.until }

// PrincipalRequired reports whether it may act only on behalf of somebody.
func (a *Agent) PrincipalRequired() bool { return a.principals.required }

// Direct reports whether a principal may ask it; if not, it acts only under a
// delegation.
func (a *Agent) Direct() bool { return a.principals.direct }

// PrincipalAllowed holds a principal, "type:id", against the entry. An empty one
// is Unknown, unless nothing is asked of principals.
func (a *Agent) PrincipalAllowed(principal string) Truth {
	switch {
	case principal == "" && !a.principals.required && a.principals.allow == nil:
		return True
	case principal == "":
		return Unknown
	case a.principals.allow == nil:
		return True
	default:
		return truthOf(matchAny(a.principals.allow, principal))
	}
}

// Budgets returns the budgets of the entry, not to be written.
func (a *Agent) Budgets() []BudgetSpec { return a.budgets }

// Delegation returns what the agent may hand on; nil hands on nothing.
func (a *Agent) Delegation() *Delegation { return a.delegation }

// HaltOn returns the finding types that halt a run, not to be written.
func (a *Agent) HaltOn() []string { return a.haltOn }

// Rule returns the rule with this id, of any list; nil if there is none.
func (a *Agent) Rule(id string) *Rule { return a.byID[id] }

// Rules returns all rules in the order of the file, not to be written.
func (a *Agent) Rules() []*Rule { return a.rules }

func matchAny(globs []*glob, s string) bool {
	for _, g := range globs {
		if g.match(s) {
			return true
		}
	}
	return false
}
