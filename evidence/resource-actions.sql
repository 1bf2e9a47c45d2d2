-- id: resource-actions
-- question: Which agents did what to resource R?
-- controls: CC6.1 CC6.7 A.8.3 A.5.14
-- param: resource String # the resource, or what it begins with
-- empty: No agent named this resource in the period. Where a tool's resource is not known, the store cannot know that it was this one.
SELECT
    ts, tenant_id, agent_id, principal_id AS principal, tool_name AS tool, tool_operation AS operation, tool_resource AS resource,
    if(boundary_verdict = '', 'not_evaluated', boundary_verdict) AS verdict, decision_effect AS decision, outcome, delegation_id, chain_id, session_id, trace_id, span_id
FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
WHERE tool_resource != '' AND startsWith(tool_resource, {resource:String})
ORDER BY ts, span_id
