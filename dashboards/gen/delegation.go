package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// drawn are the runs and delegations of the graph: of the 30 chains that were
// recorded last, so that it stays readable. Both frames choose alike, because an
// edge to a node that is not there breaks the panel.
const drawn = `
WITH
picked AS
(
    SELECT tenant_id, chain_id FROM @runs
    WHERE @tenant AND @project AND @agents AND @chain
    GROUP BY tenant_id, chain_id ORDER BY max(recorded_at) DESC, chain_id LIMIT 30
),
edges AS
(
    SELECT
        *, concat(tenant_id, '/', edge_id) AS id,
        concat(tenant_id, '/', if(from_run_id != '', from_run_id, concat('unknown ', if(delegator_id != '', delegator_id, concat(trace_id, '-', span_id))))) AS source,
        concat(tenant_id, '/', if(delegatee_run_id != '', delegatee_run_id, concat('unused ', edge_id))) AS target
    FROM @edges
    WHERE (tenant_id, chain_id) IN (SELECT tenant_id, chain_id FROM picked)
)`

// nodes are the runs, and whoever stands at an end of a delegation and is none of
// them.
const nodes = drawn + `,
done AS
(
    SELECT tenant_id, run_id, count() AS actions, sum(cost_usd) AS spent, countIf(boundary_verdict IN ('violation', 'unregistered')) AS violations
    FROM @actions WHERE run_id != '' GROUP BY tenant_id, run_id
)
SELECT
    id, x.1 AS title, x.2 AS subtitle, x.3 AS mainstat, x.4 AS secondarystat, x.5 AS arc__respected, x.6 AS arc__refused, 1 - x.5 - x.6 AS arc__unknown,
    x.7 AS detail__run, x.8 AS detail__principal, x.9 AS detail__authority, x.10 AS detail__violations
FROM
(
    SELECT id, argMin(about, place) AS x
    FROM
    (
        SELECT
            concat(r.tenant_id, '/', r.run_id) AS id, 0 AS place,
            (
                if(r.agent_id != '', toString(r.agent_id), '(agent not known)'), if(r.principal_id != '', concat('for ', r.principal_id), 'for nobody known'),
                toFloat64(d.spent), toNullable(d.actions),
                toFloat64(r.authority = 'respected' AND r.orphan = 0), toFloat64(r.authority = 'refused' OR r.orphan = 1),
                r.run_id, concat(r.principal_id, ' ', r.principal_grade),
                concat(if(r.authority = '', 'not_evaluated', toString(r.authority)), if(r.orphan = 1, ', orphan', '')), toNullable(d.violations)
            ) AS about
        FROM (SELECT * FROM @runs WHERE (tenant_id, chain_id) IN (SELECT tenant_id, chain_id FROM picked)) AS r
        LEFT JOIN done AS d ON d.tenant_id = r.tenant_id AND d.run_id = r.run_id
        UNION ALL
        SELECT e.1, 1, (e.2, 'no run of these chains', CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(UInt64)'), 0., 0., '', '', 'not_evaluated', CAST(NULL, 'Nullable(UInt64)'))
        FROM
        (
            SELECT arrayJoin([
                (source, if(delegator_id != '', toString(delegator_id), '(delegator not known)')),
                (target, if(delegatee_id != '', toString(delegatee_id), '(nobody yet)'))]) AS e
            FROM edges
        )
    )
    GROUP BY id
)
ORDER BY id`

const edges = drawn + `
SELECT
    id, source, target, if(kind = '', 'delegate', toString(kind)) AS mainstat, if(grade = '', 'grade not known', toString(grade)) AS secondarystat,
    multiIf(authority = 'refused', 'red', authority = 'respected', 'green', 'gray') AS color, if(stitched, '4 4', '') AS strokedasharray,
    delegation_id AS detail__delegation, concat(granted_by, if(approved_by != '', concat(', approved by ', approved_by), '')) AS detail__granted_by,
    arrayStringConcat(scope, ', ') AS detail__scope, purpose AS detail__purpose, toString(expires_at) AS detail__expires
FROM edges
ORDER BY id`

func delegation(lib library) *page {
	p := newPage(lib, "delegation", "Delegation", "Who let whom act, for which person, with which authority, and where the chain is broken.", tenants(), projects(), agents(), chains())

	p.row("In the period")
	coverage := func(expr string) string {
		return sql(`
SELECT ` + expr + ` FROM
(
    SELECT c.verdict AS verdict, if(r.principal_id != '', r.principal_id, c.principal_id) AS principal, if(r.principal_grade != '', r.principal_grade, c.principal_grade) AS grade
    FROM (SELECT * FROM @runs WHERE @tenant AND @project AND @agents AND @chain) AS r
    LEFT JOIN (SELECT * FROM @chains) AS c ON c.tenant_id = r.tenant_id AND c.chain_id = r.chain_id
)`)
	}
	p.number("Runs", "Runs of agents that were recorded.", units.Short, coverage("count() AS runs"))
	p.number("Unbroken and attributed", "The share of runs that stand in an unbroken chain, verified or not, that goes back to a known principal. A dash: no run.", units.PercentUnit,
		coverage("if(count() = 0, NULL, countIf(verdict IN ('unbroken', 'unbroken_unverified') AND principal != '' AND grade NOT IN ('', 'missing')) / count()) AS share"))
	p.alarm("In broken chains", "Runs whose chain has a verdict, and it is not that it is unbroken. A dash: no chain has a verdict.", units.Short, 1, coverage("if(countIf(verdict != '') = 0, NULL, countIf(verdict NOT IN ('', 'unbroken', 'unbroken_unverified'))) AS broken"))
	p.number("Without a verdict", "Runs of chains that are not settled or not recorded. They are not unbroken.", units.Short, coverage("countIf(verdict = '') AS undecided"))
	p.alarm("Orphans and broken links", "Runs that no evidence leads to.", units.Short, 1,
		"SELECT count() AS orphans FROM\n(\n"+p.evidence("orphan-runs", nil, "WHERE @tenant AND @agents AND @chain")+"\n)")
	p.alarm("Findings", "Findings about delegation.", units.Short, 1, sql(`
SELECT count() AS findings FROM @findings WHERE startsWith(type, 'delegation.') AND @tenant AND @project AND @agents`))

	p.row("Who let whom act")
	p.graph(drawing, "Chains", "A circle is a run of an agent: its ring green where its authority was respected, red where refused or nobody let it act, grey where not known; in it what it spent and how many actions. An arrow is a delegation; dashed where the delegator was found by joining what several collectors saw. At most the 30 chains recorded last: choose one for the whole of it.", sql(nodes), sql(edges))

	p.row("Chains")
	p.rows(full, "Chains", "Each with its verdict, the latest first.", sql(`
SELECT chain_id, if(verdict = '', 'not_evaluated', toString(verdict)) AS verdict, grade, state, root_agent_id, principal_id AS principal, principal_grade, runs, edges, depth,
    arrayStringConcat(reasons, ', ') AS why, first_at, last_at, settled_at, revision, tenant_id
FROM @chains WHERE @tenant AND @chain
ORDER BY recorded_at DESC, chain_id LIMIT 500`))
	p.rows(full, "Delegations", "Each link: who let whom do what, until when, and whether that was respected.", sql(`
SELECT recorded_at, chain_id, kind, delegator_id AS delegator, delegatee_id AS delegatee, grade, if(authority = '', 'not_evaluated', toString(authority)) AS authority,
    delegation_id, granted_by, approved_by, purpose, arrayStringConcat(scope, ', ') AS scope, constraints, not_before, expires_at, revoked_at, max_depth,
    arrayStringConcat(reasons, ', ') AS why, if(from_run_id = '', 'not found', if(stitched, 'found by joining', 'stated')) AS delegator_run, tenant_id
FROM @edges WHERE @tenant AND @chain AND `+eitherEnd()+`
ORDER BY recorded_at DESC, edge_id LIMIT 500`))
	p.rows(full, "Runs that no evidence leads to", "Orphans, runs below a link whose delegator is not known, and runs in a circle.", p.evidence("orphan-runs", nil, "WHERE @tenant AND @agents AND @chain ORDER BY started_at DESC LIMIT 500"))
	p.bars(full, "Findings by type", "Findings about delegation that began to fire or fired again.", sql(`
SELECT $__timeInterval(ts) AS time, toString(type) AS finding, count() AS findings
FROM @events WHERE startsWith(type, 'delegation.') AND state = 'firing' AND @tenant AND @project AND @agents
GROUP BY time, finding ORDER BY time, finding`))
	return p
}

// eitherEnd says that an agent of the variable stands at an end of a delegation.
func eitherEnd() string {
	return "(" + among("delegator_id", "agent") + " OR " + among("delegatee_id", "agent") + ")"
}
