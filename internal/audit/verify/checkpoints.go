package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// claim is that a log had a root at a size, and who says so.
type claim struct {
	tlog.Checkpoint
	source string
	signed string // "" of a peer: the leaf that says it is signed itself
	by     *log   // of a peer
	seq    int64
	anchor bool
}

// readCheckpoints collects what others hold.
func (v *verifier) readCheckpoints(ctx context.Context) error {
	rows, err := v.conn.Query(ctx, "SELECT DISTINCT writer_id, writer_epoch, size, note FROM ledger_checkpoints"+v.suffix)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		var id logID
		var size uint64
		var signed string
		if err := rows.Scan(&id.writer, &id.epoch, &size, &signed); err != nil {
			return err
		}
		c, err := tlog.ParseCheckpoint(textOf(signed))
		if err != nil || c.Writer != id.writer || c.Epoch != id.epoch || uint64(c.Size) != size {
			l := log{id: id}
			v.report.add(l.issue(Tampered, "checkpoint_edited", -1, "the checkpoint of %s at %d leaves is not what its row says", id, size))
			continue
		}
		v.claims = append(v.claims, claim{Checkpoint: c, source: "ledger_checkpoints", signed: signed})
		v.report.Checkpoints++
	}
	for _, a := range v.opts.Anchors {
		c, err := tlog.ParseCheckpoint(textOf(a.Note))
		if err != nil {
			v.report.add(Issue{Result: CannotTell, Kind: "anchor_unreadable", Text: a.Source + ": " + err.Error()})
			continue
		}
		v.claims = append(v.claims, claim{Checkpoint: c, source: a.Source, signed: a.Note, anchor: true})
		v.report.Anchors++
	}
	return rows.Err()
}

func (v *verifier) readPeers(l *log) {
	for i := range l.leaves {
		for k, text := range l.leaves[i].leaf.Detail {
			if !strings.HasPrefix(k, "peer_") {
				continue
			}
			c, err := tlog.ParsePeer(text)
			if err != nil {
				continue // what a writer signed itself and cannot be read accuses nobody
			}
			v.claims = append(v.claims, claim{Checkpoint: c, source: fmt.Sprintf("leaf %d of %s", l.leaves[i].seq, l.id), by: l, seq: int64(l.leaves[i].seq)})
			v.report.Peers++
		}
	}
}

// noRoot marks a size that is wanted and was not reached.
var noRoot tlog.Hash

// checkCheckpoints holds the logs against what was signed of them before. One
// issue a log and kind of source is enough: the smallest size that is wrong.
func (v *verifier) checkCheckpoints(context.Context) error {
	type at struct {
		id     logID
		kind   string
		anchor bool
	}
	first := map[at]claim{}
	for _, c := range v.claims {
		id := logID{c.Writer, c.Epoch}
		kind := v.judge(&c)
		if kind == "" {
			continue
		}
		if c.anchor {
			v.report.AnchorMismatches++
		}
		where := at{id, kind, c.anchor}
		if old, ok := first[where]; !ok || c.Size < old.Size {
			first[where] = c
		}
	}
	for where, c := range first {
		v.accuse(where.id, where.kind, &c)
	}
	return nil
}

// judge says what is wrong with a log where a claim about it is right.
func (v *verifier) judge(c *claim) string {
	l := v.logs[logID{c.Writer, c.Epoch}]
	var kind string
	switch {
	case l == nil:
		kind = "log_gone"
	case l.roots[c.Size] == c.Root:
		return ""
	case c.Size > int64(len(l.leaves)):
		kind = "tail_cut"
	case l.roots[c.Size] == noRoot:
		return "" // after a gap, which is told of
	default:
		kind = "history_rewritten"
	}
	if c.by != nil { // a leaf counts as far as its own log is believed
		if c.by.trust != ours || c.seq >= int64(c.by.good) {
			return ""
		}
		return kind
	}
	_, err := tlog.Open(c.signed, note.VerifierList(v.believed()...))
	switch {
	case err == nil:
		return kind
	case errors.Is(err, tlog.ErrUnknownKey):
		return "unknown_checkpoint"
	default:
		return "checkpoint_edited"
	}
}

func (v *verifier) accuse(id logID, kind string, c *claim) {
	l := v.logs[id]
	if l == nil {
		l = &log{id: id}
	}
	switch kind {
	case "log_gone":
		v.report.add(l.issue(Tampered, kind, -1, "the log %s is gone; %s had %d leaves of it", id, c.source, c.Size))
	case "tail_cut":
		v.report.MissingSeq += uint64(c.Size) - uint64(len(l.leaves))
		v.report.add(l.issue(Tampered, kind, int64(len(l.leaves)), "leaves from %d on are gone; %s had %d", len(l.leaves), c.source, c.Size))
	case "history_rewritten":
		v.report.add(l.issue(Tampered, kind, -1, "the first %d leaves are not those that %s holds", c.Size, c.source))
	case "checkpoint_edited":
		v.report.add(l.issue(Tampered, kind, -1, "%s: the signature of the checkpoint at %d leaves is wrong", c.source, c.Size))
	default:
		v.report.add(l.issue(CannotTell, kind, -1, "%s has a checkpoint of %s at %d leaves that contradicts the store and is signed by a key that was not given",
			c.source, id, c.Size))
	}
}
