package verify

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// log is what the store has of one log.
type log struct {
	id     logID
	leaves []entry // by seq, each seq once
	good   int     // leading leaves that a key of ours signed
	trust  trust
	roots  map[int64]tlog.Hash // wanted sizes that were reached
	keys   []keysFrom          // who signs, oldest first
	// vouched is how many leading leaves an earlier verification has seen.
	vouched int64
}

// entry is a row of ledger_batches.
type entry struct {
	seq    uint64
	hash   tlog.Hash
	full   bool // what follows was read as well
	pulled bool // because rows name it
	leaf   tlog.Leaf
	text   string
	note   string
}

// trust says whose a log is.
type trust int

const (
	unknownKey trust = iota
	ours
	broken
)

func (l *log) issue(result Result, kind string, seq int64, text string, args ...any) Issue {
	i := Issue{Result: result, Kind: kind, Writer: l.id.writer, Epoch: l.id.epoch, Text: fmt.Sprintf(text, args...)}
	if seq >= 0 {
		i.Seq = &seq
		if n, ok := slices.BinarySearchFunc(l.leaves, uint64(seq), func(e entry, s uint64) int { return int(int64(e.seq) - int64(s)) }); ok && l.leaves[n].leaf.Kind == tlog.Batch {
			id := l.leaves[n].leaf.BatchID()
			i.Table, i.Batch = l.leaves[n].leaf.Table, hex.EncodeToString(id[:])
		}
	}
	return i
}

// readLeaves reads the ledger: leaves that the period has nothing to do with by
// their hash alone, computed of the text that was signed.
func (v *verifier) readLeaves(ctx context.Context) error {
	which := v.period.leaves()
	if v.opts.Deep {
		which = "1" // that hash would be the store's
	}
	return v.scanLeaves(ctx, which, "", func(id logID, e *entry, rest string) { v.addLeaf(id, e, rest) })
}

// scanLeaves reads leaves in order, in full where the condition which holds.
func (v *verifier) scanLeaves(ctx context.Context, which, where string, add func(id logID, e *entry, rest string)) error {
	rows, err := v.conn.Query(ctx, `SELECT DISTINCT writer_id, writer_epoch, seq,
    seq = max(seq) OVER (PARTITION BY writer_id, writer_epoch) AS last, toBool(`+which+`) AS wanted,
    if(wanted, '', hex(SHA256(concat(unhex('00'), leaf)))) AS hash, if(wanted, leaf, '') AS text, if(wanted, note, '') AS signed, if(wanted,
    concat(entry_kind, ' ', toString(toUnixTimestamp64Milli(sealed_at)), ' ', table_name, ' ', lower(hex(batch_id)), ' ', toString(rows), ' ', batch_digest, ' ',
        toString(hash_v), ' ', toString(toUnixTimestamp64Nano(min_ts)), ' ', toString(toUnixTimestamp64Nano(max_ts)), ' ', toString(spans_received), ' ',
        toString(spans_written), ' ', toString(spans_filtered), ' ', toString(spans_refused), ' ', leaf_hash), '') AS rest
FROM ledger_batches`+v.suffix+where+` ORDER BY writer_id, writer_epoch, seq, text, signed`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		var id logID
		var e entry
		var last bool
		var hash, rest string
		if err := rows.Scan(&id.writer, &id.epoch, &e.seq, &last, &e.full, &hash, &e.text, &e.note, &rest); err != nil {
			return err
		}
		if !e.full {
			e.hash = hashOf(hash)
		}
		add(id, &e, rest)
	}
	return rows.Err()
}

func (v *verifier) addLeaf(id logID, e *entry, rest string) {
	l := v.logs[id]
	if l == nil {
		l = &log{id: id, roots: map[int64]tlog.Hash{}}
		v.logs[id] = l
	}
	if e.full {
		v.readLeaf(l, e, rest)
	} else {
		v.report.Scope.Folded++
	}
	if n := len(l.leaves); n > 0 && l.leaves[n-1].seq == e.seq {
		if l.leaves[n-1].hash != e.hash {
			v.report.add(l.issue(Tampered, "leaf_forked", int64(e.seq), "leaf %d is there twice and says two things", e.seq))
		}
		return
	}
	l.leaves = append(l.leaves, *e)
}

// readLeaf reads the text of a leaf. What its row says beside has to agree with it.
func (v *verifier) readLeaf(l *log, e *entry, rest string) {
	seq := int64(e.seq)
	var err error
	e.leaf, err = tlog.ParseLeaf(e.text)
	e.hash = tlog.HashOf(e.text)
	if err == nil && !tlog.KnownKind(e.leaf.Kind) {
		v.report.add(l.issue(CannotTell, "unknown_kind", seq, "this program does not know what a leaf of the kind %q says", e.leaf.Kind))
	}
	switch {
	case err != nil:
		v.report.add(l.issue(Tampered, "leaf_edited", seq, "leaf %d cannot be read: %v", seq, err))
	case e.leaf.Writer != l.id.writer || e.leaf.Epoch != l.id.epoch || e.leaf.Seq != e.seq:
		v.report.add(l.issue(Tampered, "leaf_edited", seq, "leaf %d says that it is leaf %d of %s/%d", seq, e.leaf.Seq, e.leaf.Writer, e.leaf.Epoch))
	case restOf(&e.leaf) != rest:
		v.report.add(l.issue(Tampered, "leaf_edited", seq, "leaf %d: its row says %q, what was signed %q", seq, rest, restOf(&e.leaf)))
	}
}

// restOf is what the columns beside a leaf have to say.
func restOf(l *tlog.Leaf) string {
	id, h, digest := l.BatchID(), l.Hash(), ""
	if l.Kind == tlog.Batch {
		digest = fmt.Sprintf("%X", l.Digest[:])
	}
	return fmt.Sprintf("%s %d %s %x %d %s %d %d %d %d %d %d %d %X", l.Kind, l.SealedAt, l.Table, id[:], l.Rows, digest, l.HashVersion, l.MinTS, l.MaxTS,
		l.Counters.Received, l.Counters.Written, l.Counters.Filtered, l.Counters.Refused, h[:])
}

func (v *verifier) sorted() []*log {
	return slices.SortedFunc(maps.Values(v.logs), func(a, b *log) int {
		return strings.Compare(fmt.Sprintf("%s/%20d", a.id.writer, a.id.epoch), fmt.Sprintf("%s/%20d", b.id.writer, b.id.epoch))
	})
}

// checkLogs holds each log against its signatures.
func (v *verifier) checkLogs(context.Context) error {
	for _, l := range v.sorted() {
		v.readPeers(l)
	}
	for i := range v.claims {
		c := &v.claims[i]
		if l := v.logs[logID{c.Writer, c.Epoch}]; l != nil {
			l.roots[c.Size] = noRoot
		}
	}
	v.wantBaseline()
	signers := map[string]bool{}
	for _, l := range v.sorted() {
		v.checkLog(l, signers)
	}
	v.checkSigners(signers)
	v.readDrops()
	v.applyBaseline()
	return nil
}

// checkSigners asks whether those who are to be believed have said anything.
func (v *verifier) checkSigners(signers map[string]bool) {
	if len(v.logs) == 0 {
		v.report.add(Issue{Result: CannotTell, Kind: "no_ledger", Text: "the store has no ledger: nothing was sealed, or all of it was taken away"})
		return
	}
	for _, k := range v.opts.Keys {
		name := keyName(k)
		if signers[name] {
			continue
		}
		result := CannotTell
		if len(signers) == 0 {
			result = Tampered // others wrote the whole history
		}
		v.report.add(Issue{Result: result, Kind: "signer_gone", Text: "nothing in the store is signed by the key " + name})
	}
}

func keyName(k note.Verifier) string { return fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash()) }

// checkLog recomputes the roots from the leaves. Every leaf bears the signed root
// of the log up to it, so the first that is wrong is found.
func (v *verifier) checkLog(l *log, signers map[string]bool) {
	var tree tlog.Tree
	v.keepRoot(l, &tree)
	wrong := -1
	for i := range l.leaves {
		e := &l.leaves[i]
		if e.seq != uint64(i) {
			v.gap(l, i)
			break
		}
		tree.Append(e.hash)
		v.keepRoot(l, &tree)
		l.good = i + 1
		if !e.full {
			continue
		}
		c, err := tlog.ParseCheckpoint(textOf(e.note))
		if wrong < 0 && (err != nil || c.Writer != l.id.writer || c.Epoch != l.id.epoch || c.Size != tree.Size() || c.Root != tree.Root()) {
			wrong = i
		}
	}
	right := l.good
	if wrong >= 0 {
		right = wrong
	}
	v.followKeys(l, right, signers)
	signer := v.lastSigned(l, wrong)
	if signer != "" {
		signers[signer] = true
	}
	v.summarise(l, &tree, signer)
}

// textOf is the text of a note, signed or not.
func textOf(signed string) string {
	text, _, _ := strings.Cut(signed, "\n\n")
	return text + "\n"
}

func (v *verifier) keepRoot(l *log, tree *tlog.Tree) {
	if _, wanted := l.roots[tree.Size()]; wanted || tree.Size() == 0 {
		l.roots[tree.Size()] = tree.Root()
	}
}

// gap tells of leaves that are not there before leaf i of those that are.
func (v *verifier) gap(l *log, i int) {
	next := uint64(i)
	for ; i < len(l.leaves); i++ {
		if seq := l.leaves[i].seq; seq != next {
			v.report.MissingSeq += seq - next
			v.report.add(l.issue(Tampered, "leaves_missing", int64(next), "leaves %d to %d are gone", next, seq-1))
		}
		next = l.leaves[i].seq + 1
	}
}

// lastSigned decides whose the log is by its newest signature, and finds the first
// leaf that no signature covers.
func (v *verifier) lastSigned(l *log, wrong int) (signer string) {
	end := l.good
	if wrong >= 0 {
		end = wrong
	}
	l.trust = broken
	strangers, full := 0, 0
	for i := end - 1; i >= 0; i-- {
		if !l.leaves[i].full {
			continue
		}
		full++
		keys := l.keysAt(int64(i) + 1)
		_, err := tlog.Open(l.leaves[i].note, keys)
		if err == nil {
			l.trust, signer = ours, signerOf(l.leaves[i].note, keys)
			if i+1 < end {
				v.report.add(l.issue(Tampered, "leaves_unsigned", int64(i+1), "leaves %d to %d are signed by nobody who is believed", i+1, end-1))
			}
			break
		}
		if errors.Is(err, tlog.ErrUnknownKey) {
			strangers++
		}
	}
	if l.trust != ours && strangers > 0 && strangers == full && wrong < 0 {
		l.trust = unknownKey
		v.report.add(l.issue(CannotTell, "unknown_key", -1, "the log %s is signed by a key that was not given", l.id))
		return ""
	}
	if l.trust != ours && wrong < 0 {
		v.report.add(l.issue(Tampered, "leaves_unsigned", 0, "no signature of the log %s is right", l.id))
	}
	if wrong >= 0 {
		text := "leaf %d is not the one that was signed"
		if wrong > 0 && !l.leaves[wrong-1].full {
			text = "leaf %d, or one before it and outside the period, is not the one that was signed"
		}
		v.report.add(l.issue(Tampered, "leaf_edited", int64(wrong), text, wrong))
	}
	l.good = end
	return signer
}

func signerOf(signed string, keys note.Verifiers) string {
	n, err := note.Open([]byte(signed), keys)
	if err != nil || len(n.Sigs) == 0 {
		return ""
	}
	return fmt.Sprintf("%s+%08x", n.Sigs[0].Name, n.Sigs[0].Hash)
}

// summarise says what there is of the log, and whether its writer fell silent.
func (v *verifier) summarise(l *log, tree *tlog.Tree, signer string) {
	s := Log{Writer: l.id.writer, Epoch: l.id.epoch, Leaves: tree.Size(), Root: tree.Root().String(), SignedBy: signer}
	every := 3 * time.Minute
	for i := range l.leaves {
		if !l.leaves[i].full {
			continue
		}
		leaf := &l.leaves[i].leaf
		at := time.UnixMilli(leaf.SealedAt).UTC()
		if s.First.IsZero() {
			s.First = at
		}
		if ms, err := strconv.ParseInt(leaf.Detail["interval_ms"], 10, 64); err == nil && ms > 0 {
			every = max(3*time.Duration(ms)*time.Millisecond, 30*time.Second)
		}
		if gap := at.Sub(s.Last); i > 0 && l.leaves[i-1].full && gap > every {
			v.silence(l, leaf, s.Last, at, l.leaves[i-1].leaf.Kind == tlog.Stop)
		}
		s.Last, s.Ended = at, leaf.Kind == tlog.Stop
		s.Counters.Add(leaf.Counters)
		if leaf.Kind == tlog.Batch {
			s.Batches++
		}
	}
	end := v.opts.Now
	if v.period.hasTo && v.opts.To.Before(end) {
		end = v.opts.To
	}
	if gap := end.Sub(s.Last); !s.Ended && len(l.leaves) > 0 && gap > every {
		v.report.add(l.issue(Incomplete, "silent", -1, "the writer of %s has been silent since %s and did not stop in order: it crashed, cannot reach the store, or what it wrote since was cut off",
			l.id, s.Last.Format(time.RFC3339)))
	}
	v.report.Logs = append(v.report.Logs, s)
}

func (v *verifier) silence(l *log, leaf *tlog.Leaf, from, to time.Time, stopped bool) {
	switch {
	case stopped && l.leaves[0].leaf.Detail["role"] == "operator": // between two calls
	case stopped:
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("%s was stopped from %s to %s", l.id, from.Format(time.RFC3339), to.Format(time.RFC3339)))
	case leaf.Kind == tlog.Recover:
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("%s crashed after %s and was back at %s", l.id, from.Format(time.RFC3339), to.Format(time.RFC3339)))
	default:
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("%s was silent from %s to %s", l.id, from.Format(time.RFC3339), to.Format(time.RFC3339)))
	}
}
