package retention

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Log takes what is done on record; oplog.Session is one.
type Log interface {
	Insert(ctx context.Context, observed int64, encode func(audit.Writer) (*audit.Encoded, error)) error
	Append(ctx context.Context, kind string, detail map[string]string) error
}

// Keeper looks after the database that its connection is connected to. It is not safe
// for concurrent use; two at once do no harm.
type Keeper struct {
	conn      driver.Conn
	suffix    string // of tables as they are read
	onCluster string // of statements that change tables
	tenants   map[string]bool
}

var distributed = regexp.MustCompile(`^Distributed\('([^']+)'`)

// Open learns what the store is like.
func Open(ctx context.Context, conn driver.Conn) (*Keeper, error) {
	k := &Keeper{conn: conn, tenants: map[string]bool{}}
	var err error
	if k.suffix, err = audit.ReadSuffix(ctx, conn); err != nil {
		return nil, err
	}
	if k.suffix != "" {
		var engine string
		if err := conn.QueryRow(ctx, "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'ledger_batches_all'").Scan(&engine); err != nil {
			return nil, err
		}
		m := distributed.FindStringSubmatch(engine)
		if m == nil {
			return nil, fmt.Errorf("the cluster of table ledger_batches_all cannot be read from %q", engine)
		}
		k.onCluster = " ON CLUSTER `" + m[1] + "`"
	}
	var names []string
	if err := conn.QueryRow(ctx, "SELECT groupArray(table) FROM system.columns WHERE database = currentDatabase() AND name = 'tenant_id'").Scan(&names); err != nil {
		return nil, err
	}
	for _, n := range names {
		k.tenants[n] = true
	}
	return k, nil
}

// read is a table as it is read.
func (k *Keeper) read(table string) string { return table + k.suffix }

// scan reads all rows of a query: next is given each.
func (k *Keeper) scan(ctx context.Context, query string, next func(scan func(...any) error) error) error {
	rows, err := k.conn.Query(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		if err := next(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Promises are what the logs of collectors say that rows are kept for.
func (k *Keeper) Promises(ctx context.Context) ([]Promise, error) {
	var out []Promise
	err := k.scan(ctx, "SELECT DISTINCT leaf FROM "+k.read("ledger_batches")+" WHERE entry_kind = 'genesis' ORDER BY leaf", func(scan func(...any) error) error {
		var text string
		if err := scan(&text); err != nil {
			return err
		}
		leaf, err := tlog.ParseLeaf(text)
		if err != nil {
			return fmt.Errorf("the first leaf of a log cannot be read, `spanwarden verify` says more: %w", err)
		}
		if n, err := strconv.Atoi(leaf.Detail["retention_days"]); err == nil {
			out = append(out, Promise{leaf.Writer, leaf.Detail["retention"], n})
		}
		return nil
	})
	return out, err
}

// Holds are all holds that were ever placed, those in force first.
func (k *Keeper) Holds(ctx context.Context) ([]Hold, error) {
	var holds []Hold
	err := k.scan(ctx, `SELECT hold_id, active, matter, tenant, table_name, toUnixTimestamp64Nano(ifNull(period_from, toDateTime64(0, 9, 'UTC'))),
    toUnixTimestamp64Nano(ifNull(period_to, toDateTime64(0, 9, 'UTC'))), placed_by, placed_reason, toUnixTimestamp64Nano(placed_at), released_by
FROM ev_legal_holds ORDER BY active DESC, placed_at, hold_id`, func(scan func(...any) error) error {
		var h Hold
		var from, to, at int64
		var active uint8
		if err := scan(&h.ID, &active, &h.Matter, &h.Tenant, &h.Table, &from, &to, &h.By, &h.Reason, &at, &h.Released); err != nil {
			return err
		}
		h.Active, h.At = active == 1, time.Unix(0, at).UTC()
		if from != 0 {
			h.From = time.Unix(0, from).UTC()
		}
		if to != 0 {
			h.To = time.Unix(0, to).UTC()
		}
		holds = append(holds, h)
		return nil
	})
	return holds, err
}

func (k *Keeper) activeHolds(ctx context.Context) ([]Hold, error) {
	holds, err := k.Holds(ctx)
	return slices.DeleteFunc(holds, func(h Hold) bool { return !h.Active }), err
}

// newID is unlike any other.
func newID(prefix string) string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + hex.EncodeToString(b[:])
}
