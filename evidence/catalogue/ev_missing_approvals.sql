-- id: ev_missing_approvals
-- number: 27
-- section: B
-- question: Which actions that need a person's approval were carried out without it?
-- controls: CC6.3 CC8.1 A.5.3
-- shows: exceptions
-- column: tenant_id # tenant
-- column: ts # start of the action
-- column: trace # trace id
-- column: span_id # span id
-- column: agent # agent that acted
-- column: tool # tool
-- column: class # read, write, delete, execute, send, delegate, invoke_model, admin
-- column: policy # rule that wants the approval
-- column: mode # of the agent's entry; in shadow and warn the answer was allow
-- column: why # no_approval: it asked, and no person had said yes. not_recorded: the asker's own user was asked, and what they said is not on record. not_asked: it never asked. other_action: the approval that it named was for something else
-- watched: SELECT (SELECT count() FROM {db}.decisions WHERE ts < {period_end:DateTime64(3,'UTC')}) + (SELECT count() FROM {db}.config_versions{all} WHERE kind = 'registry' AND NOT refused AND ts < {period_end:DateTime64(3,'UTC')})
-- population: SELECT (SELECT count() FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) WHERE decided_by_type = 'policy' AND (effect = 'ask' OR approval_id != '')) + (SELECT uniqExact(trace_id, span_id) FROM {db}.ev_finding_events(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) WHERE type IN ('delegation.approval_missing', 'delegation.approval_mismatch'))
-- not_observed: No collector was there in the period, or nothing ever said what needs an approval: no registry was loaded and no decision was asked for.
-- zero: What needs an approval is known, and no action of the period did.
-- fine: What needed an approval was not done, or a person had said yes before.
WITH
asked AS
(
    SELECT tenant_id, decision_id AS id, toString(policy_id) AS rule, mode, adapter = 'claude-code' AS in_client, toString(agent_id) AS asker, ts AS at,
        tool_call_id, trace_id, parent_span_id, tool_name
    FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')} - INTERVAL 1 HOUR, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE decided_by_type = 'policy' AND effect = 'ask'
),
answered AS
(
    SELECT tenant_id, asked_decision_id AS id, min(ts) AS at
    FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')} - INTERVAL 1 DAY, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE decided_by_type != 'policy' AND effect = 'allow' AND decided_by_type = 'human'
    GROUP BY tenant_id, id
),
blamed AS
(
    SELECT tenant_id, trace_id, span_id, any(by_rule) AS rule, any(agent) AS accused, max(kind = 'delegation.approval_mismatch') AS mismatch
    FROM
    (
        SELECT tenant_id, finding_id, argMax(state, ts) AS cause, argMax(toString(type), ts) AS kind, argMax(trace_id, ts) AS trace_id, argMax(span_id, ts) AS span_id,
            argMax(toString(rule), ts) AS by_rule, argMax(toString(agent_id), ts) AS agent
        FROM {db}.ev_finding_events(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
        WHERE type IN ('delegation.approval_missing', 'delegation.approval_mismatch') AND state IN ('firing', 'resolved')
        GROUP BY tenant_id, finding_id
    )
    WHERE cause = 'firing' AND trace_id != ''
    GROUP BY tenant_id, trace_id, span_id
),
deeds AS
(
    SELECT tenant_id, action_id, ts, trace_id, span_id, parent_span_id, toString(agent_id) AS agent_id, toString(tool_name) AS tool_name, toString(tool_operation) AS tool_operation,
        tool_call_id, decision_id
    FROM {db}.actions{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND kind = 'tool' AND outcome = 'success' AND tool_name != '' AND attrs['spanwarden.action.duplicate'] != 'true'
        AND (tool_name IN (SELECT tool_name FROM asked) OR trace_id IN (SELECT trace_id FROM blamed))
    LIMIT 1 BY tenant_id, action_id
),
matched AS
(
    SELECT d.tenant_id AS tenant_id, d.action_id AS action_id, argMin(tuple(a.id, a.rule, a.mode, a.in_client, a.asker), tuple(d.key.1, -toUnixTimestamp64Nano(a.at))) AS by
    FROM (SELECT tenant_id, action_id, ts, arrayJoin(arrayFilter(k -> k.2 != '', [(1, if(decision_id = '', '', 'd' || decision_id)), (2, if(tool_call_id = '', '', 'c' || tool_call_id)), (3, if(trace_id = '' OR parent_span_id = '', '', 'p' || trace_id || parent_span_id || tool_name))])) AS key FROM deeds) AS d
    INNER JOIN (SELECT *, arrayJoin(arrayFilter(k -> k.2 != '', [(1, 'd' || id), (2, if(tool_call_id = '', '', 'c' || tool_call_id)), (3, if(trace_id = '' OR parent_span_id = '', '', 'p' || trace_id || parent_span_id || tool_name))])) AS key FROM asked) AS a ON a.tenant_id = d.tenant_id AND a.key = d.key
    WHERE a.at <= d.ts + INTERVAL 5 SECOND
    GROUP BY tenant_id, action_id
)
SELECT
    d.tenant_id AS tenant_id, d.ts AS ts, d.trace_id AS trace, d.span_id AS span_id,
    -- of an action whose agent became known late: who asked, or who is accused
    multiIf(d.agent_id != '', d.agent_id, m.by.5 != '', m.by.5, b.accused) AS agent, d.tool_name AS tool, d.tool_operation AS class,
    if(m.by.1 != '', m.by.2, b.rule) AS policy, if(m.by.1 != '', m.by.3, '') AS mode,
    multiIf(b.mismatch, 'other_action', m.by.1 = '', 'not_asked', m.by.4 = 1, 'not_recorded', 'no_approval') AS why
FROM deeds AS d
LEFT JOIN matched AS m ON m.tenant_id = d.tenant_id AND m.action_id = d.action_id
LEFT JOIN blamed AS b ON b.tenant_id = d.tenant_id AND b.trace_id = d.trace_id AND b.span_id = d.span_id
LEFT JOIN answered AS y ON y.tenant_id = d.tenant_id AND y.id = m.by.1 AND m.by.1 != ''
WHERE (m.by.1 != '' OR b.span_id != '') AND NOT (y.id != '' AND y.at <= d.ts + INTERVAL 5 SECOND AND NOT b.mismatch)
ORDER BY ts, tenant_id, trace, span_id
