-- id: boundary-actions
-- question: What did agent A attempt, and which of it respected its boundary?
-- controls: CC6.1 CC6.3 A.5.15 A.8.3
-- param: agent String # the agent's id
-- param: verdict String = # only this verdict: respected, violation, unregistered or not_evaluated
-- empty: No action of this agent (with this verdict) was stored in the period. The query boundary-summary says which agents there are.
WITH accusations AS
(
    SELECT tenant_id, trace_id, span_id, arraySort(groupUniqArray(type)) AS types
    FROM ev_findings(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE trace_id != ''
    GROUP BY tenant_id, trace_id, span_id
)
SELECT
    a.ts AS ts, a.tenant_id AS tenant_id,
    if(a.boundary_verdict = '', 'not_evaluated', a.boundary_verdict) AS verdict, a.boundary_rule AS rule, a.kind AS kind,
    a.tool_name AS tool, a.tool_operation AS operation, a.tool_resource AS resource, if(a.response_model != '', a.response_model, a.request_model) AS model,
    a.principal_id AS principal, a.principal_grade AS principal_grade, a.decision_effect AS decision, a.decision_id AS decision_id, a.outcome AS outcome,
    a.session_id AS session_id, a.policy_version AS policy_version, a.trace_id AS trace_id, a.span_id AS span_id, f.types AS findings
FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
LEFT JOIN accusations AS f ON a.tenant_id = f.tenant_id AND a.trace_id = f.trace_id AND a.span_id = f.span_id
WHERE a.agent_id = {agent:String} AND ({verdict:String} = '' OR verdict = {verdict:String})
ORDER BY ts, span_id
