package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/operator"
)

func init() { commands = append(commands, newHaltCommand) }

// tokenEnv holds the operator's bearer token: a flag would be seen by everybody
// who may list processes.
const tokenEnv = "SPANWARDEN_TOKEN"

func newHaltCommand() *cobra.Command {
	client := &operator.Client{}
	cmd := &cobra.Command{
		Use:   "halt",
		Short: "Halts in force: list, set, release",
		PersistentPreRun: func(*cobra.Command, []string) {
			client.Token = os.Getenv(tokenEnv)
		},
	}
	cmd.PersistentFlags().StringVar(&client.Base, "collector", "http://127.0.0.1:4320", "address of the collector's decision receiver; a token for it is taken from "+tokenEnv)
	cmd.AddCommand(newHaltListCommand(client), newHaltSetCommand(client), newHaltReleaseCommand(client))
	return cmd
}

func newHaltListCommand(client *operator.Client) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "What is halted, since when, by which rule and why",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			halts, err := client.Halts(cmd.Context())
			if err != nil {
				return err
			}
			if len(halts) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no halts are in force")
				return err
			}
			return printHalts(cmd.OutOrStdout(), halts)
		},
	}
}

func printHalts(out io.Writer, halts []operator.Halt) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tEFFECT\tSCOPE\tKEY\tSINCE\tUNTIL\tRULE\tREASON") // the writer keeps its error for Flush
	for i := range halts {
		h := &halts[i]
		until, rule := "released by a person", h.Rule
		if h.Until != nil {
			until = h.Until.UTC().Format(time.RFC3339)
		}
		if h.Budget != "" {
			rule = "budget " + h.Budget
		}
		if h.By != "" {
			rule = "by " + h.By
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.ID, h.Effect, h.Scope, haltKey(h), h.Since.UTC().Format(time.RFC3339), until, rule, h.Reason)
	}
	return w.Flush()
}

func haltKey(h *operator.Halt) string {
	key := strconv.Quote(h.Key)
	if h.Tenant != "" && h.Scope != "tenant" {
		key = strconv.Quote(h.Tenant) + " " + key
	}
	if part := h.Run + h.Session; part != "" {
		key += " part " + strconv.Quote(part)
	}
	return key
}

var errWhy = errors.New("--reason: say why, in a sentence; it becomes audit evidence")

func newHaltSetCommand(client *operator.Client) *cobra.Command {
	var o operator.Order
	var until string
	cmd := &cobra.Command{
		Use:     "set",
		Short:   "Halt a tenant, project, agent, session, principal or delegation chain",
		Example: "  spanwarden halt set --scope session --key s-4711 --reason \"customer reports wrong mails\"",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Reason == "" {
				return errWhy
			}
			if until != "" {
				t, err := time.Parse(time.RFC3339, until)
				if err != nil {
					return fmt.Errorf("--until: want RFC 3339, such as 2026-12-01T08:00:00Z, not %q", until)
				}
				o.Until = &t
			}
			h, err := client.Halt(cmd.Context(), &o)
			if err != nil {
				return err
			}
			return printHalts(cmd.OutOrStdout(), []operator.Halt{h})
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Scope, "scope", "", "tenant, project, agent, session, principal or delegation_root")
	f.StringVar(&o.Key, "key", "", "which one")
	f.StringVar(&o.Tenant, "tenant", "", "of which tenant")
	f.StringVar(&o.Session, "session", "", "halt only this session of it")
	f.StringVar(&o.Run, "run", "", "halt only this run of it")
	f.StringVar(&o.Effect, "effect", "halt", "halt or deny")
	f.StringVar(&until, "until", "", "when it ends by itself, in RFC 3339; else a person releases it")
	addWho(cmd, &o.By, &o.Reason)
	return cmd
}

func newHaltReleaseCommand(client *operator.Client) *cobra.Command {
	var by, reason string
	cmd := &cobra.Command{
		Use:   "release ID",
		Short: "Let a halted scope go on",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return errWhy
			}
			h, err := client.Release(cmd.Context(), args[0], by, reason)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "released: %s %s may go on\n", h.Scope, haltKey(&h))
			return err
		},
	}
	addWho(cmd, &by, &reason)
	return cmd
}

// addWho adds the flags that say who acts and why.
func addWho(cmd *cobra.Command, by, reason *string) {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	cmd.Flags().StringVar(by, "by", name, "who does this")
	cmd.Flags().StringVar(reason, "reason", "", "why, in a sentence; required")
}
