package decision

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Digester makes keyed digests of what was asked: arguments are guessable, and a
// plain hash would give them away. It is safe for concurrent use.
type Digester struct {
	prefix string
	key    []byte
}

// NewDigester returns a digester. id names the key where there is more than one,
// "" where there is not.
func NewDigester(id string, key []byte) Digester {
	prefix := "hmac-sha256:"
	if id != "" {
		prefix += id + ":"
	}
	return Digester{prefix, key}
}

// Of returns the digest of v, see Canonical.
func (d Digester) Of(v any) string {
	return d.bytes(Canonical(make([]byte, 0, 512), v))
}

func (d Digester) bytes(b []byte) string {
	h := hmac.New(sha256.New, d.key)
	h.Write(b)
	return d.prefix + hex.EncodeToString(h.Sum(nil))
}
