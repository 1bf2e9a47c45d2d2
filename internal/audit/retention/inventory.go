package retention

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// inventory is what a partition has at a moment.
type inventory struct {
	rows, unsealed uint64
	minTS, maxTS   int64     // ns since 1970
	newestUnsealed time.Time // when the last row without a leaf came
	logs           []tlog.DropLog
	splits         []tlog.DropSplit
}

func (i *inventory) equal(o *inventory) bool {
	return i.rows == o.rows && i.unsealed == o.unsealed && i.minTS == o.minTS && i.maxTS == o.maxTS && slices.Equal(i.logs, o.logs) && slices.Equal(i.splits, o.splits)
}

// take counts what is in a partition of a table.
func (k *Keeper) take(ctx context.Context, p *Partition, column string) (*inventory, error) {
	in := &inventory{}
	where := "toYYYYMM(" + column + ") = " + p.Partition
	if err := k.conn.QueryRow(ctx, fmt.Sprintf("SELECT count(), toUnixTimestamp64Nano(min(%[1]s)), toUnixTimestamp64Nano(max(%[1]s)) FROM %[2]s WHERE %[3]s",
		column, k.read(p.Table), where)).Scan(&in.rows, &in.minTS, &in.maxTS); err != nil {
		return nil, err
	}
	table := sealedTable(p.Table)
	if table == nil || in.rows == 0 {
		return in, nil
	}
	batches := fmt.Sprintf(`(SELECT writer_id, writer_epoch, batch_id, uniqExact(row_ix) AS here, count() AS stored, max(inserted_at) AS last
    FROM %s WHERE %s GROUP BY writer_id, writer_epoch, batch_id)`, k.read(p.Table), where)
	leaves := fmt.Sprintf("(SELECT DISTINCT writer_id, writer_epoch, batch_id, seq, rows AS sealed FROM %s WHERE entry_kind = 'batch' AND table_name = '%s')",
		k.read("ledger_batches"), p.Table)
	var last int64
	if err := k.conn.QueryRow(ctx, "SELECT sum(stored), toInt64(max(toUnixTimestamp64Milli(last))) FROM "+batches+
		" WHERE (writer_id, writer_epoch, batch_id) NOT IN (SELECT writer_id, writer_epoch, batch_id FROM "+leaves+")").Scan(&in.unsealed, &last); err != nil {
		return nil, err
	}
	in.newestUnsealed = time.UnixMilli(last)
	joined := " FROM " + batches + " AS b INNER JOIN " + leaves + " AS l USING (writer_id, writer_epoch, batch_id)"
	if err := k.scan(ctx, "SELECT writer_id, writer_epoch, min(seq), max(seq), count(), sum(here)"+joined+
		" GROUP BY writer_id, writer_epoch ORDER BY writer_id, writer_epoch", func(scan func(...any) error) error {
		var l tlog.DropLog
		if err := scan(&l.Writer, &l.Epoch, &l.First, &l.Last, &l.Batches, &l.Rows); err != nil {
			return err
		}
		in.logs = append(in.logs, l)
		return nil
	}); err != nil {
		return nil, err
	}
	return in, k.takeSplits(ctx, in, table, joined, where)
}

// takeSplits finds the batches that have rows elsewhere, too, and what stays of them.
func (k *Keeper) takeSplits(ctx context.Context, in *inventory, table *audit.SealedTable, joined, where string) error {
	var ids []string
	if err := k.scan(ctx, "SELECT writer_id, writer_epoch, seq, lower(hex(batch_id))"+joined+" WHERE here < sealed ORDER BY writer_id, writer_epoch, seq",
		func(scan func(...any) error) error {
			var s tlog.DropSplit
			var id string
			if err := scan(&s.Writer, &s.Epoch, &s.Seq, &id); err != nil {
				return err
			}
			in.splits, ids = append(in.splits, s), append(ids, id)
			return nil
		}); err != nil {
		return err
	}
	type left struct {
		rows   uint64
		digest string
	}
	const atOnce = 1000
	for at := 0; at < len(ids); at += atOnce {
		some := ids[at:min(at+atOnce, len(ids))]
		stays := map[string]left{}
		condition := "\nWHERE NOT (" + where + ") AND batch_id IN (unhex('" + strings.Join(some, "'), unhex('") + "'))"
		if err := k.scan(ctx, "SELECT writer_id, writer_epoch, lower(hex(batch_id)), batch_rows, batch_digest FROM ("+
			table.BatchDigests(k.read(table.Name), condition)+")", func(scan func(...any) error) error {
			var writer, id string
			var epoch uint64
			var l left
			if err := scan(&writer, &epoch, &id, &l.rows, &l.digest); err != nil {
				return err
			}
			stays[fmt.Sprint(writer, "/", epoch, " ", id)] = l
			return nil
		}); err != nil {
			return err
		}
		for i, id := range some {
			s := &in.splits[at+i]
			l := stays[fmt.Sprint(s.Writer, "/", s.Epoch, " ", id)]
			s.Rows = l.rows
			if d, err := hex.DecodeString(l.digest); err == nil && len(d) == len(s.Digest) {
				s.Digest = [32]byte(d)
			}
		}
	}
	return nil
}

func sealedTable(name string) *audit.SealedTable {
	tables := audit.SealedTables(audit.HashVersion)
	i := slices.IndexFunc(tables, func(t audit.SealedTable) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &tables[i]
}

// records are what the leaves of a drop say: one, or several where there is much to
// say.
func (i *inventory) records(id string, p *Partition, policy *Policy, by string) []tlog.Drop {
	base := tlog.Drop{
		ID: id, Table: p.Table, Partition: p.Partition, Rows: i.rows, Unsealed: i.unsealed, MinTS: i.minTS, MaxTS: i.maxTS,
		Policy: policy.Version(), PolicyDays: uint64(policy.Days), By: by, Reason: policy.Reason,
	}
	if len(i.logs)+len(i.splits) <= tlog.MaxDropEntries {
		base.Logs, base.Splits = i.logs, i.splits
		return []tlog.Drop{base}
	}
	var out []tlog.Drop
	splits := i.splits
	for logs := range slices.Chunk(i.logs, tlog.MaxDropEntries) {
		d := base
		d.Logs = logs
		out = append(out, d)
	}
	// Every leaf names the logs of its splits, or they would say nothing.
	named := map[tlog.DropLog]bool{}
	for len(splits) > 0 {
		n := min(len(splits), tlog.MaxDropEntries/2)
		d := base
		clear(named)
		for _, s := range splits[:n] {
			l := i.logs[slices.IndexFunc(i.logs, func(l tlog.DropLog) bool { return l.Writer == s.Writer && l.Epoch == s.Epoch })]
			if !named[l] {
				named[l], d.Logs = true, append(d.Logs, l)
			}
		}
		d.Splits = splits[:n]
		out = append(out, d)
		splits = splits[n:]
	}
	return out
}
