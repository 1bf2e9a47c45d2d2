package chainspan

import (
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// links reads the typed links of a span; an untyped one says nothing.
func (r *Reader) links(it *genai.Item, rec *chain.Record, o *chain.Opening) {
	n := &r.Names
	o.Dropped += it.Span.DroppedLinksCount()
	for i, l := range it.Span.Links().All() {
		if i >= r.MaxLinks {
			o.Dropped += uint32(it.Span.Links().Len() - i)
			break
		}
		attrs := l.Attributes()
		o.Dropped += l.DroppedAttributesCount()
		to := chain.Ref{Trace: chain.TraceID(l.TraceID()), Span: chain.SpanID(l.SpanID())}
		kind := chain.KindOfLink(first(attrs, n.LinkType))
		for k := 0; kind == "" && k < len(n.TransferMode); k++ {
			v := first(attrs, n.TransferMode[k:k+1])
			if kind = mode(v); kind == "" {
				kind = chain.KindOfLink(v)
			}
			if v == "agent_handoff" && !to.IsZero() {
				rec.Hints = append(rec.Hints, chain.Hint{To: to})
			}
		}
		if kind == "" {
			continue
		}
		rec.Links = append(rec.Links, r.link(attrs, to, kind))
	}
}

func (r *Reader) link(attrs pcommon.Map, to chain.Ref, kind chain.Kind) chain.Link {
	n := &r.Names
	l := chain.Link{
		To: to, Type: kind, DelegationID: first(attrs, n.DelegationID), Delegator: first(attrs, n.Delegator),
		Scope: list(attrs, n.Scope, 256), Constraints: first(attrs, n.Constraints), Digest: first(attrs, n.Digest),
		ExpiresAt: instant(first(attrs, n.ExpiresAt)), NotBefore: instant(first(attrs, n.NotBefore)),
		GrantedBy: first(attrs, n.GrantedBy), ApprovedBy: first(attrs, n.ApprovedBy), ApprovalID: first(attrs, n.ApprovalID),
		CredentialType: first(attrs, n.CredentialType), Credential: first(attrs, n.CredentialDigest),
	}
	if d := first(attrs, n.MaxDepth); d != "" {
		if v, err := strconv.Atoi(d); err == nil && v >= 0 {
			l.MaxDepth = chain.Hops{N: v, Known: true}
		}
	}
	return l
}

// instant reads RFC 3339. A time that cannot be read has passed long ago: what
// was meant to end something must not leave it open.
func instant(s string) int64 {
	if s == "" {
		return 0
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 1
	}
	return t.UnixNano()
}

// sampled reports whether a trace state says that traces like this are dropped
// with some probability: a rejection threshold above 0 (OpenTelemetry's
// ot=th:<hex>).
func sampled(state string) bool {
	for entry := range strings.SplitSeq(state, ",") {
		v, ok := strings.CutPrefix(strings.TrimSpace(entry), "ot=")
		if !ok {
			continue
		}
		for part := range strings.SplitSeq(v, ";") {
			if th, ok := strings.CutPrefix(part, "th:"); ok && strings.Trim(th, "0") != "" {
				return true
			}
		}
	}
	return false
}
