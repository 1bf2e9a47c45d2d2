-- id: sample
-- question: Which actions does an auditor get as a random sample that anyone can draw again?
-- controls: CC2.1 CC4.1 A.5.28
-- param: seed String # any text; the same text draws the same actions
-- param: size UInt32 = 25 # how many
-- empty: No action was stored in the period.
SELECT
    lower(hex(a.action_id)) AS action_id, ts, tenant_id, agent_id, agent_version, principal_id AS principal, kind, tool_name AS tool, tool_operation AS operation,
    decision_effect AS decision, policy_version, outcome, trace_id, span_id, lower(hex(batch_id)) AS batch_id, row_ix
FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
ORDER BY sipHash64({seed:String}, a.action_id), a.action_id
LIMIT {size:UInt32}
