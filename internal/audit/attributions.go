package audit

import (
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// addAttribution reads a correction that rides on a span as an event: who acted,
// in which run, or what was judged of it.
func (e *Encoder) addAttribution(ev ptrace.SpanEvent, carrier ptrace.Span, now int64) {
	a := ev.Attributes()
	id, err := hex.DecodeString(stringAt(a, attr.AttributionAction))
	if err != nil || len(id) != 16 {
		return // not ours: nothing it could correct
	}
	settled, _ := moment(uint64(carrier.StartTimestamp()), int64(min(uint64(carrier.EndTimestamp()), maxNanos)), now)
	e.attributions.append(&AttributionRow{
		ActionID: [16]byte(id),
		TraceID:  stringAt(a, attr.AttributionTrace), SpanID: stringAt(a, attr.AttributionSpan),
		AgentID: stringAt(a, attr.AgentID), AgentName: stringAt(a, attr.AgentName),
		AgentVersion: stringAt(a, attr.AgentVersion), Session: stringAt(a, attr.SessionID),
		PrincipalID: stringAt(a, attr.PrincipalID), PrincipalType: stringAt(a, attr.PrincipalType),
		PrincipalGrade: stringAt(a, attr.PrincipalGrade),
		RunID:          stringAt(a, attr.RunID), ChainID: stringAt(a, attr.ChainID), DelegationID: stringAt(a, attr.DelegationID),
		ChainDepth: countAt(a, attr.ChainDepth), Authority: stringAt(a, attr.DelegationAuthority),
		Verdict: stringAt(a, attr.BoundaryVerdict), Rule: stringAt(a, attr.BoundaryRule), PolicyVersion: stringAt(a, attr.PolicyVersion),
		SettledTS: settled, Observed: now,
	})
	e.stats.Attributions++
}

func stringAt(m pcommon.Map, key string) string {
	if v, ok := m.Get(key); ok {
		return v.Str()
	}
	return ""
}

func countAt(m pcommon.Map, key string) Count {
	v, ok := m.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeInt || v.Int() < 0 {
		return Count{}
	}
	return Count{Set: true, Value: uint64(v.Int())}
}
