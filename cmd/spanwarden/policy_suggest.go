package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/internal/suggest"
)

func newPolicySuggestCommand() *cobra.Command {
	var dsn, agent, since string
	opts := suggest.Options{}
	cmd := &cobra.Command{
		Use:   "suggest --agent ID",
		Short: "Write a least-privilege registry entry out of what an agent was seen to do",
		Long: `Reads what the audit store knows of an agent and prints a registry entry that allows that and nothing else, with a comment
on everything that could not be seen. What the agent's present entry refuses is left out. Read it before you use it:
it says what the agent did, not what it should do.`,
		Example: "  spanwarden policy suggest --agent support --since 7d --owner user:carol@acme.example > configs/policy/agents/support.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if agent == "" {
				return errors.New("--agent is missing: the id of an agent, as `spanwarden query run agent-inventory` lists them")
			}
			if !sinceForm.MatchString(since) {
				return fmt.Errorf("--since: want minutes, hours or days such as 7d, at most 9999 of them, not %q", since)
			}
			switch policy.Mode(opts.Mode) {
			case policy.Shadow, policy.Warn, policy.Enforce:
			default:
				return fmt.Errorf("--mode: want shadow, warn or enforce, not %q", opts.Mode)
			}
			return withStore(cmd.Context(), dsn, func(conn driver.Conn, _ *clickhouse.Options) error {
				return printSuggestion(cmd, conn, agent, since, opts)
			})
		},
	}
	storeFlag(cmd, &dsn)
	f := cmd.Flags()
	f.StringVar(&agent, "agent", "", "id of the agent")
	f.StringVar(&since, "since", "7d", "how far back to look, such as 12h or 30d")
	f.StringVar(&opts.Owner, "owner", "", "the person who answers for the agent, type:id")
	f.StringVar(&opts.Mode, "mode", string(policy.Shadow), "mode of the entry: shadow, warn or enforce")
	return cmd
}

var sinceForm = regexp.MustCompile(`^[1-9][0-9]{0,3}[mhd]$`)

func printSuggestion(cmd *cobra.Command, conn driver.Conn, agent, since string, opts suggest.Options) error {
	o, err := observe(cmd.Context(), conn, agent, "now-"+since, time.Now())
	if err != nil {
		return err
	}
	if o.Actions == 0 {
		return fmt.Errorf("the store has no action of agent %q since %s ago: look further back with --since, or see `spanwarden query run agent-inventory`", agent, since)
	}
	doc := suggest.Entry(o, opts)
	if _, err := policy.Load([]policy.File{{Name: "suggestion", Data: doc}}); err != nil {
		return fmt.Errorf("the suggestion does not load, which is a fault of this program: %w", err)
	}
	_, err = cmd.OutOrStdout().Write(doc)
	return err
}

// observe asks the store what an agent did.
func observe(ctx context.Context, conn driver.Conn, agent, since string, now time.Time) (*suggest.Observed, error) {
	o := &suggest.Observed{Agent: agent, Until: now}
	for _, question := range []struct {
		id, sql string
		take    func(*suggest.Observed, []any)
	}{
		{"who", suggestWho, takeWho},
		{"tools", suggestTools, takeTool},
		{"models", suggestModels, takeModel},
		{"principals", suggestPrincipals, takePrincipal},
		{"hand-overs", suggestHandOvers, takeHandOver},
		{"refused", suggestRefused, takeRefused},
	} {
		q, err := evidence.Parse(question.id, "-- id: "+question.id+"\n-- question: What was seen?\n-- controls: CC6.3\n"+
			"-- param: agent String # its id\n-- empty: Nothing was seen.\n"+strings.ReplaceAll(question.sql, "$seen", suggestSeen))
		if err != nil {
			return nil, err
		}
		params, err := q.Bind(map[string]string{"agent": agent, "period_start": since}, now)
		if err != nil {
			return nil, err
		}
		answer, err := q.Run(ctx, conn, params, 0)
		if err != nil {
			return nil, err
		}
		for _, row := range answer.Rows {
			question.take(o, row)
		}
		if start, err := time.Parse("2006-01-02 15:04:05.999999999", params["period_start"]); err == nil {
			o.From = start
		}
	}
	return o, nil
}

// suggestSeen are the agent's actions, each once, and whether its present entry
// refused them: as their span said when it left, or as was found out later.
const suggestSeen = `
accused AS
(
    SELECT tenant_id, trace_id, span_id
    FROM ev_findings(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE cause = 'firing' AND type IN ('boundary.tool', 'boundary.operation', 'boundary.resource', 'boundary.argument', 'boundary.model',
        'boundary.data', 'boundary.principal', 'delegation.delegation_not_allowed')
),
seen AS
(
    SELECT * REPLACE (if(attrs['mcp.method.name'] != '' AND attrs['server.address'] != '' AND tool_name != '' AND NOT startsWith(tool_name, 'mcp/'),
            concat('mcp/', attrs['server.address'], '/', tool_name), toString(tool_name)) AS tool_name),
        boundary_verdict = 'violation' OR (tenant_id, trace_id, span_id) IN (SELECT tenant_id, trace_id, span_id FROM accused) AS refused
    FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE agent_id = {agent:String} AND attrs['spanwarden.action.duplicate'] != 'true'
)`

const suggestWho = `WITH $seen
SELECT toString(agent_name), toString(service_name), toString(agent_version), count(), countIf(principal_id = '')
FROM seen GROUP BY agent_name, service_name, agent_version ORDER BY count() DESC, agent_name, service_name, agent_version LIMIT 100`

func takeWho(o *suggest.Observed, row []any) {
	o.Identities = append(o.Identities, suggest.Identity{Name: asText(row[0]), Service: asText(row[1])})
	if v := asText(row[2]); v != "" && !slices.Contains(o.Versions, v) {
		o.Versions = append(o.Versions, v)
	}
	o.Actions += asCount(row[3])
	o.Nobody += asCount(row[4])
}

// What is no tool is told apart by its operation, so that a right to read here and
// to write there does not become one to write everywhere.
const suggestTools = `WITH $seen
SELECT toString(tool_name), arrayStringConcat(groupUniqArrayIf(tool_operation, tool_operation != ''), '\n'), countIf(tool_operation = ''),
    arrayStringConcat(groupUniqArrayIf(201)(tool_resource, tool_resource != '' AND position(tool_resource, '\n') = 0), '\n'),
    countIf(tool_resource = '' OR position(tool_resource, '\n') > 0), count(), countIf(outcome = 'failure')
FROM seen
WHERE kind IN ('tool', 'retrieval', 'memory') AND tool_operation NOT IN ('delegate', 'invoke_model') AND NOT refused
GROUP BY tool_name, if(tool_name = '', tool_operation, '') ORDER BY tool_name LIMIT 1000`

func takeTool(o *suggest.Observed, row []any) {
	t := suggest.Tool{
		Name: asText(row[0]), Unstated: asCount(row[2]), Resources: lines(row[3]), NoResource: asCount(row[4]),
		Calls: asCount(row[5]), Failed: asCount(row[6]),
	}
	for _, op := range lines(row[1]) {
		if slices.Contains(policy.Operations(), op) {
			t.Operations = append(t.Operations, op)
		} else {
			t.Unstated++ // it stated something that means nothing
		}
	}
	t.More = len(t.Resources) > 200
	o.Tools = append(o.Tools, t)
}

const suggestModels = `WITH $seen
SELECT DISTINCT toString(provider), toString(request_model), toString(response_model)
FROM seen
WHERE (request_model != '' OR response_model != '') AND (kind IN ('inference', 'embedding') OR usage_accounting NOT IN ('', 'rollup')) AND NOT refused
LIMIT 1000`

func takeModel(o *suggest.Observed, row []any) {
	provider, asked, answered := asText(row[0]), asText(row[1]), asText(row[2])
	if answered != "" {
		o.Models = append(o.Models, provider+"/"+answered)
	}
	// The next release of the model that was asked for is that model.
	if asked != "" && strings.HasPrefix(answered, asked) || answered == "" {
		o.Models = append(o.Models, provider+"/"+asked)
	}
}

const suggestPrincipals = `WITH $seen
SELECT DISTINCT toString(principal_type), toString(principal_id) FROM seen WHERE principal_id != '' AND NOT refused LIMIT 10000`

func takePrincipal(o *suggest.Observed, row []any) {
	o.Principals = append(o.Principals, suggest.Principal{Type: asText(row[0]), ID: asText(row[1])})
}

// Hand-overs are known from chains, and from tools that are named for whom they
// hand over to.
const suggestHandOvers = `WITH $seen
SELECT toString(delegatee_id) AS agent, toUInt64(0) AS unnamed FROM delegations
WHERE delegator_id = {agent:String} AND delegatee_id != '' AND authority != 'refused' AND observed_at >= {period_start:DateTime64(3,'UTC')} AND observed_at < {period_end:DateTime64(3,'UTC')}
GROUP BY delegatee_id
UNION ALL
SELECT extract(toString(tool_name), '^(?:transfer_to_|handoff_to_|transfer_back_to_|agent-)(.+)$') AS agent, count() AS unnamed
FROM seen WHERE (kind = 'handoff' OR tool_operation = 'delegate') AND NOT refused GROUP BY agent`

func takeHandOver(o *suggest.Observed, row []any) {
	if who := asText(row[0]); who != "" {
		o.Delegatees = append(o.Delegatees, who)
		return
	}
	o.HandOvers += asCount(row[1])
}

const suggestRefused = `WITH $seen
SELECT toString(multiIf(tool_name != '', tool_name, response_model != '', concat(provider, '/', response_model), request_model != '', concat(provider, '/', request_model), kind)) AS what, count()
FROM seen WHERE refused GROUP BY what ORDER BY what LIMIT 100`

func takeRefused(o *suggest.Observed, row []any) {
	o.Refused = append(o.Refused, suggest.Refused{What: asText(row[0]), Calls: asCount(row[1])})
}

func asText(v any) string { return evidence.Text(v, "") }

func asCount(v any) uint64 {
	switch n := v.(type) {
	case uint64:
		return n
	case int64:
		return uint64(max(n, 0))
	default:
		return 0
	}
}

func lines(v any) []string {
	text := asText(v)
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
