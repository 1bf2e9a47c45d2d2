package replay

import (
	"cmp"
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/finding"
)

// maxFindings bounds how many findings are told apart on each side; what comes
// beyond is counted.
const maxFindings = 200_000

// tally stands behind the pipeline and keeps what it finds.
type tally struct {
	o   *Options
	now func() time.Time // of the replay

	mu       sync.Mutex
	replayed map[string]*Found
	record   map[string]*Found
	spans    uint64
	beyond   uint64
	config   uint64
	refused  uint64
	// elsewhere counts findings that are on record at another time.
	elsewhere uint64
}

func newTally(o *Options) *tally {
	return &tally{o: o, now: time.Now, replayed: map[string]*Found{}, record: map[string]*Found{}}
}

// Capabilities implements consumer.Traces.
func (*tally) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeTraces implements consumer.Traces.
func (t *tally) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				t.spans++
				found, refused := finding.FromSpan(span)
				t.refused += uint64(len(refused))
				for i := range found {
					t.add(&found[i])
				}
			}
		}
	}
	return nil
}

func (t *tally) add(f *finding.Finding) {
	at := f.At
	if at.IsZero() {
		at = t.now()
	}
	switch {
	case f.Type == finding.ConfigChanged:
		t.config++
	case f.State != finding.Firing, at.Before(t.o.Since), !at.Before(t.o.Until), t.o.Agent != "" && f.Agent != t.o.Agent:
	default:
		x := &Found{
			ID: f.ID, Type: string(f.Type), Rule: f.Rule, Agent: f.Agent, Severity: string(f.Severity), Session: f.Session,
			Key: f.Key, Message: f.Message, First: at.UTC(), Last: at.UTC(),
		}
		if !f.TraceID.IsEmpty() {
			x.TraceID = hex.EncodeToString(f.TraceID[:])
		}
		t.keep(t.replayed, x)
	}
}

func (t *tally) keep(in map[string]*Found, f *Found) {
	if old := in[f.ID]; old != nil { // an update: the last word counts
		f.First, f.Last = earlier(old.First, f.First), later(old.Last, f.Last)
		in[f.ID] = f
		return
	}
	if len(in) >= maxFindings {
		t.beyond++
		return
	}
	in[f.ID] = f
}

// recorded takes a finding on record.
func (t *tally) recorded(f *Found) {
	if f.Type == string(finding.ConfigChanged) || t.o.Agent != "" && f.Agent != t.o.Agent {
		return
	}
	c := *f
	c.First, c.Last = c.First.UTC(), c.Last.UTC()
	t.keep(t.record, &c)
}

// unrecorded returns the ids of what the replay found and the period has not on
// record.
func (t *tally) unrecorded() (ids []string) {
	for id := range t.replayed {
		if t.record[id] == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// recordedLater takes a finding that is on record at a time outside the period.
func (t *tally) recordedLater(f *Found) {
	if t.record[f.ID] == nil {
		t.elsewhere++
	}
	t.recorded(f)
}

// groupKey is what findings are counted by.
type groupKey struct{ typ, rule, agent string }

func keyOf(f *Found) groupKey { return groupKey{f.Type, f.Rule, f.Agent} }

// compare fills in what is the same, new and gone. Findings are the same where
// their ids are; of the rest those with the same type and key, which say of the
// same cause that it began at another time.
func (t *tally) compare() []*Group {
	groups := map[groupKey]*Group{}
	of := func(f *Found) *Group {
		g := groups[keyOf(f)]
		if g == nil {
			g = &Group{Type: f.Type, Rule: f.Rule, Agent: f.Agent}
			groups[keyOf(f)] = g
		}
		return g
	}
	left := map[[2]string][]*Found{} // on record, and not found by id
	for _, f := range byTime(t.record) {
		of(f).OnRecord++
		if t.replayed[f.ID] == nil {
			k := [2]string{f.Type, f.Key}
			left[k] = append(left[k], f)
		}
	}
	for _, f := range byTime(t.replayed) {
		g := of(f)
		g.take(f)
		k := [2]string{f.Type, f.Key}
		switch {
		case t.record[f.ID] != nil:
			g.Same++
		case len(left[k]) > 0:
			g.Alike++
			left[k] = left[k][1:]
		default:
			g.New++
			g.example(&g.NewExamples, f)
		}
	}
	for _, rest := range left {
		for _, f := range rest {
			g := of(f)
			g.Gone++
			g.example(&g.GoneExamples, f)
		}
	}
	return slices.SortedFunc(maps.Values(groups), func(a, b *Group) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Agent, b.Agent))
	})
}

// byTime returns findings by time, so that examples are the first ones.
func byTime(m map[string]*Found) []*Found {
	return slices.SortedFunc(maps.Values(m), func(a, b *Found) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.ID, b.ID))
	})
}
