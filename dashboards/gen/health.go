package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func health(lib library) *page {
	p := newPage(lib, "evidence", "Evidence health", "Whether the evidence is there, in time, whole and attributed: what all other dashboards rest on.", tenants(), projects(), agents())

	p.row("In the period")
	p.number("Last action", "When the newest action began. A dash: nothing was watched in the period.", units.DateTimeFromNow, sql(`
SELECT toUnixTimestamp64Milli(toDateTime64(maxOrNull(ts), 3)) AS last_seen FROM @actions WHERE @tenant AND @project AND @agents`))
	p.number("From action to store", "95 of 100 actions were seen by a collector this soon after they ended.", units.Seconds, sql(`
SELECT quantileExactOrNull(0.95)(greatest(toUnixTimestamp64Milli(toDateTime64(observed_at, 3)) - toUnixTimestamp64Milli(toDateTime64(ts, 3)) - duration_ns / 1e6, 0) / 1000) AS delay
FROM @actions WHERE @tenant AND @project AND @agents`))
	p.number("Without an agent", "The share of actions of which nobody knows which agent did them. A dash: no action.", units.PercentUnit, sql(`
SELECT if(count() = 0, NULL, countIf(agent_id = '') / count()) AS share FROM @actions WHERE @tenant AND @project AND @agents`))
	p.number("Without a principal", "The share of actions behind which stands no known person or system. A dash: no action.", units.PercentUnit, sql(`
SELECT if(count() = 0, NULL, countIf(principal_id = '' OR principal_grade = 'missing') / count()) AS share FROM @actions WHERE @tenant AND @project AND @agents`))
	p.alarm("Doubtful time stamps", "Actions whose own time could not be right and was replaced or clamped.", units.Short, 1, sql(`
SELECT countIf(ts_quality NOT IN ('', 'ok')) AS actions FROM @actions WHERE @tenant AND @project AND @agents`))
	p.alarm("Truncated", "Actions of which attributes were left out or cut, because a limit was reached.", units.Short, 1, sql(`
SELECT countIf(attrs_truncated > 0) AS actions FROM @actions WHERE @tenant AND @project AND @agents`))

	p.row("What arrived")
	p.rows(half, "Coverage", "What was stored of each source in the period, of all tenants, and how often it was delivered twice. 0: not watched.", p.evidence("coverage", nil, "ORDER BY source"))
	p.bars(half, "Actions by dialect", "How the spans were read; unknown: no dialect was recognised, and little is known of them.", sql(`
SELECT $__timeInterval(ts) AS time, toString(if(dialect = '', 'unknown', dialect)) AS dialect_name, count() AS actions
FROM @actions WHERE @tenant AND @project AND @agents
GROUP BY time, dialect_name ORDER BY time, dialect_name`))
	p.bars(half, "Actions by writer", "Each collector that writes, by when the actions began.", sql(`
SELECT $__timeInterval(ts) AS time, if(writer_id = '', '(not stated)', toString(writer_id)) AS writer, count() AS actions
FROM @actions WHERE @tenant AND @project AND @agents
GROUP BY time, writer ORDER BY time, writer`))
	p.bars(half, "Token counts by how they were understood", "assumed: the emitter does not say whether cached tokens are in the input, so the price may be off.", sql(`
SELECT $__timeInterval(ts) AS time, toString(if(usage_accounting = '', 'not stated', usage_accounting)) AS accounting, count() AS calls
FROM @actions WHERE @call AND @tenant AND @project AND @agents
GROUP BY time, accounting ORDER BY time, accounting`))

	p.row("What is missing")
	p.rows(half, "Actions without a principal", "By agent.", p.evidence("unattributed-actions", nil, "WHERE @tenant AND @agents ORDER BY share_without_principal DESC, actions DESC LIMIT 200"))
	p.rows(half, "Calls without a whole price", "By model, and why.", p.evidence("unpriced-calls", nil, "WHERE @tenant ORDER BY calls DESC LIMIT 200"))
	p.rows(full, "Findings and who answered", "Findings of severity high or critical: acknowledged, closed or resolved within 24 hours?", p.evidence("finding-response", map[string]string{"hours": "24"}, "WHERE @tenant AND @agents ORDER BY first_seen DESC LIMIT 500"))
	p.rows(full, "Policy and configuration", "Which version came into force or was refused.", p.evidence("config-versions", map[string]string{"kind": "''"}, "WHERE @tenant OR tenant_id = '' ORDER BY ts DESC LIMIT 200"))
	return p
}
