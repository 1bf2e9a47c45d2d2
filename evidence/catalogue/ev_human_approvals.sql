-- id: ev_human_approvals
-- number: 26
-- section: B
-- question: Did people approve risky actions before they were done?
-- controls: CC5.1 CC6.3 AIA-14 AIA-26 FINRA-3110
-- shows: records
-- column: tenant_id # tenant
-- column: ts # when it was answered, or asked where nobody answered
-- column: agent # agent that asked
-- column: action # what it asked for: tool and target
-- column: decision_id # id of the decision that asked
-- column: policy # rule that asked
-- column: approver # person who answered, empty where nobody did
-- column: requested_at # when it was asked
-- column: wait_s # seconds until the answer, NULL where there is none
-- column: result # approved, refused (whoever answered may not approve this), unanswered, asked_in_client: the asker's own user was asked, and what they said is not recorded
-- column: via # how the answer came in
-- watched: SELECT count() FROM {db}.decisions WHERE ts < {period_end:DateTime64(3,'UTC')}
-- not_observed: No collector was there in the period, or no decision was ever asked for: nobody could be asked.
-- zero: Decisions are being asked for, and none of the period needed a person.
WITH all_of AS
(
    SELECT tenant_id, ts, agent_id, tool_name, tool_resource, decision_id, policy_id, effect, answered, adapter, approver, asked_decision_id, requested_at, approved_via, decided_by_type
    FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE decided_by_type != 'policy' OR effect = 'ask'
)
SELECT *
FROM
(
SELECT
    tenant_id, ts, agent_id AS agent, trim(tool_name || ' ' || tool_resource) AS action, asked_decision_id AS decision_id, policy_id AS policy, approver,
    requested_at, dateDiff('millisecond', requested_at, ts) / 1000 AS wait_s, if(effect = 'allow', 'approved', 'refused') AS result, approved_via AS via
FROM all_of
WHERE decided_by_type != 'policy'
UNION ALL
SELECT
    tenant_id, ts, agent_id, trim(tool_name || ' ' || tool_resource), decision_id, policy_id, '', toNullable(ts), NULL,
    if(adapter = 'claude-code' AND answered = 'ask', 'asked_in_client', 'unanswered'), ''
FROM all_of
WHERE decided_by_type = 'policy' AND effect = 'ask' AND (tenant_id, decision_id) NOT IN
    (SELECT tenant_id, asked_decision_id FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')} + INTERVAL 1 DAY) WHERE decided_by_type != 'policy')
)
ORDER BY ts, tenant_id, decision_id, approver
