package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
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

// printPortrait writes a portrait for people.
func printPortrait(to io.Writer, p *baselineprocessor.Portrait) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Agent %s of project %s", p.Agent, orNone(p.Project))
	if p.Tenant != "" {
		fmt.Fprintf(&b, ", tenant %s", p.Tenant)
	}
	fmt.Fprintf(&b, ": %d sessions learned, %d live\n\n", p.Sessions, p.Live)
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row("what", "usual", "high", "reported from", "history", "maturity", "why")
	for i := range p.Levels {
		row(levelCells("", &p.Levels[i])...)
	}
	for i := range p.Rates {
		row(rateCells("", &p.Rates[i])...)
	}
	row("calls that fail", failing(p.Errors.Share, p.Errors.Calls), "", "", about(p.Errors.Calls, "calls"), share(p.Errors.Maturity), "")
	for i := range p.Tools {
		t := &p.Tools[i]
		row("", "", "", "", "", "", "")
		row("tool "+t.Name, "", "", "", strconv.Itoa(t.Sessions)+" sessions", "", quarantine(t.Known, p.Sessions))
		row(levelCells("  ", &t.Latency)...)
		for k := range t.Rates {
			row(rateCells("  ", &t.Rates[k])...)
		}
		row("  calls that fail", failing(t.Errors.Share, t.Errors.Calls), "", "", about(t.Errors.Calls, "calls"), share(t.Errors.Maturity), "")
		row("  failures in a row", "", figure(t.Streak), "", strconv.Itoa(t.StreakSeen)+" sessions", "", "")
	}
	_ = w.Flush() // into memory
	printDrift(&b, p)
	fmt.Fprintf(&b, "\nModels: %s\n", seenText(p.Models.Distinct, p.Models.Known, p.Models.Open, p.Models.Sessions))
	if len(p.Open) == 0 {
		b.WriteString("\nNo incident is open.\n")
	}
	for i := range p.Open {
		a := &p.Open[i]
		fmt.Fprintf(&b, "\nOpen since %s: baseline.%s (%s)\n  %s\n", a.Began.UTC().Format(time.RFC3339), a.Type, a.Rule, a.Message)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

func printDrift(b *strings.Builder, p *baselineprocessor.Portrait) {
	b.WriteString("\nSlow drift\n")
	w := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "  level\tlast day\ttwo weeks\tanchor\thistory")
	for i := range p.Drift {
		d := &p.Drift[i]
		anchor := figure(d.Anchor)
		if !d.Anchor.Known {
			anchor = "not frozen yet"
		}
		_, _ = fmt.Fprintf(w, "  %s (%s)\t%s\t%s\t%s\t%.1f days\n", d.Name, d.Unit, figure(d.Fast), figure(d.Slow), anchor, d.Days)
	}
	_ = w.Flush() // into memory
}

func levelCells(indent string, l *baselineprocessor.Level) []string {
	unit := "calls"
	if strings.Contains(l.Name, "session") {
		unit = "sessions"
	}
	why := ""
	if l.Seen <= l.Needed {
		why = fmt.Sprintf("too young: judged after %d %s", l.Needed, unit)
	}
	return []string{
		indent + l.Name, withUnit(l.Usual, l.Unit), withUnit(l.High, l.Unit), withUnit(l.Limit, l.Unit),
		fmt.Sprintf("%d %s", l.Seen, unit), share(l.Maturity), why,
	}
}

func rateCells(indent string, r *baselineprocessor.BinRate) []string {
	why, usual, from := "", number(r.Mean), number(r.Limit)
	if r.Bins == 0 {
		usual, from = "unknown", "unknown"
	}
	if r.Bins < r.Needed {
		why = fmt.Sprintf("too young: judged by its project until %d bins", r.Needed)
	}
	return []string{
		indent + "calls in " + (time.Duration(r.Width) * time.Second).String(), usual, "", from,
		fmt.Sprintf("%d bins", r.Bins), share(r.Maturity), why,
	}
}

func quarantine(known bool, sessions uint32) string {
	switch {
	case known:
		return "known"
	case sessions == 0:
		return "in quarantine: no session is over yet"
	}
	return "in quarantine: not in enough sessions, or on one day only"
}

func seenText(distinct, known int, open bool, sessions int) string {
	if open {
		return "too many to tell apart"
	}
	return fmt.Sprintf("%d seen in %d sessions, %d of them known, %d in quarantine", distinct, sessions, known, distinct-known)
}

func figure(n baselineprocessor.Number) string {
	if !n.Known {
		return "unknown"
	}
	return number(n.V)
}

func withUnit(n baselineprocessor.Number, unit string) string {
	if !n.Known {
		return "unknown"
	}
	return number(n.V) + " " + unit
}

// number writes three digits, without an exponent where a value has a usual size.
func number(v float64) string {
	if v >= 1000 && v < 1e9 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func share(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// failing is unknown while there is no history.
func failing(share, calls float64) string {
	if calls == 0 {
		return "unknown"
	}
	return number(100*share) + " of 100"
}

func about(n float64, what string) string { return strconv.FormatFloat(n, 'f', 0, 64) + " " + what }

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
