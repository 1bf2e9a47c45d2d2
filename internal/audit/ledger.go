package audit

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// SignedLeaf is a leaf with the checkpoint that ends with it.
type SignedLeaf struct {
	tlog.Leaf
	Note string
}

// SignedCheckpoint is a checkpoint as the store keeps it.
type SignedCheckpoint struct {
	tlog.Checkpoint
	TS   int64 // ms since 1970
	Note string
	// Anchors are where a copy was left; all three of equal length, an error is ""
	// where it was.
	AnchorKinds, AnchorURIs, AnchorErrors []string
}

func bare[R any](table string, columns []column[R]) *block[R] {
	b := &block[R]{
		table: table, hashed: len(columns), batchID: new(proto.ColFixedStr16), rowIx: new(proto.ColUInt32),
		columns: columns,
	}
	return b.ready()
}

func u8[R any](name string, get func(*R) uint8) column[R] {
	c := new(proto.ColUInt8)
	return column[R]{name: name, data: c, add: func(r *R) { c.Append(get(r)) }, seal: sealNothing[R]}
}

// EncodeLeaves returns the insert of leaves. It is valid until the next call that
// encodes.
func EncodeLeaves(leaves []SignedLeaf) (*Encoded, error) {
	b := bare("ledger_batches", []column[SignedLeaf]{
		lowCard("writer_id", func(l *SignedLeaf) *string { return &l.Writer }),
		u64("writer_epoch", func(l *SignedLeaf) uint64 { return l.Epoch }),
		u64("seq", func(l *SignedLeaf) uint64 { return l.Seq }),
		lowCard("entry_kind", func(l *SignedLeaf) *string { return &l.Kind }),
		millis("sealed_at", func(l *SignedLeaf) int64 { return l.SealedAt }),
		lowCard("table_name", func(l *SignedLeaf) *string { return &l.Table }),
		fixed16("batch_id", (*SignedLeaf).BatchID),
		u32("rows", func(l *SignedLeaf) uint32 { return l.Rows }),
		text("batch_digest", func(l *SignedLeaf) string {
			if l.Kind != tlog.Batch {
				return ""
			}
			return strings.ToUpper(hex.EncodeToString(l.Digest[:]))
		}),
		u8("hash_v", func(l *SignedLeaf) uint8 { return l.HashVersion }),
		nanos("min_ts", func(l *SignedLeaf) int64 { return l.MinTS }),
		nanos("max_ts", func(l *SignedLeaf) int64 { return l.MaxTS }),
		u64("spans_received", func(l *SignedLeaf) uint64 { return l.Counters.Received }),
		u64("spans_written", func(l *SignedLeaf) uint64 { return l.Counters.Written }),
		u64("spans_filtered", func(l *SignedLeaf) uint64 { return l.Counters.Filtered }),
		u64("spans_refused", func(l *SignedLeaf) uint64 { return l.Counters.Refused }),
		mapping("detail", func(l *SignedLeaf) []Attr {
			kv := make([]Attr, 0, len(l.Detail))
			for _, k := range slices.Sorted(maps.Keys(l.Detail)) {
				kv = append(kv, Attr{Key: k, Value: l.Detail[k]})
			}
			return kv
		}),
		text("leaf", func(l *SignedLeaf) string { return l.Text() }),
		text("leaf_hash", func(l *SignedLeaf) string {
			h := l.Hash()
			return strings.ToUpper(hex.EncodeToString(h[:]))
		}),
		text("note", func(l *SignedLeaf) string { return l.Note }),
	})
	for i := range leaves {
		b.append(&leaves[i])
	}
	return b.finish()
}

// EncodeCheckpoints returns the insert of checkpoints. It is valid until the next
// call that encodes.
func EncodeCheckpoints(checkpoints []SignedCheckpoint) (*Encoded, error) {
	b := bare("ledger_checkpoints", []column[SignedCheckpoint]{
		lowCard("writer_id", func(c *SignedCheckpoint) *string { return &c.Writer }),
		u64("writer_epoch", func(c *SignedCheckpoint) uint64 { return c.Epoch }),
		u64("size", func(c *SignedCheckpoint) uint64 { return uint64(c.Size) }),
		text("root", func(c *SignedCheckpoint) string { return c.Root.String() }),
		millis("ts", func(c *SignedCheckpoint) int64 { return c.TS }),
		text("note", func(c *SignedCheckpoint) string { return c.Note }),
		lowCards("anchor_kinds", func(c *SignedCheckpoint) []string { return c.AnchorKinds }),
		texts("anchor_uris", func(c *SignedCheckpoint) []string { return c.AnchorURIs }),
		texts("anchor_errors", func(c *SignedCheckpoint) []string { return c.AnchorErrors }),
	})
	for i := range checkpoints {
		b.append(&checkpoints[i])
	}
	return b.finish()
}
