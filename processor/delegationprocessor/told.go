package delegationprocessor

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// grantSpan is the name of the decision receiver's span about a grant. It is
// believed only in a batch that this process made.
const grantSpan = "spanwarden.delegation"

// grants reads the grants that the decision receiver registered, or revoked.
func grants(items []genai.Item) (out []chain.Grant) {
	for i := range items {
		it := &items[i]
		if it.Scope.Name() != attr.Scope || it.Span.Name() != grantSpan {
			continue
		}
		m := it.Span.Attributes()
		g := chain.Grant{
			ID: text(m, attr.DelegationID), Delegator: text(m, attr.Delegator), Delegatee: text(m, attr.DelegationDelegatee),
			Tenant: text(m, attr.TenantID), GrantedBy: text(m, attr.DelegationGrantedBy), ApprovedBy: text(m, attr.DelegationApprovedBy),
			Scope: texts(m, attr.DelegationScope), Constraints: text(m, attr.DelegationConstraints), Digest: text(m, attr.DelegationConstraintsDigest),
			NotBefore: nanos(m, attr.DelegationNotBefore), ExpiresAt: nanos(m, attr.DelegationExpiresAt),
			Parent: text(m, attr.DelegationParent), ChainID: text(m, attr.ChainID), Purpose: text(m, attr.DelegationPurpose),
			RecordedAt: int64(it.Span.StartTimestamp()), RevokedAt: nanos(m, attr.DelegationRevokedAt),
		}
		if n, ok := m.Get(attr.DelegationMaxDepth); ok && n.Type() == pcommon.ValueTypeInt && n.Int() >= 0 {
			g.MaxDepth = chain.Hops{N: int(n.Int()), Known: true}
		}
		if g.ID != "" && g.Delegator != "" && g.Delegatee != "" {
			out = append(out, g)
		}
	}
	return out
}

// decisions reads what the decision receiver answered.
func decisions(items []genai.Item) (out []chain.Decision) {
	for i := range items {
		it := &items[i]
		if it.Action.Kind != genai.KindDecision {
			continue
		}
		m := it.Span.Attributes()
		d := chain.Decision{
			ID: text(m, attr.DecisionID), Agent: text(m, attr.AgentID), Tenant: it.Action.Tenant,
			Span:         chain.Ref{Trace: chain.TraceID(it.Span.TraceID()), Span: chain.SpanID(it.Span.ParentSpanID())},
			DelegationID: text(m, attr.DelegationID), CallID: text(m, "gen_ai.tool.call.id"), Tool: text(m, attr.ToolName),
			Answered: text(m, decision.AttrAnswered), At: int64(it.Span.StartTimestamp()),
			Principal: chain.Principal{
				Type: text(m, attr.PrincipalType), ID: text(m, attr.PrincipalID), Grade: chain.Grade(text(m, attr.PrincipalGrade)),
			},
		}
		if d.Span.Span == (chain.SpanID{}) {
			d.Span = refOf(it.Span)
		}
		if d.ID != "" && d.Answered != "" { // else a person's answer
			out = append(out, d)
		}
	}
	return out
}

func text(m pcommon.Map, key string) string {
	v, ok := m.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return ""
	}
	return v.Str()
}

func texts(m pcommon.Map, key string) (out []string) {
	v, ok := m.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeSlice {
		return nil
	}
	for _, item := range v.Slice().All() {
		out = append(out, item.AsString())
	}
	return out
}

// nanos reads a time; 0 where there is none.
func nanos(m pcommon.Map, key string) int64 {
	t, err := time.Parse(time.RFC3339Nano, text(m, key))
	if err != nil {
		return 0
	}
	return t.UnixNano()
}
