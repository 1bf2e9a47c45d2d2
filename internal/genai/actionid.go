package genai

import (
	"crypto/sha256"
	"encoding/binary"
)

// ActionID is the identity of an action, equal on every retry and collector: the
// first 16 bytes of SHA-256 over
//
//	len(tenant) as big-endian uint32, tenant,
//	trace id (16 bytes), span id (8 bytes),
//	len(kind) as big-endian uint32, kind,
//	ordinal as big-endian uint32.
//
// The tenant is the resource's spanwarden.tenant.id, not one that a span claims:
// an identity must not depend on what was written meanwhile. The kind is
// SpanKind, which does not depend on other spans. The ordinal is 0: a span is
// one action.
func (it *Item) ActionID() [16]byte {
	return ActionID(it.tenant, it.Span.TraceID(), it.Span.SpanID(), it.Action.SpanKind)
}

// ActionID is Item.ActionID for a span that has left: tenant is its resource's,
// kind its SpanKind.
func ActionID(tenant string, trace [16]byte, span [8]byte, kind Kind) [16]byte {
	buf := make([]byte, 0, 128)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(tenant)))
	buf = append(buf, tenant...)
	buf = append(buf, trace[:]...)
	buf = append(buf, span[:]...)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(kind)))
	buf = append(buf, kind...)
	buf = binary.BigEndian.AppendUint32(buf, 0)
	sum := sha256.Sum256(buf)
	return [16]byte(sum[:16])
}
