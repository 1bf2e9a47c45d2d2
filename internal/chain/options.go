package chain

import "time"

// Options are the operator's choices. A zero field takes its default.
type Options struct {
	// Skew is the tolerance between clocks at both ends of a grant, limits
	// included; default 5 s, negative for none.
	Skew time.Duration
	// Settle is how long a chain is idle before it settles; default 60 s.
	Settle time.Duration
	// MaxOpen is the longest a chain stays open; default 1 h.
	MaxOpen time.Duration
	// Retain is how long a settled chain stays in memory; default 10 min.
	Retain time.Duration
	// MaxDepth is the hard cap on hops; default and greatest 64.
	MaxDepth int
	// MinGrade is the weakest grade that may carry authority; default correlated.
	MinGrade Grade
	Limits   Limit
}

// Limit bounds what an engine keeps. A zero field takes its default.
type Limit struct {
	RunsPerChain  int // default 10,000
	OpenChains    int // default 100,000; settled ones that are retained count too
	SpansPerTrace int // default 100,000
	Spans         int // in all; default 4,000,000
	Links         int // read per span; default 128
	FanOut        int // runs that one run may start; default 1,000
	Nesting       int // parents of a run that are searched for who asked for it; default 4,096
	Keys          int // protocol ids, grants, approvals, decisions; default 200,000 each
	Watchers      int // chains that wait for one trace without being part of it; default 128
	// Ahead is how far in the future a span may start; default 1 h.
	Ahead time.Duration
}

func (o Options) withDefaults() Options {
	def(&o.Skew, 5*time.Second)
	if o.Skew < 0 {
		o.Skew = 0
	}
	def(&o.Settle, time.Minute)
	def(&o.MaxOpen, time.Hour)
	def(&o.Retain, 10*time.Minute)
	def(&o.MaxDepth, 64)
	o.MaxDepth = min(o.MaxDepth, 64)
	if o.MinGrade.rank() == 0 {
		o.MinGrade = Correlated
	}
	l := &o.Limits
	def(&l.RunsPerChain, 10_000)
	def(&l.OpenChains, 100_000)
	def(&l.SpansPerTrace, 100_000)
	def(&l.Spans, 4_000_000)
	def(&l.Links, 128)
	def(&l.FanOut, 1_000)
	def(&l.Nesting, 4_096)
	def(&l.Keys, 200_000)
	def(&l.Watchers, 128)
	def(&l.Ahead, time.Hour)
	return o
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Stats counts what was met and what a limit refused. All only grow.
type Stats struct {
	Spans, Duplicates int
	Conflicts         int // one span id with different contents
	ChainsRefused     int // unions that would have made a chain too large
	ChainsEvicted     int // chains settled early to make room
	SpansRefused      int // spans of a full trace, or beyond Spans
	LinksCut          int
	FanOutCut         int
	NestingCut        int // spans with more parents than Nesting
	ParentCycles      int
	KeysEvicted       int
	WatchersRefused   int
	PlacesRefused     int // links into traces that there was no room to wait for
	Deferred          int // judgements of large chains put off
	Future            int // spans that start too far in the future
	TenantsCrossed    int // links and ids into another tenant, not followed
	Unattributed      int // tool calls that settled without any run around them
	Judged, Settled   int
	Parked            int
}
