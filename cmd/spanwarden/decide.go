package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/client/spanwarden"
)

func init() { commands = append(commands, newDecideCommand) }

var errNotAllowed = errors.New("not allowed")

// newDecideCommand asks as an agent would; the decision is recorded like any
// other.
func newDecideCommand() *cobra.Command {
	client := &spanwarden.Client{}
	var a spanwarden.Action
	var principal, args string
	cmd := &cobra.Command{
		Use:     "decide TOOL",
		Short:   "Ask the collector whether an agent may use a tool now; exit 1 if not",
		Example: "  spanwarden decide delete_customer --agent support --principal user:alice --args '{\"customer_id\": \"42\"}'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			client.Token, a.Tool = os.Getenv(tokenEnv), argv[0]
			if principal != "" {
				var ok bool
				if a.PrincipalType, a.PrincipalID, ok = strings.Cut(principal, ":"); !ok {
					return fmt.Errorf("--principal: want type:id, such as user:alice, not %q", principal)
				}
			}
			if args != "" {
				if err := json.Unmarshal([]byte(args), &a.Arguments); err != nil {
					return fmt.Errorf("--args: want a JSON object: %w", err)
				}
			}
			d, err := client.May(cmd.Context(), a)
			if err != nil {
				return err
			}
			var text strings.Builder
			text.WriteString(d.Effect)
			for _, part := range [...][2]string{{"reason", d.Reason}, {"rule", d.Rule}, {"end", d.Terminate}, {"decision", d.ID}} {
				if part[1] != "" {
					text.WriteString("  " + part[0] + " " + part[1])
				}
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), text.String()); err != nil {
				return err
			}
			if !d.Allowed {
				return errNotAllowed
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&client.Base, "collector", "http://127.0.0.1:4320", "address of the collector's decision receiver; a token for it is taken from "+tokenEnv)
	f.StringVar(&client.Agent, "agent", "", "who acts; required")
	f.StringVar(&principal, "principal", "", "on whose behalf, as type:id")
	f.StringVar(&args, "args", "", "arguments, a JSON object")
	f.StringVar(&a.Operation, "operation", "", "read, write, delete, execute, send, delegate, invoke_model or admin; else as the registry's catalog says")
	f.StringVar(&a.Resource, "resource", "", "a URI; else as the registry's catalog says")
	f.StringVar(&a.Session, "session", "", "session id")
	f.StringVar(&a.DelegationID, "delegation", "", "delegation id")
	f.StringVar(&a.ApprovalID, "approval", "", "approval id")
	_ = cmd.MarkFlagRequired("agent") // fails only for a flag that does not exist
	return cmd
}
