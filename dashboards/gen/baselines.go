package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func baselines(lib library) *page {
	p := newPage(lib, "baselines", "Baselines", "How agents behave, how well what is normal is known, and where they left it.", tenants(), projects(), agents())

	p.row("In the period")
	p.number("Actions with a baseline", "The share of actions whose agent has a baseline at all. A dash: no action.", units.PercentUnit, sql(`
SELECT if(count() = 0, NULL, countIf(isNotNull(baseline_maturity)) / count()) AS share FROM @actions WHERE @once AND @tenant AND @project AND @agents`))
	p.number("Agents with a young baseline", "Agents whose baseline was not mature at their last action that says so: little is found about them yet, which is not good news.", units.Short, sql(`
SELECT countIf(maturity < 1) AS young FROM
(
    SELECT argMax(assumeNotNull(baseline_maturity), ts) AS maturity
    FROM @actions WHERE isNotNull(baseline_maturity) AND @tenant AND @project AND @agents
    GROUP BY tenant_id, agent_id
)`))
	p.alarm("Open findings", "Findings about behaviour that still fire.", units.Short, 1, sql(`
SELECT countIf(open) AS findings FROM @findings WHERE startsWith(type, 'baseline.') AND @tenant AND @project AND @agents`))
	p.alarm("Loops", "Findings that an agent goes round in circles.", units.Short, 1, sql(`
SELECT count() AS findings FROM @findings WHERE type = 'baseline.loop' AND @tenant AND @project AND @agents`))

	p.row("Behaviour")
	p.lines(half, "Maturity", "The share of what is normal that was learnt; agents without a baseline have no line. The 20 busiest agents.", units.PercentUnit, sql(`
SELECT $__timeInterval(ts) AS time, toString(agent_id) AS agent, toFloat64(avg(assumeNotNull(baseline_maturity))) AS maturity
FROM @actions WHERE isNotNull(baseline_maturity) AND @tenant AND @project AND @agents`+busiest+`
GROUP BY time, agent ORDER BY time, agent`))
	p.bars(half, "Findings by type", "Findings about behaviour that began to fire or fired again.", sql(`
SELECT $__timeInterval(ts) AS time, toString(type) AS finding, count() AS findings
FROM @events WHERE startsWith(type, 'baseline.') AND state = 'firing' AND @tenant AND @project AND @agents
GROUP BY time, finding ORDER BY time, finding`))
	p.lines(third, "Actions", "Actions of the 20 busiest agents in each interval.", units.Short, sql(`
SELECT $__timeInterval(ts) AS time, if(agent_id = '', '(not known)', toString(agent_id)) AS agent, count() AS actions
FROM @actions WHERE @once AND @tenant AND @project AND @agents`+busiest+`
GROUP BY time, agent ORDER BY time, agent`))
	p.lines(third, "Tokens of a call", "The mean of input and output; calls whose tokens are not known are left out. The 20 busiest agents.", units.Short, sql(`
SELECT $__timeInterval(ts) AS time, toString(agent_id) AS agent, avg(assumeNotNull(input_tokens + output_tokens)) AS tokens
FROM @actions WHERE @call AND isNotNull(input_tokens + output_tokens) AND @tenant AND @project AND @agents`+busiest+`
GROUP BY time, agent ORDER BY time, agent`))
	p.lines(third, "Duration of a call", "95 of 100 model calls and tools take less. The 20 busiest agents.", units.Nanoseconds, sql(`
SELECT $__timeInterval(ts) AS time, toString(agent_id) AS agent, quantileExact(0.95)(duration_ns) AS p95
FROM @actions WHERE kind IN ('inference', 'embedding', 'tool') AND @once AND @tenant AND @project AND @agents`+busiest+`
GROUP BY time, agent ORDER BY time, agent`))

	p.row("Who and what")
	p.rows(full, "Findings", "What was observed, what was expected, and how likely that is: p is the share of such values that is at least as strange.", sql(`
SELECT first_seen, severity, type, agent_id, session_id, message, toFloat64(observed_value) AS observed, toFloat64(expected_value) AS expected, toFloat64(limit_value) AS of_limit,
    toFloat64OrNull(extra['spanwarden.baseline.p']) AS p, toUInt64OrNull(extra['spanwarden.baseline.count']) AS occurrences,
    toFloat64OrNull(extra['spanwarden.baseline.maturity']) AS maturity, rule, state, resolved_at, trace_id, finding_id, tenant_id
FROM @findings WHERE startsWith(type, 'baseline.') AND @tenant AND @project AND @agents
ORDER BY first_seen DESC LIMIT 500`))
	p.rows(full, "What is known of each agent", "Maturity at its last action that says so; empty: no baseline.", sql(`
SELECT tenant_id, agent_id, count() AS actions, countIf(isNotNull(baseline_maturity)) AS with_baseline,
    toFloat64(argMaxIf(baseline_maturity, ts, isNotNull(baseline_maturity))) AS maturity, min(ts) AS first_seen, max(ts) AS last_seen,
    uniqExactIf(tool_name, tool_name != '') AS tools, uniqExactIf(request_model, request_model != '') AS models
FROM @actions WHERE agent_id != '' AND @once AND @tenant AND @project AND @agents
GROUP BY tenant_id, agent_id ORDER BY maturity NULLS FIRST, actions DESC LIMIT 500`))
	return p
}
