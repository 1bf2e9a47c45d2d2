package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// TraceID is the trace id of OTLP.
type TraceID [16]byte

// SpanID is the span id of OTLP.
type SpanID [8]byte

// Ref names a span. The zero Ref names none.
type Ref struct {
	Trace TraceID
	Span  SpanID
}

// IsZero reports whether r names no span.
func (r Ref) IsZero() bool { return r == Ref{} }

// String returns "<trace id>-<span id>" in hex, the form of a run id.
func (r Ref) String() string {
	var b [49]byte
	hex.Encode(b[:32], r.Trace[:])
	b[32] = '-'
	hex.Encode(b[33:], r.Span[:])
	return string(b[:])
}

// ParseRef reads what String writes; ok is false for anything else.
func ParseRef(s string) (r Ref, ok bool) {
	if len(s) != 49 || s[32] != '-' {
		return Ref{}, false
	}
	if _, err := hex.Decode(r.Trace[:], []byte(s[:32])); err != nil {
		return Ref{}, false
	}
	if _, err := hex.Decode(r.Span[:], []byte(s[33:])); err != nil {
		return Ref{}, false
	}
	return r, true
}

// Compare orders refs by trace id, then span id.
func (r Ref) Compare(o Ref) int {
	if c := bytes.Compare(r.Trace[:], o.Trace[:]); c != 0 {
		return c
	}
	return bytes.Compare(r.Span[:], o.Span[:])
}

// ChainID is the id of the chain whose root run r opens and that carries no id
// of its own: hex of the first 16 bytes of SHA-256("chain\n" + trace id + "\n" +
// span id), both in hex.
func ChainID(r Ref) string { //nolint:revive // beside EdgeID; it is what the contract calls it
	return digest("chain", hex.EncodeToString(r.Trace[:]), hex.EncodeToString(r.Span[:]))
}

// EdgeID is the id of an edge: the same over "edge", the delegatee's run id, the
// delegator's run id (or the linked span where no run is known), the kind and
// the delegation id. It depends on content only, so that collectors and replays
// agree.
func EdgeID(to, from Ref, kind Kind, delegationID string) string {
	return digest("edge", to.String(), from.String(), string(kind), delegationID)
}

func digest(parts ...string) string {
	h := sha256.New()
	for i, p := range parts {
		if i > 0 {
			h.Write([]byte{'\n'})
		}
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
