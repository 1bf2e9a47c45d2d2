-- id: agent-for-person
-- question: In which chains did agent X act for person Y, and by which authority?
-- controls: CC6.3 CC6.1 A.5.15 A.5.18
-- param: agent String # the agent's id
-- param: person String # the principal's id
-- empty: No run of this agent in the period goes back to this principal. Runs whose principal is not known are not among them: see delegation-coverage.
WITH
lineage AS
(
    SELECT tenant_id, run_id, root_run_id, path, delegations, weakest_grade
    FROM ev_lineage(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
),
people AS
(
    SELECT tenant_id, run_id, principal_id, principal_grade, agent_id
    FROM ev_runs(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
),
done AS
(
    SELECT tenant_id, run_id, count() AS actions, countIf(boundary_verdict = 'violation') AS violations
    FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE run_id != '' AND agent_id = {agent:String}
    GROUP BY tenant_id, run_id
)
SELECT
    r.tenant_id AS tenant_id, r.chain_id AS chain_id, c.verdict AS verdict, c.grade AS grade, p.agent_id AS root_agent,
    multiIf(r.principal_id != '', r.principal_id, p.principal_id != '', p.principal_id, c.principal_id) AS principal,
    multiIf(r.principal_id != '', r.principal_grade, p.principal_id != '', p.principal_grade, c.principal_grade) AS principal_grade,
    r.run_id AS run_id, r.started_at AS started_at, length(l.path) - 1 AS hops, l.weakest_grade AS weakest_grade,
    arrayFilter(d -> d != '', l.delegations) AS delegations, d.actions AS actions, d.violations AS violations
FROM
(
    SELECT * FROM ev_runs(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE agent_id = {agent:String}
) AS r
LEFT JOIN lineage AS l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id
LEFT JOIN people AS p ON p.tenant_id = r.tenant_id AND p.run_id = l.root_run_id
LEFT JOIN
(
    SELECT * FROM ev_chains(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
) AS c ON c.tenant_id = r.tenant_id AND c.chain_id = r.chain_id
LEFT JOIN done AS d ON d.tenant_id = r.tenant_id AND d.run_id = r.run_id
WHERE principal = {person:String}
ORDER BY started_at, run_id, delegations
