-- id: orphan-runs
-- question: Which runs acted without anybody having let them, as far as the evidence goes?
-- controls: CC6.3 CC6.1 A.5.15 A.5.18
-- empty: Every run recorded in the period goes back to a root, or no run was recorded: see delegation-coverage.
WITH
incoming AS
(
    SELECT
        tenant_id, delegatee_run_id, countIf(from_run_id = '' AND kind != 'join') AS unresolved,
        anyIf(trace_id || '-' || span_id, from_run_id = '') AS reference, any(delegator_id) AS delegator
    FROM ev_edges(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    GROUP BY tenant_id, delegatee_run_id
)
SELECT
    r.tenant_id AS tenant_id, r.run_id AS run_id, r.agent_id AS agent_id, r.chain_id AS chain_id, r.started_at AS started_at,
    multiIf(r.orphan = 1 OR has(r.reasons, 'orphan_run'), 'orphan', i.unresolved > 0, 'broken_link', 'no_way_to_a_root') AS status,
    if(i.unresolved > 0, i.reference, '') AS missing_span, i.delegator AS delegator, r.principal_id AS principal,
    CAST(r.reasons, 'Array(String)') AS reasons
FROM
(
    SELECT * FROM ev_runs(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
) AS r
LEFT JOIN incoming AS i ON i.tenant_id = r.tenant_id AND i.delegatee_run_id = r.run_id
WHERE r.orphan = 1 OR has(r.reasons, 'orphan_run')
    OR (r.tenant_id, r.run_id) NOT IN
    (
        SELECT tenant_id, run_id
        FROM ev_lineage(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    )
ORDER BY tenant_id, started_at, run_id
