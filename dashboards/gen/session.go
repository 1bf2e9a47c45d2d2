package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// budgetEvents are what was found about budgets that the session counts towards.
const budgetEvents = `FROM @events
WHERE startsWith(type, 'budget.') AND state IN ('firing', 'resolved') AND @tenant
    AND (session_id = @session OR (extra['spanwarden.budget.scope'] = 'session' AND extra['spanwarden.budget.key'] = @session))`

func session(lib library) *page {
	p := newPage(lib, "session", "Session", "One session: what it spent over time, against which budget, what was projected, what was decided, and everything that happened.",
		tenants(), projects(), agents(), oneSession())

	p.row("In the period")
	p.number("Spend", "The sum of what is priced.", units.Dollars, sql(`
SELECT toFloat64(sum(cost_usd)) AS spent_usd FROM @session_actions WHERE @call AND @tenant`))
	p.alarm("Calls without a whole price", "Their cost is not known and not in the spend.", units.Short, 1, sql(`
SELECT countIf(isNull(cost_usd) OR cost_status IN ('unpriced', 'partial')) AS unpriced FROM @session_actions WHERE @call AND @tenant`))
	p.number("Tightest budget used", "Of the budgets about which something was found, the share that the fullest one has used, at its last finding. A dash: nothing was found, which does not mean that there is no budget.", units.PercentUnit, sql(`
SELECT maxOrNull(share) AS used FROM
(
    SELECT toFloat64(argMax(observed_value, ts) / argMax(limit_value, ts)) AS share
    `+budgetEvents+` AND state = 'firing' AND limit_value > 0
    GROUP BY extra['spanwarden.budget.id'], extra['spanwarden.budget.key']
)`))
	p.number("Projected exhaustion", "The earliest moment at which a budget was projected to be used up.", units.DateTimeFromNow, sql(`
SELECT toUnixTimestamp64Milli(minOrNull(assumeNotNull(projected_at))) AS projected
`+budgetEvents+` AND type = 'budget.projected' AND state = 'firing' AND isNotNull(projected_at)`))
	p.alarm("Halts in force", "Halts of this session, or of its project, agents or tenant, at the end of the period.", units.Short, 1,
		"SELECT count() AS halts FROM\n(\n"+p.evidence("halts", nil, "WHERE in_force_at_end AND @tenant AND "+halted)+"\n)")
	p.alarm("Violations", "Actions outside the boundary of their agent, of those that were held against one. A dash: none was.", units.Short, 1, sql(`
SELECT @violations AS violations FROM @session_actions WHERE @tenant`))

	p.row("Trajectory")
	p.lines(shape{24, 11}, "Spend, budget and projection", "Money spent so far after each priced call; the limits of budgets in USD about which something was found; and what was projected, from the moment of the projection to its horizon.", units.Dollars,
		sql(`
SELECT ts + toIntervalNanosecond(duration_ns) AS time, toFloat64(sum(cost_usd) OVER (ORDER BY ts + toIntervalNanosecond(duration_ns), action_id ROWS UNBOUNDED PRECEDING)) AS spent
FROM @session_actions WHERE @call AND isNotNull(cost_usd) AND @tenant
ORDER BY time`),
		sql(`
SELECT arrayJoin([began, ended]) AS time, concat('limit ', budget) AS budget_limit, toFloat64(amount) AS usd
FROM
(
    SELECT extra['spanwarden.budget.id'] AS budget, argMax(limit_value, ts) AS amount,
        (SELECT min(ts) FROM @session_actions) AS began, greatest(max(ts), (SELECT max(ts) FROM @session_actions)) AS ended
    `+budgetEvents+` AND extra['spanwarden.budget.unit'] = 'usd' AND isNotNull(limit_value)
    GROUP BY budget
)
ORDER BY time, budget_limit`),
		sql(`
SELECT p.1 AS time, concat(p.2, ' ', budget) AS projection, p.3 AS usd
FROM
(
    SELECT
        extra['spanwarden.budget.id'] AS budget, toFloat64(observed_value) AS observed,
        ts + toIntervalMillisecond(toUInt64(1000 * ifNull(toFloat64OrNull(extra['spanwarden.budget.horizon_s']), 0))) AS horizon,
        arrayJoin([
            (ts, 'low', observed), (horizon, 'low', toFloat64OrNull(extra['spanwarden.budget.projected_low'])),
            (ts, 'high', observed), (horizon, 'high', toFloat64OrNull(extra['spanwarden.budget.projected_high']))]) AS p
    `+budgetEvents+` AND type = 'budget.projected' AND state = 'firing' AND extra['spanwarden.budget.unit'] = 'usd'
)
WHERE isNotNull(usd)
ORDER BY time, projection`))
	p.rows(full, "Spend and decisions", "Each priced or unpriced call and each finding about a budget, in order: which rule decided what, and why.",
		p.evidence("session-trajectory", map[string]string{"session": chosen("session")}, "WHERE @tenant ORDER BY at, event, span_id"))
	p.rows(full, "Halts", "Halts in force in the period of this session, or of its project, agents or tenant.", p.evidence("halts", nil, "WHERE @tenant AND "+halted+" ORDER BY since DESC"))

	p.row("What happened")
	p.rows(shape{24, 14}, "Actions", "Everything that was done, in order.", p.evidence("session-actions", map[string]string{"session": chosen("session")}, "WHERE @tenant ORDER BY ts, span_id LIMIT 2000"))
	p.rows(full, "Findings", "What was found about this session.", sql(`
SELECT first_seen, severity, type, agent_id, message, state, open, toFloat64(observed_value) AS observed, toFloat64(limit_value) AS of_limit, projected_at, rule, trace_id, span_id, finding_id
FROM @findings WHERE session_id = @session AND @tenant
ORDER BY first_seen LIMIT 500`))
	return p
}

// halted says that a halt is of the session or of what the session is part of.
const halted = `(
    (scope = 'session' AND halted = @session) OR scope = 'tenant'
    OR (scope = 'project' AND halted IN (SELECT project_id FROM @session_actions))
    OR (scope = 'agent' AND halted IN (SELECT agent_id FROM @session_actions))
)`
