package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/component"

	"github.com/spanwarden/spanwarden/internal/replay"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor"
)

func init() { commands = append(commands, newBaselineCommand) }

func newBaselineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "What is normal for an agent",
	}
	cmd.AddCommand(newBaselineShowCommand())
	return cmd
}

func newBaselineShowCommand() *cobra.Command {
	var r replayFlags
	var agent, format string
	cmd := &cobra.Command{
		Use:   "show --agent ID",
		Short: "Print what is normal for an agent, and why",
		Long: `Prints, for an agent and each of its tools, the usual and the high values, how much history they rest on, how far they count
(maturity), what is in quarantine, the frozen levels (anchors) and the incidents that are open.

It is learned anew: the stored actions of --since are replayed through the processors of the configuration, as
"spanwarden replay" does it. So it works against any store, needs no access to the collector's state, and is what the
baseline processor of this configuration would know had it begun then. A collector that has run longer knows more: its
anchors are older. What is not in the store (content that was not kept) was not learned here, and was there.`,
		Example: "  spanwarden baseline show --agent support --since 30d",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if agent == "" {
				return errors.New("--agent is missing: the id of an agent, as `spanwarden query run agent-inventory` lists them")
			}
			if format != "text" && format != "json" {
				return fmt.Errorf("--format: want text or json, not %q", format)
			}
			portraits, report, err := r.portraits(cmd, agent)
			if err != nil {
				return err
			}
			if format == "json" {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(portraits)
			}
			for i := range portraits {
				if err := printPortrait(cmd.OutOrStdout(), &portraits[i]); err != nil {
					return err
				}
			}
			for _, n := range report.Notes {
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "note: "+n)
			}
			return nil
		},
	}
	r.add(cmd, "30d", "0s")
	cmd.Flags().StringVar(&agent, "agent", "", "id of the agent")
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// agentKey is what an agent's baseline is kept under, with the tools it was seen
// to use.
type agentKey struct {
	tenant, project string
	tools           []string
}

// portraits replays and asks the baseline processor.
func (r *replayFlags) portraits(cmd *cobra.Command, agent string) (out []baselineprocessor.Portrait, report *replay.Report, err error) {
	o, err := r.options(time.Now())
	if err != nil {
		return nil, nil, err
	}
	var keys []agentKey
	err = withStore(cmd.Context(), r.dsn, func(conn driver.Conn, _ *clickhouse.Options) error {
		keys, err = agentKeys(cmd.Context(), conn, agent, r.project, &o)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if len(keys) == 0 {
		return nil, nil, fmt.Errorf("the store has no action of agent %q since %s: look further back with --since, or see `spanwarden query run agent-inventory`",
			agent, o.Since.Add(-o.WarmUp).Format(time.RFC3339))
	}
	asked := false
	err = r.run(cmd, func(o *replay.Options) {
		o.Agent = agent
		o.Inspect = func(_ component.ID, c component.Component) {
			d, ok := c.(baselineprocessor.Describer)
			if !ok {
				return
			}
			asked = true
			for _, k := range keys {
				if p, ok := d.Describe(k.tenant, k.project, agent, k.tools); ok {
					out = append(out, p)
				}
			}
		}
	}, func(done *replay.Report) error {
		report = done
		return nil
	})
	switch {
	case err != nil:
		return nil, nil, err
	case !asked:
		return nil, nil, fmt.Errorf("--config: %s: pipeline %s has no baseline processor", r.config, report.Pipeline)
	case len(out) == 0:
		return nil, nil, fmt.Errorf("agent %q called no model and no tool in this period: there is nothing to compare it with", agent)
	}
	return out, report, nil
}

// agentKeys asks the store in which tenants and projects the agent acts.
func agentKeys(ctx context.Context, conn driver.Conn, agent, project string, o *replay.Options) (out []agentKey, err error) {
	rows, err := conn.Query(ctx, `SELECT tenant_id, project_id, arraySort(groupUniqArrayIf(1000)(toString(tool_name), tool_name != ''))
FROM ev_actions(period_start = @from, period_end = @to)
WHERE agent_id = @agent AND (@project = '' OR project_id = @project)
GROUP BY tenant_id, project_id ORDER BY tenant_id, project_id LIMIT 100`,
		clickhouse.DateNamed("from", o.Since.Add(-o.WarmUp), clickhouse.NanoSeconds), clickhouse.DateNamed("to", o.Until, clickhouse.NanoSeconds),
		clickhouse.Named("agent", agent), clickhouse.Named("project", project))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // only read
	for rows.Next() {
		var k agentKey
		if err := rows.Scan(&k.tenant, &k.project, &k.tools); err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, rows.Err()
}
