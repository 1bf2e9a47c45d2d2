package main

import "github.com/spf13/cobra"

// storeCommands are the subcommands of store; each file adds its own in init.
var storeCommands []func() *cobra.Command

func init() { commands = append(commands, newStoreCommand) }

func newStoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "The audit store: the embedded engine and the schema",
	}
	for _, sub := range storeCommands {
		cmd.AddCommand(sub())
	}
	return cmd
}
