-- id: findings
-- question: What was found in the period, about whom, and in which state is it?
-- controls: CC7.2 CC7.3 A.8.16 A.5.25
-- param: type String = # only findings whose type begins with this
-- empty: Nothing was found in the period. The query coverage says whether anything was watched.
SELECT
    first_seen, tenant_id, finding_id, type, severity, state, open, message, key, controls, agent_id, session_id, project_id, principal_id,
    rule, policy_version, trace_id, span_id, observed_value, expected_value, limit_value, projected_at,
    last_seen, fired, resolved_at, acknowledged_at, acknowledged_by, acknowledged_reason, closed_at, closed_by, closed_reason, ticket
FROM ev_findings(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
WHERE startsWith(type, {type:String})
ORDER BY first_seen, finding_id
