-- id: chain-show
-- question: Who asked whom in chain C, who authorised each hop with which limits, what was done under it, and were the limits respected?
-- controls: CC6.3 A.5.15 A.5.18
-- param: chain String # the chain's id
-- param: period_start DateTime64(3,'UTC') = now-400d # beginning of the period
-- empty: No record of this chain was made in the period, or another took its place: see table chains for what superseded it.
WITH
chain AS
(
    SELECT * FROM ev_chains(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE chain_id = {chain:String}
),
lineage AS
(
    SELECT * FROM ev_lineage(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
),
done AS
(
    SELECT
        tenant_id, run_id, count() AS actions,
        countIf(boundary_verdict = 'respected') AS respected, countIf(boundary_verdict IN ('violation', 'unregistered')) AS violations,
        countIf(boundary_verdict IN ('', 'not_evaluated')) AS not_evaluated, countIf(decision_effect IN ('deny', 'halt')) AS denied,
        sum(cost_usd) AS cost_usd
    FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE run_id != ''
    GROUP BY tenant_id, run_id
)
SELECT
    if(l.path = [], NULL, toNullable(l.steps)) AS hop,
    r.agent_id AS agent_id, r.agent_version AS agent_version, r.run_id AS run_id, r.started_at AS started_at,
    multiIf(r.principal_id != '', r.principal_id, c.principal_id) AS principal, multiIf(r.principal_id != '', r.principal_grade, c.principal_grade) AS principal_grade,
    e.kind AS kind, e.delegator_id AS delegator, e.from_run_id AS delegator_run, e.stitched = 1 AS stitched, e.grade AS grade, e.delegation_id AS delegation_id,
    e.granted_by AS granted_by, e.approved_by AS approved_by, e.purpose AS purpose, e.scope AS scope, e.constraints AS constraints,
    e.not_before AS not_before, e.expires_at AS expires_at, e.max_depth AS max_depth,
    multiIf(e.authority != '', e.authority, r.authority != '', r.authority, 'not_evaluated') AS authority,
    arraySort(arrayDistinct(arrayConcat(CAST(e.reasons, 'Array(String)'), CAST(r.reasons, 'Array(String)')))) AS reasons,
    d.actions AS actions, d.respected AS respected, d.violations AS violations, d.not_evaluated AS not_evaluated, d.denied AS denied, d.cost_usd AS cost_usd,
    l.path AS path, c.verdict AS chain_verdict, c.grade AS chain_grade, c.state AS chain_state, c.revision AS chain_revision, c.reasons AS chain_reasons
FROM
(
    SELECT * FROM ev_runs(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
) AS r
INNER JOIN chain AS c ON c.tenant_id = r.tenant_id
LEFT JOIN lineage AS l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id
LEFT JOIN
(
    SELECT * FROM ev_edges(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
) AS e ON e.tenant_id = r.tenant_id AND e.delegatee_run_id = r.run_id AND (l.path = [] OR e.from_run_id = l.path[-2])
LEFT JOIN done AS d ON d.tenant_id = r.tenant_id AND d.run_id = r.run_id
WHERE r.chain_id = {chain:String} OR l.root_run_id = c.root_run_id
ORDER BY hop IS NULL, hop, started_at, run_id, delegator_run, delegation_id
