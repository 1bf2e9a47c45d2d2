package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/roles"
)

func init() { storeCommands = append(storeCommands, newStoreMigrateCommand) }

// envDSN names the store where --dsn does not.
const envDSN = "SPANWARDEN_CLICKHOUSE_DSN"

func newStoreMigrateCommand() *cobra.Command {
	var dsn string
	var opts audit.Options
	var justRoles bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Create or upgrade the schema of the audit store",
		Long: "Brings the audit store to the newest schema. Every step is idempotent; several may migrate at once.\n" +
			"With --dry-run the SQL of all steps is printed and no server is asked.\n" +
			"With --roles roles are made instead: who may write, read, answer, delete, migrate. Give each user one.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.OutOrStdout()) // Print goes to the error stream otherwise
			if err := opts.Validate(); err != nil {
				return err
			}
			switch {
			case opts.DryRun && justRoles:
				return printRoles(cmd, opts)
			case opts.DryRun:
				return printSteps(cmd, opts)
			}
			run := migrate
			if justRoles {
				run = makeRoles
			}
			return run(cmd, cmp.Or(dsn, os.Getenv(envDSN), "http://127.0.0.1:8123"), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&dsn, "dsn", "", "where the store is (default $"+envDSN+", else http://127.0.0.1:8123)")
	flags.StringVar(&opts.Database, "database", audit.DefaultDatabase, "database that holds the tables")
	flags.StringVar(&opts.Cluster, "cluster", "", "cluster to create the schema on")
	flags.BoolVar(&justRoles, "roles", false, "make the roles of the store instead: "+strings.Join(roles.Names(), ", "))
	flags.BoolVar(&opts.DryRun, "dry-run", false, "print the SQL instead of running it")
	return cmd
}

func printSteps(cmd *cobra.Command, opts audit.Options) error {
	steps, err := audit.Steps(opts)
	if err != nil {
		return err
	}
	for _, s := range steps {
		cmd.Printf("-- %d: %s\n%s;\n\n", s.Version, s.Name, s.SQL)
	}
	return nil
}

func printRoles(cmd *cobra.Command, opts audit.Options) error {
	statements, err := roles.Statements(opts)
	for _, s := range statements {
		cmd.Printf("%s;\n", s.SQL)
	}
	return err
}

func makeRoles(cmd *cobra.Command, dsn string, opts audit.Options) error {
	conn, err := connect(cmd, dsn, &opts)
	if err != nil {
		return err
	}
	n, err := roles.Apply(cmd.Context(), conn, opts)
	if err == nil {
		cmd.Printf("done: %d statements, roles %s\n", n, strings.Join(roles.Names(), ", "))
	}
	return errors.Join(err, conn.Close())
}

// connect is for what works on a database that may not exist yet.
func connect(cmd *cobra.Command, dsn string, opts *audit.Options) (driver.Conn, error) {
	options, err := audit.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	if db := options.Auth.Database; db != "" && db != "default" && !cmd.Flags().Changed("database") {
		opts.Database = db
	}
	options.Auth.Database = "default"
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("connecting to the store: %w", err)
	}
	return conn, nil
}

func migrate(cmd *cobra.Command, dsn string, opts audit.Options) error {
	conn, err := connect(cmd, dsn, &opts)
	if err != nil {
		return err
	}
	applied, err := audit.Migrate(cmd.Context(), conn, opts)
	for _, step := range applied {
		cmd.Println("done:", step)
	}
	if err == nil && len(applied) == 0 {
		cmd.Println("nothing to do: the schema is the newest")
	}
	return errors.Join(err, conn.Close())
}
