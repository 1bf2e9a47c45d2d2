package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func boundaries(lib library) *page {
	p := newPage(lib, "boundaries", "Boundaries", "What agents attempted, what their boundaries say about it, and what could not be held against one.", tenants(), projects(), agents())

	p.row("In the period")
	// not known, which is not 0, where nothing was judged
	count := func(condition, judged string) string {
		return sql("SELECT if(countIf(" + judged + ") = 0, NULL, countIf(" + condition + ")) AS actions FROM @actions WHERE @tenant AND @project AND @agents")
	}
	const evaluated, decided = "boundary_verdict NOT IN ('', 'not_evaluated')", "decision_effect != ''"
	p.number("Respected", "Actions inside the boundary of their agent. A dash: none was held against one.", units.Short, count("boundary_verdict = 'respected'", evaluated))
	p.alarm("Violations", "Actions outside it. A dash: none was held against one.", units.Short, 1, count("boundary_verdict = 'violation'", evaluated))
	p.alarm("By unregistered agents", "Actions of agents that the registry does not name. A dash: none was held against a registry.", units.Short, 1, count("boundary_verdict = 'unregistered'", evaluated))
	p.number("Not evaluated", "The share of actions that a boundary is about and that were held against none. It is not a share of good ones. A dash: no action.", units.PercentUnit, sql(`
SELECT if(count() = 0, NULL, countIf(boundary_verdict IN ('', 'not_evaluated')) / count()) AS share FROM @actions WHERE @held AND @tenant AND @project AND @agents`))
	p.number("Denied or halted", "Actions that the decision receiver refused. A dash: it was not asked about any.", units.Short, count("decision_effect IN ('deny', 'halt')", decided))
	p.alarm("Done although refused", "Findings that an action was carried out that was denied, or after a halt.", units.Short, 1, sql(`
SELECT count() AS findings FROM @findings
WHERE type IN ('boundary.denied_but_executed', 'boundary.after_halt') AND @tenant AND @project AND @agents`))

	p.row("Over time")
	p.bars(half, "Actions by verdict", "Each action that a boundary is about, once; steps of frameworks are none.", sql(`
SELECT $__timeInterval(ts) AS time, toString(if(boundary_verdict = '', 'not_evaluated', boundary_verdict)) AS verdict, count() AS actions
FROM @actions WHERE @held AND @tenant AND @project AND @agents
GROUP BY time, verdict ORDER BY time, verdict`))
	p.bars(half, "Decisions", "What was asked beforehand, and the answer.", sql(`
SELECT $__timeInterval(ts) AS time, toString(decision_effect) AS effect, count() AS decisions
FROM @actions WHERE decision_effect != '' AND @tenant AND @project AND @agents
GROUP BY time, effect ORDER BY time, effect`))

	p.row("Who and what")
	p.rows(full, "Agents and their boundaries", "How many actions of each agent got which verdict, under which rules and policy versions.",
		p.evidence("boundary-summary", nil, "WHERE @tenant AND @agents ORDER BY violations DESC, unregistered DESC, actions DESC LIMIT 500"))
	p.rows(shape{24, 11}, "Violations", "The actions outside a boundary, the latest first.", sql(`
SELECT ts, toString(boundary_verdict) AS verdict, boundary_rule AS rule, agent_id, tool_name AS tool, tool_operation AS operation, tool_resource AS resource,
    if(response_model != '', response_model, request_model) AS model, principal_id AS principal, decision_effect AS decision, outcome, session_id, policy_version, trace_id, span_id, tenant_id
FROM @actions WHERE boundary_verdict IN ('violation', 'unregistered') AND @tenant AND @project AND @agents
ORDER BY ts DESC, span_id LIMIT 500`))
	p.ranking(half, "Rules that are violated most", "By rule; empty where no rule stands for it.", units.Short, sql(`
SELECT if(boundary_rule = '', '(no rule)', toString(boundary_rule)) AS rule, count() AS violations
FROM @actions WHERE boundary_verdict IN ('violation', 'unregistered') AND @tenant AND @project AND @agents
GROUP BY rule ORDER BY violations DESC, rule LIMIT 25`))
	p.ranking(half, "Findings about boundaries", "By type.", units.Short, sql(`
SELECT toString(type) AS finding, count() AS findings
FROM @findings WHERE startsWith(type, 'boundary.') AND @tenant AND @project AND @agents
GROUP BY finding ORDER BY findings DESC, finding LIMIT 25`))
	p.rows(full, "Policy and configuration", "Which version came into force or was refused, and who changed what.", p.evidence("config-versions", map[string]string{"kind": "''"}, "WHERE @tenant OR tenant_id = '' ORDER BY ts DESC LIMIT 200"))
	return p
}
