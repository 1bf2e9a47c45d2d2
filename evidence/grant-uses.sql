-- id: grant-uses
-- question: What was done under grant G, directly and below it, and while it was valid?
-- controls: CC6.3 A.5.15 A.5.18 A.8.2
-- param: grant String # the delegation's id
-- empty: Nothing was done under this grant in the period, as far as spans reached the store.
WITH
grants AS
(
    SELECT
        tenant_id, any(granted_by) AS granted_by, any(delegator_id) AS delegator, any(scope) AS scope,
        max(not_before) AS not_before, min(expires_at) AS expires_at, min(revoked_at) AS revoked_at
    FROM ev_delegations(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE delegation_id = {grant:String}
    GROUP BY tenant_id
),
runs_below AS
(
    SELECT tenant_id, run_id, min(indexOf(reverse(delegations), {grant:String})) AS hops
    FROM ev_lineage(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE has(delegations, {grant:String})
    GROUP BY tenant_id, run_id
)
SELECT
    a.ts AS ts, a.tenant_id AS tenant_id, if(a.delegation_id = {grant:String} OR b.hops = 1, 'direct', 'below') AS use,
    a.agent_id AS agent_id, a.run_id AS run_id, a.chain_id AS chain_id, a.kind AS kind, a.tool_name AS tool, a.tool_operation AS operation,
    a.tool_resource AS resource, if(a.boundary_verdict = '', 'not_evaluated', a.boundary_verdict) AS verdict, a.decision_effect AS decision, a.outcome AS outcome,
    multiIf(g.granted_by = '' AND g.expires_at IS NULL, 'not_evaluated',
        g.not_before IS NOT NULL AND a.ts < g.not_before - toIntervalSecond(5), 'before',
        g.revoked_at IS NOT NULL AND a.ts > g.revoked_at, 'revoked',
        g.expires_at IS NULL, 'not_evaluated',
        a.ts > g.expires_at + toIntervalSecond(5), 'expired',
        'valid') AS validity,
    g.granted_by AS granted_by, g.delegator AS delegator, g.scope AS scope, g.expires_at AS expires_at,
    a.principal_id AS principal, a.trace_id AS trace_id, a.span_id AS span_id
FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
LEFT JOIN runs_below AS b ON a.tenant_id = b.tenant_id AND a.run_id = b.run_id
LEFT JOIN grants AS g ON a.tenant_id = g.tenant_id
WHERE a.delegation_id = {grant:String} OR b.hops > 0
ORDER BY ts, span_id
