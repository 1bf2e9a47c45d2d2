package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/chdb"
)

func init() { storeCommands = append(storeCommands, newStoreInstallCommand) }

func newStoreInstallCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "install",
		Short: "Fetch the embedded engine (about 166 MB, with npm)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := chdb.Install(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
}
