package delegationprocessor

import (
	"encoding/hex"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/genai"
)

func writeRun(m pcommon.Map, r *chain.RunView) {
	m.PutStr(attr.RunID, r.Run.String())
	putText(m, attr.ChainID, r.Chain)
	putText(m, attr.TenantID, r.Tenant)
	m.PutInt(attr.DelegationRevision, int64(r.Revision))
	if r.Depth >= 0 {
		m.PutInt(attr.ChainDepth, int64(r.Depth))
	}
	putText(m, attr.AgentID, r.Agent)
	putText(m, attr.AgentName, r.Agent)
	putText(m, attr.AgentVersion, r.Version)
	putText(m, attr.SessionID, r.Session)
	putText(m, attr.RunWorkload, r.Workload)
	putTime(m, attr.RunStart, r.Start)
	putTime(m, attr.RunEnd, r.End)
	m.PutInt(attr.RunDroppedLinks, int64(r.DroppedLinks))
	putText(m, attr.PolicyVersion, r.PolicyVersion)
	writePrincipal(m, r.Principal)
	codes := writeCodes(m, r.Codes)
	if codes[chain.OrphanRun] {
		m.PutBool(attr.RunOrphan, true)
	}
	if d := r.Delegation; d != nil {
		putText(m, attr.DelegationID, d.ID)
		putText(m, attr.Delegator, d.Delegator)
		putText(m, attr.DelegationGrade, string(d.Grade))
	}
}

func writePrincipal(m pcommon.Map, p chain.Principal) {
	putText(m, attr.PrincipalID, p.ID)
	putText(m, attr.PrincipalType, p.Type)
	putText(m, attr.PrincipalGrade, string(p.Grade))
}

func writeCodes(m pcommon.Map, codes []chain.Code) map[chain.Code]bool {
	have, texts := map[chain.Code]bool{}, make([]string, 0, len(codes))
	for _, c := range codes {
		have[c] = true
		texts = append(texts, string(c))
	}
	putList(m, attr.DelegationReasons, texts)
	return have
}

func writeEdge(m pcommon.Map, e *chain.EdgeView) {
	m.PutStr(attr.DelegationEdgeID, e.ID)
	putText(m, attr.ChainID, e.Chain)
	m.PutStr(attr.DelegationKind, string(e.Kind))
	if !e.From.IsZero() {
		m.PutStr(attr.DelegationDelegatorRun, e.From.String())
	}
	m.PutStr(attr.DelegationDelegateeRun, e.To.String())
	putText(m, attr.Delegator, e.Delegator)
	putText(m, attr.DelegationDelegatee, e.Delegatee)
	span := e.DelegatingSpan
	if span.IsZero() {
		span = e.Linked
	}
	if !span.IsZero() {
		m.PutStr(attr.DelegationSpanTrace, hex.EncodeToString(span.Trace[:]))
		m.PutStr(attr.DelegationSpan, hex.EncodeToString(span.Span[:]))
	}
	putText(m, attr.DelegationID, e.DelegationID)
	putText(m, attr.DelegationGrade, string(e.Grade))
	m.PutStr(attr.DelegationAuthority, string(authorityOf(e)))
	putList(m, attr.DelegationScope, e.Scope)
	putText(m, attr.DelegationConstraints, e.Constraints)
	putTime(m, attr.DelegationNotBefore, e.NotBefore)
	putTime(m, attr.DelegationExpiresAt, e.ExpiresAt)
	putText(m, attr.DelegationGrantedBy, e.GrantedBy)
	putText(m, attr.DelegationApprovedBy, e.ApprovedBy)
	putText(m, attr.DelegationPurpose, e.Purpose)
	putText(m, attr.DelegationCredentialDigest, e.Credential)
	if e.Depth >= 0 {
		m.PutInt(attr.ChainDepth, int64(e.Depth))
	}
	writeCodes(m, e.Codes)
}

// authorityOf says whether the edge passes authority on. Of a delegator that is
// not known nobody can say.
func authorityOf(e *chain.EdgeView) chain.Authority {
	switch {
	case e.Authority:
		return chain.AuthorityRespected
	case e.From.IsZero():
		return chain.AuthorityUnknown
	default:
		return chain.AuthorityRefused
	}
}

func writeChain(m pcommon.Map, c *chain.ChainView, now time.Time) {
	m.PutStr(attr.ChainID, c.ID)
	putText(m, attr.TenantID, c.Tenant)
	m.PutInt(attr.DelegationRevision, int64(c.Revision))
	m.PutStr(attr.ChainState, string(c.State))
	m.PutStr(attr.ChainVerdict, string(c.Verdict))
	putText(m, attr.ChainGrade, string(c.Grade))
	if !c.Root.IsZero() {
		m.PutStr(attr.ChainRootRun, c.Root.String())
	}
	if c.Depth >= 0 {
		m.PutInt(attr.ChainDepth, int64(c.Depth))
	}
	m.PutInt(attr.ChainRuns, int64(c.Runs))
	m.PutInt(attr.ChainEdges, int64(c.Edges))
	putTime(m, attr.ChainFirst, c.First)
	putTime(m, attr.ChainLast, c.Last)
	putTime(m, attr.ChainSettled, now.UnixNano())
	putText(m, attr.ChainSupersededBy, c.SupersededBy)
	writePrincipal(m, c.Principal)
	writeCodes(m, c.Reasons)
}

// writeJudged says what everything above an agent makes of its action, after the
// span has left.
func writeJudged(m pcommon.Map, a *chain.ActionView, tenant string) {
	id := genai.ActionID(tenant, a.Span.Trace, a.Span.Span, genai.KindTool)
	m.PutStr(attr.AttributionAction, hex.EncodeToString(id[:]))
	m.PutStr(attr.AttributionTrace, hex.EncodeToString(a.Span.Trace[:]))
	m.PutStr(attr.AttributionSpan, hex.EncodeToString(a.Span.Span[:]))
	m.PutStr(attr.RunID, a.Run.String())
	putText(m, attr.ChainID, a.Chain)
	putText(m, attr.AgentID, a.Agent)
	putText(m, attr.AgentName, a.Agent)
	putText(m, attr.DelegationAuthority, string(a.Authority))
	if n := len(a.Path); n > 0 {
		putText(m, attr.DelegationID, a.Path[n-1])
	}
	putList(m, attr.DelegationRefusedBy, a.RefusedBy)
	writeCodes(m, a.Codes)
}

func writeAttribution(m pcommon.Map, a *attribution) {
	m.PutStr(attr.AttributionAction, hex.EncodeToString(a.id[:]))
	m.PutStr(attr.AttributionTrace, hex.EncodeToString(a.span.Trace[:]))
	m.PutStr(attr.AttributionSpan, hex.EncodeToString(a.span.Span[:]))
	m.PutStr(attr.RunID, a.Run.String())
	putText(m, attr.ChainID, a.Chain)
	if a.Depth >= 0 {
		m.PutInt(attr.ChainDepth, int64(a.Depth))
	}
	if d := a.Delegation; d != nil {
		putText(m, attr.DelegationID, d.ID)
	}
	putText(m, attr.AgentID, a.Agent)
	putText(m, attr.AgentName, a.Agent)
	putText(m, attr.SessionID, a.Session)
	writePrincipal(m, a.Principal)
}
