// Package alerts decides what Alertmanagers are told: findings and times go in,
// posts come out. It has no clock, no lock, no goroutine and knows no HTTP; the
// exporter around it owns those. A State is not safe for concurrent use.
package alerts

import (
	"container/list"
	"time"
)

// Options are what a State is made with. All numbers are positive.
type Options struct {
	// Endpoints is how many Alertmanagers there are; each is told everything.
	Endpoints int
	// MinRank is the lowest severity that raises an alert, 1 (info) to 4 (critical).
	MinRank int
	// MaxAlerts bounds firing alerts and resolutions not yet delivered, together.
	MaxAlerts int
	// MaxFindings bounds the finding ids remembered to recognise repeats.
	MaxFindings int
	// MaxBatch is how many alerts one post holds at most.
	MaxBatch int
	// Resend is how often a firing alert is posted again.
	Resend time.Duration
	// Lapse is how long after a post an Alertmanager holds the alert on its own.
	Lapse time.Duration
	// Hold is how long an alert fires after its last finding and its first
	// delivery, whichever is later, if nothing resolves it.
	Hold time.Duration
	// LastingHold is Hold for findings that are expected to be resolved.
	LastingHold time.Duration
	// MinFiring is how long an alert stays firing after its first delivery, even
	// if it is resolved sooner. It may be 0.
	MinFiring time.Duration
	// Summary makes the alert that says how many alerts were dropped since the
	// last quiet. Its labels are always the same.
	Summary func(dropped int64) Content
}

// Content is what people see of an alert.
type Content struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Event is a finding, as far as alerts go.
type Event struct {
	// ID is the finding's id; Cause names the alert it belongs to: equal for
	// findings with equal labels but for the severity.
	ID, Cause string
	Resolved  bool
	// Rank is the severity, 1 (info) to 4 (critical).
	Rank int
	// Lasting is true for a finding that is expected to be resolved.
	Lasting bool
	// At is when it was found. The zero time is unknown: older than any other.
	At time.Time
	Content
}

// Outcome is what became of an event: a closed set, for the label of a counter.
type Outcome string

// The outcomes.
const (
	Raised    Outcome = "raised"    // a new alert
	Escalated Outcome = "escalated" // the alert of this cause, now more severe
	Repeated  Outcome = "repeated"  // merged into the alert of this cause
	Resolved  Outcome = "resolved"  // the alert is over
	Eased     Outcome = "eased"     // resolved, but other findings keep the alert firing
	Unmatched Outcome = "unmatched" // a resolution of nothing that fires
	Duplicate Outcome = "duplicate" // the event was seen before
	Stale     Outcome = "stale"     // an older event than the last one of the same finding
	Mild      Outcome = "mild"      // below the lowest severity that alerts
	Dropped   Outcome = "dropped"   // no room: everything that fires is more severe
)

// Outcomes returns all of them, as a new slice.
func Outcomes() []Outcome {
	return []Outcome{Raised, Escalated, Repeated, Resolved, Eased, Unmatched, Duplicate, Stale, Mild, Dropped}
}

// Urgent is true for an outcome after which a post is due at once.
func (o Outcome) Urgent() bool {
	return o == Raised || o == Escalated || o == Resolved || o == Dropped
}

const ranks = 4

// key names an alert. A cause whose severity rises leaves an alert that ends and
// begins another.
type key struct {
	cause string
	rank  int
}

// alert is one alert, firing or over and not yet known to be over everywhere.
type alert struct {
	key
	Content
	// episode is shared by the alerts of a cause from its first raise to its end.
	episode uint64
	starts  time.Time
	until   time.Time
	// ended is zero while it fires.
	ended time.Time
	// delivered is when the first Alertmanager had it firing; zero until then.
	delivered time.Time
	lasting   bool
	// open counts the remembered findings that keep it firing. loose is true if
	// there are others, which were forgotten and cannot be resolved.
	open  int
	loose bool
	// findings counts what was merged into it.
	findings int64

	raised time.Time // arrival, for lags; not kept across restarts
	at     []told    // by endpoint; not kept across restarts
	place  *list.Element
	in     *list.List
	gone   bool // it lost its place
}

func (a *alert) firing() bool { return a.ended.IsZero() }

// told is what one Alertmanager knows of an alert.
type told struct {
	state stage
	when  time.Time // of the last acknowledged post
	busy  bool      // in a post under way
}

type stage uint8

const (
	never    stage = iota
	unsure         // a post failed and may have arrived nevertheless
	burning        // it took the alert as firing
	over           // it took the resolution
	rejected       // it refuses this alert
)

// State is the state machine.
type State struct {
	opt     Options
	records map[key]*alert
	causes  map[string]*alert // firing ones
	byRank  [ranks + 1]*list.List
	overs   *list.List // ended and delivered: the first to lose their place
	ids     map[ident]*seen
	// idOrder holds the ids, least recently touched first: all others, and those
	// whose resolution is waited for, which are forgotten last.
	idOrder [2]*list.List
	episode uint64
	turn    uint64
	dropped int64
	stats   Stats
	dirty   dirt
}

// Stats are counts since the State was made.
type Stats struct {
	// Evicted alerts made room for others; Forgotten ids did.
	Evicted, Forgotten int64
}

// Stats returns the counts.
func (s *State) Stats() Stats { return s.stats }

// New returns an empty State.
func New(opt Options) *State {
	s := &State{
		opt: opt, records: map[key]*alert{}, causes: map[string]*alert{}, overs: list.New(),
		ids: map[ident]*seen{}, idOrder: [2]*list.List{list.New(), list.New()}, dirty: newDirt(),
	}
	for i := range s.byRank {
		s.byRank[i] = list.New()
	}
	return s
}

// Firing returns the number of firing alerts by rank; index 0 is unused.
func (s *State) Firing() [ranks + 1]int {
	var n [ranks + 1]int
	for _, a := range s.causes {
		n[a.rank]++
	}
	return n
}

// Findings returns how many finding ids are remembered.
func (s *State) Findings() int { return len(s.ids) }

// Alerts returns how many alerts are held, firing and over, with the summary.
func (s *State) Alerts() int { return len(s.records) }
