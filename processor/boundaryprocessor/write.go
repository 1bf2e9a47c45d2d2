package boundaryprocessor

import (
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/judge"
)

// write puts a judgement on the span of its action.
func write(m pcommon.Map, j *judge.Judgement) {
	m.EnsureCapacity(m.Len() + 8)
	m.PutStr(attr.BoundaryVerdict, string(j.Verdict))
	putText(m, attr.BoundaryRule, j.Rule)
	putText(m, attr.PolicyVersion, j.Version)
	putText(m, attr.BoundaryReason, string(j.Reason))
	putText(m, attr.BoundaryArgument, j.Arg)
	if j.Entry != nil {
		putText(m, attr.BoundaryAgent, j.Entry.ID())
	}
	if j.Missing != (judge.Missing{}) {
		putTexts(m, attr.BoundaryMissing, j.Missing.Paths())
	}
	if j.Assumed {
		putTexts(m, attr.BoundaryAssumed, []string{"registry"})
	}
}

func putText(m pcommon.Map, key, v string) {
	if v != "" {
		m.PutStr(key, v)
	}
}

func putTexts(m pcommon.Map, key string, texts []string) {
	s := m.PutEmptySlice(key)
	for _, t := range texts {
		s.AppendEmpty().SetStr(t)
	}
}

// writeJudgement puts a judgement on the span that made it possible, unless it is
// there already.
func writeJudgement(span ptrace.Span, f *judge.Facts, j *judge.Judgement) {
	id := hex.EncodeToString(f.ID[:])
	span.Events().RemoveIf(func(e ptrace.SpanEvent) bool {
		v, ok := e.Attributes().Get(attr.AttributionAction)
		return e.Name() == attr.JudgementEvent && ok && v.Str() == id
	})
	e := span.Events().AppendEmpty()
	e.SetName(attr.JudgementEvent)
	e.SetTimestamp(span.EndTimestamp())
	m := e.Attributes()
	m.PutStr(attr.AttributionAction, id)
	m.PutStr(attr.AttributionTrace, hex.EncodeToString(f.TraceID[:]))
	m.PutStr(attr.AttributionSpan, hex.EncodeToString(f.SpanID[:]))
	putText(m, attr.TenantID, f.Tenant)
	write(m, j)
}

// has reports whether the span bears the finding already: a batch that was refused
// further on may come again as it is.
func has(span ptrace.Span, f *finding.Finding) bool {
	for _, e := range span.Events().All() {
		if e.Name() != attr.FindingEvent {
			continue
		}
		id, _ := e.Attributes().Get(attr.FindingID)
		state, _ := e.Attributes().Get(attr.FindingState)
		if id.Str() == f.ID && state.Str() == string(f.State) {
			return true
		}
	}
	return false
}
