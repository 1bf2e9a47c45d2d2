package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func agent(lib library) *page {
	p := newPage(lib, "agent", "Agent", "What one agent did, with which models and tools, what it cost and what was found about it.", tenants(), projects(), oneAgent())

	p.row("In the period")
	p.number("Spend", "The sum of what is priced; see the calls without a price beside it.", units.Dollars, sql(`
SELECT toFloat64(sum(cost_usd)) AS spent_usd FROM @actions WHERE @call AND @tenant AND @project AND agent_id = @agent`))
	p.alarm("Calls without a whole price", "Their cost is not known and not in the spend.", units.Short, 1, sql(`
SELECT countIf(isNull(cost_usd) OR cost_status IN ('unpriced', 'partial')) AS unpriced FROM @actions WHERE @call AND @tenant AND @project AND agent_id = @agent`))
	p.number("Actions", "All actions: model calls, tools, steps; each once.", units.Short, sql(`
SELECT count() AS actions FROM @actions WHERE @once AND @tenant AND @project AND agent_id = @agent`))
	p.alarm("Violations", "Actions outside the boundary that the registry draws, of those that were held against it. A dash: none was.", units.Short, 1, sql(`
SELECT @violations AS violations FROM @actions WHERE @tenant AND @project AND agent_id = @agent`))
	p.number("Share of failures", "Actions that failed. A dash: no action.", units.PercentUnit, sql(`
SELECT if(count() = 0, NULL, countIf(outcome = 'failure') / count()) AS share FROM @actions WHERE @once AND @tenant AND @project AND agent_id = @agent`))
	p.number("Maturity of the baseline", "How much of what is normal has been learnt, at its last action that says so: 1 is all. A dash: no baseline processor saw it.", units.PercentUnit, sql(`
SELECT toFloat64(argMaxOrNull(assumeNotNull(baseline_maturity), ts)) AS maturity
FROM @actions WHERE isNotNull(baseline_maturity) AND @tenant AND @project AND agent_id = @agent`))

	p.row("Over time")
	p.lines(half, "Spend by model", "USD in each interval.", units.Dollars, sql(`
SELECT $__timeInterval(ts) AS time, toString(if(response_model != '', response_model, request_model)) AS model, toFloat64(sum(cost_usd)) AS usd
FROM @actions WHERE @call AND @tenant AND @project AND agent_id = @agent
GROUP BY time, model HAVING isNotNull(usd) ORDER BY time, model`))
	p.lines(half, "Tokens", "Input is all input, with what was read from a cache and written to one; output includes reasoning.", units.Short, sql(`
SELECT $__timeInterval(ts) AS time, sum(input_tokens) AS input, sum(output_tokens) AS output, sum(cache_read_tokens) AS cache_read, sum(reasoning_tokens) AS reasoning
FROM @actions WHERE @call AND @tenant AND @project AND agent_id = @agent
GROUP BY time ORDER BY time`))
	p.lines(half, "How long model calls and tools take", "Half and 95 of 100 of them take less.", units.Nanoseconds, sql(`
SELECT $__timeInterval(ts) AS time, toString(kind) AS what, quantileExact(0.5)(duration_ns) AS half, quantileExact(0.95)(duration_ns) AS p95
FROM @actions WHERE kind IN ('inference', 'embedding', 'tool') AND @once AND @tenant AND @project AND agent_id = @agent
GROUP BY time, what ORDER BY time, what`))
	p.bars(half, "Actions by verdict", "not_evaluated is neither good nor bad: nobody could say.", sql(`
SELECT $__timeInterval(ts) AS time, toString(if(boundary_verdict = '', 'not_evaluated', boundary_verdict)) AS verdict, count() AS actions
FROM @actions WHERE @held AND @tenant AND @project AND agent_id = @agent
GROUP BY time, verdict ORDER BY time, verdict`))

	p.row("What it did")
	p.rows(half, "Tools", "Which tools, to do what, on how many resources.", sql(`
SELECT tool_name, tool_operation, count() AS uses, uniqExactIf(tool_resource, tool_resource != '') AS resources, countIf(boundary_verdict = 'violation') AS violations,
    countIf(outcome = 'failure') AS failures, max(ts) AS last_used
FROM @actions WHERE tool_name != '' AND @once AND @tenant AND @project AND agent_id = @agent
GROUP BY tool_name, tool_operation ORDER BY uses DESC LIMIT 200`))
	p.rows(half, "Declared and used", "What the registry gives it and it never used, and what it uses without being given. The registry is the last that came into force.",
		p.evidence("declared-observed", map[string]string{"agent": chosen("agent")}, "WHERE @tenant OR tenant_id = '' ORDER BY status, what, item"))
	p.rows(full, "Sessions", "Its sessions, the latest first. Click on one for its dashboard.", sql(`
SELECT session_id, tenant_id, project_id, min(ts) AS began, max(ts) AS last_seen, count() AS actions, countIf(@call) AS calls,
    toFloat64(sumIf(cost_usd, usage_accounting != 'rollup')) AS spent_usd, countIf(boundary_verdict = 'violation') AS violations, any(principal_id) AS principal
FROM @actions WHERE session_id != '' AND @once AND @tenant AND @project AND agent_id = @agent
GROUP BY session_id, tenant_id, project_id ORDER BY last_seen DESC LIMIT 200`))
	p.rows(full, "Findings", "All findings about it that an event of the period belongs to, the latest first.", sql(`
SELECT first_seen, severity, type, session_id, message, state, open, toFloat64(observed_value) AS observed, toFloat64(limit_value) AS of_limit, rule, acknowledged_by, closed_by, ticket, finding_id
FROM @findings WHERE @tenant AND agent_id = @agent
ORDER BY first_seen DESC LIMIT 200`))
	return p
}
