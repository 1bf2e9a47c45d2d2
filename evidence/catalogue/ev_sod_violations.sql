-- id: ev_sod_violations
-- number: 25
-- section: B
-- question: Did anybody approve their own request, or an agent approve?
-- controls: CC6.3 CC5.1 A.5.3
-- shows: exceptions
-- column: tenant_id # tenant
-- column: ts # when it was approved; of a change of the registry when it came in force
-- column: action # what was approved: an action's decision, a grant, an agent's entry
-- column: policy # rule that asked; of the registry the change's ticket
-- column: requested_by # who asked
-- column: decided_by # who approved
-- column: type # action, delegation, registry
-- column: violation # self_approval: who asked, or on whose behalf. same_agent: the agent that asked. agent_approved: another agent. attempted_self_approval: it was tried and refused
-- watched: SELECT (SELECT count() FROM {db}.decisions WHERE ts < {period_end:DateTime64(3,'UTC')}) + (SELECT count() FROM {db}.agent_registry WHERE approved_by != '' AND recorded_at < {period_end:DateTime64(3,'UTC')}) + (SELECT count() FROM {db}.delegations{all} WHERE approved_by != '' AND recorded_at < {period_end:DateTime64(3,'UTC')})
-- population: SELECT (SELECT count() FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) WHERE decided_by_type != 'policy') + (SELECT count() FROM {db}.ev_delegations(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) WHERE approved_by != '') + (SELECT count() FROM {db}.agent_registry WHERE approved_by != '' AND recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')})
-- not_observed: No collector was there in the period, or nothing ever recorded an approval: no decision was asked for and no entry or grant names who approved it.
-- zero: Decisions or approvals are being recorded, and nobody had to approve anything in the period.
-- fine: Whoever approved was somebody else than who asked, and a person.
WITH given AS
(
    SELECT tenant_id, ts, asked_decision_id AS action, toString(policy_id) AS policy, requested_by, approver AS decided_by, 'action' AS type,
        multiIf(approver = requested_by AND startsWith(approver, 'agent:'), 'same_agent', startsWith(approver, 'agent:'), 'agent_approved',
            approver = requested_by OR (principal_id != '' AND approver IN (principal_id, principal_type || ':' || principal_id)), 'self_approval', '') AS kind,
        effect = 'allow' AS counted
    FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE decided_by_type != 'policy'
    UNION ALL
    SELECT tenant_id, recorded_at, if(delegation_id != '', delegation_id, edge_id), '', if(granted_by != '', granted_by, toString(delegator_id)), approved_by, 'delegation',
        multiIf(approved_by IN (delegator_id, 'agent:' || delegator_id), 'same_agent', approved_by = granted_by, 'self_approval', startsWith(approved_by, 'agent:'), 'agent_approved', ''), 1
    FROM {db}.ev_delegations(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE approved_by != ''
    UNION ALL
    SELECT tenant_id, recorded_at, agent_id, change_ticket, requested_by, approved_by, 'registry',
        multiIf(approved_by IN (agent_id, 'agent:' || agent_id), 'same_agent', startsWith(approved_by, 'agent:'), 'agent_approved', approved_by = requested_by, 'self_approval', ''), 1
    FROM
    (
        SELECT tenant_id, agent_id, change_ticket, requested_by, approved_by, approved_at, toDateTime64(min(recorded_at), 9, 'UTC') AS recorded_at
        FROM {db}.agent_registry
        WHERE approved_by != ''
        GROUP BY tenant_id, agent_id, change_ticket, requested_by, approved_by, approved_at
    )
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
)
SELECT tenant_id, ts, action, policy, requested_by, decided_by, type, if(counted, kind, 'attempted_self_approval') AS violation
FROM given
WHERE kind != ''
ORDER BY ts, tenant_id, type, action, decided_by
