package verify

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// checkViews holds the views that auditors ask against what the migrations made.
// Rows are verified without them; answers are not. Tables have to be tables: a view
// in the place of one could show what it likes.
func (v *verifier) checkViews(ctx context.Context) error {
	engines, selects, database, err := v.readObjects(ctx)
	if err != nil {
		return err
	}
	for _, name := range append(v.tableNames(), "ledger_batches", "ledger_checkpoints") {
		if e, ok := engines[name]; ok && !strings.HasSuffix(e, "MergeTree") {
			v.report.add(Issue{Result: Tampered, Kind: "table_replaced", Table: name, Text: fmt.Sprintf("%s is no table that keeps rows, but a %s: what is read from it may be anything", name, e)})
		}
	}
	opts := audit.Options{Database: database}
	if v.suffix != "" {
		opts.Cluster = "any" // it does not stand in the views
	}
	views, err := audit.Views(opts)
	if err != nil {
		return err
	}
	applied, err := v.appliedSteps(ctx)
	if err != nil || len(applied) == 0 {
		v.report.Notes = append(v.report.Notes, "views were not looked at: schema_migrations cannot be read")
		return nil
	}
	known := v.knowsAll(applied, &opts)
	for i := range views {
		want := &views[i]
		if applied[want.Version] != want.Checksum {
			continue // of another version of the schema
		}
		have, ok := selects[want.Name]
		if !ok {
			v.report.add(viewIssue(want.Name, "is not there", known))
			continue
		}
		if same, err := v.sameQuery(ctx, have, want.Select); err != nil {
			v.report.Notes = append(v.report.Notes, fmt.Sprintf("view %s could not be compared: %v", want.Name, err))
		} else if !same {
			v.report.add(viewIssue(want.Name, "is not what the migrations made", known))
		}
	}
	return nil
}

// knowsAll tells whether this program has all steps that the store went through: one
// of a later version may have made a view anew.
func (v *verifier) knowsAll(applied map[uint32]string, opts *audit.Options) bool {
	steps, err := audit.Steps(*opts)
	if err != nil {
		return false
	}
	mine := map[uint32]bool{}
	for i := range steps {
		mine[steps[i].Version] = true
	}
	for version := range applied {
		if !mine[version] {
			return false
		}
	}
	return true
}

func viewIssue(name, what string, known bool) Issue {
	if !known {
		return Issue{Result: CannotTell, Kind: "view_unknown", Table: name, Text: fmt.Sprintf("view %s %s of this version, and the store was migrated by another: verify with that one", name, what)}
	}
	return Issue{Result: Tampered, Kind: "view_altered", Table: name, Text: fmt.Sprintf("view %s %s: what it answers cannot be relied on, whatever the rows are", name, what)}
}

func (v *verifier) tableNames() []string {
	tables := v.tablesOf()
	names := make([]string, len(tables))
	for i := range tables {
		names[i] = tables[i].Name
	}
	return names
}

func (v *verifier) readObjects(ctx context.Context) (engines, selects map[string]string, database string, err error) {
	rows, err := v.conn.Query(ctx, "SELECT name, engine, as_select, database FROM system.tables WHERE database = currentDatabase()")
	if err != nil {
		return nil, nil, "", err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	engines, selects = map[string]string{}, map[string]string{}
	for rows.Next() {
		var name, engine, query string
		if err := rows.Scan(&name, &engine, &query, &database); err != nil {
			return nil, nil, "", err
		}
		if engines[name] = engine; engine == "View" {
			selects[name] = query
		}
	}
	return engines, selects, database, rows.Err()
}

func (v *verifier) appliedSteps(ctx context.Context) (map[uint32]string, error) {
	rows, err := v.conn.Query(ctx, "SELECT version, checksum FROM schema_migrations FINAL")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	applied := map[uint32]string{}
	for rows.Next() {
		var version uint32
		var sum string
		if err := rows.Scan(&version, &sum); err != nil {
			return nil, err
		}
		applied[version] = sum
	}
	return applied, rows.Err()
}

// parameter is a parameter of a query, which is not parsed without its value.
var parameter = regexp.MustCompile(`\{([a-z_0-9]+): ?([^{}]+)\}`)

// sameQuery compares what the server parses of two queries: it writes a view in a
// way of its own.
func (v *verifier) sameQuery(ctx context.Context, a, b string) (same bool, err error) {
	// What takes the place of a parameter is a word, so that it ends no literal: the text
	// of a view is whatever somebody who can change the store wrote.
	tree := func(query string) string {
		query = parameter.ReplaceAllStringFunc(query, func(p string) string {
			m := parameter.FindStringSubmatch(p)
			return fmt.Sprintf("parameter_%s_%x", m[1], strings.NewReplacer("'", "", `\`, "", " ", "").Replace(m[2]))
		})
		return "(SELECT arrayStringConcat(groupArray(explain), '\n') FROM (EXPLAIN AST " + query + "))"
	}
	err = v.conn.QueryRow(ctx, "SELECT toBool("+tree(a)+" = "+tree(b)+")").Scan(&same)
	return same, err
}
