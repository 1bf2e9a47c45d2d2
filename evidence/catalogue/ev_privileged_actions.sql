-- id: ev_privileged_actions
-- number: 22
-- section: B
-- question: Which privileged or destructive actions were carried out?
-- controls: CC6.3 A.8.2 A.8.18
-- shows: records
-- column: tenant_id # tenant
-- column: ts # start
-- column: agent # agent that acted, empty where not known
-- column: principal # on whose behalf, empty where nobody is known
-- column: tool # tool
-- column: class # delete, execute, admin
-- column: target # what it was done to, empty where not known
-- column: decision # what the policy engine answered about it: allow, deny, ask, halt; empty where nobody asked
-- column: decision_id # id of that decision
-- column: approval # id of the person's answer it was decided with, empty where none
-- column: approver # that person
-- column: outcome # success, failure, unknown
-- column: trace # trace id
-- column: span_id # span id
-- watched: SELECT count() FROM {db}.actions{all} WHERE tool_operation != '' AND kind != 'decision' AND ts < {period_end:DateTime64(3,'UTC')}
-- not_observed: No collector was there in the period, or what tools do was never known: neither agents nor a catalogue of tools said so.
-- zero: What tools do is known, and none deleted, executed or administered anything.
WITH
deeds AS
(
    SELECT tenant_id, ts, action_id, agent_id, principal_id, tool_name, tool_operation, tool_resource, outcome, trace_id, span_id, parent_span_id, tool_call_id, decision_id
    FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE tool_operation IN ('delete', 'execute', 'admin') AND kind != 'decision' AND attrs['spanwarden.action.duplicate'] != 'true'
),
answers AS
(
    SELECT tenant_id, decision_id, any(approver) AS approver
    FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')} - INTERVAL 1 DAY, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE decided_by_type != 'policy'
    GROUP BY tenant_id, decision_id
),
asked AS
(
    SELECT tenant_id, decision_id AS id, effect, approval_id, ts AS at, arrayJoin(arrayFilter(k -> k.2 != '', [(1, 'd' || decision_id), (2, if(tool_call_id = '', '', 'c' || tool_call_id)), (3, if(trace_id = '' OR parent_span_id = '', '', 'p' || trace_id || parent_span_id || tool_name))])) AS key
    FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')} - INTERVAL 1 HOUR, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE decided_by_type = 'policy'
),
covered AS
(
    SELECT d.tenant_id AS tenant_id, d.action_id AS action_id, argMin(tuple(a.id, a.effect, a.approval_id), tuple(d.key.1, -toUnixTimestamp64Nano(a.at))) AS by
    FROM
    (
        SELECT tenant_id, action_id, ts, arrayJoin(arrayFilter(k -> k.2 != '', [(1, if(decision_id = '', '', 'd' || decision_id)), (2, if(tool_call_id = '', '', 'c' || tool_call_id)), (3, if(trace_id = '' OR parent_span_id = '', '', 'p' || trace_id || parent_span_id || tool_name))])) AS key
        FROM {db}.actions{all}
        WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND tool_operation IN ('delete', 'execute', 'admin') AND kind != 'decision'
    ) AS d
    INNER JOIN asked AS a ON a.tenant_id = d.tenant_id AND a.key = d.key
    WHERE a.at <= d.ts + INTERVAL 5 SECOND
    GROUP BY tenant_id, action_id
)
SELECT
    d.tenant_id AS tenant_id, d.ts AS ts, d.agent_id AS agent, d.principal_id AS principal, d.tool_name AS tool, d.tool_operation AS class, d.tool_resource AS target,
    c.by.2 AS decision, c.by.1 AS decision_id, c.by.3 AS approval, p.approver AS approver, d.outcome AS outcome, d.trace_id AS trace, d.span_id AS span_id
FROM deeds AS d
LEFT JOIN covered AS c ON c.tenant_id = d.tenant_id AND c.action_id = d.action_id
LEFT JOIN answers AS p ON p.tenant_id = d.tenant_id AND p.decision_id = c.by.3 AND c.by.3 != ''
ORDER BY ts, tenant_id, trace, span_id
