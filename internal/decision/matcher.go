package decision

import (
	"hash/maphash"
	"slices"
	"time"
)

// State is how a decision and what was done fit.
type State string

// The states. Waiting is never told: it is what is not told yet.
const (
	Agreed                  State = "agreed"
	DeniedButExecuted       State = "denied_but_executed"
	ArgsDiffer              State = "args_differ"
	ExecutedWithoutDecision State = "executed_without_decision"
	AllowedNotObserved      State = "allowed_not_observed"
	Ambiguous               State = "ambiguous"
	Waiting                 State = "pending"
)

// Finding returns the type of finding that a state is, and how bad it is by
// default; "" where it is none.
func (s State) Finding() (kind, severity string) {
	switch s {
	case DeniedButExecuted:
		return "boundary.denied_but_executed", "critical"
	case ArgsDiffer: // no decision covers what was done
		return "boundary.executed_without_decision", "critical"
	case ExecutedWithoutDecision:
		return "boundary.executed_without_decision", "high"
	default:
		return "", ""
	}
}

// Known is a decision as a Matcher keeps it: what its span says.
type Known struct {
	ID, Tenant string
	// CallID is the tool call it was about, Trace and Parent the span that asked.
	CallID string
	Trace  [16]byte
	Parent [8]byte
	// Agent, Tool and ArgsDigest are what was asked about; the digest is "" where
	// arguments were unknown.
	Agent, Tool, ArgsDigest string
	Answered                Effect
	At                      time.Time
	// AskedUser says that an ask was put to the asker's own user, as hooks do:
	// that it was done then means that the user said yes.
	AskedUser bool
}

// Deed is an action that was done, as its span says.
type Deed struct {
	// ID is the action id of the contract.
	ID     [16]byte
	Tenant string
	// DecisionID and CallID are on the span; CallID may be LiteLLM's call id.
	DecisionID, CallID string
	Trace              [16]byte
	Parent             [8]byte
	// Agent, Tool and ArgsDigest as in Known; "" is not known.
	Agent, Tool, ArgsDigest string
	Start                   time.Time
	// Required says that the agent's entry wants every action decided.
	Required bool
}

// Match is what a Matcher has to tell: of a deed, or of a decision that nothing
// followed. A later one about the same deed or decision takes its place.
type Match struct {
	State State
	// Decision is zero where there is none, Deed where nothing was done.
	Decision Known
	Deed     Deed
	Done     bool
	// ArgsChecked says that both sides knew the arguments.
	ArgsChecked bool
	// Rule is args_differ of that state, else "".
	Rule string
}

// MatcherOptions bound a Matcher. Zero values mean the defaults.
type MatcherOptions struct {
	// Watermark is how long after its arrival something waits for its other half.
	// Default 60s.
	Watermark time.Duration
	// Window is how far apart, either way, a decision and a deed may be that only
	// agent, tool and arguments join. Default 60s.
	Window time.Duration
	// Skew is how far the clock of whoever acts may be behind ours. Default 5s.
	Skew time.Duration
	// Retention is how long both are kept: a tool that runs for an hour is told of
	// when it ends. Default 1h.
	Retention time.Duration
	// Limit is how many decisions, and how many deeds, are kept. Default 100000.
	Limit int
}

func (o *MatcherOptions) defaults() {
	if o.Watermark <= 0 {
		o.Watermark = time.Minute
	}
	if o.Window <= 0 {
		o.Window = time.Minute
	}
	if o.Retention <= 0 {
		o.Retention = time.Hour
	}
	if o.Skew <= 0 {
		o.Skew = 5 * time.Second
	}
	o.Retention = max(o.Retention, o.Watermark)
	if o.Limit <= 0 {
		o.Limit = 100_000
	}
}

// Matcher joins decisions with what was done, in whatever order the two arrive
// and however often. It has one owner. Time is told, never asked.
type Matcher struct {
	opts      MatcherOptions
	decisions shelf[string, *known]
	deeds     shelf[[16]byte, *deed]
	byKey     map[joinKey][]*known
	waiting   map[joinKey][]*deed
	evicted   uint64
	crowded   uint64

	seeds       [2]maphash.Seed
	text        []byte // scratch
	asked, done []join // scratch
}

// maxFits bounds how many decisions, or deeds, a weak key joins. Beyond it nobody
// can tell which belong together.
const maxFits = 256

// known is a decision with what became of it.
type known struct {
	Known
	approved bool
	followed bool // by a deed
	told     State
	arrived  time.Time
}

type deed struct {
	Deed
	last    *Match // nil while nothing was told
	settled bool   // its watermark has passed
	arrived time.Time
}

// NewMatcher returns an empty matcher.
func NewMatcher(o MatcherOptions) *Matcher {
	o.defaults()
	return &Matcher{
		opts: o, decisions: newShelf[string, *known](), deeds: newShelf[[16]byte, *deed](),
		byKey: map[joinKey][]*known{}, waiting: map[joinKey][]*deed{},
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
	}
}

// Evicted returns how many decisions and deeds the limit pushed out before their
// time: what they would have matched is not known.
func (m *Matcher) Evicted() uint64 { return m.evicted }

// Crowded returns how often a weak key joined more than can be told apart.
func (m *Matcher) Crowded() uint64 { return m.crowded }

// Sizes returns how many decisions and deeds are kept.
func (m *Matcher) Sizes() (decisions, deeds int) { return m.decisions.len(), m.deeds.len() }

// Decide takes a decision; an id counts once. It returns what changed of deeds
// that were there before.
func (m *Matcher) Decide(k Known, now time.Time) []Match {
	key := k.Tenant + "\x00" + k.ID
	if _, twice := m.decisions.get(key); twice {
		return nil
	}
	if m.decisions.len() >= m.opts.Limit {
		m.dropDecision()
	}
	d := &known{Known: k, arrived: now}
	m.decisions.put(key, d)
	var out []Match
	for _, j := range m.decisionKeys(&k) {
		m.byKey[j.key] = append(m.byKey[j.key], d)
		out = m.rejudge(j, out)
	}
	return out
}

// rejudge holds the deeds of a key against what is known now.
func (m *Matcher) rejudge(j join, out []Match) []Match {
	list := m.waiting[j.key]
	if j.by >= byParent && len(list) > maxFits {
		m.crowded++
		return out
	}
	for _, x := range list {
		out = m.judge(x, out)
	}
	return out
}

// Observe takes a deed; an action id counts once. It returns what is known of it.
func (m *Matcher) Observe(x Deed, now time.Time) []Match {
	if _, twice := m.deeds.get(x.ID); twice {
		return nil
	}
	if m.deeds.len() >= m.opts.Limit {
		m.dropDeed()
	}
	d := &deed{Deed: x, arrived: now}
	m.deeds.put(x.ID, d)
	for _, j := range m.deedKeys(&x) {
		m.waiting[j.key] = append(m.waiting[j.key], d)
	}
	return m.judge(d, nil)
}

// Approve tells that a person has said yes to a decision that was answered ask.
func (m *Matcher) Approve(tenant, id string) []Match {
	d, ok := m.decisions.get(tenant + "\x00" + id)
	if !ok {
		return nil
	}
	d.approved = true
	var out []Match
	for _, j := range m.decisionKeys(&d.Known) {
		out = m.rejudge(j, out)
	}
	return out
}

// Advance settles what has waited for its other half until now, and forgets what
// is older than the retention.
func (m *Matcher) Advance(now time.Time) []Match {
	var out []Match
	m.deeds.settle(func(x *deed) bool {
		if now.Sub(x.arrived) < m.opts.Watermark {
			return false
		}
		if !x.settled {
			x.settled = true
			out = m.judge(x, out)
		}
		return true
	})
	m.decisions.settle(func(d *known) bool {
		if now.Sub(d.arrived) < m.opts.Watermark {
			return false
		}
		if !d.followed && d.told == "" {
			d.told = Agreed // denied, and not done
			if d.Answered == Allow {
				d.told = AllowedNotObserved
			}
			out = append(out, Match{State: d.told, Decision: d.Known})
		}
		return true
	})
	for x, ok := m.deeds.oldest(); ok && now.Sub(x.arrived) >= m.opts.Retention; x, ok = m.deeds.oldest() {
		m.forgetDeed()
	}
	for d, ok := m.decisions.oldest(); ok && now.Sub(d.arrived) >= m.opts.Retention; d, ok = m.decisions.oldest() {
		m.forgetDecision()
	}
	return out
}

func (m *Matcher) dropDecision() {
	if d, ok := m.decisions.oldest(); ok && !d.followed && d.told == "" {
		m.evicted++
	}
	m.forgetDecision()
}

func (m *Matcher) dropDeed() {
	if x, ok := m.deeds.oldest(); ok && x.last == nil && !x.settled {
		m.evicted++
	}
	m.forgetDeed()
}

func (m *Matcher) forgetDecision() {
	if d, ok := m.decisions.shift(); ok {
		for _, j := range m.decisionKeys(&d.Known) {
			remove(m.byKey, j.key, d)
		}
	}
}

func (m *Matcher) forgetDeed() {
	if x, ok := m.deeds.shift(); ok {
		for _, j := range m.deedKeys(&x.Deed) {
			remove(m.waiting, j.key, x)
		}
	}
}

func remove[V comparable](m map[joinKey][]V, k joinKey, v V) {
	list := m[k]
	if i := slices.Index(list, v); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if len(list) == 0 {
		delete(m, k)
	} else {
		m[k] = list
	}
}
