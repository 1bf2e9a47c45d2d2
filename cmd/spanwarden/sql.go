package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// storeFlag adds --dsn.
func storeFlag(cmd *cobra.Command, dsn *string) {
	cmd.PersistentFlags().StringVar(dsn, "dsn", "", "where the store is (default $"+envDSN+", else http://127.0.0.1:8123/"+audit.DefaultDatabase+")")
}

// storeOptions reads the address of the store; the database is ours where it names
// none.
func storeOptions(dsn string) (*clickhouse.Options, error) {
	opts, err := audit.ParseDSN(cmp.Or(dsn, os.Getenv(envDSN), "http://127.0.0.1:8123"))
	if err != nil {
		return nil, err
	}
	if db := opts.Auth.Database; db == "" || db == "default" {
		opts.Auth.Database = audit.DefaultDatabase
	}
	return opts, nil
}

// withStore gives f a connection and adds to its error what can be done about it.
func withStore(ctx context.Context, dsn string, f func(driver.Conn, *clickhouse.Options) error) error {
	opts, err := storeOptions(dsn)
	if err != nil {
		return err
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return fmt.Errorf("connecting to the store: %w", err)
	}
	if err := conn.Ping(ctx); err != nil {
		return errors.Join(advise(fmt.Errorf("connecting to the store at %v: %w", opts.Addr, err)), conn.Close())
	}
	return errors.Join(advise(f(conn, opts)), conn.Close())
}

// What the store's own words leave open.
const (
	unknownTable    = 60
	unknownFunction = 46 // as which it names an unknown parameterised view
	unknownDatabase = 81
	wrongPassword   = 516
)

func advise(err error) error {
	if err == nil {
		return nil
	}
	exception, ok := errors.AsType[*clickhouse.Exception](err)
	switch {
	case !ok:
		return err
	case exception.Code == unknownDatabase:
		return fmt.Errorf("%w\nthe store has no such database: name one in --dsn, or run `spanwarden store migrate`", err)
	case exception.Code == unknownTable || exception.Code == unknownFunction:
		return fmt.Errorf("%w\nthe store's schema is older than this program: run `spanwarden store migrate`", err)
	case exception.Code == wrongPassword:
		return fmt.Errorf("%w\nuser and password stand in --dsn: http://user:password@host:8123", err)
	}
	return err
}
