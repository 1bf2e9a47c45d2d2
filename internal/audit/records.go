package audit

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// records are the blocks of what is said about delegation and prices.
type records struct {
	edges  *block[EdgeRow]
	runs   *block[RunRow]
	chains *block[ChainRow]
	prices *block[PriceRow]
}

func newRecords() records { return records{newDelegations(), newRuns(), newChains(), newPrices()} }

func (r *records) reset() {
	r.edges.reset()
	r.runs.reset()
	r.chains.reset()
	r.prices.reset()
}

func (r *records) flush(emit func(*Encoded) error) error {
	if err := flush(r.runs, emit); err != nil {
		return err
	}
	if err := flush(r.edges, emit); err != nil {
		return err
	}
	if err := flush(r.chains, emit); err != nil {
		return err
	}
	return flush(r.prices, emit)
}

// settles tells whether the span is a settle span, which is nobody's action: it
// only carries what spanwarden itself found. One that carries nothing of ours, or
// that says anything in others' words, is stored: no agent hides an action by its
// name.
func settles(it *genai.Item) bool { return it.Settle() && carriesOursOnly(it.Span) }

func carriesOursOnly(span ptrace.Span) bool {
	for k := range span.Attributes().All() {
		if !strings.HasPrefix(k, attr.Prefix) {
			return false
		}
	}
	for _, ev := range span.Events().All() {
		if strings.HasPrefix(ev.Name(), attr.Prefix) {
			return true
		}
	}
	return false
}

// SettleSpans is how many of the spans were made by spanwarden's own processors, and
// received from nobody.
func SettleSpans(td ptrace.Traces) (n int) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			if ss.Scope().Name() != attr.Scope {
				continue
			}
			for _, span := range ss.Spans().All() {
				if span.Name() == attr.SettleSpan && carriesOursOnly(span) {
					n++
				}
			}
		}
	}
	return n
}

// isRecord tells whether events of this name have a table of their own.
func isRecord(name string) bool {
	switch name {
	case attr.AttributionEvent, attr.JudgementEvent, attr.DelegationEdgeEvent, attr.DelegationRunEvent, attr.DelegationChainEvent, attr.PriceEvent:
		return true
	default:
		return false
	}
}

// addRecords reads what rides on a span as events.
func (e *Encoder) addRecords(it *genai.Item, now int64) {
	var tenant string
	if v, ok := it.Resource.Attributes().Get(attr.TenantID); ok {
		tenant = v.AsString()
	}
	if it.Action.Tenant != "" {
		tenant = it.Action.Tenant
	}
	for _, ev := range it.Span.Events().All() {
		var err error
		switch ev.Name() {
		case attr.AttributionEvent, attr.JudgementEvent:
			e.addAttribution(ev, it.Span, now)
		case attr.DelegationEdgeEvent:
			err = e.addEdge(ev, tenant, now)
		case attr.DelegationRunEvent:
			err = e.addRun(ev, tenant, now)
		case attr.DelegationChainEvent:
			err = e.addChain(ev, tenant, now)
		case attr.PriceEvent:
			err = e.addPrice(ev, now)
		}
		if err != nil {
			e.stats.Refused++
			if e.Refuse != nil {
				e.Refuse(&RefusedSpan{Resource: it.Resource, Scope: it.Scope, Span: it.Span, Err: fmt.Errorf("reading the event %s: %w", ev.Name(), err)})
			}
		}
	}
}

// RefusedSpan is a span with an event that could not be stored and why. The span
// itself is stored.
type RefusedSpan struct {
	Resource pcommon.Resource
	Scope    pcommon.InstrumentationScope
	Span     ptrace.Span
	Err      error
}

// common reads what all records have. The caller takes its own attributes first
// and then the rest.
func (e *Encoder) common(in *reader, r *recordRow, ev ptrace.SpanEvent, tenant string, now int64) {
	r.Tenant = in.text(attr.TenantID)
	if r.Tenant == "" {
		r.Tenant = tenant
	}
	r.ChainID = in.text(attr.ChainID)
	r.Revision = in.count(attr.DelegationRevision).Value
	r.Supersedes, r.Reasons = in.text(attr.DelegationSupersedes), in.list(attr.DelegationReasons)
	r.PrincipalID, r.PrincipalType, r.PrincipalGrade = in.text(attr.PrincipalID), in.text(attr.PrincipalType), in.text(attr.PrincipalGrade)
	r.Extra = in.rest()
	r.Truncated, r.Stated, r.Observer = in.cuts, uint64(ev.Timestamp()), now
	r.TS, r.TSQuality = moment(r.Stated, now, now)
	e.stats.Truncated += int(r.Truncated)
	if r.TSQuality != tsOK {
		e.stats.Clamped++
	}
}

// missing names the attributes of a record that it cannot do without.
func missing(in *reader, keys ...string) error {
	var absent []string
	for _, k := range keys {
		if v, ok := in.m.Get(k); !ok || v.Type() != pcommon.ValueTypeStr || v.Str() == "" {
			absent = append(absent, k)
		}
	}
	if len(absent) > 0 {
		return fmt.Errorf("%s: missing, or no text", strings.Join(absent, ", "))
	}
	return nil
}

func (e *Encoder) addEdge(ev ptrace.SpanEvent, tenant string, now int64) error {
	in := reader{scribe: &e.scribe, m: ev.Attributes()}
	if err := missing(&in, attr.DelegationEdgeID, attr.DelegationDelegateeRun); err != nil {
		return err
	}
	r := EdgeRow{
		EdgeID: in.text(attr.DelegationEdgeID), Kind: in.text(attr.DelegationKind), Grade: in.text(attr.DelegationGrade),
		Authority: in.text(attr.DelegationAuthority), Depth: in.count(attr.ChainDepth),
		DelegatorRun: in.text(attr.DelegationDelegatorRun), Delegator: in.text(attr.Delegator),
		DelegateeRun: in.text(attr.DelegationDelegateeRun), Delegatee: in.text(attr.DelegationDelegatee),
		TraceID: in.text(attr.DelegationSpanTrace), SpanID: in.text(attr.DelegationSpan),
		DelegationID: in.text(attr.DelegationID), ParentID: in.text(attr.DelegationParent),
		GrantedBy: in.text(attr.DelegationGrantedBy), ApprovedBy: in.text(attr.DelegationApprovedBy), Purpose: in.text(attr.DelegationPurpose),
		Scope: in.list(attr.DelegationScope), Constraints: in.text(attr.DelegationConstraints),
		ConstraintsDigest: in.text(attr.DelegationConstraintsDigest),
		NotBefore:         in.time(attr.DelegationNotBefore), ExpiresAt: in.time(attr.DelegationExpiresAt), RevokedAt: in.time(attr.DelegationRevokedAt),
		MaxDepth: in.count(attr.DelegationMaxDepth), CredentialType: in.text(attr.DelegationCredentialType),
		CredentialDigest: in.text(attr.DelegationCredentialDigest),
	}
	e.common(&in, &r.recordRow, ev, tenant, now)
	e.records.edges.append(&r)
	e.records.edges.hashUint64(r.Stated)
	e.stats.Edges++
	return nil
}

func (e *Encoder) addRun(ev ptrace.SpanEvent, tenant string, now int64) error {
	in := reader{scribe: &e.scribe, m: ev.Attributes()}
	if err := missing(&in, attr.RunID); err != nil {
		return err
	}
	r := RunRow{
		RunID: in.text(attr.RunID), Depth: in.count(attr.ChainDepth),
		AgentID: in.text(attr.AgentID), AgentName: in.text(attr.AgentName), AgentVersion: in.text(attr.AgentVersion),
		Session: in.text(attr.SessionID), Project: in.text(attr.ProjectID), Workload: in.text(attr.RunWorkload),
		Start: in.time(attr.RunStart), End: in.time(attr.RunEnd), DroppedLinks: in.count(attr.RunDroppedLinks),
		Orphan: in.flag(attr.RunOrphan), Authority: in.text(attr.DelegationAuthority),
	}
	r.TraceID, r.SpanID, _ = strings.Cut(r.RunID, "-") // a run is named after the span that opened it
	e.common(&in, &r.recordRow, ev, tenant, now)
	e.records.runs.append(&r)
	e.records.runs.hashUint64(r.Stated)
	e.stats.Runs++
	return nil
}

func (e *Encoder) addChain(ev ptrace.SpanEvent, tenant string, now int64) error {
	in := reader{scribe: &e.scribe, m: ev.Attributes()}
	if err := missing(&in, attr.ChainID); err != nil {
		return err
	}
	r := ChainRow{
		SupersededBy: in.text(attr.ChainSupersededBy), State: in.text(attr.ChainState), Verdict: in.text(attr.ChainVerdict),
		Grade: in.text(attr.ChainGrade), Depth: in.count(attr.ChainDepth), Runs: in.count(attr.ChainRuns), Edges: in.count(attr.ChainEdges),
		RootRun: in.text(attr.ChainRootRun), RootAgent: in.text(attr.AgentID),
		First: in.time(attr.ChainFirst), Last: in.time(attr.ChainLast), Settled: in.time(attr.ChainSettled),
	}
	e.common(&in, &r.recordRow, ev, tenant, now)
	e.records.chains.append(&r)
	e.records.chains.hashUint64(r.Stated)
	e.stats.Chains++
	return nil
}
