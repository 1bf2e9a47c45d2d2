package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/chdb"
	"github.com/spanwarden/spanwarden/internal/storeserver"
)

func init() { storeCommands = append(storeCommands, newStoreServeCommand) }

func newStoreServeCommand() *cobra.Command {
	opts := storeserver.ServeOptions{Password: os.Getenv("SPANWARDEN_STORE_PASSWORD")}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the embedded ClickHouse engine over ClickHouse's HTTP interface",
		Long: `Serves the real ClickHouse engine, as a library in this process, over ClickHouse's
HTTP interface: drivers, curl and dashboards use it like a server. Fetch the engine
first with "spanwarden store install". For anything larger than one team, point the
collector at a ClickHouse server instead: the DSN is all that changes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			library, err := chdb.Installed()
			if err != nil {
				return err
			}
			opts.Library = library
			opts.Ready = func(address, version string) {
				scheme := "http"
				if opts.CertFile != "" {
					scheme = "https"
				}
				cmd.Printf("ClickHouse %s (embedded) ready at %s://%s, database %s, stored in %s\n", version, scheme, address, opts.Database, opts.Path)
				if host, _, err := net.SplitHostPort(address); err == nil && opts.User == "" && !net.ParseIP(host).IsLoopback() {
					cmd.PrintErrln("warning: anyone who reaches this address can read and write the audit store; set --user and SPANWARDEN_STORE_PASSWORD")
				}
			}
			return storeserver.Serve(ctx, opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Path, "path", "", "folder of the store (required)")
	f.StringVar(&opts.Listen, "listen", "127.0.0.1:8123", "address to listen on")
	f.StringVar(&opts.Database, "database", "spanwarden", "database to create, and to use where a request names none")
	f.StringVar(&opts.User, "user", "", "ask for this user; the password is in SPANWARDEN_STORE_PASSWORD")
	f.StringVar(&opts.CertFile, "tls-cert", "", "TLS certificate file (PEM)")
	f.StringVar(&opts.KeyFile, "tls-key", "", "TLS key file (PEM)")
	f.IntVar(&opts.Connections, "connections", 4, "queries at once, for writers and for readers each")
	f.Uint64Var(&opts.MaxMemory, "max-memory", 4<<30, "bytes of memory that one query may use; 0 means no bound")
	if err := cmd.MarkFlagRequired("path"); err != nil {
		panic(fmt.Sprintf("flag path: %v", err)) // a misspelt name above
	}
	return cmd
}
