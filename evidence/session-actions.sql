-- id: session-actions
-- question: What happened in session S, in order?
-- controls: A.5.28 A.8.15 CC7.3
-- param: session String # the session's id
-- empty: No action of this session was stored in the period.
SELECT
    ts, tenant_id, agent_id, kind, multiIf(tool_name != '', tool_name, response_model != '', response_model, request_model != '', request_model, span_name) AS what,
    tool_operation AS operation, tool_resource AS resource, principal_id AS principal,
    if(boundary_verdict = '', 'not_evaluated', boundary_verdict) AS verdict, decision_effect AS decision, outcome, error_type,
    input_tokens, output_tokens, cost_usd, cost_status, duration_ns, run_id, delegation_id, content_refs, trace_id, span_id
FROM ev_session_actions(session = {session:String}, period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
ORDER BY ts, span_id
