// Package extract reads the findings of a batch of spans and writes them as log
// records. It keeps nothing between calls, has no clock and never writes its
// input.
package extract

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// Limits bound the records made of one span and of one batch; both positive.
type Limits struct {
	PerSpan, PerBatch int
}

// Refusal is an event that claims to be a finding and cannot be read.
type Refusal struct {
	Reason  finding.Reason
	Err     error
	TraceID pcommon.TraceID
	SpanID  pcommon.SpanID
}

// Result accounts for every event named spanwarden.finding exactly once: it is
// in Emitted, Refused, Duplicates, OverSpan or OverBatch.
type Result struct {
	Logs    plog.Logs
	Emitted map[finding.Severity]int
	Refused []Refusal
	// Duplicates are equal to an earlier one of the batch in id, state and time.
	Duplicates int
	// OverSpan and OverBatch were left out by the limits.
	OverSpan, OverBatch int
}

// place is where a span stands in a batch.
type place struct {
	resource, scope int
}

// entry is a finding and the place of the span that carries it.
type entry struct {
	finding.Finding
	place
	// elsewhere is true if it accuses another action than the span that carries it.
	elsewhere bool
}

// identity is what makes two events one.
type identity struct {
	id    string
	state finding.State
	at    int64
}

// Logs reads all findings of td. Observed is when that happens. A record stands
// under the resource and scope of the accused action where td holds it, else
// under those of the span that carries the finding; a settle span carries the
// resource of the action that it accuses.
func (l Limits) Logs(td ptrace.Traces, observed time.Time) Result {
	r := Result{Emitted: map[finding.Severity]int{}}
	entries := l.read(td, &r)
	entries, r.OverBatch = severest(entries, l.PerBatch)
	moveToAccused(td, entries)
	r.Logs = write(td, entries, observed, r.Emitted)
	return r
}

func (l Limits) read(td ptrace.Traces, r *Result) []entry {
	var entries []entry
	seen := map[identity]bool{}
	for i, rs := range td.ResourceSpans().All() {
		for j, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if span.Events().Len() > 0 {
					entries = append(entries, l.readSpan(span, place{i, j}, seen, r)...)
				}
			}
		}
	}
	return entries
}

func (l Limits) readSpan(span ptrace.Span, at place, seen map[identity]bool, r *Result) []entry {
	found, refused := finding.FromSpan(span)
	for _, err := range refused {
		r.Refused = append(r.Refused, Refusal{finding.ReasonOf(err), err, span.TraceID(), span.SpanID()})
	}
	var entries []entry
	for k := range found {
		f := &found[k]
		who := identity{f.ID, f.State, f.At.UnixNano()}
		if seen[who] {
			r.Duplicates++
			continue
		}
		seen[who] = true
		elsewhere := f.TraceID != span.TraceID() || f.SpanID != span.SpanID()
		entries = append(entries, entry{*f, at, elsewhere})
	}
	entries, over := severest(entries, l.PerSpan)
	r.OverSpan += over
	return entries
}

// severest keeps the n severest in their order and says how many it left out.
func severest(entries []entry, n int) ([]entry, int) {
	over := len(entries) - n
	if over <= 0 {
		return entries, 0
	}
	ranks := make([]int, 0, len(entries))
	for i := range entries {
		ranks = append(ranks, entries[i].Severity.Rank())
	}
	slices.Sort(ranks)
	floor := ranks[over] // the mildest rank of which some are kept
	var room int         // how many of it
	for _, rank := range ranks[over:] {
		if rank == floor {
			room++
		}
	}
	kept := entries[:0]
	for i := range entries {
		switch rank := entries[i].Severity.Rank(); {
		case rank > floor:
			kept = append(kept, entries[i])
		case rank == floor && room > 0:
			room--
			kept = append(kept, entries[i])
		}
	}
	return kept, over
}

// moveToAccused moves findings about another action than the one that carries them to
// the place of that action, if the batch holds it.
func moveToAccused(td ptrace.Traces, entries []entry) {
	type ids struct {
		trace pcommon.TraceID
		span  pcommon.SpanID
	}
	accused := map[ids]*place{}
	for i := range entries {
		if e := &entries[i]; e.elsewhere && !e.SpanID.IsEmpty() {
			accused[ids{e.TraceID, e.SpanID}] = nil
		}
	}
	if len(accused) == 0 {
		return
	}
	for i, rs := range td.ResourceSpans().All() {
		for j, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				who := ids{span.TraceID(), span.SpanID()}
				if at, ok := accused[who]; ok && at == nil && span.Name() != attr.SettleSpan {
					accused[who] = &place{i, j}
				}
			}
		}
	}
	for i := range entries {
		e := &entries[i]
		if at := accused[ids{e.TraceID, e.SpanID}]; e.elsewhere && at != nil {
			e.place = *at
		}
	}
}

// write makes one group of records for each resource and scope that has any.
func write(td ptrace.Traces, entries []entry, observed time.Time, emitted map[finding.Severity]int) plog.Logs {
	to := groups{td, plog.NewLogs(), map[int]plog.ResourceLogs{}, map[place]plog.ScopeLogs{}}
	for i := range entries {
		e := &entries[i]
		// The finding was read, so it is valid, and only an invalid one is refused.
		if err := e.ToLog(to.scope(e.place).LogRecords().AppendEmpty(), observed); err == nil {
			emitted[e.Severity]++
		}
	}
	return to.logs
}

type groups struct {
	from      ptrace.Traces
	logs      plog.Logs
	resources map[int]plog.ResourceLogs
	scopes    map[place]plog.ScopeLogs
}

func (g *groups) scope(at place) plog.ScopeLogs {
	if sl, ok := g.scopes[at]; ok {
		return sl
	}
	from := g.from.ResourceSpans().At(at.resource).ScopeSpans().At(at.scope)
	sl := g.resource(at.resource).ScopeLogs().AppendEmpty()
	from.Scope().CopyTo(sl.Scope())
	sl.SetSchemaUrl(from.SchemaUrl())
	g.scopes[at] = sl
	return sl
}

func (g *groups) resource(i int) plog.ResourceLogs {
	if rl, ok := g.resources[i]; ok {
		return rl
	}
	from := g.from.ResourceSpans().At(i)
	rl := g.logs.ResourceLogs().AppendEmpty()
	from.Resource().CopyTo(rl.Resource())
	rl.SetSchemaUrl(from.SchemaUrl())
	g.resources[i] = rl
	return rl
}
