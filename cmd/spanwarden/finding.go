package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/oplog"
	"github.com/spanwarden/spanwarden/internal/audit/respond"
)

func init() { commands = append(commands, newFindingCommand) }

func newFindingCommand() *cobra.Command {
	var dsn string
	cmd := &cobra.Command{
		Use:   "finding",
		Short: "Findings: list and show them, acknowledge and close them",
	}
	storeFlag(cmd, &dsn)
	cmd.AddCommand(
		newFindingListCommand(&dsn),
		newFindingShowCommand(&dsn),
		newFindingAnswerCommand(&dsn, "ack", audit.Acknowledged, "Say that somebody looks into a finding"),
		newFindingAnswerCommand(&dsn, "close", audit.Closed, "Say that a finding is dealt with; it opens again when it fires"))
	return cmd
}

func newFindingListCommand(dsn *string) *cobra.Command {
	var all bool
	var since, kind, format string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the findings that are open, the latest last",
		Example: "  spanwarden finding list --since now-7d --type boundary.",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := evidence.Query{
				ID: "finding list",
				SQL: `SELECT last_seen, severity, type, state, agent_id AS agent, session_id AS session, message, fired, finding_id
FROM findings
WHERE last_event >= {since:DateTime64(3,'UTC')} AND startsWith(type, {type:String}) AND (open OR {all:UInt32} = 1)
ORDER BY last_seen, finding_id`,
				Params: []evidence.Param{
					{Name: "since", Type: "DateTime64(3,'UTC')"}, {Name: "type", Type: "String"}, {Name: "all", Type: "UInt32"},
				},
			}
			bound, err := q.Bind(map[string]string{"since": since, "type": kind, "all": map[bool]string{true: "1", false: "0"}[all]}, time.Now())
			if err != nil {
				return err
			}
			return withStore(cmd.Context(), *dsn, func(conn driver.Conn, _ *clickhouse.Options) error {
				answer, err := q.Run(cmd.Context(), conn, bound, 0)
				if err != nil {
					return err
				}
				if len(answer.Rows) == 0 {
					cmd.PrintErrf("No finding%s since %s. `spanwarden query run coverage` says whether anything was watched.\n",
						map[bool]string{true: "", false: " is open"}[all], bound["since"])
				}
				return answer.Write(cmd.OutOrStdout(), format)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&all, "all", false, "resolved and closed ones, too")
	f.StringVar(&since, "since", "now-30d", "of findings with an event since then")
	f.StringVar(&kind, "type", "", "only types that begin with this")
	f.StringVar(&format, "format", evidence.Table, "one of "+strings.Join(evidence.Formats(), ", "))
	return cmd
}

func newFindingShowCommand(dsn *string) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a finding and all that happened to it; ID may be its beginning",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(cmd.Context(), *dsn, func(conn driver.Conn, _ *clickhouse.Options) error {
				f, err := find(cmd, conn, args[0])
				if err != nil {
					return err
				}
				return showFinding(cmd, conn, &f, format)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", evidence.Table, "one of "+strings.Join(evidence.Formats(), ", "))
	return cmd
}

func find(cmd *cobra.Command, conn driver.Conn, id string) (respond.Finding, error) {
	f, err := respond.Find(cmd.Context(), conn, id)
	if err != nil {
		return f, fmt.Errorf("%w\n`spanwarden finding list --all` shows the ids", err)
	}
	return f, nil
}

// showFinding prints what is true now as lines, then the events as a table; in the
// other formats one after the other.
func showFinding(cmd *cobra.Command, conn driver.Conn, f *respond.Finding, format string) error {
	params := map[string]string{"tenant": f.Tenant, "id": f.ID}
	state := evidence.Query{ID: "finding show", SQL: `SELECT * FROM findings WHERE tenant_id = {tenant:String} AND finding_id = {id:String}`}
	now, err := state.Run(cmd.Context(), conn, params, 0)
	if err != nil {
		return err
	}
	events := evidence.Query{ID: "finding show", SQL: `SELECT ts, state, by_principal AS by, note, ticket, message, observed_value, limit_value, trace_id, span_id
FROM ev_finding_events(period_start = '1970-01-01 00:00:00', period_end = '2261-01-01 00:00:00')
WHERE tenant_id = {tenant:String} AND finding_id = {id:String} ORDER BY ts`}
	history, err := events.Run(cmd.Context(), conn, params, 0)
	if err != nil {
		return err
	}
	if format == evidence.Table {
		now = now.Turned()
	}
	if err := now.Write(cmd.OutOrStdout(), format); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout()); err != nil {
		return err
	}
	return history.Write(cmd.OutOrStdout(), format)
}

func newFindingAnswerCommand(dsn *string, verb, state, short string) *cobra.Command {
	answer := respond.Answer{State: state}
	var op operatorFlags
	cmd := &cobra.Command{
		Use:     verb + " ID...",
		Short:   short,
		Example: "  spanwarden finding " + verb + " 3f2a9c01 --by dan@example.com --reason 'known test run' --ticket OPS-12",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := answer.Validate(); err != nil {
				return err
			}
			return op.withSession(cmd, *dsn, answer.By, func(conn driver.Conn, log *oplog.Session) error {
				for _, id := range args {
					f, err := find(cmd, conn, id)
					if err != nil {
						return err
					}
					at, err := respond.Record(cmd.Context(), log, &f, &answer, time.Now())
					if err != nil {
						return err
					}
					if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s (%s) is %s by %s at %s\n", f.Type, f.ID, f.Severity, state, answer.By, at.UTC().Format(time.RFC3339)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	op.add(cmd)
	f := cmd.Flags()
	f.StringVar(&answer.By, "by", "", "who says so (required)")
	f.StringVar(&answer.Reason, "reason", "", "why (required)")
	f.StringVar(&answer.Ticket, "ticket", "", "where the work on it is tracked")
	return cmd
}
