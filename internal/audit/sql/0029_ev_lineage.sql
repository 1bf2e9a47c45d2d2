-- creating view ev_lineage
CREATE OR REPLACE VIEW {db}.ev_lineage{on_cluster} AS
-- every way by which a run got its authority, from a run that nobody delegated to
-- (joins carry data, no authority). Runs in a cycle or below an edge whose delegator
-- is not known have none
WITH RECURSIVE
edges AS
(
    SELECT tenant_id, from_run_id, delegatee_run_id, grade, delegation_id
    FROM {db}.ev_edges(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE kind != 'join'
),
walk AS
(
    SELECT
        tenant_id, run_id AS root_run_id, run_id, [run_id] AS path,
        CAST([], 'Array(String)') AS grades, CAST([], 'Array(String)') AS delegations, toUInt64(0) AS steps
    FROM {db}.ev_runs(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE (tenant_id, run_id) NOT IN (SELECT tenant_id, delegatee_run_id FROM edges)
    UNION ALL
    SELECT
        w.tenant_id, w.root_run_id, e.delegatee_run_id, arrayPushBack(w.path, e.delegatee_run_id),
        arrayPushBack(w.grades, e.grade), arrayPushBack(w.delegations, e.delegation_id), w.steps + 1
    FROM walk AS w
    INNER JOIN edges AS e ON e.tenant_id = w.tenant_id AND e.from_run_id = w.run_id
    WHERE w.steps < 64 AND NOT has(w.path, e.delegatee_run_id)
)
SELECT
    tenant_id, run_id, root_run_id, path, delegations, grades, steps,
    if(steps = 0, '', ['verified', 'declared', 'structural', 'correlated', 'inferred', 'unknown']
        [arrayMax(g -> indexOf(['verified', 'declared', 'structural', 'correlated', 'inferred', g], g), grades)]) AS weakest_grade
FROM walk
