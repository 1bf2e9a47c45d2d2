package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// settle is how long rows may be in the store before their leaf is.
const settle = 15 * time.Minute

// changes bounds how often a partition may change while it is being dropped.
const changes = 3

// Work is one run of Apply.
type Work struct {
	Policy Policy
	Before time.Time // as of Plan
	By     string
	// Now says what time it is.
	Now func() time.Time
	// Progress is told of every step.
	Progress func(text string)
}

// Apply drops every partition that is due and not held, and returns the plan with
// what became of each. What a run before this one had put on record and not done, it
// does.
func (k *Keeper) Apply(ctx context.Context, log Log, w *Work) (*Plan, error) {
	if err := k.reconcile(ctx, w.Progress); err != nil {
		return nil, err
	}
	plan, err := k.Plan(ctx, &w.Policy, w.Before, w.Now())
	if err != nil {
		return nil, err
	}
	columns := map[string]string{}
	for _, t := range audit.KeptTables() {
		columns[t.Name] = t.Time
	}
	for i := range plan.Partitions {
		p := &plan.Partitions[i]
		switch p.State {
		case Held:
			w.Progress(fmt.Sprintf("%s %s: stays, hold %v", p.Table, p.Partition, p.Holds))
		case Due:
			if err := k.drop(ctx, log, w, p, columns[p.Table]); err != nil {
				return plan, fmt.Errorf("dropping partition %s of %s: %w", p.Partition, p.Table, err)
			}
		}
	}
	if err := k.sweep(ctx, log, w, plan); err != nil {
		return plan, fmt.Errorf("removing content: %w", err)
	}
	return plan, k.finishErasures(ctx, w.Progress)
}

// drop puts on record what is in the partition and then drops it. The record counts
// for what was there: where more came in between, that is put on record as well.
func (k *Keeper) drop(ctx context.Context, log Log, w *Work, p *Partition, column string) error {
	if _, err := month(p); err != nil {
		return err
	}
	in, err := k.take(ctx, p, column)
	if err != nil {
		return err
	}
	for range changes {
		if in.unsealed > 0 && in.newestUnsealed.After(w.Now().Add(-settle)) {
			p.State = Busy
			w.Progress(fmt.Sprintf("%s %s: stays for now, rows came in at %s that are not sealed yet", p.Table, p.Partition, in.newestUnsealed.UTC().Format(time.RFC3339)))
			return nil
		}
		if err := k.record(ctx, log, w, p, in); err != nil {
			return err
		}
		// What was placed or came since the plan counts.
		holds, err := k.activeHolds(ctx)
		if err != nil {
			return err
		}
		if p.Holds, err = k.holding(ctx, holds, p, column); err != nil {
			return err
		}
		if len(p.Holds) > 0 {
			p.State = Held
			w.Progress(fmt.Sprintf("%s %s: stays, hold %v was placed just now", p.Table, p.Partition, p.Holds))
			return nil
		}
		again, err := k.take(ctx, p, column)
		if err != nil {
			return err
		}
		if !again.equal(in) {
			in = again
			continue
		}
		if err := k.execute(ctx, "ALTER TABLE "+p.Table+k.onCluster+" DROP PARTITION "+p.Partition); err != nil {
			return err
		}
		p.State = Dropped
		w.Progress(fmt.Sprintf("%s %s: dropped %d rows, the newest of %s", p.Table, p.Partition, in.rows, p.Newest.Format(time.DateOnly)))
		return nil
	}
	p.State = Busy
	w.Progress(fmt.Sprintf("%s %s: stays for now, rows keep coming", p.Table, p.Partition))
	return nil
}

// execute runs a statement that may remove a partition of any size: the server's
// limit is there for slips of the hand.
func (k *Keeper) execute(ctx context.Context, sql string) error {
	return k.conn.Exec(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_partition_size_to_drop": 0})), sql)
}

// record writes the leaves of a drop and its row, as far as a run before this one has
// not.
func (k *Keeper) record(ctx context.Context, log Log, w *Work, p *Partition, in *inventory) error {
	id, err := k.recorded(ctx, w, p, in)
	if err != nil {
		return err
	}
	if id == "" {
		id = newID("drop-")
		w.Progress(fmt.Sprintf("%s %s: putting on record that %d rows go (%s)", p.Table, p.Partition, in.rows, id))
		for _, d := range in.records(id, p, &w.Policy, w.By) {
			if err := log.Append(ctx, tlog.RetentionDrop, d.Detail()); err != nil {
				return err
			}
		}
	}
	var n uint64
	if err := k.conn.QueryRow(ctx, "SELECT count() FROM "+k.read("retention_events")+" WHERE event_id = ?", id).Scan(&n); err != nil || n > 0 {
		return err
	}
	at := w.Now().UnixNano()
	row := audit.RetentionRow{
		ID: id, Kind: audit.RetentionDropped, Table: p.Table, Partition: p.Partition, Rows: in.rows, MinTS: timeOf(in.minTS), MaxTS: timeOf(in.maxTS),
		Policy: w.Policy.Version(), PolicyDays: audit.Count{Set: true, Value: uint64(w.Policy.Days)}, By: w.By, Reason: w.Policy.Reason, TS: at, Observer: at,
	}
	for i := range in.logs {
		l := &in.logs[i]
		row.Logs = append(row.Logs, fmt.Sprintf("%s/%d %d %d", l.Writer, l.Epoch, l.First, l.Last))
	}
	if len(in.logs) == 1 {
		row.SeqFrom, row.SeqTo = audit.Count{Set: true, Value: in.logs[0].First}, audit.Count{Set: true, Value: in.logs[0].Last}
	}
	return log.Insert(ctx, at, func(writer audit.Writer) (*audit.Encoded, error) {
		return audit.EncodeRetention(writer, []audit.RetentionRow{row})
	})
}

func timeOf(ns int64) audit.Time { return audit.Time{Set: true, Value: ns} }

// recorded finds a record that says all that is to be said of the partition as it is:
// a run before this one ended between record and drop.
func (k *Keeper) recorded(ctx context.Context, w *Work, p *Partition, in *inventory) (id string, err error) {
	found := map[string][]string{} // by id, what its leaves say
	err = k.scan(ctx, "SELECT DISTINCT leaf FROM "+k.read("ledger_batches")+" WHERE entry_kind = '"+tlog.RetentionDrop+"' AND detail['table'] = "+quoted(p.Table)+
		" AND detail['partition'] = "+quoted(p.Partition), func(scan func(...any) error) error {
		var text string
		if err := scan(&text); err != nil {
			return err
		}
		leaf, err := tlog.ParseLeaf(text)
		if err != nil {
			return fmt.Errorf("the record of a drop cannot be read, `spanwarden verify` says more: %w", err)
		}
		d, err := tlog.ParseDrop(leaf.Detail)
		if err == nil {
			found[d.ID] = append(found[d.ID], sayings(&d))
		}
		return nil
	})
	for name, have := range found {
		records := in.records(name, p, &w.Policy, w.By)
		want := make([]string, 0, len(records))
		for _, d := range records {
			want = append(want, sayings(&d))
		}
		slices.Sort(have)
		slices.Sort(want)
		if slices.Equal(have, want) {
			id = name
		}
	}
	return id, err
}

// sayings are what a record says of rows: who made it and under which policy does not
// matter for what is gone.
func sayings(d *tlog.Drop) string {
	c := *d
	c.By, c.Reason = "", ""
	raw, _ := json.Marshal(c.Detail()) // a map of texts
	return string(raw)
}

// sweep removes content whose time is over while a hold stops its TTL.
func (k *Keeper) sweep(ctx context.Context, log Log, w *Work, plan *Plan) error {
	if plan.ContentTTL || plan.OverdueContent == 0 {
		return nil
	}
	holds, err := k.activeHolds(ctx)
	if err != nil {
		return err
	}
	now := w.Now()
	where := overdue(holds, now)
	row := audit.RetentionRow{
		ID: newID("sweep-"), Kind: audit.RetentionSwept, Table: contentTable, Rows: plan.OverdueContent, Policy: fmt.Sprintf("content/%dd", audit.ContentDays),
		PolicyDays: audit.Count{Set: true, Value: audit.ContentDays}, By: w.By, Reason: "its time is over, and a hold on other content stops the TTL",
		TS: now.UnixNano(), Observer: now.UnixNano(),
	}
	var oldest, newest int64
	if err := k.conn.QueryRow(ctx, "SELECT count(), toUnixTimestamp64Nano(toDateTime64(min(ts), 9, 'UTC')), toUnixTimestamp64Nano(toDateTime64(max(ts), 9, 'UTC')) FROM "+
		k.read(contentTable)+" WHERE "+where).Scan(&row.Rows, &oldest, &newest); err != nil {
		return err
	}
	row.MinTS, row.MaxTS = timeOf(oldest), timeOf(newest)
	if err := log.Insert(ctx, row.TS, func(writer audit.Writer) (*audit.Encoded, error) {
		return audit.EncodeRetention(writer, []audit.RetentionRow{row})
	}); err != nil {
		return err
	}
	w.Progress(fmt.Sprintf("content: removing %d rows whose time is over (%s)", row.Rows, row.ID))
	return k.removeContent(ctx, where)
}

// removeContent removes rows of content and waits until they are gone.
func (k *Keeper) removeContent(ctx context.Context, where string) error {
	if err := k.conn.Exec(ctx, "ALTER TABLE "+contentTable+k.onCluster+" DELETE WHERE "+where+" SETTINGS mutations_sync = 2"); err != nil {
		return err
	}
	var n uint64
	if err := k.conn.QueryRow(ctx, "SELECT count() FROM "+k.read(contentTable)+" WHERE "+where).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return errors.Join(errLeft, fmt.Errorf("%d rows", n))
	}
	return nil
}

var errLeft = errors.New("rows are still there after they were removed: somebody writes them again")
