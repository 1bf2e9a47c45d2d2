package boundaryprocessor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/judge"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/metadata"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/rates"
)

// ruleUses counts how often rules were used. It is safe for concurrent use.
type ruleUses struct {
	mu sync.Mutex
	c  *rates.Counter
}

func ruleKey(r *policy.Rule, f *judge.Facts) rates.Key {
	return rates.Key{Tenant: f.Tenant, Agent: r.Agent().ID(), Rule: r.ID()}
}

// Count implements judge.Counter.
func (u *ruleUses) Count(r *policy.Rule, f *judge.Facts, window time.Duration) (int64, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := f.Start.UnixNano()
	return u.c.Count(ruleKey(r, f), rates.ID(f.ID), at-window.Nanoseconds(), at)
}

// used notes the rule that allowed an action.
func (u *ruleUses) used(j *judge.Judgement, f *judge.Facts) {
	if j.Verdict != policy.Respected || j.Decided == nil || j.Decided.Rate().Max == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.c.Add(ruleKey(j.Decided, f), rates.ID(f.ID), f.Start.UnixNano())
}

func (u *ruleUses) stats() rates.Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.c.Stats
}

// outcome is what became of an action, for its agent's entry.
type outcome struct {
	agent   string
	verdict policy.Verdict
}

// tally is what one batch adds to the counters.
type tally struct {
	actions   map[outcome]int64
	corrected map[outcome]int64
	missing   map[judge.Missing]int64
	waiting   int64
	gained    int64 // evaluated at last
	errors    int64
}

func newTally() *tally {
	return &tally{actions: map[outcome]int64{}, corrected: map[outcome]int64{}, missing: map[judge.Missing]int64{}}
}

func (t *tally) reset() {
	clear(t.actions)
	clear(t.corrected)
	clear(t.missing)
	t.waiting, t.gained, t.errors = 0, 0, 0
}

func outcomeOf(j *judge.Judgement) outcome {
	o := outcome{verdict: j.Verdict}
	if j.Entry != nil {
		o.agent = j.Entry.ID()
	}
	return o
}

// counters turn tallies into metrics. They are safe for concurrent use.
type counters struct {
	tel       *metadata.TelemetryBuilder
	maxAgents int

	all, evaluated atomic.Int64

	mu      sync.Mutex
	agents  map[string]struct{}
	options map[outcome]metric.MeasurementOption
	limited [6]int // as told last, in the order of limitNames
}

// others stands for the agents beyond the limit. It is no id: ids are never in
// brackets by accident, and only the metric would be shared.
const others = "(others)"

func newCounters(tel *metadata.TelemetryBuilder, maxAgents int) *counters {
	return &counters{tel: tel, maxAgents: maxAgents, agents: map[string]struct{}{}, options: map[outcome]metric.MeasurementOption{}}
}

func (c *counters) record(ctx context.Context, t *tally) {
	for o, n := range t.actions {
		c.all.Add(n)
		if o.verdict != policy.NotEvaluated {
			c.evaluated.Add(n)
		}
		c.tel.ProcessorBoundaryActions.Add(ctx, n, c.option(o))
	}
	c.evaluated.Add(t.gained)
	for o, n := range t.corrected {
		c.tel.ProcessorBoundaryCorrected.Add(ctx, n, c.option(o))
		c.tel.ProcessorBoundaryLate.Add(ctx, n, resultCorrected)
	}
	for m, n := range t.missing {
		for _, field := range m.Paths() {
			c.tel.ProcessorBoundaryMissing.Add(ctx, n, metric.WithAttributeSet(attribute.NewSet(attribute.String("field", field))))
		}
	}
	if t.waiting > 0 {
		c.tel.ProcessorBoundaryLate.Add(ctx, t.waiting, resultWaiting)
	}
	if t.errors > 0 {
		c.tel.ProcessorBoundaryErrors.Add(ctx, t.errors)
	}
}

var (
	resultCorrected = metric.WithAttributeSet(attribute.NewSet(attribute.String("result", "corrected")))
	resultWaiting   = metric.WithAttributeSet(attribute.NewSet(attribute.String("result", "waiting")))
)

func (c *counters) option(o outcome) metric.MeasurementOption {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.agents[o.agent]; !known && o.agent != "" {
		if len(c.agents) >= c.maxAgents {
			o.agent = others
		} else {
			c.agents[o.agent] = struct{}{}
		}
	}
	option, ok := c.options[o]
	if !ok {
		option = metric.WithAttributeSet(attribute.NewSet(attribute.String("agent", o.agent), attribute.String("verdict", string(o.verdict))))
		c.options[o] = option
	}
	return option
}

// share is the part of all actions that was evaluated; of none it is unknown.
func (c *counters) share() (float64, bool) {
	all := c.all.Load()
	if all == 0 {
		return 0, false
	}
	return float64(c.evaluated.Load()) / float64(all), true
}

var limitNames = [6]string{"pending", "rate_uses", "rate_rules", "daily", "unsent", "decisions"}

// limits tells what bounds have cost since it was told last.
func (c *counters) limits(ctx context.Context, now [6]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, name := range limitNames {
		if n := now[i] - c.limited[i]; n > 0 {
			c.tel.ProcessorBoundaryLimited.Add(ctx, int64(n), metric.WithAttributeSet(attribute.NewSet(attribute.String("limit", name))))
			c.limited[i] = now[i]
		}
	}
}

// daily remembers what is told once a day, and which action it was told of: that
// one tells it again when it is sent again. It is safe for concurrent use.
type daily struct {
	mu     sync.Mutex
	limit  int
	seen   map[string][16]byte
	forgot int
}

func (d *daily) first(cause string, id [16]byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if before, known := d.seen[cause]; known {
		return before == id
	}
	if len(d.seen) >= d.limit {
		// All are forgotten: a finding that is told again has the same id.
		d.forgot += len(d.seen)
		clear(d.seen)
	}
	d.seen[cause] = id
	return true
}
