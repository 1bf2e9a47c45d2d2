package retention

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// The states of a partition.
const (
	Keep    = "keep"    // not old enough
	Due     = "due"     // old enough, and nobody holds it
	Held    = "held"    // somebody holds rows of it
	ByTTL   = "ttl"     // content: the server removes it
	Later   = "later"   // due, and not asked for
	Busy    = "busy"    // due, and rows came lately that are not sealed yet
	Dropped = "dropped" // done
)

// Partition is one month of a table.
type Partition struct {
	Table      string    `json:"table"`
	Partition  string    `json:"partition"`
	Rows       uint64    `json:"rows"`
	Oldest     time.Time `json:"oldest"`
	Newest     time.Time `json:"newest"`
	PolicyDays int       `json:"policy_days"` // 0 is for ever
	Holds      []string  `json:"hold"`        // ids of those that cover rows of it
	State      string    `json:"state"`
}

// Plan is what a policy comes to.
type Plan struct {
	At         time.Time   `json:"at"`
	Policy     string      `json:"policy"`
	Partitions []Partition `json:"partitions"`
	// ContentTTL says whether content expires by itself; a hold stops that.
	ContentTTL bool `json:"content_ttl"`
	// Overdue content is still there although its time is over, and nobody holds it.
	OverdueContent uint64 `json:"overdue_content"`
}

// Plan looks at every partition. before bounds it, the zero time does not: what has
// rows from then on stays. It reads and changes nothing.
func (k *Keeper) Plan(ctx context.Context, p *Policy, before, now time.Time) (*Plan, error) {
	holds, err := k.activeHolds(ctx)
	if err != nil {
		return nil, err
	}
	plan := &Plan{At: now.UTC(), Policy: p.Version()}
	for _, t := range audit.KeptTables() {
		parts, err := k.partitions(ctx, t.Name, t.Time)
		if err != nil {
			return nil, fmt.Errorf("looking at table %s: %w", t.Name, err)
		}
		for i := range parts {
			part := &parts[i]
			part.PolicyDays, part.State = p.Days, Keep
			if part.Holds, err = k.holding(ctx, holds, part, t.Time); err != nil {
				return nil, err
			}
			switch due := p.Due(part.Newest, now); {
			case due && len(part.Holds) > 0:
				part.State = Held
			case due && !before.IsZero() && !part.Newest.Before(before):
				part.State = Later
			case due:
				part.State = Due
			}
		}
		plan.Partitions = append(plan.Partitions, parts...)
	}
	return plan, k.planContent(ctx, plan, holds, now)
}

func (k *Keeper) planContent(ctx context.Context, plan *Plan, holds []Hold, now time.Time) error {
	parts, err := k.partitions(ctx, contentTable, "ts")
	if err != nil {
		return fmt.Errorf("looking at table content: %w", err)
	}
	if plan.ContentTTL, err = k.contentExpires(ctx); err != nil {
		return err
	}
	for i := range parts {
		parts[i].PolicyDays, parts[i].State = audit.ContentDays, ByTTL
		if parts[i].Holds, err = k.holding(ctx, holds, &parts[i], "ts"); err != nil {
			return err
		}
		if len(parts[i].Holds) > 0 {
			parts[i].State = Held
		}
	}
	plan.Partitions = append(plan.Partitions, parts...)
	return k.conn.QueryRow(ctx, "SELECT count() FROM "+k.read(contentTable)+" WHERE "+overdue(holds, now)).Scan(&plan.OverdueContent)
}

// overdue is SQL that is true for content whose time is over and that nobody holds.
func overdue(holds []Hold, now time.Time) string {
	return "ts < " + instant(now.AddDate(0, 0, -audit.ContentDays)) + " AND NOT " + held(holds, contentTable, "ts", true)
}

// partitions are the months of a table, by the column that partitions it.
func (k *Keeper) partitions(ctx context.Context, table, column string) ([]Partition, error) {
	var parts []Partition
	err := k.scan(ctx, fmt.Sprintf(`SELECT toString(toYYYYMM(%[1]s)) AS month, count(), toUnixTimestamp64Nano(toDateTime64(min(%[1]s), 9, 'UTC')),
    toUnixTimestamp64Nano(toDateTime64(max(%[1]s), 9, 'UTC'))
FROM %[2]s GROUP BY month ORDER BY month`, column, k.read(table)), func(scan func(...any) error) error {
		p := Partition{Table: table, Holds: []string{}}
		var oldest, newest int64
		if err := scan(&p.Partition, &p.Rows, &oldest, &newest); err != nil {
			return err
		}
		p.Oldest, p.Newest = time.Unix(0, oldest).UTC(), time.Unix(0, newest).UTC()
		parts = append(parts, p)
		return nil
	})
	return parts, err
}

// holding are the holds that cover rows of the partition.
func (k *Keeper) holding(ctx context.Context, holds []Hold, p *Partition, column string) ([]string, error) {
	ids := []string{}
	for i := range holds {
		h := &holds[i]
		if !h.Covers(p.Table, p.Oldest, p.Newest) {
			continue
		}
		var n uint64
		if err := k.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM (SELECT 1 FROM %s WHERE toYYYYMM(%s) = %s AND %s LIMIT 1)",
			k.read(p.Table), column, p.Partition, h.condition(column, k.tenants[p.Table]))).Scan(&n); err != nil {
			return nil, fmt.Errorf("looking for rows of %s that hold %s covers: %w", p.Table, h.ID, err)
		}
		if n > 0 {
			ids = append(ids, h.ID)
		}
	}
	return ids, nil
}

// month checks the name of a partition before it stands in SQL.
func month(p *Partition) (string, error) {
	_, _, err := tlog.Month(p.Partition)
	return p.Partition, err
}

// contentExpires tells whether content has its TTL.
func (k *Keeper) contentExpires(ctx context.Context) (bool, error) {
	var engine string
	err := k.conn.QueryRow(ctx, "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'content'").Scan(&engine)
	return strings.Contains(engine, " TTL "), err
}
