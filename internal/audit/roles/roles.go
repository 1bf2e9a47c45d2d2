// Package roles gives everybody in the store what they need and no more: SQL, one
// file for each role. No role has what another one is kept from.
package roles

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/internal/audit"
)

//go:embed *.sql
var files embed.FS

// Names returns the roles, in the order in which they are made. In the store a role is
// called by the database and its name: spanwarden_writer.
func Names() []string { return []string{"writer", "auditor", "operator", "retention", "migration"} }

// Statement makes a role or gives it something.
type Statement struct {
	Role string
	SQL  string
}

// Statements returns all statements in order. Each may run again.
func Statements(opts audit.Options) ([]Statement, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	var out []Statement
	for _, role := range Names() {
		raw, err := files.ReadFile(role + ".sql")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(raw)) {
			line = strings.TrimSuffix(strings.TrimSpace(line), ";")
			if line == "" || strings.HasPrefix(line, "--") {
				continue
			}
			sql, cluster := strings.CutPrefix(line, "{cluster_only}")
			if cluster && opts.Cluster == "" {
				continue
			}
			out = append(out, Statement{role, audit.Render(opts, sql)})
		}
	}
	return out, nil
}

// What a server answers that keeps no roles, or lets somebody else make them.
const (
	accessDenied       = 497
	noAccessStorage    = 514
	readonlyAccess     = 495
	unknownAccessEntry = 511
)

// ErrNoAccess means that the server keeps no users and roles that SQL could make.
var ErrNoAccess = errors.New("the server keeps no roles that SQL can make (it has no writable access storage): the embedded engine has none; on a server set " +
	"user_directories::local_directory")

// ErrDenied means that who is connected may not make roles.
var ErrDenied = errors.New("the user may not make roles: it needs access_management, or CREATE ROLE and what is granted WITH GRANT OPTION")

// Apply runs all statements. It names the one that failed.
func Apply(ctx context.Context, conn driver.Conn, opts audit.Options) (int, error) {
	statements, err := Statements(opts)
	if err != nil {
		return 0, err
	}
	for i, s := range statements {
		if err := conn.Exec(ctx, s.SQL); err != nil {
			return i, fmt.Errorf("role %s: %s: %w", s.Role, s.SQL, explain(err, directories(ctx, conn)))
		}
	}
	return len(statements), nil
}

// directories are the kinds of places where the server keeps users and roles; none
// where it does not tell.
func directories(ctx context.Context, conn driver.Conn) (kinds []string) {
	if err := conn.QueryRow(ctx, "SELECT groupArray(toString(type)) FROM system.user_directories").Scan(&kinds); err != nil {
		return nil
	}
	return kinds
}

// explain says what the server lacks. Where it refuses, and tells of no place that SQL
// could write to, nobody could make a role.
func explain(err error, directories []string) error {
	exception, ok := errors.AsType[*clickhouse.Exception](err)
	if !ok {
		return err
	}
	writable := func(kind string) bool {
		return strings.Contains(kind, "local") || strings.Contains(kind, "replicated") || strings.Contains(kind, "memory")
	}
	switch {
	case slices.Contains([]int32{noAccessStorage, readonlyAccess, unknownAccessEntry}, exception.Code),
		exception.Code == accessDenied && len(directories) > 0 && !slices.ContainsFunc(directories, writable):
		return fmt.Errorf("%w: %w", ErrNoAccess, err)
	case exception.Code == accessDenied:
		return fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return err
}
