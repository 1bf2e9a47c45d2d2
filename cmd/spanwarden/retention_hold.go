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
	"github.com/spanwarden/spanwarden/internal/audit/retention"
)

func newHoldCommand(dsn *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hold",
		Short: "Legal holds: what must not leave the store",
	}
	cmd.AddCommand(newHoldPlaceCommand(dsn), newHoldReleaseCommand(dsn), newHoldListCommand(dsn))
	return cmd
}

func newHoldPlaceCommand(dsn *string) *cobra.Command {
	var h retention.Hold
	var op operatorFlags
	var from, to string
	cmd := &cobra.Command{
		Use:     "place",
		Short:   "Keep rows whatever the policy says",
		Example: "  spanwarden retention hold place --matter 'Doe v. Acme' --tenant acme --from 2026-01-01 --to 2026-07-01 --by eve@example.com --reason 'letter of 3 August'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if h.From, err = parseTime("from", from); err != nil {
				return err
			}
			if h.To, err = parseTime("to", to); err != nil {
				return err
			}
			if err := h.Validate(); err != nil {
				return err
			}
			return op.withSession(cmd, *dsn, h.By, func(conn driver.Conn, log *oplog.Session) error {
				k, err := retention.Open(cmd.Context(), conn)
				if err != nil {
					return err
				}
				id, err := k.Place(cmd.Context(), log, &h, time.Now())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is in force\n", id)
				return err
			})
		},
	}
	op.add(cmd)
	f := cmd.Flags()
	f.StringVar(&h.Matter, "matter", "", "what it is about (required)")
	f.StringVar(&h.Tenant, "tenant", audit.All, "whose rows; * is everybody's")
	f.StringVar(&h.Table, "table", audit.All, "* is all, else one of "+strings.Join(retention.Tables(), ", "))
	f.StringVar(&from, "from", "", "rows from this time on: 2026-01-31, or RFC 3339 (default all)")
	f.StringVar(&to, "to", "", "rows before this time (default all, also those to come)")
	f.StringVar(&h.By, "by", "", "who places it (required)")
	f.StringVar(&h.Reason, "reason", "", "why (required)")
	return cmd
}

func newHoldReleaseCommand(dsn *string) *cobra.Command {
	var op operatorFlags
	var by, reason string
	cmd := &cobra.Command{
		Use:     "release ID",
		Short:   "End a hold; the policy counts again",
		Example: "  spanwarden retention hold release hold-3f2a9c01d2e3 --by eve@example.com --reason settled",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return op.withSession(cmd, *dsn, by, func(conn driver.Conn, log *oplog.Session) error {
				k, err := retention.Open(cmd.Context(), conn)
				if err != nil {
					return err
				}
				if err := k.Release(cmd.Context(), log, args[0], by, reason, time.Now()); err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is released\n", args[0])
				return err
			})
		},
	}
	op.add(cmd)
	cmd.Flags().StringVar(&by, "by", "", "who releases it (required)")
	cmd.Flags().StringVar(&reason, "reason", "", "why (required)")
	return cmd
}

func newHoldListCommand(dsn *string) *cobra.Command {
	var all bool
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the holds that are in force",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd.Context(), *dsn, func(conn driver.Conn, _ *clickhouse.Options) error {
				q := evidence.Query{ID: "retention hold list", SQL: `SELECT hold_id, active, matter, tenant, table_name, period_from, period_to, placed_at, placed_by, placed_reason, released_at, released_by, released_reason
FROM ev_legal_holds ORDER BY active DESC, placed_at, hold_id`}
				if !all {
					q.SQL = "SELECT hold_id, matter, tenant, table_name, period_from, period_to, placed_at, placed_by, placed_reason FROM ev_legal_holds WHERE active ORDER BY placed_at, hold_id"
				}
				answer, err := q.Run(cmd.Context(), conn, nil, 0)
				if err != nil {
					return err
				}
				return answer.Write(cmd.OutOrStdout(), format)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "released ones, too")
	cmd.Flags().StringVar(&format, "format", evidence.Table, "one of "+strings.Join(evidence.Formats(), ", "))
	return cmd
}

func newEraseCommand(dsn *string) *cobra.Command {
	var e retention.Erasure
	var op operatorFlags
	var dry bool
	cmd := &cobra.Command{
		Use:   "erase",
		Short: "Erase prompts, answers and arguments; the evidence stays and verifies",
		Long: "Removes content, body and salt, that digests name or that the actions of a session or a principal refer to. The evidence has no more\n" +
			"than a salted digest of it. What is erased is on record first. Where a hold covers any of it, nothing is erased.\n" +
			"The same words have one digest: what others said as well goes, too, unless --keep-shared.",
		Example: "  spanwarden retention erase --principal ann@example.com --by eve@example.com --reason 'GDPR article 17, request 12' --dry-run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.Validate(); err != nil {
				return err
			}
			if dry {
				return withStore(cmd.Context(), *dsn, func(conn driver.Conn, _ *clickhouse.Options) error {
					k, err := retention.Open(cmd.Context(), conn)
					if err != nil {
						return err
					}
					found, err := k.Find(cmd.Context(), &e)
					if err != nil {
						return err
					}
					return printErased(cmd, found, "would be erased")
				})
			}
			return op.withSession(cmd, *dsn, e.By, func(conn driver.Conn, log *oplog.Session) error {
				k, err := retention.Open(cmd.Context(), conn)
				if err != nil {
					return err
				}
				done, err := k.Erase(cmd.Context(), log, &e, time.Now())
				if err != nil {
					return err
				}
				return printErased(cmd, done, "erased")
			})
		},
	}
	op.add(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&e.Digests, "digest", nil, "of a piece of content, as content_refs of an action has it; may be repeated")
	f.StringVar(&e.Session, "session", "", "all content of a session")
	f.StringVar(&e.Principal, "principal", "", "all content of a principal's actions")
	f.StringVar(&e.Tenant, "tenant", audit.All, "whose content; * is everybody's")
	f.BoolVar(&e.KeepShared, "keep-shared", false, "leave what actions of others refer to as well")
	f.StringVar(&e.By, "by", "", "who erases it (required)")
	f.StringVar(&e.Reason, "reason", "", "why (required)")
	f.BoolVar(&dry, "dry-run", false, "say how much it is and change nothing")
	return cmd
}

func printErased(cmd *cobra.Command, e *retention.Erased, what string) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d pieces of content %s, %d of which others refer to as well", len(e.Pieces), what, e.Shared)
	if len(e.Records) > 0 {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), " (on record as %s)", strings.Join(e.Records, ", "))
	}
	if err == nil {
		_, err = fmt.Fprintln(cmd.OutOrStdout())
	}
	return err
}
