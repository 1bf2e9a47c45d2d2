package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

const spendByAgent = `
SELECT
    $__timeInterval(ts) AS time, toFloat64(sum(cost_usd)) AS usd,
    multiIf(agent_id NOT IN
    (
        SELECT agent_id FROM @actions WHERE @call AND @tenant AND @project AND @agents
        GROUP BY agent_id ORDER BY sum(cost_usd) DESC NULLS LAST, agent_id LIMIT 20
    ), '(all others)', agent_id = '', '(not known)', toString(agent_id)) AS agent
FROM @actions
WHERE @call AND @tenant AND @project AND @agents
GROUP BY time, agent HAVING isNotNull(usd) ORDER BY time, agent`

const openFindings = `
SELECT first_seen, severity, type, agent_id, session_id, message, state, acknowledged_by, fired, last_seen, tenant_id, project_id, finding_id
FROM @findings
WHERE open AND type != 'config.changed' AND @tenant AND @project AND @agents
ORDER BY indexOf(['critical', 'high', 'warning', 'info'], severity), first_seen DESC LIMIT 200`

func fleet(lib library) *page {
	p := newPage(lib, "fleet", "Fleet", "What all agents do, what it costs, what was found and what is halted.", tenants(), projects(), agents())

	p.row("In the period")
	p.number("Spend", "The sum of what is priced. Calls without a price are counted apart, beside it; they are not 0.", units.Dollars, sql(`
SELECT toFloat64(sum(cost_usd)) AS spent_usd FROM @actions WHERE @call AND @tenant AND @project AND @agents`))
	p.number("Model calls", "Model calls, each once however often it was delivered; roll-ups and duplicates left out.", units.Short, sql(`
SELECT count() AS calls FROM @actions WHERE @call AND @tenant AND @project AND @agents`))
	p.alarm("Calls without a whole price", "The share of calls of which no price or only part of one is known. Budgets in USD do not see them. A dash: no call.", units.PercentUnit, 0.05, sql(`
SELECT if(count() = 0, NULL, countIf(isNull(cost_usd) OR cost_status IN ('unpriced', 'partial')) / count()) AS share
FROM @actions WHERE @call AND @tenant AND @project AND @agents`))
	p.number("Agents", "Agents that acted. Actions whose agent is not known are no agent.", units.Short, sql(`
SELECT uniqExactIf((tenant_id, agent_id), agent_id != '') AS agents FROM @actions WHERE @tenant AND @project AND @agents`))
	p.alarm("Open findings, high and critical", "Findings that still fire and nobody closed.", units.Short, 1, sql(`
SELECT countIf(open AND severity IN ('high', 'critical')) AS findings FROM @findings WHERE @tenant AND @project AND @agents`))
	p.alarm("Halts in force", "Halts that were neither released nor over at the end of the period, whatever the project or the agent.", units.Short, 1,
		"SELECT count() AS halts FROM\n(\n"+p.evidence("halts", nil, "WHERE in_force_at_end AND @tenant")+"\n)")

	p.row("Over time")
	p.lines(half, "Spend by agent", "USD in each interval, of the 20 agents that spent most and of all others together. An interval without a priced call has no point.", units.Dollars, sql(spendByAgent))
	p.bars(half, "Findings by severity", "Findings that began to fire or fired again.", sql(`
SELECT $__timeInterval(ts) AS time, toString(severity) AS level, count() AS findings
FROM @events
WHERE state = 'firing' AND type != 'config.changed' AND @tenant AND @project AND @agents
GROUP BY time, level ORDER BY time, level`))
	p.bars(half, "Calls by what became of their price", "priced, reported by the provider, partial, unpriced; empty: no cost processor saw the call.", sql(`
SELECT $__timeInterval(ts) AS time, toString(if(cost_status = '', 'not evaluated', cost_status)) AS status, count() AS calls
FROM @actions WHERE @call AND @tenant AND @project AND @agents
GROUP BY time, status ORDER BY time, status`))
	p.ranking(half, "Spend by model", "The 25 models that cost most; the requested name where the answer names none.", units.Dollars, sql(`
SELECT toString(if(response_model != '', response_model, request_model)) AS model, toFloat64(sum(cost_usd)) AS usd
FROM @actions WHERE @call AND @tenant AND @project AND @agents
GROUP BY model HAVING isNotNull(usd) ORDER BY usd DESC LIMIT 25`))

	p.row("Who and what")
	p.rows(full, "Agents", "Each agent with what it did. Click on an agent for its own dashboard.", sql(`
SELECT
    tenant_id, agent_id, any(agent_name) AS name, countIf(@once) AS actions, countIf(@call) AS calls, uniqExactIf(session_id, session_id != '') AS sessions,
    toFloat64(sumIf(cost_usd, usage_accounting != 'rollup')) AS spent_usd, countIf(cost_status IN ('unpriced', 'partial')) AS unpriced,
    countIf(boundary_verdict = 'violation') AS violations, countIf(@held AND boundary_verdict IN ('', 'not_evaluated')) AS not_evaluated, countIf(outcome = 'failure') AS failures, max(ts) AS last_seen
FROM @actions WHERE @tenant AND @project AND @agents
GROUP BY tenant_id, agent_id ORDER BY spent_usd DESC NULLS LAST, actions DESC LIMIT 500`))
	p.rows(full, "Open findings", "Findings that fire, the gravest first.", sql(openFindings))
	p.rows(full, "Halts", "Halts in force at any time of the period, and who released which.", p.evidence("halts", nil, "WHERE @tenant ORDER BY since DESC LIMIT 200"))
	return p
}
