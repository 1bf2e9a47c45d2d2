package main

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/oplog"
	"github.com/spanwarden/spanwarden/internal/audit/retention"
)

func init() { commands = append(commands, newRetentionCommand) }

func newRetentionCommand() *cobra.Command {
	var dsn string
	cmd := &cobra.Command{
		Use:   "retention",
		Short: "What leaves the audit store and when: retention, legal holds, erasure of content",
		Long: "Nothing leaves the store by itself but content (after " + strconv.Itoa(audit.ContentDays) + " days). Run `retention apply` at least once a month:\n" +
			"it drops what the policy does not keep any longer, after it has put on record, signed, that it does.",
	}
	storeFlag(cmd, &dsn)
	cmd.AddCommand(newRetentionPlanCommand(&dsn), newRetentionApplyCommand(&dsn), newHoldCommand(&dsn), newEraseCommand(&dsn))
	return cmd
}

// policyFlags choose what is due.
type policyFlags struct {
	policy, reason, before, format string
}

func (p *policyFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.policy, "policy", "", "one of "+strings.Join(audit.RetentionPresets(), ", ")+" (default the longest that a collector's log promises)")
	f.StringVar(&p.reason, "reason", "", "why the policy is shorter than what was promised; it stays on record")
	f.StringVar(&p.before, "before", "", "only what is older than this: 2026-01-31, or RFC 3339")
	f.StringVar(&p.format, "format", evidence.Table, "one of "+strings.Join(evidence.Formats(), ", "))
}

// choose returns the policy and the bound.
func (p *policyFlags) choose(cmd *cobra.Command, k *retention.Keeper) (retention.Policy, time.Time, error) {
	before, err := parseTime("before", p.before)
	if err != nil {
		return retention.Policy{}, before, err
	}
	promises, err := k.Promises(cmd.Context())
	if err != nil {
		return retention.Policy{}, before, err
	}
	policy, err := retention.Choose(p.policy, p.reason, promises)
	return policy, before, err
}

// parseTime reads a date or a time; "" is the zero time.
func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s: want 2026-01-31 or 2026-01-31T12:00:00Z, not %q", flag, text)
}

func newRetentionPlanCommand(dsn *string) *cobra.Command {
	var p policyFlags
	cmd := &cobra.Command{
		Use:     "plan",
		Short:   "Show every month of every table: its rows, whether it is due, who holds it",
		Example: "  spanwarden retention plan --policy soc2",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd.Context(), *dsn, func(conn driver.Conn, _ *clickhouse.Options) error { return p.plan(cmd, conn) })
		},
	}
	p.add(cmd)
	return cmd
}

// plan prints what is due and changes nothing.
func (p *policyFlags) plan(cmd *cobra.Command, conn driver.Conn) error {
	k, err := retention.Open(cmd.Context(), conn)
	if err != nil {
		return err
	}
	policy, before, err := p.choose(cmd, k)
	if err != nil {
		return err
	}
	plan, err := k.Plan(cmd.Context(), &policy, before, time.Now())
	if err != nil {
		return err
	}
	return printPlan(cmd, plan, p.format)
}

func printPlan(cmd *cobra.Command, plan *retention.Plan, format string) error {
	cmd.PrintErrf("Policy %s.\n", plan.Policy)
	if !plan.ContentTTL {
		cmd.PrintErrf("A hold keeps content from expiring by itself; %d rows of it are overdue and not held: `spanwarden retention apply` removes them.\n", plan.OverdueContent)
	}
	answer := evidence.Answer{Columns: []string{"table", "partition", "rows", "oldest", "newest", "policy_days", "hold", "state"}}
	for i := range plan.Partitions {
		r := &plan.Partitions[i]
		days := any(r.PolicyDays)
		if r.PolicyDays == 0 {
			days = "for ever"
		}
		answer.Rows = append(answer.Rows, []any{
			r.Table, r.Partition, r.Rows, r.Oldest.Format(time.RFC3339), r.Newest.Format(time.RFC3339), days, strings.Join(r.Holds, " "), r.State,
		})
	}
	return answer.Write(cmd.OutOrStdout(), format)
}

func newRetentionApplyCommand(dsn *string) *cobra.Command {
	var p policyFlags
	var op operatorFlags
	var by string
	var dry bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Drop what is due and not held, after it is on record",
		Long: "Drops every month of every table whose newest row is older than the policy keeps it and that nobody holds. Before a month goes,\n" +
			"a signed leaf and a row of retention_events say so; a run that ends in between is completed by the next one.",
		Example: "  spanwarden retention apply --dry-run\n  spanwarden retention apply --policy sox --before 2019-01-01 --by dan@example.com",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dry {
				return withStore(cmd.Context(), *dsn, func(conn driver.Conn, _ *clickhouse.Options) error { return p.plan(cmd, conn) })
			}
			who := by
			if who == "" {
				if u, err := user.Current(); err == nil {
					who = u.Username
				}
			}
			return op.withSession(cmd, *dsn, who, func(conn driver.Conn, log *oplog.Session) error { return p.apply(cmd, conn, log, who) })
		},
	}
	p.add(cmd)
	op.add(cmd)
	cmd.Flags().StringVar(&by, "by", "", "who does it (default the user of this process)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "print the plan and change nothing")
	return cmd
}

func (p *policyFlags) apply(cmd *cobra.Command, conn driver.Conn, log *oplog.Session, by string) error {
	k, err := retention.Open(cmd.Context(), conn)
	if err != nil {
		return err
	}
	policy, before, err := p.choose(cmd, k)
	if err != nil {
		return err
	}
	plan, err := k.Apply(cmd.Context(), log, &retention.Work{
		Policy: policy, Before: before, By: by, Now: time.Now, Progress: func(text string) { cmd.PrintErrln(text) },
	})
	if plan != nil {
		err = errors.Join(err, printPlan(cmd, plan, p.format))
	}
	return err
}
