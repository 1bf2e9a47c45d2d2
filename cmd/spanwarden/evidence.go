package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/evidence/catalogue"
	"github.com/spanwarden/spanwarden/internal/audit"
)

func init() { commands = append(commands, newEvidenceCommand) }

func newEvidenceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "evidence",
		Short: "Evidence for an audit: questions by control, their answers, and packs of them",
		Long: "The questions of an audit, by control. Each answer says what its rows, or their absence, mean: nobody watched, it was watched and nothing occurred,\n" +
			"or all that occurred passed. All times are UTC, also days.",
	}
	cmd.AddCommand(newEvidenceListCommand(), newEvidenceShowCommand(), newEvidenceRunCommand(), newEvidencePackCommand(), newEvidenceCheckCommand())
	return cmd
}

// evidenceFilter chooses questions of the catalogue.
type evidenceFilter struct{ framework, control, section string }

func (f *evidenceFilter) queries() ([]catalogue.Query, error) {
	frameworks, err := catalogue.Frameworks()
	if err != nil {
		return nil, err
	}
	all, err := catalogue.List()
	if err != nil {
		return nil, err
	}
	if f.framework != "" {
		if _, err := chooseFrameworks(frameworks, f.framework); err != nil {
			return nil, err
		}
	}
	if _, c := catalogue.FindControl(frameworks, f.control); f.control != "" && c == nil {
		return nil, fmt.Errorf("--control: there is no control %q; write it as in `spanwarden evidence list`, such as CC6.1, A.5.15, 42001-A.6.2.8 or AIA-12", f.control)
	}
	if f.section != "" && catalogue.Sections[strings.ToUpper(f.section)] == "" {
		return nil, fmt.Errorf("--section: want a letter from A to E, not %q", f.section)
	}
	return slices.DeleteFunc(all, func(q catalogue.Query) bool {
		return f.section != "" && q.Section != strings.ToUpper(f.section) ||
			f.control != "" && !slices.Contains(q.Controls, f.control) ||
			f.framework != "" && f.framework != everyFramework && !slices.ContainsFunc(q.Controls, func(id string) bool {
				of, _ := catalogue.FindControl(frameworks, id)
				return of != nil && of.ID == f.framework
			})
	}), nil
}

const everyFramework = "all"

// chooseFrameworks returns the framework of an id, or all.
func chooseFrameworks(all []catalogue.Framework, id string) ([]catalogue.Framework, error) {
	if id == everyFramework {
		return all, nil
	}
	ids := make([]string, 0, len(all)+1)
	for i := range all {
		if all[i].ID == id {
			return all[i : i+1], nil
		}
		ids = append(ids, all[i].ID)
	}
	return nil, fmt.Errorf("--framework: want one of %s, not %q", strings.Join(append(ids, everyFramework), ", "), id)
}

func newEvidenceListCommand() *cobra.Command {
	var filter evidenceFilter
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the questions and the controls they are evidence for",
		Example: "  spanwarden evidence list --framework soc2 --section B",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			queries, err := filter.queries()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			section := ""
			for i := range queries {
				q := &queries[i]
				if q.Section != section {
					section = q.Section
					if err := w.Flush(); err != nil {
						return err
					}
					fmt.Fprintf(w, "%s  %s\n", section, catalogue.Sections[section]) //nolint:errcheck // Flush returns it
				}
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", q.Number, q.ID, q.Question, strings.Join(q.Controls, " ")) //nolint:errcheck // Flush returns it
			}
			if len(queries) == 0 {
				cmd.PrintErrln("No question is evidence for that.")
			}
			return w.Flush()
		},
	}
	f := cmd.Flags()
	f.StringVar(&filter.framework, "framework", "", "only of this framework: soc2, iso27001, iso42001, eu-ai-act, nist, finra, sec-17a-4, at-c")
	f.StringVar(&filter.control, "control", "", "only evidence for this control, such as CC6.1 or A.5.15")
	f.StringVar(&filter.section, "section", "", "only this part of the catalogue, a letter from A to E")
	return cmd
}

func newEvidenceShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Print a question: controls, columns, parameters, what its answers mean, and its SQL",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := catalogue.Get(args[0])
			if err != nil {
				return err
			}
			frameworks, err := catalogue.Frameworks()
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), showQuestion(frameworks, &q))
			return err
		},
	}
}

func showQuestion(frameworks []catalogue.Framework, q *catalogue.Query) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d  %s  (version %s)\n%s\n\nControls\n", q.Number, q.ID, q.Version, q.Question)
	for _, id := range q.Controls {
		if f, c := catalogue.FindControl(frameworks, id); c != nil {
			fmt.Fprintf(&b, "  %-16s %s (%s %s)\n", id, c.Title, f.Name, f.Version)
		}
	}
	b.WriteString("\nParameters\n")
	for _, p := range q.Params {
		fmt.Fprintf(&b, "  %-16s %s (%s, %s)\n", p.Name, p.Doc, p.Type, defaultOf(p))
	}
	if len(q.Params) == 0 {
		b.WriteString("  none: it is about all that was ever stored\n")
	}
	fmt.Fprintf(&b, "\nColumns (rows are %s)\n", q.Shows)
	for _, c := range q.Columns {
		fmt.Fprintf(&b, "  %-16s %s\n", c.Name, c.Doc)
	}
	b.WriteString("\nWithout rows\n")
	for _, s := range []catalogue.State{catalogue.NotObserved, catalogue.ObservedZero, catalogue.ObservedFine} {
		if says := q.Says(s); says != "" {
			fmt.Fprintf(&b, "  %-16s %s\n", s, says)
		}
	}
	schema := audit.Options{}
	fmt.Fprintf(&b, "\n%s\n", schema.Render(q.View()))
	return b.String()
}
