package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/ClickHouse/ch-go/proto"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Content says whether and how prompts, messages, tool arguments and results are
// stored. The zero value stores none.
type Content struct {
	Enabled bool
	// Secret keys the salts, so that nobody who knows only a digest can test
	// guesses of what was said.
	Secret []byte
}

// ContentRow is one piece of content. Equal content of one tenant has one digest
// and is kept once.
type ContentRow struct {
	Tenant, Digest string
	TS             int64 // ms since 1970
	Role           string
	Salt, Body     string
	Bytes          uint64 // of the whole body; more than Body has where it was cut
}

func newContents() *block[ContentRow] {
	content := []column[ContentRow]{
		lowCard("tenant_id", func(r *ContentRow) *string { return &r.Tenant }),
		text("digest", func(r *ContentRow) string { return r.Digest }),
		lowCard("role", func(r *ContentRow) *string { return &r.Role }),
		noText[ContentRow]("media_type"),
		text("salt", func(r *ContentRow) string { return r.Salt }),
		text("body", func(r *ContentRow) string { return r.Body }),
		u64("body_bytes", func(r *ContentRow) uint64 { return r.Bytes }),
	}
	b := &block[ContentRow]{
		table: "content", hashed: len(content), batchID: new(proto.ColFixedStr16), rowIx: new(proto.ColUInt32),
		columns: slices.Concat(content, []column[ContentRow]{millis("ts", func(r *ContentRow) int64 { return r.TS })}),
	}
	return b.ready()
}

// addContent stores a value of an attribute by its salted digest. The salt is
// stored beside the body and dies with it; it is derived, so that a retry
// writes the same row. The digest is that of the whole value, also where what is
// stored of it was cut.
func (e *Encoder) addContent(r *Row, key string, v pcommon.Value) {
	body := e.textOf(v)
	mac := hmac.New(sha256.New, e.content.Secret)
	mac.Write([]byte(body))
	salt := mac.Sum(nil)[:16]
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(body))
	digest := hex.EncodeToString(h.Sum(nil))
	e.refs = append(e.refs, Attr{Key: key, Value: digest})
	e.contents.append(&ContentRow{
		Tenant: r.Tenant, Digest: digest, TS: r.TS / 1e6, Role: key,
		Salt: hex.EncodeToString(salt), Body: cutTo(&r.Truncated, body, e.limits.ContentBytes), Bytes: uint64(len(body)),
	})
	e.stats.Contents++
}
