package main

import (
	"fmt"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/chain/page"
	"github.com/spanwarden/spanwarden/internal/chainstore"
)

func newChainShowCommand() *cobra.Command {
	var s chainstore.Selector
	var dsn, html string
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print what an auditor needs of a delegation chain: who asked whom, within which limits, what was done, were they kept",
		Example: `  spanwarden chain show --session s-4711
  spanwarden chain show --chain 75e4f5fa992363eed40e3ff5bca549df --html chain.html`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd.Context(), dsn, func(conn driver.Conn, _ *clickhouse.Options) error {
				now := time.Now()
				pages, err := chainstore.Load(cmd.Context(), conn, s, now.Add(-since), now.Add(time.Hour))
				if err != nil {
					return err
				}
				for i := range pages {
					if html == "" {
						if _, err := fmt.Fprintln(cmd.OutOrStdout(), page.Text(&pages[i])); err != nil {
							return err
						}
						continue
					}
					raw, err := page.HTML(&pages[i])
					if err != nil {
						return err
					}
					file := html
					if len(pages) > 1 {
						file = pages[i].Chain.ID + "-" + html
					}
					if err := os.WriteFile(file, raw, 0o600); err != nil {
						return err
					}
					if _, err := fmt.Fprintln(cmd.OutOrStdout(), "written:", file); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	storeFlag(cmd, &dsn)
	f := cmd.Flags()
	f.StringVar(&s.Chain, "chain", "", "the chain's id")
	f.StringVar(&s.Trace, "trace", "", "every chain with a run in this trace, 32 hex digits")
	f.StringVar(&s.Session, "session", "", "every chain of this session")
	f.StringVar(&html, "html", "", "write a self-contained HTML file instead")
	f.DurationVar(&since, "since", 400*24*time.Hour, "how far back records are looked for")
	return cmd
}
