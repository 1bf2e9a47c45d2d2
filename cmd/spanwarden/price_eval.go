package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/pricing/oracle"
)

func newPriceEvalCommand() *cobra.Command {
	var prices string
	cmd := &cobra.Command{
		Use:   "eval FILE",
		Short: "Price a file of cost cases and compare",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			book, err := loadPrices(prices)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			cases, err := oracle.Read(bytes.NewReader(data))
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return eval(cmd, oracle.RunAll(book, cases))
		},
	}
	cmd.Flags().StringVar(&prices, "prices", "", "override file")
	return cmd
}

func eval(cmd *cobra.Command, verdicts []oracle.Verdict) error {
	type tally struct{ agree, excused, disagree int }
	groups := map[string]*tally{}
	bad := 0
	var b strings.Builder
	for _, v := range verdicts {
		g := groups[v.Case.Group]
		if g == nil {
			g = &tally{}
			groups[v.Case.Group] = g
		}
		switch {
		case v.Problem == "":
			g.agree++
			continue
		case v.Excused != "":
			g.excused++
			fmt.Fprintf(&b, "excused   %s %s: %s (%s)\n", v.Case.ID, v.Case.Model, v.Problem, v.Excused)
		default:
			g.disagree++
			bad++
			fmt.Fprintf(&b, "DISAGREES %s %s: %s\n", v.Case.ID, v.Case.Model, v.Problem)
		}
	}
	fmt.Fprintf(&b, "%-22s %7s %8s %9s\n", "group", "agree", "excused", "disagree")
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		fmt.Fprintf(&b, "%-22s %7d %8d %9d\n", name, g.agree, g.excused, g.disagree)
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), b.String()); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%w: %d of %d", errDisagree, bad, len(verdicts))
	}
	return nil
}
