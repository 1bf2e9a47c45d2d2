package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrChangedMigration means that the store was migrated by another text of a
// migration than the one this program carries.
var ErrChangedMigration = errors.New("the store has another text of this migration")

// Migrate brings the store to the newest schema and returns the names of the
// steps it ran, or with Options.DryRun the steps it would run. Every step is
// idempotent, so several may migrate at once and a step that failed half-way is
// simply run again. Where a table or view was dropped although the log lists its
// step, that step and all after it run again. Errors name the step: "creating
// table actions: ...".
func Migrate(ctx context.Context, conn driver.Conn, opts Options) (applied []string, err error) {
	steps, err := Steps(opts)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	done, err := appliedSteps(ctx, conn, &opts)
	if err != nil {
		return nil, fmt.Errorf("reading schema_migrations: %w", err)
	}
	present, err := objects(ctx, conn, &opts)
	if err != nil {
		return nil, fmt.Errorf("reading system.tables: %w", err)
	}
	var ran []Step // and not on record yet
	again := false // what follows a table made anew may have to alter it
	for _, step := range steps {
		if step.Version < versionOfLog && len(done) > 0 {
			continue
		}
		if sum, ok := done[step.Version]; ok {
			if sum == step.formerly {
				sum = step.Checksum
			}
			if sum != step.Checksum && !step.current {
				err := fmt.Errorf("%s (version %d): %w", step.Name, step.Version, ErrChangedMigration)
				return applied, errors.Join(err, record(ctx, conn, &opts, ran))
			}
			again = again || step.creates != "" && !present[step.creates]
			if !again && sum == step.Checksum {
				continue
			}
		}
		if !opts.DryRun {
			if err := conn.Exec(ctx, step.SQL); err != nil {
				return applied, errors.Join(fmt.Errorf("%s: %w", step.Name, err), record(ctx, conn, &opts, ran))
			}
			ran = append(ran, step)
		}
		applied = append(applied, step.Name)
	}
	if err := record(ctx, conn, &opts, ran); err != nil {
		return applied, err
	}
	removed, err := removeTTLs(ctx, conn, &opts)
	return append(applied, removed...), err
}

// removeTTLs takes the TTL off tables that an earlier version gave one: it deletes
// without a record and knows no hold.
func removeTTLs(ctx context.Context, conn driver.Conn, o *Options) (removed []string, err error) {
	expiring, err := expiringTables(ctx, conn, o)
	if err != nil {
		return nil, fmt.Errorf("reading system.tables: %w", err)
	}
	for _, t := range KeptTables() {
		if !expiring[t.Name] {
			continue
		}
		name := "removing the TTL of table " + t.Name
		if !o.DryRun {
			if err := conn.Exec(ctx, o.render("ALTER TABLE {db}."+t.Name+"{on_cluster} REMOVE TTL")); err != nil {
				if now, e := expiringTables(ctx, conn, o); e != nil || now[t.Name] {
					return removed, fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		removed = append(removed, name)
	}
	return removed, nil
}

func expiringTables(ctx context.Context, conn driver.Conn, o *Options) (map[string]bool, error) {
	return names(ctx, conn, "SELECT name FROM system.tables WHERE database = ? AND engine_full LIKE '% TTL %'", o.Database)
}

// appliedSteps returns the checksums by version; none where the database or the
// table does not exist yet.
func appliedSteps(ctx context.Context, conn driver.Conn, o *Options) (map[uint32]string, error) {
	var n uint64
	err := conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = ? AND name = 'schema_migrations'", o.Database).Scan(&n)
	if err != nil || n == 0 {
		return nil, err
	}
	rows, err := conn.Query(ctx, "SELECT version, checksum FROM "+quote(o.Database)+".schema_migrations FINAL")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	done := map[uint32]string{}
	for rows.Next() {
		var version uint32
		var sum string
		if err := rows.Scan(&version, &sum); err != nil {
			return nil, err
		}
		done[version] = sum
	}
	return done, rows.Err()
}

// objects returns the names of the tables and views that the database has.
func objects(ctx context.Context, conn driver.Conn, o *Options) (map[string]bool, error) {
	return names(ctx, conn, "SELECT name FROM system.tables WHERE database = ?", o.Database)
}

func names(ctx context.Context, conn driver.Conn, query string, args ...any) (map[string]bool, error) {
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	present := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		present[name] = true
	}
	return present, rows.Err()
}

// versionOfLog is the migration that creates schema_migrations itself; what runs
// before it is recorded once it exists.
const versionOfLog = 2

// record writes down which steps ran: in one insert, since a hundred of them take
// longer than what they record. Steps that a crash leaves out of it run again.
func record(ctx context.Context, conn driver.Conn, o *Options, ran []Step) error {
	rows := make([]string, 0, len(ran))
	for _, step := range ran {
		if step.Version >= versionOfLog {
			rows = append(rows, fmt.Sprintf("(%d, '%s', '%s')", step.Version, step.Name, step.Checksum))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	values := strings.Join(rows, ", ")
	if err := conn.Exec(ctx, "INSERT INTO "+quote(o.Database)+".schema_migrations (version, name, checksum) VALUES "+values); err != nil {
		return fmt.Errorf("recording %d steps of the schema: %w", len(rows), err)
	}
	return nil
}
