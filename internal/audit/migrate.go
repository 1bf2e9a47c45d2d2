package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

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
	due, err := dueSteps(steps, done, present)
	if err != nil {
		return nil, err
	}
	applied, ran, err := run(ctx, conn, &opts, due)
	if err != nil {
		return applied, errors.Join(err, record(ctx, conn, &opts, ran))
	}
	if err := record(ctx, conn, &opts, ran); err != nil {
		return applied, err
	}
	removed, err := removeTTLs(ctx, conn, &opts)
	return append(applied, removed...), err
}

// dueSteps are the steps that the store does not have, or has of another text.
func dueSteps(steps []Step, done map[uint32]string, present map[string]bool) ([]Step, error) {
	var due []Step
	skip := superseded(steps)
	again := false // what follows a table made anew may have to alter it
	for i, step := range steps {
		if step.Version < versionOfLog && len(done) > 0 {
			continue
		}
		if sum, ok := done[step.Version]; ok {
			if sum == step.formerly {
				sum = step.Checksum
			}
			if sum != step.Checksum && !step.current {
				return nil, fmt.Errorf("%s (version %d): %w", step.Name, step.Version, ErrChangedMigration)
			}
			again = again || step.creates != "" && !present[step.creates]
			if !again && sum == step.Checksum {
				continue
			}
		}
		step.superseded = skip[i]
		due = append(due, step)
	}
	return due, nil
}

// atOnce is how many steps run side by side. Making a view is mostly waiting, for the
// disk or for the other nodes of a cluster.
const atOnce = 4

// run runs steps, wave by wave, and returns the names of those that it ran, and the
// steps that are to be put on record: superseded ones, too, so that no earlier version
// of this program runs them later.
func run(ctx context.Context, conn driver.Conn, o *Options, due []Step) (applied []string, ran []Step, err error) {
	todo := make([]Step, 0, len(due))
	for i := range due {
		if !due[i].superseded {
			todo = append(todo, due[i])
			continue
		}
		if !o.DryRun {
			ran = append(ran, due[i])
		}
	}
	for _, wave := range waves(todo) {
		errs := make([]error, len(wave))
		if !o.DryRun {
			sideBySide(len(wave), func(i int) {
				step := &wave[i]
				errs[i] = conn.Exec(ctx, step.SQL)
			})
		}
		for i := range wave {
			if errs[i] != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", wave[i].Name, errs[i]))
				continue
			}
			applied = append(applied, wave[i].Name)
			if !o.DryRun {
				ran = append(ran, wave[i])
			}
		}
		if err != nil {
			return applied, ran, err
		}
	}
	return applied, ran, nil
}

// sideBySide calls do for 0 to n-1, atOnce of them at a time, and waits for all.
func sideBySide(n int, do func(int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wg.Wait()
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
