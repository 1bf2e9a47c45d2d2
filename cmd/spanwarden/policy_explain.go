package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/policy"
)

// policyExplainFlags are the facts of one action.
type policyExplainFlags struct {
	action, agent, principal, args, at string
	span                               bool
	data                               []string
	request                            policy.Request
}

func newPolicyExplainCommand() *cobra.Command {
	f := policyExplainFlags{}
	cmd := &cobra.Command{
		Use:   "explain DIR|FILE... --agent ID --tool NAME",
		Short: "Say what one action would be answered, and what every rule makes of it",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := readPolicyFiles(args)
			if err != nil {
				return err
			}
			registry, err := files.load()
			if err != nil {
				return err
			}
			agent, request, err := f.read()
			if err != nil {
				return err
			}
			x := registry.Agent(agent).Explain(&request)
			return printPolicyExplanation(cmd.OutOrStdout(), agent, registry, &x)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.action, "action", "", "file with the action, YAML or JSON, - for standard input; keys as in a test")
	flags.StringVar(&f.agent, "agent", "", "id of the agent")
	flags.StringVar(&f.principal, "principal", "", "on whose behalf, type:id")
	flags.StringVar(&f.request.Actor.Version, "agent-version", "", "version of the agent")
	flags.StringVar(&f.request.Tool, "tool", "", "tool, mcp/<server>/<tool> or a plain name")
	flags.StringVar(&f.request.Operation, "operation", "", "one of "+strings.Join(policy.Operations(), ", "))
	flags.StringVar(&f.request.Resource, "resource", "", "resource, a URI or path")
	flags.StringVar(&f.args, "args", "", "arguments, a JSON object")
	flags.StringVar(&f.request.Model, "model", "", "model, provider/model")
	flags.StringVar(&f.request.Delegatee, "delegatee", "", "agent the work is handed to")
	flags.StringSliceVar(&f.data, "data", nil, "classes of the data")
	flags.StringVar(&f.at, "at", "", "time of the action, RFC 3339 (default now)")
	flags.BoolVar(&f.span, "span", false, "judge as telemetry: what is not given is unknown, not absent")
	return cmd
}

// read takes the action from the file, else from the flags.
func (f *policyExplainFlags) read() (string, policy.Request, error) {
	now, err := parseAt(f.at)
	if err != nil {
		return "", policy.Request{}, err
	}
	if f.action != "" {
		in := os.Stdin
		if f.action != "-" {
			file, err := os.Open(f.action)
			if err != nil {
				return "", policy.Request{}, err
			}
			defer file.Close() //nolint:errcheck // it was only read
			in = file
		}
		data, err := io.ReadAll(io.LimitReader(in, 4<<20))
		if err != nil {
			return "", policy.Request{}, err
		}
		agent, q, err := policy.ParseAction(policy.File{Name: f.action, Data: data})
		if q.Time.IsZero() && q.Lost&policy.FieldTime == 0 {
			q.Time = now
		}
		return agent, q, err
	}
	if f.agent == "" {
		return "", policy.Request{}, errors.New("--agent is missing (or --action, a file)")
	}
	q := f.request
	q.Source = policy.FromRequest
	if f.span {
		q.Source = policy.FromSpan
	}
	if len(f.data) > 0 {
		q.Data = f.data
	}
	if f.principal != "" {
		kind, id, ok := strings.Cut(f.principal, ":")
		if !ok {
			return "", q, fmt.Errorf("--principal: %q is no type:id such as user:alice@acme.example", f.principal)
		}
		q.Principal = policy.Principal{Type: kind, ID: id, Grade: policy.GradeDeclared}
	}
	q.Args = policy.ParseArgs([]byte(f.args))
	if f.args != "" && !q.Args.Known() {
		return "", q, fmt.Errorf("--args: %q is no JSON object with each member once", f.args)
	}
	q.Time = now
	q.Assume()
	return f.agent, q, nil
}

func printPolicyExplanation(w io.Writer, agent string, r *policy.Registry, x *policy.Explanation) error {
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", key, value)
		}
	}
	line("agent", agent)
	line("tool", x.Tool)
	line("operation", x.Operation)
	line("resource", x.Resource)
	effect := string(x.Effect)
	if x.Reason != "" {
		effect += " (" + string(x.Reason) + ")"
	}
	line("effect", effect)
	if x.Answer != x.Effect {
		line("answered", string(x.Answer)+" (mode "+string(x.Mode)+")")
	}
	line("verdict", string(x.Verdict))
	line("finding", x.Finding)
	if x.Rule != nil {
		line("rule", x.Rule.ID())
	}
	line("at", x.Arg)
	line("missing", strings.Join(x.Missing.Paths(), ", "))
	for _, note := range x.Notes {
		line("note", note)
	}
	other := 0
	for _, s := range x.Steps {
		if !s.Considered {
			other++
			continue
		}
		fmt.Fprintf(&b, "  %-5s %-24s %-8s %s (%s:%d)\n", s.Rule.List(), s.Rule.ID(), s.Outcome.Truth, s.Why, s.Rule.Place().File, s.Rule.Place().Line)
	}
	if other > 0 {
		fmt.Fprintf(&b, "  and %d rules for other tools or other kinds of actions\n", other)
	}
	line("version", r.Version())
	_, err := io.WriteString(w, b.String())
	return err
}
