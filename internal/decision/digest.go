package decision

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// OfArgs returns the digest of arguments as they stand on a span: a JSON object,
// or a JSON string that holds one. It equals Question.ArgsDigest of the same
// arguments under the same key; "" where they cannot be read.
func (d Digester) OfArgs(raw []byte) string {
	m, err := ParseObject(raw)
	if err != nil {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return ""
		}
		if m, err = ParseObject([]byte(text)); err != nil {
			return ""
		}
	}
	return d.Of(m)
}
