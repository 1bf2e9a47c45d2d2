package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/policy"
)

var errPolicyTests = errors.New("the registry does not decide as its tests expect")

func newPolicyTestCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:   "test DIR|FILE...",
		Short: "Run the tests beside a registry: action, expected effect and rule",
		Long: "Run the tests beside a registry. A file of tests has a list, cases; each case has the facts of an action\n" +
			"(agent, principal, tool, operation, resource, args, at, …), expect (allow, deny, ask, or a mapping of effect,\n" +
			"verdict, reason, finding, missing) and optionally the rule that must decide. Without at an action is done now;\n" +
			"without version the entry holds; without used nothing was used of a rate.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := readPolicyFiles(args)
			if err != nil {
				return err
			}
			registry, err := files.load()
			if err != nil {
				return err
			}
			return runPolicyTests(cmd.OutOrStdout(), registry, files.cases, time.Now(), verbose)
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "name the cases that pass, too")
	return cmd
}

func runPolicyTests(w io.Writer, registry *policy.Registry, files []policy.File, now time.Time, verbose bool) error {
	var all []policy.Case
	errs := make([]error, 0, len(files))
	for _, f := range files {
		cases, err := policy.ParseCases(f)
		all = append(all, cases...)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("no tests: a file of tests has a list, cases")
	}
	failed := 0
	for i := range all {
		c := &all[i]
		if c.Request.Time.IsZero() && c.Request.Lost&policy.FieldTime == 0 {
			c.Request.Time = now
		}
		result, diff := c.Run(registry)
		for _, d := range diff {
			if _, err := fmt.Fprintf(w, "%s:%d: %s: %s\n", c.Place.File, c.Place.Line, c.Name, d); err != nil {
				return err
			}
		}
		if len(diff) > 0 {
			failed++
		} else if verbose {
			if _, err := fmt.Fprintf(w, "ok %s: %s\n", c.Name, result.Effect); err != nil {
				return err
			}
		}
	}
	if _, err := fmt.Fprintf(w, "%d cases, %d failed\n", len(all), failed); err != nil {
		return err
	}
	if failed > 0 {
		return errPolicyTests
	}
	return nil
}
