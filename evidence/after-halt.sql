-- id: after-halt
-- question: What happened in the halted scope after halt H, while it was in force and after?
-- controls: CC7.4 CC6.1 A.5.26
-- param: halt String # the halt's id, or that of its finding
-- empty: Nothing happened in the halted scope after the halt, or there is no such halt in the store: see halts.
WITH halted AS
(
    SELECT
        tenant_id AS halt_tenant, minIf(ts, state = 'firing') AS since,
        argMaxIf(extra['spanwarden.budget.scope'], ts, state = 'firing') AS scope, argMaxIf(extra['spanwarden.budget.key'], ts, state = 'firing') AS halted,
        argMaxIf(extra['spanwarden.budget.run'], ts, state = 'firing') AS only_run,
        if(countIf(state = 'resolved') > 0, maxIf(ts, state = 'resolved'),
            parseDateTime64BestEffortOrNull(argMaxIf(extra['spanwarden.halt.until'], ts, state = 'firing'), 9, 'UTC')) AS ended
    FROM ev_finding_events(period_start = '1970-01-01 00:00:00', period_end = {period_end:DateTime64(3,'UTC')})
    WHERE type = 'budget.halt' AND (extra['spanwarden.halt.id'] = {halt:String} OR finding_id = {halt:String})
    GROUP BY tenant_id
    HAVING countIf(state = 'firing') > 0
)
SELECT
    a.ts AS ts, if(h.ended IS NULL OR a.ts < h.ended, 'in_force', 'after_release') AS halt, h.scope AS scope, h.halted AS halted,
    a.agent_id AS agent_id, a.kind AS kind, a.tool_name AS tool, a.tool_operation AS operation, a.tool_resource AS resource,
    if(a.response_model != '', a.response_model, a.request_model) AS model, a.decision_effect AS decision,
    if(a.boundary_verdict = '', 'not_evaluated', a.boundary_verdict) AS verdict, a.outcome AS outcome, a.cost_usd AS cost_usd,
    a.session_id AS session_id, a.principal_id AS principal, a.trace_id AS trace_id, a.span_id AS span_id
FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
INNER JOIN halted AS h ON a.tenant_id = h.halt_tenant
WHERE a.ts > h.since AND (h.only_run = '' OR a.run_id = h.only_run)
    AND multiIf(
        h.scope = 'session', a.session_id = h.halted,
        h.scope = 'project', a.project_id = h.halted,
        h.scope = 'agent', a.agent_id = h.halted,
        h.scope = 'principal', a.principal_id = h.halted,
        h.scope = 'delegation_root', a.chain_id = h.halted OR a.run_id = h.halted,
        h.scope = 'tenant', 1, 0)
ORDER BY ts, span_id
