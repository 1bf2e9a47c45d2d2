-- id: ev_delegation_chains
-- number: 20
-- section: B
-- question: On whose authority did agents act for each other?
-- controls: CC6.3 A.5.15 A.5.18 FINRA-3110
-- shows: records
-- column: tenant_id # tenant
-- column: root_principal # on whose behalf the chain began, empty where nobody is known
-- column: principal_grade # how well that is known: verified, declared, platform, inferred, missing
-- column: root_agent # first agent of the chain
-- column: chain # id of the chain
-- column: depth # hand-overs on the longest way, NULL where not known
-- column: scopes # what its grants name, all of them; empty where no grant was written
-- column: issued_at # from when the first grant holds, NULL where none says
-- column: expires_at # when the first grant ends, NULL where none says
-- column: orphan # 1 if a run of it acts with no parent, link or grant although it must have one; NULL where no run is on record
-- column: verdict # unbroken, or the worst reason
-- column: weakest_grade # evidence of the weakest edge
-- column: actions # actions of the chain in the period, decisions left out
-- watched: SELECT count() FROM {db}.chains{all} WHERE recorded_at < {period_end:DateTime64(3,'UTC')}
-- not_observed: No collector was there in the period, or no delegation processor ever recorded a chain.
-- zero: Chains are being recorded, and none was in the period.
WITH
grants AS
(
    SELECT tenant_id, chain_id, arraySort(groupUniqArrayArray(scope)) AS all_scopes, min(not_before) AS issued, min(expires_at) AS expires
    FROM {db}.ev_delegations(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    GROUP BY tenant_id, chain_id
),
orphans AS
(
    SELECT tenant_id, chain_id, max(toNullable(orphan)) AS orphan
    FROM {db}.ev_runs(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    GROUP BY tenant_id, chain_id
),
acts AS
(
    SELECT tenant_id, chain_id, count() AS n
    FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE chain_id != '' AND kind != 'decision'
    GROUP BY tenant_id, chain_id
)
SELECT
    c.tenant_id AS tenant_id, c.principal_id AS root_principal, c.principal_grade AS principal_grade, c.root_agent_id AS root_agent, c.chain_id AS chain, c.depth AS depth,
    g.all_scopes AS scopes, g.issued AS issued_at, g.expires AS expires_at, o.orphan AS orphan, c.verdict AS verdict, c.grade AS weakest_grade, a.n AS actions
FROM {db}.ev_chains(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS c
LEFT JOIN grants AS g ON g.tenant_id = c.tenant_id AND g.chain_id = c.chain_id
LEFT JOIN orphans AS o ON o.tenant_id = c.tenant_id AND o.chain_id = c.chain_id
LEFT JOIN acts AS a ON a.tenant_id = c.tenant_id AND a.chain_id = c.chain_id
WHERE c.state != 'superseded'
ORDER BY tenant_id, chain
