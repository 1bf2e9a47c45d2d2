package verify

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// group is what rows say of where they belong.
type group struct {
	table string
	logID
	batch string // lower-case hex
}

// stored is what there is of a group.
type stored struct {
	rows        uint64
	answers     uint64    // of people, which no collector seals
	first, last time.Time // when it was inserted
	from, to    int64     // the rows' own time, ns since 1970
}

// readGroups counts what is stored, by what the rows say of themselves.
func (v *verifier) readGroups(ctx context.Context) error {
	v.groups = map[group]stored{}
	for _, t := range v.tablesOf() {
		answers := "0"
		if t.Name == "finding_events" {
			answers = "countIf(writer_id = '' AND state IN ('" + audit.Acknowledged + "', '" + audit.Closed + "'))"
		}
		rows, err := v.conn.Query(ctx, "SELECT writer_id, writer_epoch, lower(hex(batch_id)), count(), toUInt64("+answers+
			"), min(inserted_at), max(inserted_at), toUnixTimestamp64Nano(min("+t.Time+")), toUnixTimestamp64Nano(max("+t.Time+")) FROM "+t.Name+v.suffix+v.period.rows(t.Time)+" GROUP BY writer_id, writer_epoch, batch_id")
		if err != nil {
			return err
		}
		for rows.Next() {
			g, s := group{table: t.Name}, stored{}
			if err := rows.Scan(&g.writer, &g.epoch, &g.batch, &s.rows, &s.answers, &s.first, &s.last, &s.from, &s.to); err != nil {
				return err
			}
			v.groups[g] = s
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// sealed is a batch that a leaf tells of.
type sealed struct {
	log  *log
	leaf *tlog.Leaf
}

func (s *sealed) group() group {
	id := s.leaf.BatchID()
	return group{s.leaf.Table, s.log.id, hex.EncodeToString(id[:])}
}

// checkBatches recomputes the digest of every batch, some at a time.
func (v *verifier) checkBatches(ctx context.Context) error {
	type format struct {
		table   string
		version uint8
	}
	byFormat := map[format][]sealed{}
	v.choose()
	for _, s := range v.chosen {
		f := format{s.leaf.Table, s.leaf.HashVersion}
		byFormat[f] = append(byFormat[f], s)
	}
	for f, batches := range byFormat {
		table, ok := tableOf(f.table, f.version)
		if !ok {
			for i := range batches {
				v.report.add(batches[i].log.issue(CannotTell, "unknown_format", int64(batches[i].leaf.Seq),
					"this program does not know format %d of table %q", f.version, f.table))
			}
			continue
		}
		slices.SortFunc(batches, func(a, b sealed) int { return cmp.Compare(a.leaf.MinTS, b.leaf.MinTS) })
		for len(batches) > 0 {
			n := v.chunk(batches)
			if err := v.checkChunk(ctx, table, batches[:n]); err != nil {
				return err
			}
			batches = batches[n:]
		}
	}
	v.checkDrops()
	return nil
}

func tableOf(name string, version uint8) (*audit.SealedTable, bool) {
	if version == 0 || version > audit.HashVersion {
		return nil, false
	}
	tables := audit.SealedTables(version)
	i := slices.IndexFunc(tables, func(t audit.SealedTable) bool { return t.Name == name })
	if i < 0 {
		return nil, false
	}
	return &tables[i], true
}

// maxChunk bounds how many batches one query names.
const maxChunk = 2000

// chunk is how many of the batches are looked at in one query.
func (v *verifier) chunk(batches []sealed) int {
	rows, n := 0, 0
	for n < len(batches) && n < maxChunk && (n == 0 || rows+int(batches[n].leaf.Rows) <= v.opts.ChunkRows) {
		rows += int(batches[n].leaf.Rows)
		n++
	}
	return n
}

// found is what a digest was computed of.
type found struct {
	rows, redelivered uint64
	digest            string
}

func (v *verifier) checkChunk(ctx context.Context, t *audit.SealedTable, batches []sealed) error {
	have, err := v.digests(ctx, t, batches)
	if err != nil {
		return err
	}
	for i := range batches {
		v.checkBatch(&batches[i], have[batches[i].group()])
	}
	return nil
}

// digests are what is stored of batches.
func (v *verifier) digests(ctx context.Context, t *audit.SealedTable, batches []sealed) (map[group]found, error) {
	have := map[group]found{}
	if !v.tables[t.Name] {
		return have, nil
	}
	from, to := batches[0].leaf.MinTS, batches[0].leaf.MaxTS
	ids := make([]string, len(batches))
	for i := range batches {
		from, to = min(from, batches[i].leaf.MinTS), max(to, batches[i].leaf.MaxTS)
		ids[i] = "unhex('" + batches[i].group().batch + "')"
	}
	condition := fmt.Sprintf("\nWHERE %s >= fromUnixTimestamp64Nano(%d, 'UTC') AND %s <= fromUnixTimestamp64Nano(%d, 'UTC') AND batch_id IN (%s)",
		t.Time, from, t.Time, to, strings.Join(ids, ", "))
	if v.opts.Deep {
		return v.deepDigests(ctx, t, condition)
	}
	rows, err := v.conn.Query(ctx, "SELECT writer_id, writer_epoch, lower(hex(batch_id)), batch_rows, redelivered, batch_digest FROM ("+
		t.BatchDigests(t.Name+v.suffix, condition)+")")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		g, f := group{table: t.Name}, found{}
		if err := rows.Scan(&g.writer, &g.epoch, &g.batch, &f.rows, &f.redelivered, &f.digest); err != nil {
			return nil, err
		}
		have[g] = f
	}
	return have, rows.Err()
}

func (v *verifier) checkBatch(s *sealed, f found) {
	v.report.Batches++
	v.report.Rows += f.rows
	v.report.Redelivered += f.redelivered
	want, seq := uint64(s.leaf.Rows), int64(s.leaf.Seq)
	switch {
	case f.digest == fmt.Sprintf("%X", s.leaf.Digest[:]):
		return
	case v.wentByDrop(s, &f):
		v.report.Expired++
		return
	case f.rows < want && s.expires(v.opts.Now):
		v.report.add(s.log.issue(Incomplete, "expired_unrecorded", seq, "%d of the %d rows of the batch went without a record after their retention, as the tables of an earlier version let them", want-f.rows, want))
		return
	case f.rows < want:
		v.report.MissingRows += want - f.rows
	}
	v.report.Mismatches++
	switch {
	case f.rows == 0:
		v.report.add(s.log.issue(Tampered, "batch_deleted", seq, "all %d rows of the batch are gone", want))
	case f.rows < want:
		v.report.add(s.log.issue(Tampered, "rows_deleted", seq, "%d of the %d rows of the batch are gone", want-f.rows, want))
	case f.rows > want:
		v.report.add(s.log.issue(Tampered, "rows_added", seq, "the batch has %d rows, and %d were sealed", f.rows, want))
	default:
		v.report.add(s.log.issue(Tampered, "rows_edited", seq, "rows of the batch are not those that were sealed"))
	}
}

// expires tells whether the rows were made for tables of an earlier version, which
// let rows go by a TTL, and are old enough for that.
func (s *sealed) expires(now time.Time) bool {
	promise := s.log.retention()
	return promise > 0 && s.log.leaves[0].leaf.Detail["expiry"] != "recorded" && time.Unix(0, s.leaf.MinTS).Add(promise).Before(now)
}

// retention is how long the store keeps rows, as the log's first leaf says.
func (l *log) retention() time.Duration {
	if len(l.leaves) == 0 || l.leaves[0].leaf.Kind != tlog.Genesis {
		return 0
	}
	days, _ := strconv.Atoi(l.leaves[0].leaf.Detail["retention_days"]) // 0 is for ever
	return time.Duration(days) * 24 * time.Hour
}

// checkUnsealed tells of rows that no leaf tells of.
func (v *verifier) checkUnsealed(context.Context) error {
	known := v.knownGroups()
	for g, s := range v.groups {
		leaf := known[g]
		switch {
		case leaf == nil:
			v.unsealed(g, s)
		case s.from < leaf.MinTS || s.to > leaf.MaxTS: // where digests do not look
			v.report.add(v.logs[g.logID].issue(Tampered, "rows_added", int64(leaf.Seq), "rows of the batch are from %s to %s, and were sealed from %s to %s",
				nanos(s.from), nanos(s.to), nanos(leaf.MinTS), nanos(leaf.MaxTS)))
		}
	}
	return nil
}

func nanos(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

func (v *verifier) unsealed(g group, s stored) {
	issue := Issue{Writer: g.writer, Epoch: g.epoch, Table: g.table, Batch: g.batch, Kind: "rows_unsealed"}
	add := func(result Result, kind, text string, rows uint64) {
		issue.Result, issue.Kind = result, kind
		issue.Text = fmt.Sprintf("%d rows of %s %s", rows, g.table, text)
		v.report.UnsealedRows += rows
		v.report.add(issue)
	}
	if s.answers > 0 {
		add(Incomplete, "answers_unsealed", "are what people answered to findings, which nothing seals", s.answers)
		if s.rows -= s.answers; s.rows == 0 {
			return
		}
	}
	l := v.logs[g.logID]
	switch {
	case !v.opts.SealedSince.IsZero() && s.last.Before(v.opts.SealedSince):
		add(Incomplete, "before_sealing", "are from before sealing began and not vouched for", s.rows)
	case g.writer == "":
		add(Tampered, "rows_unsealed", "were written by nobody who seals what he writes", s.rows)
	case l == nil:
		add(Tampered, "rows_unsealed", "name the log "+g.String()+", which the store does not have", s.rows)
	case v.mayStillSeal(l, s):
		add(Incomplete, "rows_in_flight", "are not sealed yet: their writer is at it, or crashed in between; its next start seals them", s.rows)
	default:
		add(Tampered, "rows_unsealed", "name a batch that "+g.String()+" never sealed", s.rows)
	}
}

// mayStillSeal tells whether the writer could have been kept from sealing the rows:
// it has not ended, has no later log, and has not gone on for long after them.
func (v *verifier) mayStillSeal(l *log, s stored) bool {
	if len(l.leaves) == 0 || l.trust == broken {
		return false
	}
	for id := range v.logs {
		if id.writer == l.id.writer && id.epoch > l.id.epoch {
			return false
		}
	}
	last := &l.leaves[len(l.leaves)-1].leaf
	if last.Kind == tlog.Stop || s.last.After(v.opts.Now.Add(v.opts.Grace)) {
		return false
	}
	return !time.UnixMilli(last.SealedAt).After(s.first.Add(v.opts.Grace))
}
