package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/policy"
)

func init() { commands = append(commands, newPolicyCommand) }

func newPolicyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "policy",
		Aliases: []string{"policies"},
		Short:   "The registry of what agents may do: check it, test it, explain a decision",
	}
	cmd.AddCommand(newPolicyCheckCommand(), newPolicyTestCommand(), newPolicyExplainCommand(), newPolicySuggestCommand())
	return cmd
}

// policyFiles are the files below some paths, by what they hold.
type policyFiles struct {
	registry, cases []policy.File
	skipped         []string
}

// readPolicyFiles reads files, and directories with all below them. In a
// directory only YAML and JSON count, and files of other things are skipped; a
// file that is named must hold something of ours.
func readPolicyFiles(paths []string) (*policyFiles, error) {
	out := &policyFiles{}
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			named := path == root
			switch strings.ToLower(filepath.Ext(path)) {
			case ".yaml", ".yml", ".json":
			default:
				if !named || entry.IsDir() {
					return nil
				}
			}
			if entry.IsDir() {
				return nil
			}
			return out.add(path, named)
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *policyFiles) add(path string, named bool) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f := policy.File{Name: path, Data: data}
	switch kind := f.Kind(); {
	case kind == policy.RegistryFile:
		p.registry = append(p.registry, f)
	case kind == policy.CasesFile:
		p.cases = append(p.cases, f)
	case named:
		return fmt.Errorf("%s: neither a registry (apiVersion: %s) nor tests (cases:)", path, policy.APIVersion)
	default:
		p.skipped = append(p.skipped, path)
	}
	return nil
}

// load compiles the registry of the files; there must be one.
func (p *policyFiles) load() (*policy.Registry, error) {
	if len(p.registry) == 0 {
		return nil, fmt.Errorf("no file with apiVersion: %s", policy.APIVersion)
	}
	return policy.Load(p.registry)
}

var errPolicyWarnings = errors.New("the registry loads, but does not do what it seems to")

// parseAt reads --at; empty is now.
func parseAt(at string) (time.Time, error) {
	if at == "" {
		return time.Now(), nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return t, fmt.Errorf("--at: %q is no RFC 3339 time such as 2026-09-24T12:00:00Z", at)
	}
	return t, nil
}

func newPolicyCheckCommand() *cobra.Command {
	var strict bool
	var at string
	cmd := &cobra.Command{
		Use:     "check DIR|FILE...",
		Aliases: []string{"lint"},
		Short:   "Load a registry strictly and say what its author may not mean",
		Long: "Load a registry strictly: every fault is named with file, line, column and key.\n" +
			"Then look for rules that never match, rights that a deny rule takes away, patterns that are\n" +
			"too wide or not anchored, and entries that have run out or soon will.\n" +
			"It fails on faults and on what makes an entry not do what it seems to; with --strict on any warning.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			now, err := parseAt(at)
			if err != nil {
				return err
			}
			files, err := readPolicyFiles(args)
			if err != nil {
				return err
			}
			registry, err := files.load()
			if err != nil {
				return err
			}
			return printCheck(cmd.OutOrStdout(), files, registry, registry.Lint(now), strict)
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "fail on any warning")
	cmd.Flags().StringVar(&at, "at", "", "time to hold validity against, RFC 3339 (default now)")
	return cmd
}

func printCheck(w io.Writer, files *policyFiles, r *policy.Registry, warnings []policy.Warning, strict bool) error {
	var b strings.Builder
	serious := false
	for _, warning := range warnings {
		level := "warning"
		if warning.Serious {
			level, serious = "error", true
		}
		fmt.Fprintf(&b, "%s [%s]\n", warning, level)
	}
	for _, name := range files.skipped {
		fmt.Fprintf(&b, "%s: skipped, holds nothing of a registry\n", name)
	}
	rules := 0
	for _, a := range r.Agents() {
		rules += len(a.Rules())
	}
	fmt.Fprintf(&b, "%d files, %d agents, %d rules, %d warnings, version %s\n",
		len(files.registry), len(r.Agents()), rules, len(warnings), r.Version())
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	if serious || strict && len(warnings) > 0 {
		return errPolicyWarnings
	}
	return nil
}
