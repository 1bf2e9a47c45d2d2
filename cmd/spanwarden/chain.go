package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/chain/vectors"
)

func init() { commands = append(commands, newChainCommand) }

func newChainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "chain",
		Aliases: []string{"chains"},
		Short:   "Delegation chains: show one as an auditor needs it, run test vectors",
	}
	cmd.AddCommand(newChainTestCommand(), newChainShowCommand())
	return cmd
}

var errVectors = errors.New("vectors failed")

func newChainTestCommand() *cobra.Command {
	var c vectors.Config
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run files of delegation vectors, a line a vector and one for each difference",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			failed := 0
			for _, name := range args {
				n, err := runVectors(cmd.OutOrStdout(), name, c)
				if err != nil {
					return err
				}
				failed += n
			}
			if failed > 0 {
				return fmt.Errorf("%d %w", failed, errVectors)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&c.Orders, "orders", 50, "random arrival orders besides that of the file")
	cmd.Flags().Uint64Var(&c.Seed, "seed", 1, "seed of the arrival orders")
	return cmd
}

// runVectors runs one file and returns how many of its vectors failed.
func runVectors(w io.Writer, name string, c vectors.Config) (failed int, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	f, err := vectors.Load(name, data)
	if err != nil {
		return 0, err
	}
	for _, r := range f.Run(c) {
		if len(r.Diffs) == 0 {
			if _, err := fmt.Fprintf(w, "ok    %-8s %s\n", r.ID, r.Title); err != nil {
				return failed, err
			}
			continue
		}
		failed++
		if _, err := fmt.Fprintf(w, "FAIL  %-8s %s (order %d)\n", r.ID, r.Title, r.Order); err != nil {
			return failed, err
		}
		for _, d := range r.Diffs {
			if _, err := fmt.Fprintf(w, "      %s\n", d); err != nil {
				return failed, err
			}
		}
	}
	return failed, nil
}
