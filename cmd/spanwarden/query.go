package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/evidence"
)

func init() { commands = append(commands, newQueryCommand) }

func newQueryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "query",
		Short: "Evidence queries: what the audit store can be asked",
	}
	cmd.AddCommand(newQueryListCommand(), newQueryShowCommand(), newQueryRunCommand())
	return cmd
}

func newQueryListCommand() *cobra.Command {
	var control string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the queries and the controls they are evidence for",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			queries, err := evidence.List()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			shown := 0
			for i := range queries {
				q := &queries[i]
				controls := strings.Join(q.Controls, " ")
				if control != "" && !strings.Contains(" "+controls+" ", " "+control+" ") {
					continue
				}
				shown++
				if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", q.ID, q.Question, controls); err != nil {
					return err
				}
			}
			if shown == 0 {
				return fmt.Errorf("no query is evidence for control %q; `spanwarden query list` shows all", control)
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&control, "control", "", "only queries that are evidence for this control, such as CC6.1 or A.5.15")
	return cmd
}

func newQueryShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Print a query: its question, parameters and SQL",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := evidence.Get(args[0])
			if err != nil {
				return err
			}
			var b strings.Builder
			fmt.Fprintf(&b, "-- %s\n-- controls: %s\n", q.Question, strings.Join(q.Controls, " "))
			for _, p := range q.Params {
				fmt.Fprintf(&b, "-- --param %s=… (%s, %s) %s\n", p.Name, p.Type, defaultOf(p), p.Doc)
			}
			fmt.Fprintf(&b, "-- empty: %s\n%s\n", q.Empty, q.SQL)
			_, err = fmt.Fprint(cmd.OutOrStdout(), b.String())
			return err
		},
	}
}

func defaultOf(p evidence.Param) string {
	switch {
	case !p.HasDefault:
		return "required"
	case p.Default == "":
		return "optional"
	default:
		return "default " + p.Default
	}
}

func newQueryRunCommand() *cobra.Command {
	var dsn, format string
	var params []string
	var maxRows int
	cmd := &cobra.Command{
		Use:   "run ID",
		Short: "Ask the audit store",
		Long: `Asks the audit store and prints the answer. An answer without rows is explained on the error stream: what it means, and what was watched in the period.
Times are now, now-30d, 2006-01-02, 2006-01-02 15:04:05 or RFC 3339, in UTC.`,
		Example: "  spanwarden query run session-trajectory --param session=s1\n" +
			"  spanwarden query run findings-by-control --param period_start=2026-10-01 --param period_end=2026-11-01 --format csv",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := evidence.Get(args[0])
			if err != nil {
				return err
			}
			values, err := parseParams(params)
			if err != nil {
				return err
			}
			bound, err := q.Bind(values, time.Now())
			if err != nil {
				return fmt.Errorf("%w\n`spanwarden query show %s` says what it takes", err, q.ID)
			}
			return withStore(cmd.Context(), dsn, func(conn driver.Conn, _ *clickhouse.Options) error {
				return runQuery(cmd, conn, &q, bound, format, maxRows)
			})
		},
	}
	storeFlag(cmd, &dsn)
	f := cmd.Flags()
	f.StringArrayVar(&params, "param", nil, "name=value, as often as needed")
	f.StringVar(&format, "format", evidence.Table, "one of "+strings.Join(evidence.Formats(), ", "))
	f.IntVar(&maxRows, "max-rows", 100_000, "refuse a longer answer; 0 means no bound")
	return cmd
}

func parseParams(params []string) (map[string]string, error) {
	values := map[string]string{}
	for _, p := range params {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--param: want name=value, not %q", p)
		}
		if _, ok := values[name]; ok {
			return nil, fmt.Errorf("--param: %s is given twice", name)
		}
		values[name] = value
	}
	return values, nil
}

func runQuery(cmd *cobra.Command, conn driver.Conn, q *evidence.Query, params map[string]string, format string, maxRows int) error {
	answer, err := q.Run(cmd.Context(), conn, params, maxRows)
	if err != nil {
		return err
	}
	if err := answer.Write(cmd.OutOrStdout(), format); err != nil {
		return err
	}
	if len(answer.Rows) > 0 {
		return nil
	}
	cmd.PrintErrln("No rows. " + q.Empty)
	return explainEmpty(cmd, conn, params)
}

// explainEmpty says what was watched in the period: no rows of something that
// nobody watched is no evidence.
func explainEmpty(cmd *cobra.Command, conn driver.Conn, params map[string]string) error {
	coverage, err := evidence.Get("coverage")
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, name := range []string{"period_start", "period_end"} {
		if v, ok := params[name]; ok {
			values[name] = v
		}
	}
	bound, err := coverage.Bind(values, time.Now())
	if err != nil {
		return err
	}
	answer, err := coverage.Run(cmd.Context(), conn, bound, 0)
	if err != nil {
		return err
	}
	var watched []string
	for _, row := range answer.Rows {
		watched = append(watched, fmt.Sprintf("%s %s", evidence.Text(row[2], "-"), strings.ReplaceAll(evidence.Text(row[0], ""), "_", " ")))
	}
	cmd.PrintErrf("The store has of %s to %s: %s.\n", bound["period_start"], bound["period_end"], cmp.Or(strings.Join(watched, ", "), "nothing"))
	return nil
}
