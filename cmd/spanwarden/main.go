// Command spanwarden is the command-line tool around the audit store, the price
// book and the policy files. The collector itself is otelcol-spanwarden.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	if err := newRootCommand().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "spanwarden:", err)
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "spanwarden",
		Short:         "Govern AI agents from their telemetry: store, prices, evidence",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	for _, command := range commands {
		root.AddCommand(command())
	}
	return root
}

// commands are the top-level commands; each file adds its own in init, so that
// a new subject is a new file and nothing else.
var commands []func() *cobra.Command
